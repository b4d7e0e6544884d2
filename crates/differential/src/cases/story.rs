//! Cases of several updates, told as what the repository and the client do in turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sealdex_testkit::clock;

use crate::bases::{self, Base};
use crate::case::{Case, Plan, Site, Step};
use crate::repository::{Mutation, Repository};

/// The bases that stories are told of.
pub(super) const BASES: [&str; 3] = ["plain", "inconsistent", "delegations"];

/// A history being told.
pub(super) struct Story {
    pub(super) base: Base,
    pub(super) site: Arc<Site>,
    pub(super) case: Case,
    now: Timestamp,
}

impl Story {
    fn begin(id: String, base: &str) -> Self {
        let base = bases::base(base);
        let site = Arc::new(base.repository.publish(&[], None));
        let root = site.metadata["1.root.json"].clone();
        Self {
            base,
            site,
            case: Case { parts: vec![id.clone()], id, root, steps: Vec::new() },
            now: clock::START,
        }
    }

    pub(super) fn repository(&mut self) -> &mut Repository {
        &mut self.base.repository
    }

    /// Publishes the repository's state over the earlier one.
    pub(super) fn publish(&mut self) -> &mut Self {
        self.publish_changed(&[])
    }

    pub(super) fn publish_changed(&mut self, mutations: &[Mutation]) -> &mut Self {
        self.site = Arc::new(self.base.repository.publish(mutations, Some(&self.site)));
        self
    }

    pub(super) fn advance(&mut self, roles: &[&str]) -> &mut Self {
        self.base.repository.advance(roles);
        self
    }

    /// The client updates.
    pub(super) fn update(&mut self) -> &mut Self {
        let site = Arc::clone(&self.site);
        self.update_from(&site)
    }

    pub(super) fn update_from(&mut self, site: &Arc<Site>) -> &mut Self {
        let find = self.base.find.clone();
        let step = Step { now: self.now, site: Arc::clone(site), find, stored: BTreeMap::new() };
        self.case.steps.push(step);
        self
    }

    /// The client updates after something was done to its storage.
    pub(super) fn update_with(&mut self, role: &str, bytes: Option<Vec<u8>>) -> &mut Self {
        self.update();
        if let Some(step) = self.case.steps.last_mut() {
            step.stored.insert(role.to_owned(), bytes);
        }
        self
    }

    /// The site with one file replaced or, for `None`, gone.
    pub(super) fn with_file(&self, name: &str, bytes: Option<Vec<u8>>) -> Arc<Site> {
        let mut site = (*self.site).clone();
        match bytes {
            Some(bytes) => site.metadata.insert(name.to_owned(), bytes),
            None => site.metadata.remove(name),
        };
        Arc::new(site)
    }

    pub(super) fn after_days(&mut self, days: i64) -> &mut Self {
        self.now = clock::days_after_start(days);
        self
    }
}

pub(super) fn story(
    plans: &mut Vec<Plan>,
    base: &'static str,
    name: &str,
    tell: impl Fn(&mut Story) + 'static,
) {
    plans.push(Plan::new(format!("{base}|history|all|/|{name}"), move |id| {
        let mut story = Story::begin(id, base);
        tell(&mut story);
        story.case
    }));
}

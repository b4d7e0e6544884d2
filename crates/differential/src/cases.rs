//! The corpus: the same cases in every run.

mod delegations;
mod envelopes;
mod fields;
mod histories;
mod keys;
mod pairs;
mod rotations;
mod storage;
mod story;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sealdex_testkit::clock;

use crate::bases::Base;
use crate::case::{Case, Plan, Site, Step};
use crate::json::Json;
use crate::repository::Mutation;

/// Every case.
pub fn all() -> Vec<Plan> {
    let mut plans = fields::plans();
    plans.extend(values::plans());
    plans.extend(envelopes::plans());
    plans.extend(keys::plans());
    plans.extend(delegations::plans());
    plans.extend(histories::plans());
    plans.extend(rotations::plans());
    plans.extend(storage::plans());
    plans.extend(pairs::plans());
    plans
}

/// When updates happen, unless a case says otherwise.
const NOW: Timestamp = clock::START;

/// An update of a client whose storage nobody touched.
fn step(site: &Arc<Site>, find: &[String]) -> Step {
    Step { now: NOW, site: Arc::clone(site), find: find.to_vec(), stored: BTreeMap::new() }
}

/// A client that begins with the first root in `sites` and updates from each in turn.
fn case(id: String, base: &Base, sites: &[Arc<Site>]) -> Case {
    let root = sites[0].metadata.get("1.root.json").cloned().unwrap_or_default();
    Case {
        parts: vec![id.clone()],
        id,
        root,
        steps: sites.iter().map(|site| step(site, &base.find)).collect(),
    }
}

/// A first update from a base with something done to one role.
struct Edited {
    base: Arc<Base>,
    role: String,
    place: String,
    name: String,
    /// A metadata file that is also served under another name.
    rename: Option<(String, String)>,
}

/// What is done to `role` at `place`, under the name `name`.
fn at(base: &Arc<Base>, role: &str, place: &str, name: &str) -> Edited {
    Edited {
        base: Arc::clone(base),
        role: role.to_owned(),
        place: place.to_owned(),
        name: name.to_owned(),
        rename: None,
    }
}

impl Edited {
    /// The base as it is.
    fn untouched(base: &Arc<Base>, name: &str) -> Plan {
        at(base, "targets", "/", name).signed(|_| {})
    }

    /// The change is one of the signed part, by somebody who has the role's keys.
    fn signed(self, edit: impl Fn(&mut Json) + Send + Sync + 'static) -> Plan {
        let mutation = Mutation::signed(&self.role, edit);
        self.with(mutation)
    }

    /// The change is this one.
    fn with(self, mutation: Mutation) -> Plan {
        let Self { base, role, place, name, rename } = self;
        let id = format!("{}|value|{role}|{place}|{name}", base.name);
        Plan::new(id, move |id| {
            let mut site = base.repository.publish(std::slice::from_ref(&mutation), None);
            if let Some((from, to)) = &rename
                && let Some(file) = site.metadata.get(from).cloned()
            {
                site.metadata.insert(to.clone(), file);
            }
            case(id, &base, &[Arc::new(site)])
        })
    }
}

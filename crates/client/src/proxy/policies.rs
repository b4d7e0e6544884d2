//! The policies in force in a proxy.
//!
//! Those that a repository signs are taken from the snapshot of it that is current: a proxy that serves newer snapshots
//! heeds newer policies. One that serves a single snapshot for the whole of a run has one set of policies for it, under
//! which installers have their caches.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::options::{ProxyOptions, SnapshotPolicy};
use super::source::{RETRY_AFTER, Source};
use crate::client::Client;
use crate::error::Error;
use crate::name::RepositoryName;
use crate::policy::{Policies, Policy};

pub(super) struct PoliciesInForce {
    /// The repositories that sign some of them; none where policies stay as they were.
    signers: Vec<Arc<Source>>,
    /// Those that were verified last.
    latest: Mutex<Policies>,
    failure: tokio::sync::Mutex<Option<(Arc<Error>, Instant)>>,
}

impl PoliciesInForce {
    /// `sources` are the repositories of the proxy. What signs policies as well is refreshed once for both.
    pub(super) fn new(client: &Client, sources: &[Arc<Source>], options: &ProxyOptions) -> Self {
        let policies = client.settings().policies.clone();
        let mut signers: Vec<Arc<Source>> = Vec::new();
        if options.snapshots != SnapshotPolicy::Pinned {
            for signed in policies.iter().filter_map(Policy::signed) {
                let name = signed.repository.name();
                if find(&signers, name).is_none() {
                    let source = find(sources, name).cloned();
                    let own = || Arc::new(Source::new(client, &signed.repository, options));
                    signers.push(source.unwrap_or_else(own));
                }
            }
        }
        Self { signers, latest: Mutex::new(policies), failure: tokio::sync::Mutex::default() }
    }

    /// Those that were verified last, whether newer ones are to be had or not: for messages.
    pub(super) fn latest(&self) -> Policies {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that count now; `taken` is told of each that was got anew. Without all of them nothing may be handed out:
    /// nobody knows what is forbidden. Only one request gets them; the others wait for what it brings.
    pub(super) async fn current(&self, taken: impl Fn(&Policy)) -> Result<Policies, Arc<Error>> {
        if self.signers.is_empty() {
            return Ok(self.latest());
        }
        let mut last = self.failure.lock().await;
        if let Some((failure, since)) = &*last
            && since.elapsed() < RETRY_AFTER
        {
            return Err(Arc::clone(failure));
        }
        match self.renewed(taken).await {
            Ok(policies) => {
                *last = None;
                Ok(policies)
            }
            Err(error) => {
                let error = Arc::new(error);
                *last = Some((Arc::clone(&error), Instant::now()));
                Err(error)
            }
        }
    }

    async fn renewed(&self, taken: impl Fn(&Policy)) -> Result<Policies, Error> {
        let (mut policies, mut changed) = (Vec::new(), Vec::new());
        for policy in self.latest().iter() {
            let Some(signed) = policy.signed() else {
                policies.push(policy.clone());
                continue;
            };
            let signer = find(&self.signers, signed.repository.name());
            let signer = signer.ok_or(Error::Task { task: "policies" })?;
            let session = signer.session().await.map_err(|error| signed.target.failed(error))?;
            if session.versions() == signed.versions {
                policies.push(policy.clone());
                continue;
            }
            let newer = signed.target.fetch(&session).await?;
            if newer.digest() != policy.digest() {
                tracing::info!(policy = newer.source(), "a newer policy is in force");
            }
            policies.push(newer.clone());
            changed.push(newer);
        }
        if changed.is_empty() {
            return Ok(self.latest());
        }
        let policies = Policies::new(policies);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = policies.clone();
        changed.iter().for_each(taken);
        Ok(policies)
    }
}

fn find<'a>(sources: &'a [Arc<Source>], name: &RepositoryName) -> Option<&'a Arc<Source>> {
    sources.iter().find(|own| own.repository().name() == name)
}

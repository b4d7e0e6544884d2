//! What all requests to a proxy share.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sealdex_simple::ProjectName;
use tokio::sync::watch;

use super::download::Downloads;
use super::interpose::Interposition;
use super::options::{OfflineUse, ProxyOptions};
use super::policies::PoliciesInForce;
use super::prefetch::Prefetches;
use super::recent::RecentFiles;
use super::refusal::Refusal;
use super::source::Source;
use crate::client::Client;
use crate::decision::Decision;
use crate::error::Error;
use crate::name::RepositoryName;
use crate::policy::Policies;
use crate::repositories::Repositories;

const MAX_REFUSALS: usize = 1000;

pub(super) struct State {
    client: Client,
    repositories: Repositories,
    /// In the same order.
    sources: Vec<Arc<Source>>,
    policies: PoliciesInForce,
    address: SocketAddr,
    options: ProxyOptions,
    refusals: Mutex<VecDeque<Refusal>>,
    stopped: watch::Receiver<bool>,
    pub(super) downloads: Downloads,
    pub(super) prefetches: Prefetches,
    pub(super) recent_files: RecentFiles,
}

impl State {
    pub(super) fn new(
        client: &Client,
        repositories: Repositories,
        address: SocketAddr,
        options: ProxyOptions,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let sources = repositories.as_slice().iter();
        let sources: Vec<_> =
            sources.map(|repository| Arc::new(Source::new(client, repository, &options))).collect();
        Self {
            client: client.clone(),
            policies: PoliciesInForce::new(client, &sources, &options),
            sources,
            repositories,
            address,
            options,
            refusals: Mutex::default(),
            stopped,
            downloads: Downloads::default(),
            prefetches: Prefetches::default(),
            recent_files: RecentFiles::default(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn interposition(&self) -> Option<&Arc<Interposition>> {
        self.options.interposition.as_ref()
    }

    /// Tells when the proxy is to stop.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }

    pub(super) fn refusals(&self) -> Vec<Refusal> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn repositories(&self) -> &Repositories {
        &self.repositories
    }

    /// The repositories, by name.
    pub(super) fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// The repository that answers for a project: this one, or none.
    pub(super) fn source_of(&self, project: &ProjectName) -> Result<&Arc<Source>, Error> {
        let place = self.repositories.place_for(project)?;
        self.sources.get(place).ok_or(Error::Task { task: "sources" })
    }

    pub(super) fn repository_of(&self, project: &ProjectName) -> Option<RepositoryName> {
        self.source_of(project).ok().map(|source| source.repository().name().clone())
    }

    /// Whether the network may be asked for a file.
    pub(super) fn may_fetch(&self, file: &str) -> Result<(), Error> {
        match self.options.offline {
            OfflineUse::Always => Err(Error::Offline { file: file.to_owned() }),
            OfflineUse::Never | OfflineUse::WhenUnreachable => Ok(()),
        }
    }

    /// Records a refusal and tells whoever wants to know.
    pub(super) fn refuse(
        &self,
        project: Option<&ProjectName>,
        file: Option<String>,
        error: &Error,
    ) -> Refusal {
        let mut refusal = Refusal::of(self.client.now(), project, file, error);
        refusal.repository =
            refusal.repository.or_else(|| project.and_then(|project| self.repository_of(project)));
        self.note(&refusal);
        refusal
    }

    pub(super) fn note(&self, refusal: &Refusal) {
        tracing::warn!(
            project = refusal.project.as_ref().map(tracing::field::display),
            file = refusal.file,
            attack = refusal.attack.map(tracing::field::display),
            "refused: {}",
            refusal.message
        );
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() >= MAX_REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back(refusal.clone());
        drop(refusals);
        self.tell(|_| Some(Decision::refused(refusal)));
    }

    /// Tells a decision to whoever wants to know; without anybody, it is not even made.
    pub(super) fn tell(&self, decision: impl FnOnce(Timestamp) -> Option<Decision>) {
        if let Some(listener) = &self.options.listener
            && let Some(decision) = decision(self.client.now())
        {
            listener.tell(&decision);
        }
    }

    /// What may be installed of what verifies, as it was verified last: for messages. What is handed out is judged by
    /// [`State::policies_now`].
    pub(super) fn policies(&self) -> Policies {
        self.policies.latest()
    }

    /// What may be installed of what verifies; gets newer policies first where a repository signs them.
    pub(super) async fn policies_now(&self) -> Result<Policies, Arc<Error>> {
        self.policies.current(|policy| self.tell(|now| Decision::policy(now, policy))).await
    }

    /// Tells of the signed policies that the proxy begins with.
    pub(super) fn tell_policies(&self) {
        for policy in self.policies().iter() {
            self.tell(|now| Decision::policy(now, policy));
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("sources", &self.sources)
            .field("address", &self.address)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

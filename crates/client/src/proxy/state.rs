//! What all requests to a proxy share.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sealdex_simple::ProjectName;
use tokio::sync::watch;
use tokio::time::Instant;

use super::download::Downloads;
use super::interpose::Interposition;
use super::options::{OfflineUse, ProxyOptions, SnapshotPolicy};
use super::prefetch::Prefetches;
use super::refusal::Refusal;
use crate::client::Client;
use crate::decision::Decision;
use crate::error::Error;
use crate::name::escaped;
use crate::policy::{LeftOut, Policies};
use crate::session::Session;
use crate::store::RepositoryRecord;
use crate::trust::TrustedRepository;

const MAX_REFUSALS: usize = 1000;
/// A repository that could not be refreshed is not asked again sooner: ten connections fail as fast as one.
const RETRY_AFTER: Duration = Duration::from_secs(2);

pub(super) struct State {
    client: Client,
    repository: TrustedRepository,
    address: SocketAddr,
    options: ProxyOptions,
    current: tokio::sync::Mutex<Current>,
    refusals: Mutex<VecDeque<Refusal>>,
    stopped: watch::Receiver<bool>,
    pub(super) downloads: Downloads,
    pub(super) prefetches: Prefetches,
}

#[derive(Default)]
struct Current {
    session: Option<(Session, Instant)>,
    failure: Option<(Arc<Error>, Instant)>,
}

impl State {
    pub(super) fn new(
        client: &Client,
        repository: &TrustedRepository,
        address: SocketAddr,
        options: ProxyOptions,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            client: client.clone(),
            repository: repository.clone(),
            address,
            options,
            current: tokio::sync::Mutex::default(),
            refusals: Mutex::default(),
            stopped,
            downloads: Downloads::default(),
            prefetches: Prefetches::default(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn record(&self) -> &RepositoryRecord {
        self.repository.record()
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

    /// The snapshot to serve from. Only one request refreshes; the others wait for what it brings.
    pub(super) async fn session(&self) -> Result<Session, Arc<Error>> {
        let mut current = self.current.lock().await;
        if let Some((session, since)) = &current.session
            && !self.is_stale(*since)
        {
            return Ok(session.clone());
        }
        if let Some((failure, since)) = &current.failure
            && since.elapsed() < RETRY_AFTER
        {
            return Err(Arc::clone(failure));
        }
        match self.refresh().await {
            Ok(session) => {
                *current = Current { session: Some((session.clone(), Instant::now())), failure: None };
                Ok(session)
            }
            Err(error) => {
                let error = Arc::new(error);
                current.failure = Some((Arc::clone(&error), Instant::now()));
                Err(error)
            }
        }
    }

    /// Whether the network may be asked for a file.
    pub(super) fn may_fetch(&self, file: &str) -> Result<(), Error> {
        match self.options.offline {
            OfflineUse::Always => Err(Error::Offline { file: file.to_owned() }),
            OfflineUse::Never | OfflineUse::WhenUnreachable => Ok(()),
        }
    }

    fn is_stale(&self, since: Instant) -> bool {
        match self.options.snapshots {
            SnapshotPolicy::Pinned => false,
            SnapshotPolicy::RefreshAfter(age) => since.elapsed() >= age,
        }
    }

    async fn refresh(&self) -> Result<Session, Error> {
        let (client, repository) = (&self.client, &self.repository);
        match self.options.offline {
            OfflineUse::Never => Session::refresh(client, repository).await,
            OfflineUse::Always => Session::offline(client, repository).await,
            OfflineUse::WhenUnreachable => match Session::refresh(client, repository).await {
                Err(error) if error.is_unreachable() => {
                    tracing::warn!(
                        error = error.report(),
                        "the repository cannot be reached; using the last verified state"
                    );
                    Session::offline(client, repository).await
                }
                outcome => outcome,
            },
        }
    }

    /// Records a refusal and tells whoever wants to know.
    pub(super) fn refuse(
        &self,
        project: Option<&ProjectName>,
        file: Option<String>,
        error: &Error,
    ) -> Refusal {
        let refusal = Refusal::of(self.client.now(), project, file, error);
        self.note(&refusal);
        refusal
    }

    /// Refuses what verifies, and what a policy forbids all the same.
    pub(super) fn forbid(&self, project: &ProjectName, file: Option<&str>, why: LeftOut) -> Refusal {
        let what = file.unwrap_or(project.as_str());
        let refusal = Refusal {
            when: self.client.now(),
            project: Some(project.clone()),
            file: file.map(escaped),
            attack: None,
            message: format!("{} is not allowed by policy: {} ({})", escaped(what), why.reason, why.rule),
            hint: "choose another version, or ask who wrote the rule".to_owned(),
            rule: Some(why.rule),
        };
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
        self.tell(|_| Some(Decision::refused(self.repository.name(), refusal)));
    }

    /// Tells a decision to whoever wants to know; without anybody, it is not even made.
    pub(super) fn tell(&self, decision: impl FnOnce(Timestamp) -> Option<Decision>) {
        if let Some(listener) = &self.options.listener
            && let Some(decision) = decision(self.client.now())
        {
            listener.tell(&decision);
        }
    }

    /// What may be installed of what verifies.
    pub(super) fn policies(&self) -> &Policies {
        &self.client.settings().policies
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("repository", &self.repository)
            .field("address", &self.address)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

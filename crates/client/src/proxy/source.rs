//! One repository of a proxy, and the snapshot of it that is served.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::options::{OfflineUse, ProxyOptions, SnapshotPolicy};
use crate::client::Client;
use crate::error::Error;
use crate::session::Session;
use crate::store::RepositoryRecord;
use crate::trust::TrustedRepository;

/// A repository that could not be refreshed is not asked again sooner: ten connections fail as fast as one.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(2);

pub(super) struct Source {
    client: Client,
    repository: TrustedRepository,
    snapshots: SnapshotPolicy,
    offline: OfflineUse,
    current: tokio::sync::Mutex<Current>,
}

#[derive(Default)]
struct Current {
    session: Option<(Session, Instant)>,
    failure: Option<(Arc<Error>, Instant)>,
}

impl Source {
    pub(super) fn new(client: &Client, repository: &TrustedRepository, options: &ProxyOptions) -> Self {
        Self {
            client: client.clone(),
            repository: repository.clone(),
            snapshots: options.snapshots,
            offline: options.offline,
            current: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn repository(&self) -> &TrustedRepository {
        &self.repository
    }

    pub(super) fn record(&self) -> &RepositoryRecord {
        self.repository.record()
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

    fn is_stale(&self, since: Instant) -> bool {
        match self.snapshots {
            SnapshotPolicy::Pinned => false,
            SnapshotPolicy::RefreshAfter(age) => since.elapsed() >= age,
        }
    }

    async fn refresh(&self) -> Result<Session, Error> {
        let (client, repository) = (&self.client, &self.repository);
        match self.offline {
            OfflineUse::Never => Session::refresh(client, repository).await,
            OfflineUse::Always => Session::offline(client, repository).await,
            OfflineUse::WhenUnreachable => match Session::refresh(client, repository).await {
                Err(error) if error.is_unreachable() => {
                    tracing::warn!(
                        repository = %repository.name(),
                        error = error.report(),
                        "the repository cannot be reached; using the last verified state"
                    );
                    Session::offline(client, repository).await
                }
                outcome => outcome,
            },
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Source").field("repository", &self.repository).finish_non_exhaustive()
    }
}

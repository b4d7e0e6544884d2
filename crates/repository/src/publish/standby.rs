//! Several servers of one repository: one of them publishes, and when it is gone, another one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sealdex_tuf::Signer;

use super::SnapshotProcess;
use crate::error::Error;
use crate::repository::Repository;

/// How often a process that stands by tries to become the writer.
const POLL: Duration = Duration::from_secs(1);

/// What a process does for publishing, while it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It publishes.
    Publishing,
    /// Another one publishes; this one would take its place.
    StandingBy,
    /// It can do neither: the database does not answer, or something else is wrong. It tries again.
    Unable,
}

impl SnapshotProcess {
    /// Publishes whenever no other process does, until `shutdown` ends; `turn` is told of each change. What keeps this
    /// process from publishing is logged and tried again: a database that is away, a lock that was lost.
    ///
    /// # Errors
    /// [`Error::WrongOnlineKey`] and [`Error::StateBehindServed`], which do not pass by themselves. At shutdown, those of
    /// [`SnapshotProcess::publish_pending`]; nothing durable is lost.
    pub async fn take_turns(
        repository: &Repository,
        online: Arc<dyn Signer>,
        turn: impl Fn(Turn),
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let mut shutdown = pin!(shutdown);
        let mut now = None;
        let mut change = |to: Turn| {
            if now.replace(to) != Some(to) {
                turn(to);
            }
        };
        loop {
            match Self::acquire_if_free(repository, &online).await {
                Ok(Some(process)) => {
                    tracing::info!("this process publishes");
                    change(Turn::Publishing);
                    let mut asked = false;
                    let until = async {
                        shutdown.as_mut().await;
                        asked = true;
                    };
                    let outcome = process.run(until).await;
                    if asked {
                        return outcome;
                    }
                    outcome.or_else(|error| pass(error, "this process no longer publishes"))?;
                    change(Turn::Unable);
                }
                Ok(None) => change(Turn::StandingBy),
                Err(error) => {
                    pass(error, "this process cannot publish")?;
                    change(Turn::Unable);
                }
            }
            tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Looks first whether the lock is free: to try it takes a connection of its own.
    async fn acquire_if_free(
        repository: &Repository,
        online: &Arc<dyn Signer>,
    ) -> Result<Option<Self>, Error> {
        match repository.writer().await? {
            Some(_) => Ok(None),
            None => Self::acquire(repository, Arc::clone(online)).await,
        }
    }
}

/// Logs what may pass by itself, and gives back what does not.
fn pass(error: Error, what: &str) -> Result<(), Error> {
    match error {
        error @ (Error::WrongOnlineKey { .. } | Error::StateBehindServed { .. }) => Err(error),
        error => {
            tracing::error!(error = &error as &dyn std::error::Error, "{what}");
            Ok(())
        }
    }
}

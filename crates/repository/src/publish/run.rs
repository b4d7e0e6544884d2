//! The snapshot process as a service.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::SnapshotProcess;
use crate::error::Error;

/// How often transactions of other processes are looked for.
const POLL: Duration = Duration::from_millis(50);

/// How often expiries are looked at.
const RENEWAL_POLL: Duration = Duration::from_secs(10);

/// How long to wait after a failure: a full disk, a signer that does not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

impl SnapshotProcess {
    /// Publishes what this process submits at once and what others submit within 50 ms, and renews what would expire,
    /// until `shutdown` ends. What was submitted until then is published before this returns. Failures that may pass
    /// are logged and tried again.
    ///
    /// # Errors
    /// [`Error::Fenced`], [`Error::NoLongerWriter`], [`Error::Overtaken`], [`Error::StateBehindServed`]: another writer
    /// was here, or may be. At shutdown, those of [`SnapshotProcess::publish_pending`]; nothing durable is lost.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let mut shutdown = pin!(shutdown);
        let mut next_renewal = Instant::now();
        self.repository.listen();
        loop {
            let round = self.round(&mut next_renewal).await;
            self.repository.set_publishing_fault(round.as_ref().err());
            let wait = match round {
                Ok(Progress::Published) => Duration::ZERO,
                Ok(Progress::Idle) => POLL,
                Err(
                    error @ (Error::Fenced { .. }
                    | Error::NoLongerWriter { .. }
                    | Error::Overtaken { .. }
                    | Error::StateBehindServed { .. }),
                ) => return Err(error),
                Err(error) => {
                    let full = error.is_disk_full();
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        disk_full = full,
                        "not published"
                    );
                    AFTER_FAILURE
                }
            };
            let (repository, lock) = (self.repository.clone(), Arc::clone(&self.lock));
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = lock.lost() => {}
                () = repository.pending_announced(), if wait == POLL => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        while self.publish_pending().await?.is_some() {}
        Ok(())
    }

    async fn round(&mut self, next_renewal: &mut Instant) -> Result<Progress, Error> {
        let mut published = self.publish_pending().await?.is_some();
        if *next_renewal <= Instant::now() {
            if self.renew().await?.is_some() {
                // There may be more of them: the next round goes on, after what is pending.
                published = true;
            } else {
                *next_renewal = Instant::now() + RENEWAL_POLL;
            }
        }
        Ok(if published { Progress::Published } else { Progress::Idle })
    }
}

enum Progress {
    Published,
    Idle,
}

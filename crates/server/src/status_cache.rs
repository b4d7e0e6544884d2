//! How the repository is, read now and then, however many ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealdex_repository::{Repository, Status};
use tokio::sync::Mutex;

use crate::refusal::chain;

/// Reading opens every top-level role, and waits for what is away. Anybody may ask for it.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The status last read. One request reads; those that come meanwhile wait for it.
#[derive(Debug, Default)]
pub(crate) struct StatusCache(Mutex<Option<(Instant, Outcome)>>);

/// The status, or why it cannot be read.
type Outcome = Result<Arc<Status>, &'static str>;

impl StatusCache {
    /// The status, at most a second old, or why it cannot be read. The log then tells more.
    pub(crate) async fn status(&self, repository: &Repository) -> Result<Arc<Status>, &'static str> {
        let mut kept = self.0.lock().await;
        if let Some((read, status)) = &*kept
            && read.elapsed() < MAX_AGE
        {
            return status.clone();
        }
        let status = match repository.status().await {
            Ok(status) => {
                for away in &status.away {
                    tracing::error!(
                        place = away.place,
                        reason = away.reason,
                        "a part of the repository is away"
                    );
                }
                Ok(Arc::new(status))
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "cannot read the repository's status");
                Err("the repository's state cannot be read, see the server's log")
            }
        };
        // The age counts from the end of the reading: what takes long must not be read all the time.
        *kept = Some((Instant::now(), status.clone()));
        status
    }
}

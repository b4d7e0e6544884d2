//! How the repository is, read now and then, however many ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealdex_repository::{Repository, Status};
use tokio::sync::Mutex;

use crate::refusal::chain;

/// Reading counts every row and opens every top-level role: seconds, for a large index. Anybody may ask for it.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The status last read. One request reads; those that come meanwhile wait for it.
#[derive(Debug, Default)]
pub(crate) struct StatusCache(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    read: Instant,
    status: Result<Arc<Status>, Unread>,
}

/// Why the status could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The database cannot be reached.
    DatabaseAway,
    /// Something else, which the log tells.
    Otherwise,
}

impl StatusCache {
    /// The status, at most a second old. Where it cannot be read the log tells why.
    pub(crate) async fn status(&self, repository: &Repository) -> Result<Arc<Status>, Unread> {
        let mut kept = self.0.lock().await;
        if let Some(kept) = &*kept
            && kept.read.elapsed() < MAX_AGE
        {
            return kept.status.clone();
        }
        let status = match repository.status().await {
            Ok(status) => Ok(Arc::new(status)),
            Err(error) => {
                tracing::error!(error = %chain(&error), "cannot read the repository's status");
                Err(if error.is_database_away() { Unread::DatabaseAway } else { Unread::Otherwise })
            }
        };
        // The age counts from the end of the reading: what takes long must not be read all the time.
        *kept = Some(Kept { read: Instant::now(), status: status.clone() });
        status
    }
}

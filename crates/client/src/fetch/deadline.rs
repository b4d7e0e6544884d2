//! The time that several fetches may take together.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::Error;

/// When all metadata of one update must have come: bounds on single transfers alone add up, over hundreds of root
/// versions or a chain of delegations, to days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    update: &'static str,
    limit: Duration,
    /// `None`: further away than this machine can count.
    end: Option<Instant>,
}

impl Deadline {
    /// `limit` from now on, for an update that messages call `update`.
    pub(crate) fn of(update: &'static str, limit: Duration) -> Self {
        Self { update, limit, end: Instant::now().checked_add(limit) }
    }

    /// Fetches unless time is over before all has come. What was verified by then stays.
    pub(crate) async fn bound<T>(&self, fetch: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Some(end) = self.end else { return fetch.await };
        let over = Error::UpdateTime { update: self.update, limit: self.limit };
        if Instant::now() >= end { Err(over) } else { timeout_at(end, fetch).await.unwrap_or(Err(over)) }
    }
}

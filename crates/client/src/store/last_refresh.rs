//! The time of the last refresh that succeeded, as a lower bound of the time now.
//!
//! It cannot be far ahead of the truth, whatever the clock said: a refresh succeeds only while the timestamp that it
//! brought has not expired, and timestamps live for a day or so. See decision 9.

use jiff::{SignedDuration, Timestamp as Time};
use sealdex_tuf::RoleName;
use sealdex_tuf::metadata::{Timestamp, Unverified};

use super::{RepositoryStore, StoreLock, files};

/// How much later a refresh must be for its time to be written down: one write in an hour is enough.
const STEP: SignedDuration = SignedDuration::from_hours(1);
const FILE: &str = "last-refresh";
const MAX_FILE_BYTES: u64 = 64;
const MAX_TIMESTAMP_BYTES: u64 = 1 << 20;

impl RepositoryStore {
    /// When the last refresh succeeded, if that is later than `clock` says it is now. A record that the stored timestamp
    /// contradicts, having expired by then, is damaged and does not count.
    pub(crate) fn last_refresh(&self, clock: Time) -> Option<Time> {
        let last = self.recorded().filter(|last| *last > clock)?;
        let stored = self.read(&RoleName::timestamp(), MAX_TIMESTAMP_BYTES)?;
        let stored = Unverified::<Timestamp>::parse(&stored).ok()?;
        (!stored.unverified_metadata().common.is_expired(last)).then_some(last)
    }

    /// Writes the time of a refresh down. The caller holds the lock. That it could not be written is no error: nothing
    /// that was trusted depends on it.
    pub(crate) fn keep_last_refresh(&self, _lock: &StoreLock, now: Time) {
        let recorded = self.recorded();
        if recorded.is_some_and(|last| last <= now && now.duration_since(last) < STEP) {
            return;
        }
        let written = files::write_atomically(&self.directory.join(FILE), format!("{now}\n").as_bytes());
        if let Err(error) = written {
            tracing::warn!(repository = %self.name, error = error.report(), "the time could not be kept");
        }
    }

    fn recorded(&self) -> Option<Time> {
        let bytes = files::read_bounded(&self.directory.join(FILE), MAX_FILE_BYTES)?;
        std::str::from_utf8(&bytes).ok()?.trim_end().parse().ok()
    }
}

//! How the one writer of the repository is, as far as this program knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sealdex_repository::Turn;
use serde::Serialize;

/// The state of the repository's snapshot process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WriterState {
    /// It runs in another process, or not at all: this program cannot tell.
    Elsewhere,
    /// It runs in this program.
    Running,
    /// It ran in this program, and ended: nothing is published any more.
    Stopped,
    /// It runs in another process; this program would take its place.
    #[serde(rename = "standing-by")]
    StandingBy,
    /// This program should run it or stand by, and cannot, for now: the database does not answer, say.
    Unable,
}

impl From<Turn> for WriterState {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Publishing => Self::Running,
            Turn::StandingBy => Self::StandingBy,
            Turn::Unable => Self::Unable,
        }
    }
}

/// Tells the server how the snapshot process of this program is. Clones share one state.
#[derive(Clone, Debug)]
pub struct WriterHealth(Arc<AtomicU8>);

impl WriterHealth {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(WriterState::Elsewhere as u8)))
    }

    /// Says how it is from now on.
    pub fn set(&self, state: WriterState) {
        self.0.store(state as u8, Ordering::Release);
    }

    /// How it was said to be.
    #[must_use]
    pub fn state(&self) -> WriterState {
        match self.0.load(Ordering::Acquire) {
            state if state == WriterState::Running as u8 => WriterState::Running,
            state if state == WriterState::Stopped as u8 => WriterState::Stopped,
            state if state == WriterState::StandingBy as u8 => WriterState::StandingBy,
            state if state == WriterState::Unable as u8 => WriterState::Unable,
            _ => WriterState::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_state() {
        let health = WriterHealth::new();
        let other = health.clone();
        assert_eq!(health.state(), WriterState::Elsewhere);
        for state in [
            WriterState::Running,
            WriterState::Stopped,
            WriterState::StandingBy,
            WriterState::Unable,
            WriterState::Elsewhere,
        ] {
            other.set(state);
            assert_eq!(health.state(), state);
        }
    }
}

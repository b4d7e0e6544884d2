//! How a proxy behaves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Interposition;
use crate::decision::Decision;

/// How a proxy behaves. [`ProxyOptions::default`] is what one run of an installer needs.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ProxyOptions {
    /// Which snapshots are served.
    pub snapshots: SnapshotPolicy,
    /// What to do when the repository cannot be reached.
    pub offline: OfflineUse,
    /// Answers in place of other hosts.
    pub(super) interposition: Option<Arc<Interposition>>,
    /// Told about each decision when it is taken.
    pub(super) listener: Option<Listener>,
}

#[derive(Clone)]
pub(super) struct Listener(Arc<dyn Fn(&Decision) + Send + Sync>);

impl Listener {
    pub(super) fn tell(&self, decision: &Decision) {
        (self.0)(decision);
    }
}

/// Which snapshots a proxy serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotPolicy {
    /// One for the whole run: everything installed together was published together.
    #[default]
    Pinned,
    /// A new one once the served one is older than this.
    RefreshAfter(Duration),
}

/// What to do when the repository cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OfflineUse {
    /// Refuse.
    #[default]
    Never,
    /// Use the last state that has not expired. Whatever looks like an attack is refused all the same.
    WhenUnreachable,
    /// Do not even ask the network.
    Always,
}

impl ProxyOptions {
    /// With this policy.
    #[must_use]
    pub fn snapshots(mut self, snapshots: SnapshotPolicy) -> Self {
        self.snapshots = snapshots;
        self
    }

    /// With this use of offline state.
    #[must_use]
    pub fn offline(mut self, offline: OfflineUse) -> Self {
        self.offline = offline;
        self
    }

    /// As the HTTP proxy of one run, which answers in place of the indexes that the repository stands for.
    #[must_use]
    pub fn interpose(mut self, interposition: Interposition) -> Self {
        self.interposition = Some(Arc::new(interposition));
        self
    }

    /// With a callback that is told about each decision when it is taken. It must not block for long.
    #[must_use]
    pub fn on_decision(mut self, callback: impl Fn(&Decision) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(callback)));
        self
    }
}

impl fmt::Debug for ProxyOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProxyOptions")
            .field("snapshots", &self.snapshots)
            .field("offline", &self.offline)
            .field("interposition", &self.interposition)
            .finish_non_exhaustive()
    }
}

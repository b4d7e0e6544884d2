//! A new repository: its first root, targets, delegating roles, bins, snapshot and timestamp.

use std::fmt;
use std::sync::Arc;

use sealdex_tuf::Signer;

/// The keys that sign a new repository's first metadata. Those of root and targets are used once and not kept.
#[derive(Clone)]
pub struct InitialKeys {
    /// The root keys; at least `root_threshold` distinct ones.
    pub root: Vec<Arc<dyn Signer>>,
    /// How many root keys must sign a root.
    pub root_threshold: u64,
    /// The targets keys, which also sign offline delegating roles.
    pub targets: Vec<Arc<dyn Signer>>,
    /// How many targets keys must sign.
    pub targets_threshold: u64,
    /// The key of timestamp, snapshot, bins and other online roles.
    pub online: Arc<dyn Signer>,
    /// Whether these keys are for development.
    pub development: Development,
}

/// Whether a repository's keys are for development. It is said in the root metadata, so every client can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Development {
    /// Keys that were kept as keys should be.
    No,
    /// Keys that anybody may have read.
    Yes,
}

impl fmt::Debug for InitialKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InitialKeys").field("development", &self.development).finish_non_exhaustive()
    }
}

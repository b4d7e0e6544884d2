//! Bounds on what an update may cost: the W, X, Y and Z of the specification's section 5.

/// Bounds on lengths and counts; each is in bytes or a number, and each is tested at its value and one past it. Where
/// trusted metadata lists a length, the smaller of it and the limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// W: bytes of one root metadata file (5.3.3).
    pub max_root_bytes: u64,
    /// X: bytes of the timestamp (5.4.1).
    pub max_timestamp_bytes: u64,
    /// Y: bytes of the snapshot (5.5.1).
    pub max_snapshot_bytes: u64,
    /// Z: bytes of one targets role's metadata (5.6.1).
    pub max_targets_bytes: u64,
    /// Y: new root versions in one update (5.3.3).
    pub max_root_versions: u64,
    /// Delegated roles visited in search of one target (5.6.7.1). It bounds the depth of delegations too: a role at depth
    /// d is reached through d roles, each of which counts.
    pub max_delegations: usize,
}

impl Default for Limits {
    /// Room for a repository of PyPI's size with 65,536 bins, and in the timestamp for signatures by half a dozen ML-DSA
    /// keys; python-tuf's defaults otherwise.
    fn default() -> Self {
        Self {
            max_root_bytes: 512_000,
            max_timestamp_bytes: 65_536,
            max_snapshot_bytes: 8_000_000,
            max_targets_bytes: 8_000_000,
            max_root_versions: 256,
            max_delegations: 32,
        }
    }
}

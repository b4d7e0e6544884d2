//! What all three clients are given.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sealdex_tuf::Limits;

/// Bytes by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a web server would have.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Metadata files, by their plain, decoded name: `2.snapshot.json`, `1.a/b.json`.
    pub metadata: Files,
    /// Target files, by their plain path, hash prefix included.
    pub targets: Files,
}

/// A client that begins with a root and updates one or more times.
#[derive(Clone, Debug)]
pub struct Case {
    /// What was done to which repository: `base|mode|role|/pointer|operator`. Unique.
    pub id: String,
    /// The descriptions of the changes in it, where they are more than one; else its own.
    pub parts: Vec<String>,
    /// The root that comes with the client's software.
    pub root: Vec<u8>,
    /// One after the other, the client's state kept in between.
    pub steps: Vec<Step>,
}

/// A case that has not been made yet: all of them at once would take a gigabyte.
pub struct Plan {
    /// The case's description.
    pub id: String,
    make: Box<dyn Fn(String) -> Case>,
}

impl Plan {
    /// A case of that description, to be made by `make`.
    pub fn new(id: String, make: impl Fn(String) -> Case + 'static) -> Self {
        Self { id, make: Box::new(make) }
    }

    /// Makes the case.
    pub fn case(&self) -> Case {
        (self.make)(self.id.clone())
    }
}

/// One update: a refresh, and the targets looked for after it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The fixed start time of the update (5.1).
    pub now: Timestamp,
    /// What is served.
    pub site: Arc<Site>,
    /// The targets looked for.
    pub find: Vec<String>,
    /// What is in the client's storage in place of what it stored itself, by role: `None` where a file is gone.
    pub stored: BTreeMap<String, Option<Vec<u8>>>,
}

/// The bounds given to every client: small, so that a case can reach them.
pub const LIMITS: Limits = Limits {
    max_root_bytes: 40_000,
    max_timestamp_bytes: 8_000,
    max_snapshot_bytes: 30_000,
    max_targets_bytes: 30_000,
    max_root_versions: 5,
    max_delegations: 8,
};

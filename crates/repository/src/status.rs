//! How a repository is: every role, what is pending, who writes.

use jiff::Timestamp;
use serde::Serialize;

/// The state of a repository, for people and monitors.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Whether its keys are for development: nothing it serves deserves trust.
    pub development: bool,
    /// The layout's name.
    pub layout: String,
    /// SHA-256 of the latest root metadata file: what a user is given to trust it.
    pub root_fingerprint: String,
    /// The top-level roles and those they delegate to, but for bins; parents before children.
    pub roles: Vec<RoleStatus>,
    /// The bins, together by the role that delegates to them.
    pub bins: Vec<BinsStatus>,
    /// Number of projects.
    pub projects: u64,
    /// Number of distributions on their pages.
    pub files: u64,
    /// Number of targets signed, pages included.
    pub targets: u64,
    /// Transactions that are durable and not published yet.
    pub pending_transactions: u64,
    /// The process that publishes, if one does.
    pub writer: Option<WriterStatus>,
}

/// The state of a role.
#[derive(Clone, Debug, Serialize)]
pub struct RoleStatus {
    /// Its name.
    pub name: String,
    /// The version served.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// Distinct keys that must sign.
    pub threshold: u64,
    /// The ids of the keys that signed the version served.
    pub signed_by: Vec<String>,
    /// The keys that may sign.
    pub keys: Vec<KeyStatus>,
}

/// A key that may sign for a role.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStatus {
    /// Its id.
    pub id: String,
    /// Its scheme, such as `ed25519`.
    pub scheme: String,
}

/// The state of the bins that a role delegates to.
#[derive(Clone, Debug, Serialize)]
pub struct BinsStatus {
    /// The delegating role.
    pub delegator: String,
    /// What their names start with.
    pub name_prefix: String,
    /// How the delegation is written: `succinct` or `explicit`.
    pub style: String,
    /// How many there are.
    pub count: u64,
    /// The greatest version among them.
    pub highest_version: u64,
    /// When the first of them expires.
    pub earliest_expiry: Timestamp,
    /// Distinct keys that must sign.
    pub threshold: u64,
    /// The keys that may sign.
    pub keys: Vec<KeyStatus>,
}

/// The process that publishes.
#[derive(Clone, Debug, Serialize)]
pub struct WriterStatus {
    /// Its process id; `None` where it could not be read.
    pub process_id: Option<u32>,
}

//! The transaction log, read: who did what, when, and which snapshot made it public.

use jiff::Timestamp;
use serde::Serialize;

use crate::transaction::TransactionId;

/// A transaction in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number.
    pub transaction: TransactionId,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// Who submitted it: `local` or `token:ID`.
    pub actor: String,
    /// What it did: `add-distribution`, `remove-distribution`, `yank`, `unyank`, `add-target`, `remove-target`.
    pub action: String,
    /// The target path of the file it was about.
    pub path: String,
    /// SHA-256 of the file, where one was added.
    pub sha256: Option<String>,
    /// The version of the snapshot that made it public; `None` while it is pending.
    pub snapshot_version: Option<u64>,
}

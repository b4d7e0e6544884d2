//! What is recorded of a repository when it is added.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{RepositoryUrl, Sha256Digest};

/// `repository.toml`: where a repository is, and the root trust began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryRecord {
    /// The URL as the user gave it.
    pub url: RepositoryUrl,
    /// Where metadata is fetched: `metadata/` below the URL.
    pub metadata_url: RepositoryUrl,
    /// Where targets are fetched: `targets/` below the URL.
    pub targets_url: RepositoryUrl,
    /// What the relative file URLs of a page are resolved against, after `<project>/` is added: `simple/` below the URL.
    pub simple_url: RepositoryUrl,
    /// When the repository was added.
    pub added: Timestamp,
    /// SHA-256 of the root trust began with, kept as `initial-root.json`.
    pub initial_root: Sha256Digest,
    /// The indexes that the repository stands for where installers are not told of it: the URLs under which those have
    /// their pages. Besides `simple_url`, which is one anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands_for: Vec<RepositoryUrl>,
}

impl RepositoryRecord {
    /// The record of a repository whose folders lie below `url`.
    #[must_use]
    pub fn new(url: &RepositoryUrl, added: Timestamp, initial_root: Sha256Digest) -> Self {
        Self {
            url: url.clone(),
            metadata_url: url.folder("metadata"),
            targets_url: url.folder("targets"),
            simple_url: url.folder("simple"),
            added,
            initial_root,
            stands_for: Vec::new(),
        }
    }
}

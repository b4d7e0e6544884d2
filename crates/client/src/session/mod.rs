//! One consistent snapshot of a repository.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use sealdex_simple::{IndexPage, ProjectName};
use sealdex_tuf::{RoleName, TargetPath, VerifiedTarget};

use crate::client::Client;
use crate::error::Error;
use crate::name::Sha256Digest;
use crate::trust::TrustedRepository;

/// One consistent, verified snapshot of one repository: what a whole installation is made from. Cheap to clone; any
/// number of tasks may use it at once.
#[derive(Clone, Debug)]
pub struct Session {
    repository: TrustedRepository,
}

/// The versions of a snapshot's top-level roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleVersions {
    /// Version of root.
    pub root: u64,
    /// Version of timestamp.
    pub timestamp: u64,
    /// Version of snapshot.
    pub snapshot: u64,
    /// Version of targets.
    pub targets: u64,
}

/// A project's page that verified metadata vouches for. Only [`Session::page`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedPage {
    page: IndexPage,
    sha256: Sha256Digest,
    length: u64,
    role: RoleName,
}

impl Session {
    /// Brings the trusted state up to date (TUF specification 5.1 to 5.6) and holds on to it. Another process that
    /// refreshes the same repository is waited for.
    ///
    /// # Errors
    /// Whatever the repository did wrong; what was trusted before stays trusted.
    pub async fn refresh(_client: &Client, _repository: &TrustedRepository) -> Result<Self, Error> {
        Err(Error::Task { task: "session" })
    }

    /// The state of the last refresh, without asking the network; pages and files as far as they have been kept.
    /// Call it only when the user has asked for it by name: what happened since is not known.
    ///
    /// # Errors
    /// [`Error::Verification`] when the state is missing, damaged or has expired.
    pub async fn offline(_client: &Client, _repository: &TrustedRepository) -> Result<Self, Error> {
        Err(Error::Task { task: "session" })
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &TrustedRepository {
        &self.repository
    }

    /// The versions of the top-level roles.
    #[must_use]
    pub fn versions(&self) -> RoleVersions {
        RoleVersions { root: 0, timestamp: 0, snapshot: 0, targets: 0 }
    }

    /// When the first of the top-level roles expires.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    /// The fixed time this snapshot was verified at (5.1).
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    /// Searches a target through the delegations (5.6.7). `None`: verified metadata says that there is none.
    ///
    /// # Errors
    /// Metadata of a delegated role cannot be fetched or does not verify. Other searches go on unharmed.
    pub async fn target(&self, _path: &TargetPath) -> Result<Option<VerifiedTarget>, Error> {
        Err(Error::Task { task: "session" })
    }

    /// A project's page. `None`: verified metadata says that there is no such project.
    ///
    /// # Errors
    /// As [`Session::target`]; the page does not verify, or is not a page of this project.
    pub async fn page(&self, _project: &ProjectName) -> Result<Option<Arc<VerifiedPage>>, Error> {
        Err(Error::Task { task: "session" })
    }

    /// The bytes of a target, for targets small enough to hold in memory.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `max_bytes`; the bytes do not verify, or cannot be fetched.
    pub async fn read_target(&self, _target: &VerifiedTarget, _max_bytes: u64) -> Result<Vec<u8>, Error> {
        Err(Error::Task { task: "session" })
    }

    /// Downloads a target to `destination`, which appears there whole and verified or not at all.
    ///
    /// # Errors
    /// The bytes do not verify or cannot be fetched, or [`Error::Io`].
    pub async fn download_target(&self, _target: &VerifiedTarget, _destination: &Path) -> Result<(), Error> {
        Err(Error::Task { task: "session" })
    }
}

impl VerifiedPage {
    /// The page.
    #[must_use]
    pub fn page(&self) -> &IndexPage {
        &self.page
    }

    /// SHA-256 of the signed bytes.
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// Length of the signed bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The role that vouches for the page.
    #[must_use]
    pub fn role(&self) -> &RoleName {
        &self.role
    }
}

//! The repositories a user trusts.

use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::error::Error;
use crate::name::{RepositoryName, RepositoryUrl, Sha256Digest};
use crate::store::{RepositoryRecord, directories};

/// How trust in a repository begins. There is no third way: nothing is trusted only because it was seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitialTrust {
    /// The bytes of a root metadata file that the user has from its operator.
    Root(Vec<u8>),
    /// The SHA-256 of any version's root metadata file; the file itself is fetched from the repository.
    Fingerprint(Sha256Digest),
}

/// The folder of trusted repositories, shared by all processes of the user.
#[derive(Clone, Debug)]
pub struct TrustStore {
    directory: PathBuf,
}

/// A repository that was added to a store.
#[derive(Clone, Debug)]
pub struct TrustedRepository {
    name: RepositoryName,
    directory: PathBuf,
    record: RepositoryRecord,
}

impl TrustStore {
    /// The user's store: `$XDG_DATA_HOME/sealdex/trust`, else `~/.local/share/sealdex/trust`.
    ///
    /// # Errors
    /// [`Error::NoHome`]
    pub fn default_directory() -> Result<PathBuf, Error> {
        Ok(directories::user_folder("XDG_DATA_HOME", ".local/share")?.join("trust"))
    }

    /// Opens a store, and makes its folder where there is none.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::NotADirectory`]
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self { directory: directory.into() })
    }

    /// The folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a repository: fetches and verifies everything a client needs to know, and only then records it. Nothing is
    /// left behind on failure.
    ///
    /// # Errors
    /// [`Error::AlreadyTrusted`], [`Error::NoSuchRoot`], and whatever a refresh can fail with.
    pub async fn add(
        &self,
        _client: &Client,
        _name: &RepositoryName,
        _url: &RepositoryUrl,
        _initial: &InitialTrust,
    ) -> Result<TrustedRepository, Error> {
        Err(Error::Task { task: "trust" })
    }

    /// The repositories by name.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::DamagedTrust`] of the first damaged one.
    pub fn list(&self) -> Result<Vec<TrustedRepository>, Error> {
        Err(Error::Task { task: "trust" })
    }

    /// Ends trust in a repository and forgets all that is known of it.
    ///
    /// # Errors
    /// [`Error::UnknownRepository`] or [`Error::Io`]
    pub fn remove(&self, _name: &RepositoryName) -> Result<(), Error> {
        Err(Error::Task { task: "trust" })
    }

    /// The repository of that name.
    ///
    /// # Errors
    /// [`Error::UnknownRepository`] or [`Error::DamagedTrust`]
    pub fn repository(&self, _name: &RepositoryName) -> Result<TrustedRepository, Error> {
        Err(Error::Task { task: "trust" })
    }
}

impl TrustedRepository {
    /// Its name on this machine.
    #[must_use]
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Where it is, and since when it is trusted.
    #[must_use]
    pub fn record(&self) -> &RepositoryRecord {
        &self.record
    }

    /// The folder with its trusted state.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

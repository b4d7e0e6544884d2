//! Trusted state on disk.
//!
//! ```text
//! DIRECTORY/NAME/repository.toml      where the repository is, and the fingerprint of its initial root
//! DIRECTORY/NAME/initial-root.json    the root trust began with
//! DIRECTORY/NAME/metadata/ROLE.json   the latest trusted metadata, byte for byte as received
//! DIRECTORY/NAME/last-refresh         when the last refresh succeeded, to the hour
//! DIRECTORY/NAME/lock                 held while any of this is written
//! ```
//!
//! A refresh holds the lock from its first read to its last write. So what it compares with is the latest that any
//! process has trusted, and what it writes is never older. A damaged file is as good as none and is fetched again; a
//! damaged root is walked to again from the initial one. Metadata is verified whenever it is read, so it does not matter
//! who wrote it; what is trusted for being there (`repository.toml`, the root, the folders) must be changeable by nobody
//! else. Reading alone, which is what working offline needs, changes nothing here. Delegated roles alone are not waited for
//! until they are on the disk: one that a crash takes away is fetched again.

pub(crate) mod directories;
pub(crate) mod fault;
pub(crate) mod files;
mod last_refresh;
mod lock;
mod record;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealdex_tuf::trusted::RootStage;
use sealdex_tuf::{Limits, RoleName};

use crate::blocking::beside;
use crate::error::Error;
use crate::name::{RepositoryName, Sha256Digest, printable};

pub(crate) use lock::{ReadLock, StoreLock};
pub use record::RepositoryRecord;

const MAX_RECORD_BYTES: u64 = 64 * 1024;
const MAX_INITIAL_ROOT_BYTES: u64 = 16 << 20;

/// The trusted state of one repository.
#[derive(Clone, Debug)]
pub(crate) struct RepositoryStore {
    name: RepositoryName,
    directory: PathBuf,
}

impl RepositoryStore {
    pub(crate) fn new(name: &RepositoryName, directory: impl Into<PathBuf>) -> Self {
        Self { name: name.clone(), directory: directory.into() }
    }

    /// Fills a new folder: the record and the root trust begins with.
    pub(crate) fn create(&self, record: &RepositoryRecord, initial_root: &[u8]) -> Result<(), Error> {
        files::private_folder(&self.metadata_directory())?;
        files::write_atomically(&self.initial_root_path(), initial_root)?;
        files::write_atomically(&self.path(&RoleName::root()), initial_root)?;
        self.write_record(record)
    }

    /// Writes the record.
    pub(crate) fn write_record(&self, record: &RepositoryRecord) -> Result<(), Error> {
        let text = toml::to_string(record).map_err(|error| self.damaged(error.to_string()))?;
        files::write_atomically(&self.directory.join("repository.toml"), text.as_bytes())
    }

    /// The record.
    pub(crate) fn record(&self) -> Result<RepositoryRecord, Error> {
        files::plain_folder(&self.directory)?;
        let bytes = files::read_private(&self.directory.join("repository.toml"), MAX_RECORD_BYTES)?
            .ok_or_else(|| self.damaged("repository.toml cannot be read".to_owned()))?;
        toml::from_slice(&bytes)
            .map_err(|error| self.damaged(format!("repository.toml: {}", printable(error.message()))))
    }

    /// Waits until no other process writes this state.
    pub(crate) async fn lock(&self, wait: Duration) -> Result<StoreLock, Error> {
        files::plain_folder(&self.directory)?;
        files::private_folder(&self.metadata_directory())?;
        let lock = StoreLock::acquire(&self.directory.join("lock"), wait).await?;
        files::remove_leftovers(&self.metadata_directory());
        Ok(lock)
    }

    /// Waits until no other process writes this state, to read it.
    pub(crate) async fn lock_for_reading(&self, wait: Duration) -> Result<ReadLock, Error> {
        files::plain_folder(&self.directory)?;
        files::plain_folder(&self.metadata_directory())?;
        ReadLock::acquire(&self.directory.join("lock"), wait).await
    }

    /// The root to begin an update with: the latest trusted one, else the initial one.
    pub(crate) fn trusted_root(&self, record: &RepositoryRecord, limits: &Limits) -> Result<Vec<u8>, Error> {
        let usable = |bytes: &Vec<u8>| RootStage::start(bytes, jiff::Timestamp::UNIX_EPOCH, *limits).is_ok();
        match files::read_private(&self.path(&RoleName::root()), limits.max_root_bytes) {
            Ok(latest) => {
                if let Some(latest) = latest.filter(usable) {
                    return Ok(latest);
                }
            }
            // In a folder that nobody else can change: put there by mistake, and as good as none.
            Err(exposed) => tracing::warn!(repository = %self.name, "{exposed}"),
        }
        // Its digest is known. So one that is longer than the limit is told from a damaged one.
        let max_bytes = limits.max_root_bytes.max(MAX_INITIAL_ROOT_BYTES);
        let initial = files::read_bounded(&self.initial_root_path(), max_bytes);
        match initial.filter(|bytes| Sha256Digest::of(bytes) == record.initial_root) {
            Some(initial) if initial.len() as u64 > limits.max_root_bytes => {
                let (file, limit) = (RoleName::root().file_name(), limits.max_root_bytes);
                Err(sealdex_tuf::Error::TooLong { file, limit }.into())
            }
            Some(initial) => {
                tracing::info!(repository = %self.name, "no usable root; beginning with the initial one");
                Ok(initial)
            }
            None => Err(self.damaged("neither root.json nor initial-root.json can be used".to_owned())),
        }
    }

    /// A role's metadata; `None` when there is none that can be read.
    pub(crate) fn read(&self, role: &RoleName, max_bytes: u64) -> Option<Vec<u8>> {
        files::read_bounded(&self.path(role), max_bytes)
    }

    /// Replaces a role's metadata. The caller holds the lock.
    pub(crate) fn write(&self, _lock: &StoreLock, role: &RoleName, bytes: &[u8]) -> Result<(), Error> {
        files::write_atomically(&self.path(role), bytes)
    }

    /// Deletes a role's metadata. The caller holds the lock.
    pub(crate) fn delete(&self, _lock: &StoreLock, role: &RoleName) -> Result<(), Error> {
        files::remove(&self.path(role))
    }

    /// Keeps delegated roles for the next process: if the snapshot that lists them is still the trusted one, and if
    /// the lock can be had soon. They can always be fetched again, so that they could not be kept is no error.
    pub(crate) async fn keep_delegated(&self, snapshot: &[u8], roles: Vec<(RoleName, Arc<[u8]>)>) {
        const WAIT: Duration = Duration::from_millis(200);
        if roles.is_empty() {
            return;
        }
        let Ok(lock) = self.lock(WAIT).await else { return };
        let store = self.clone();
        let snapshot = snapshot.to_vec();
        let bytes = roles.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>() + snapshot.len() as u64;
        let kept = beside(bytes, move || {
            let _held = lock;
            if store.read(&RoleName::snapshot(), snapshot.len() as u64).as_ref() != Some(&snapshot) {
                return Ok(());
            }
            let mut files = roles.iter().map(|(role, bytes)| (store.path(role), bytes));
            files.try_for_each(|(path, bytes)| files::write_in_one_step(&path, bytes))
        });
        if let Some(Err(error)) = kept.await {
            tracing::warn!(repository = %self.name, error = error.report(), "metadata could not be kept");
        }
    }

    fn metadata_directory(&self) -> PathBuf {
        self.directory.join("metadata")
    }

    fn initial_root_path(&self) -> PathBuf {
        self.directory.join("initial-root.json")
    }

    fn path(&self, role: &RoleName) -> PathBuf {
        self.metadata_directory().join(role.stored_file_name())
    }

    fn damaged(&self, reason: String) -> Error {
        Error::DamagedTrust { repository: self.name.clone(), reason }
    }
}

//! A repository on disk, open.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::metadata::{Root, Unverified};
use sealdex_tuf::{Clock, RoleName, Version};
use tokio::sync::{Notify, watch};

use crate::audit::AuditEntry;
use crate::blobs::{BlobName, Blobs};
use crate::create::{DEVELOPMENT_MARK, LAYOUT_FACT};
use crate::directory::RepositoryDirectory;
use crate::disk;
use crate::error::Error;
use crate::served::PageCache;
use crate::settings::Settings;
use crate::staging::StagedFile;
use crate::store::{self, Open, Store, log, publications};
use crate::submit::SubmitQueue;
use crate::transaction::{Publication, Receipt, TransactionId};

/// How often a waiting caller looks whether another process has published.
const POLL: Duration = Duration::from_millis(20);

/// A repository on disk. Cheap to clone; several processes may have it open.
#[derive(Clone)]
pub struct Repository(Arc<Shared>);

struct Shared {
    directory: RepositoryDirectory,
    settings: Settings,
    clock: Arc<dyn Clock>,
    store: Store,
    queue: SubmitQueue,
    blobs: Blobs,
    pages: PageCache,
    /// Rung when this process has submitted something.
    pending: Notify,
    /// Why this process could not publish when it tried last.
    publishing_fault: Mutex<Option<String>>,
    /// How many times this process has published.
    served: watch::Sender<u64>,
}

impl Repository {
    /// Opens a repository.
    ///
    /// # Errors
    /// [`Error::NotARepository`], [`Error::Settings`], [`Error::Layout`], [`Error::LayoutChanged`],
    /// [`Error::Database`] or [`Error::Io`].
    pub async fn open(directory: RepositoryDirectory, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let path = directory.settings_file();
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::NotARepository { directory: directory.path().to_owned() },
            _ => Error::io("read", &path)(error),
        })?;
        let settings = Settings::from_toml(&text, &path)?;
        let store = Store::open(&directory.state_file(), Open::Existing).await?;
        let mut read = store.read().await?;
        let layout = store::fact(&mut read, LAYOUT_FACT).await?;
        drop(read);
        if layout != Some(settings.layout.to_fact()?) {
            return Err(Error::LayoutChanged { path });
        }
        let blobs = open_blobs(&directory, &settings)?;
        Ok(Self(Arc::new(Shared {
            directory,
            settings,
            clock,
            store,
            queue: SubmitQueue::default(),
            blobs,
            pages: PageCache::default(),
            pending: Notify::new(),
            publishing_fault: Mutex::default(),
            served: watch::Sender::new(0),
        })))
    }

    /// Where everything lies.
    #[must_use]
    pub fn directory(&self) -> &RepositoryDirectory {
        &self.0.directory
    }

    /// Where everything public lies.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    /// The settings, as they were when the repository was opened.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The latest root metadata: what a new user is given to trust.
    ///
    /// # Errors
    /// [`Error::Database`] or [`Error::Io`].
    pub async fn root_bytes(&self) -> Result<Arc<[u8]>, Error> {
        let mut read = self.store().read().await?;
        let row = publications::role(&mut read, RoleName::root().as_str()).await?;
        drop(read);
        let version = row
            .and_then(|row| Version::new(row.version))
            .ok_or_else(|| Error::State { reason: "the database knows no version of root".to_owned() })?;
        let (blobs, key) = (self.blobs().clone(), BlobName::role(&RoleName::root(), version));
        disk::blocking(move || Ok(blobs.read(&key)?.into())).await
    }

    /// SHA-256 of the latest root metadata file, in lower-case hexadecimal: short enough to be compared by eye.
    ///
    /// # Errors
    /// [`Error::Database`] or [`Error::Io`].
    pub async fn root_fingerprint(&self) -> Result<String, Error> {
        Ok(HashAlgorithm::Sha256.hex_digest(&self.root_bytes().await?))
    }

    /// Whether the latest root says that its keys are for development.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Io`] or [`Error::Tuf`].
    pub async fn is_development(&self) -> Result<bool, Error> {
        let root = Unverified::<Root>::parse(&self.root_bytes().await?)?;
        Ok(root.unverified_metadata().common.unrecognized.value(DEVELOPMENT_MARK).is_some())
    }

    /// Begins to receive a file, of at most `max_file_bytes` of the settings.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn stage(&self) -> Result<StagedFile, Error> {
        StagedFile::create(&self.directory().staging(), self.settings().limits.max_file_bytes)
    }

    /// Waits until a transaction is public: until the timestamp of a snapshot that includes it is served.
    ///
    /// # Errors
    /// [`Error::NotPublishedYet`] after `timeout`; the transaction stays durable. [`Error::Database`], [`Error::Io`].
    pub async fn published(&self, receipt: &Receipt, timeout: Duration) -> Result<Publication, Error> {
        let deadline = tokio::time::Instant::now() + timeout;
        let mut served = self.0.served.subscribe();
        loop {
            served.mark_unchanged();
            if let Some(publication) = self.publication_of(receipt.transaction).await? {
                return Ok(publication);
            }
            let wait = async {
                tokio::select! {
                    _ = served.changed() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
            };
            if tokio::time::timeout_at(deadline, wait).await.is_err() {
                return Err(Error::NotPublishedYet { transaction: receipt.transaction, waited: timeout });
            }
        }
    }

    /// The publication that includes a transaction, if it is served already.
    async fn publication_of(&self, transaction: TransactionId) -> Result<Option<Publication>, Error> {
        let mut read = self.store().read().await?;
        let Some(found) = log::published_in(&mut read, transaction).await? else { return Ok(None) };
        drop(read);
        // The database is ahead of what is served for the moment in which the files are being written.
        match self.blobs().serves(found.timestamp_version).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.is_bucket_failing() => {
                tracing::warn!(error = %error.with_cause(), "cannot see whether a transaction is published");
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        let (snapshot, timestamp) =
            (Version::new(found.snapshot_version), Version::new(found.timestamp_version));
        let damaged = || Error::State { reason: format!("transaction {transaction} is in a version 0") };
        Ok(Some(Publication {
            snapshot_version: snapshot.ok_or_else(damaged)?,
            timestamp_version: timestamp.ok_or_else(damaged)?,
        }))
    }

    /// The transaction log after `after`, oldest first, at most `limit` entries.
    ///
    /// # Errors
    /// [`Error::Database`]
    pub async fn log(&self, after: Option<TransactionId>, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let mut read = self.store().read().await?;
        log::entries(&mut read, after.map_or(0, TransactionId::number), limit).await
    }

    /// Closes the database. Clones of this repository can do nothing any more.
    pub async fn close(&self) {
        self.store().close().await;
    }

    /// Why this process's snapshot process could not publish when it tried last; `None`: it could, or there is none.
    #[must_use]
    pub fn publishing_fault(&self) -> Option<String> {
        self.0.publishing_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_publishing_fault(&self, fault: Option<&Error>) {
        let fault = fault.map(Error::with_cause);
        *self.0.publishing_fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn queue(&self) -> &SubmitQueue {
        &self.0.queue
    }

    pub(crate) fn pages(&self) -> &PageCache {
        &self.0.pages
    }

    /// Wakes this process's snapshot process, if it has one.
    pub(crate) fn announce_pending(&self) {
        self.0.pending.notify_one();
    }

    /// Ends when this process has submitted something since it was last awaited.
    pub(crate) async fn pending_announced(&self) {
        self.0.pending.notified().await;
    }

    /// Wakes those who wait for a publication.
    pub(crate) fn announce_publication(&self) {
        self.0.served.send_modify(|count| *count += 1);
    }

    pub(crate) fn own_publications(&self) -> u64 {
        *self.0.served.borrow()
    }

    /// The online role that speaks for a path.
    ///
    /// # Errors
    /// [`Error::UnsupportedPath`]
    pub(crate) fn responsible(&self, path: &sealdex_tuf::TargetPath) -> Result<RoleName, Error> {
        self.settings().layout.responsible(path)?.ok_or_else(|| self.unsupported(path))
    }

    pub(crate) fn unsupported(&self, path: &sealdex_tuf::TargetPath) -> Error {
        let layout = self.settings().layout.name.escape_debug().to_string();
        Error::UnsupportedPath { path: path.to_string(), layout }
    }
}

/// Where everything public lies, by the settings.
pub(crate) fn open_blobs(directory: &RepositoryDirectory, settings: &Settings) -> Result<Blobs, Error> {
    match &settings.storage.bucket {
        None => Ok(Blobs::in_directory(directory.clone())),
        Some(bucket) => Blobs::in_bucket(bucket),
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Repository").field("directory", self.directory()).finish_non_exhaustive()
    }
}

//! A repository on disk, open.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::metadata::{Root, Unverified};
use sealdex_tuf::{Clock, RoleName, Version};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::audit::AuditEntry;
use crate::blobs::{BlobName, Blobs};
use crate::create::{DEVELOPMENT_MARK, LAYOUT_FACT};
use crate::database::DatabaseUrl;
use crate::directory::RepositoryDirectory;
use crate::disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::public::Public;
use crate::served::PageCache;
use crate::settings::Settings;
use crate::staging::StagedFile;
use crate::store::{self, Location, Open, Signal, Store, Transaction, log, publications};
use crate::submit::{Looks, SubmitQueue};
use crate::token::TokenLooks;
use crate::transaction::{Publication, TransactionId};

/// A repository on disk. Cheap to clone; several processes may have it open.
#[derive(Clone)]
pub struct Repository(Arc<Shared>);

struct Shared {
    directory: RepositoryDirectory,
    settings: Settings,
    clock: Arc<dyn Clock>,
    store: Store,
    layout: Mutex<KnownLayout>,
    queue: SubmitQueue,
    looks: Looks,
    token_looks: TokenLooks,
    blobs: Blobs,
    pages: PageCache,
    /// Rung when this process has submitted something.
    pending: Notify,
    /// Why this process could not publish when it tried last.
    publishing_fault: Mutex<Option<String>>,
    /// What is known to be public.
    public: Public,
    /// Hears of other processes, once that is of use.
    listening: OnceLock<Option<Listening>>,
}

/// Ends with the repository.
struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The layout as it was last read, and what it was read from.
struct KnownLayout {
    fact: String,
    layout: Arc<Layout>,
}

impl Repository {
    /// Opens a repository.
    ///
    /// # Errors
    /// [`Error::NotARepository`], [`Error::Settings`], [`Error::Layout`], [`Error::LayoutChanged`],
    /// [`Error::DatabaseAddress`], [`Error::Database`] or [`Error::Io`].
    pub async fn open(directory: RepositoryDirectory, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::open_with_database(directory, clock, None).await
    }

    /// Opens a repository with another address of its database than the settings give: one with a password, say.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub async fn open_with_database(
        directory: RepositoryDirectory,
        clock: Arc<dyn Clock>,
        database: Option<DatabaseUrl>,
    ) -> Result<Self, Error> {
        let settings = read_settings(&directory)?;
        let store = Store::open(&location(&directory, &settings, database)?, Open::Existing).await?;
        let mut read = store.read().await?;
        let fact = layout_fact(&mut read).await?;
        drop(read);
        let layout = Layout::from_fact(&fact)?;
        if settings.layout.as_ref().is_some_and(|written| *written != layout) {
            return Err(Error::LayoutChanged { path: directory.settings_file() });
        }
        let blobs = open_blobs(&directory, &settings)?;
        Ok(Self(Arc::new(Shared {
            directory,
            settings,
            clock,
            store,
            layout: Mutex::new(KnownLayout { fact, layout: Arc::new(layout) }),
            queue: SubmitQueue::default(),
            looks: Looks::default(),
            token_looks: TokenLooks::default(),
            blobs,
            pages: PageCache::default(),
            pending: Notify::new(),
            publishing_fault: Mutex::default(),
            public: Public::default(),
            listening: OnceLock::new(),
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

    /// The tree of roles, as it was when this process last looked: another one may change it at any time
    /// ([`Repository::relayout`]), except for what is sealed, [`Layout::content`].
    #[must_use]
    pub fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.known_layout().layout)
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

    /// The transaction log after `after`, oldest first, at most `limit` entries.
    ///
    /// # Errors
    /// [`Error::Database`]
    pub async fn log(&self, after: Option<TransactionId>, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let mut read = self.store().read().await?;
        log::entries(&mut read, after.map_or(0, TransactionId::number), limit).await
    }

    /// Whether several processes may publish in turn, see [`crate::SnapshotProcess::take_turns`]: the state is in
    /// PostgreSQL.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.store().has_locks()
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

    pub(crate) fn looks(&self) -> &Looks {
        &self.0.looks
    }

    pub(crate) fn token_looks(&self) -> &TokenLooks {
        &self.0.token_looks
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

    /// Wakes those who wait for this publication, in other processes too.
    pub(crate) fn announce_publication(&self, through: Option<u64>, publication: Publication) {
        self.0.public.announce(through, publication);
        if !self.is_shared() {
            return;
        }
        let store = self.store().clone();
        tokio::spawn(async move {
            if let Err(error) = store.announce(Signal::Published).await {
                // They look for themselves before long.
                tracing::debug!(error = &error as &dyn std::error::Error, "other processes were not told");
            }
        });
    }

    /// Begins to hear of other processes, where they tell each other.
    pub(crate) fn listen(&self) {
        let shared = Arc::downgrade(&self.0);
        let hear = move |signal| {
            let Some(shared) = shared.upgrade() else { return false };
            match signal {
                Signal::Pending => shared.pending.notify_one(),
                Signal::Published => shared.public.tell(),
            }
            true
        };
        self.0.listening.get_or_init(|| self.store().listen(hear).map(Listening));
    }

    pub(crate) fn public(&self) -> &Public {
        &self.0.public
    }

    /// The layout as it is at the moment that `transaction` reads.
    pub(crate) async fn read_layout(&self, transaction: &mut Transaction) -> Result<Arc<Layout>, Error> {
        let fact = layout_fact(transaction).await?;
        let mut known = self.known_layout();
        if known.fact != fact {
            let layout = Arc::new(Layout::from_fact(&fact)?);
            *known = KnownLayout { fact, layout };
        }
        Ok(Arc::clone(&known.layout))
    }

    /// The layout as it is now.
    pub(crate) async fn current_layout(&self) -> Result<Arc<Layout>, Error> {
        let mut look = self.store().look().await?;
        self.read_layout(&mut look).await
    }

    fn known_layout(&self) -> MutexGuard<'_, KnownLayout> {
        // It is replaced in one step.
        self.0.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn layout_fact(transaction: &mut Transaction) -> Result<String, Error> {
    let fact = store::fact(transaction, LAYOUT_FACT).await?;
    fact.ok_or_else(|| Error::State { reason: "the database knows no layout".to_owned() })
}

/// The settings in a repository's directory.
pub(crate) fn read_settings(directory: &RepositoryDirectory) -> Result<Settings, Error> {
    let path = directory.settings_file();
    let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotARepository { directory: directory.path().to_owned() },
        _ => Error::io("read", &path)(error),
    })?;
    Settings::from_toml(&text, &path)
}

/// Where the state is: in the database named, else in that of the settings, else in the directory.
pub(crate) fn location(
    directory: &RepositoryDirectory,
    settings: &Settings,
    database: Option<DatabaseUrl>,
) -> Result<Location, Error> {
    let database = match database {
        Some(database) => Some(database),
        None => settings.storage.database_url()?,
    };
    Ok(database.map_or_else(|| Location::Sqlite(directory.state_file()), Location::Postgres))
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

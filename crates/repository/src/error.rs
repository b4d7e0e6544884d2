//! What the repository refuses, and what can fail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::transaction::TransactionId;

/// A refusal or a failure of the repository. Nothing was changed because of the call that returned it, unless the
/// variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A repository is to be created where there is one.
    #[error("{} is a repository already", .directory.display())]
    AlreadyRepository {
        /// The directory.
        directory: PathBuf,
    },
    /// A repository is to be created where something else lies.
    #[error("{} is not empty: it holds {found}", .directory.display())]
    DirectoryNotEmpty {
        /// The directory.
        directory: PathBuf,
        /// A name in it.
        found: String,
    },
    /// There is no repository in the directory.
    #[error("{} is not a repository: it has no sealdex.toml", .directory.display())]
    NotARepository {
        /// The directory.
        directory: PathBuf,
    },
    /// The settings cannot be read or contradict themselves.
    #[error("invalid settings in {}: {reason}", .path.display())]
    Settings {
        /// The settings file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The address of the database is wrong, or what is there cannot be used.
    #[error("invalid database: {reason}")]
    DatabaseAddress {
        /// What is wrong.
        reason: String,
    },
    /// The database to be used for a new repository holds one already.
    #[error("the database {database} holds a repository already")]
    DatabaseInUse {
        /// Its address.
        database: String,
    },
    /// The layout does not make a tree of roles that clients can walk.
    #[error("invalid layout: {reason}")]
    Layout {
        /// What is wrong, and with which role.
        reason: String,
    },
    /// There is a layout in the settings, and it is not the one this repository is signed with. The state keeps the
    /// layout, and it is changed by [`Repository::relayout`](crate::Repository::relayout), not by an editor.
    #[error("the layout in {} is not the one this repository is signed with", .path.display())]
    LayoutChanged {
        /// The settings file.
        path: PathBuf,
    },
    /// A change of the layout waits to be published: there is one at a time.
    #[error("a change to the layout {layout} waits to be published")]
    RelayoutWaiting {
        /// The name of the layout that waits.
        layout: String,
    },
    /// A change of the layout was not published and will not be.
    #[error("the change of the layout was abandoned: {reason}")]
    RelayoutAbandoned {
        /// Why.
        reason: String,
    },
    /// A change of the layout is entered and was not published in the time given. It will be, once a snapshot process
    /// runs.
    #[error("the change of the layout was not published within {} s", .waited.as_secs())]
    RelayoutNotPublishedYet {
        /// How long was waited.
        waited: Duration,
    },
    /// The keys handed in cannot sign for the roles they are meant for.
    #[error("invalid keys: {reason}")]
    Keys {
        /// What is wrong, and with which role.
        reason: String,
    },
    /// The online key is not the one that the signed metadata names.
    #[error("the online key is {found}, but the repository's metadata names {expected}")]
    WrongOnlineKey {
        /// The key id that root metadata names for the timestamp.
        expected: String,
        /// The key id of the key handed in.
        found: String,
    },
    /// A file of this name exists with other contents. Files never change: use another version or another name.
    #[error("{path} exists with sha256 {existing}, and {offered} was offered")]
    FileExists {
        /// The target path.
        path: String,
        /// SHA-256 of what is there.
        existing: String,
        /// SHA-256 of what was offered.
        offered: String,
    },
    /// A file of this name existed once. Its name is not free for other contents.
    #[error("{path} was removed and had sha256 {existing}, its name cannot be used for {offered}")]
    FileNameUsed {
        /// The target path.
        path: String,
        /// SHA-256 of what was there.
        existing: String,
        /// SHA-256 of what was offered.
        offered: String,
    },
    /// There is no such file, project or token.
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// No online role of the layout is trusted with the path.
    #[error("no online role of the layout {layout} is trusted with {path}")]
    UnsupportedPath {
        /// The target path.
        path: String,
        /// The layout's name.
        layout: String,
    },
    /// The index layer owns this path: its pages and files come and go with distributions.
    #[error("{path} belongs to the index and cannot be set by itself")]
    ReservedPath {
        /// The target path.
        path: String,
    },
    /// A path that cannot be both a target's and a file's.
    #[error("invalid target path {path}: {reason}")]
    InvalidPath {
        /// The path, escaped.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An import describes a distribution as none can be.
    #[error("{filename} cannot be imported: {reason}")]
    InvalidImport {
        /// The distribution's file name.
        filename: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Core metadata was handed in that is not of the distribution.
    #[error("the core metadata handed in with {filename} is of {found}")]
    WrongMetadata {
        /// The distribution's file name.
        filename: String,
        /// Project and version the metadata is of.
        found: String,
    },
    /// More bytes than a file may have.
    #[error("{what} is longer than the limit of {limit} bytes")]
    TooLarge {
        /// What is too long.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// The transaction is durable, but was not published in the time given. It will be, once a snapshot process runs.
    #[error("transaction {transaction} was not published within {} ms", .waited.as_millis())]
    NotPublishedYet {
        /// The transaction.
        transaction: TransactionId,
        /// How long was waited.
        waited: Duration,
    },
    /// The token is unknown, malformed, revoked or expired; which of them is not said.
    #[error("the token is not valid")]
    InvalidToken,
    /// The token is valid, and not for this.
    #[error("the token {token} does not allow to {action} {project}")]
    TokenScope {
        /// The token's identifier, which is no secret.
        token: String,
        /// The action asked for.
        action: &'static str,
        /// The project asked for.
        project: String,
    },
    /// What is served is newer than the state: the state was restored from a backup, or belongs to another repository.
    /// Publishing would use versions a second time.
    #[error("{role} is served in version {served}, but the state knows version {known} only")]
    StateBehindServed {
        /// The role.
        role: String,
        /// The version served.
        served: u64,
        /// The version in the state.
        known: u64,
    },
    /// Another process has published although this one holds the lock; nothing of this publication was kept.
    #[error("{role} is no longer in version {expected}: another writer was here")]
    Fenced {
        /// The role.
        role: String,
        /// The version this process had left it in.
        expected: u64,
    },
    /// This process has lost the writer's lock in the database. Nothing of this publication was kept, or it was committed
    /// and is delivered by the writer that comes next.
    #[error("this process is no longer the writer: {reason}")]
    NoLongerWriter {
        /// How it came to that.
        reason: String,
    },
    /// The right to import was lost with its session in the database, and another import may have begun. What was imported
    /// so far is kept.
    #[error("the right to import was lost: its session in the database has ended")]
    ImportInterrupted,
    /// An import is given up, and not all of what it entered is dropped yet.
    #[error("an import is being abandoned, and some of its files are there still")]
    ImportAbandoned,
    /// An import is complete: it is published, or is about to be, and cannot be abandoned any more.
    #[error("the import is complete, and is being published")]
    ImportComplete,
    /// The state holds what this program never writes.
    #[error("the state is damaged: {reason}")]
    State {
        /// What was found, and where.
        reason: String,
    },
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried: `read`, `write`, `rename`, ...
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The object store did not do what it was asked for: it is down, refuses, or cannot be reached.
    #[error("cannot {action} {object}")]
    Bucket {
        /// What was tried.
        action: &'static str,
        /// The object or the bucket.
        object: String,
        /// Its answer, or why there is none.
        #[source]
        source: Arc<object_store::Error>,
    },
    /// A repository is to be created in a bucket where something else lies.
    #[error("{bucket} is not empty: it holds {found}")]
    BucketNotEmpty {
        /// The bucket and the prefix.
        bucket: String,
        /// An object in it.
        found: String,
    },
    /// The object store puts an object although the condition given does not hold. Two writers could undo each other's
    /// work there.
    #[error("{bucket} is in an object store without conditional writes (If-None-Match, If-Match)")]
    UnconditionalBucket {
        /// The bucket and the prefix.
        bucket: String,
    },
    /// Another writer has published meanwhile. Nothing that it published was taken back.
    #[error("version {own} of the timestamp was overtaken: {served} is served already")]
    Overtaken {
        /// The version served.
        served: u64,
        /// The version that was to be served.
        own: u64,
    },
    /// The database failed.
    #[error("the database failed to {action}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The database's error.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// Metadata could not be read or signed.
    #[error(transparent)]
    Tuf(#[from] sealdex_tuf::Error),
    /// A name or a page breaks the rules of the simple API.
    #[error(transparent)]
    Simple(#[from] sealdex_simple::Error),
    /// A task that this one waited for ended without an answer: the process is shutting down. Whether a transaction
    /// was written is not known; submitting it again is safe.
    #[error("the process is shutting down")]
    Interrupted,
}

impl Error {
    /// The error and what it came from, in one sentence.
    pub(crate) fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }

    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source: Arc::new(source) }
    }

    /// The same failure, for another one whom it has stopped.
    pub(crate) fn of_batch(&self) -> Self {
        match self {
            Self::Database { action, source } => Self::Database { action, source: Arc::clone(source) },
            other => Self::State { reason: other.to_string() },
        }
    }

    /// Whether something was to be read that is not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            // Also where the file system can have no such name.
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
                    | io::ErrorKind::InvalidFilename
                    | io::ErrorKind::InvalidInput
            ),
            _ => false,
        }
    }

    /// Whether the object store is what failed: it may work again in a moment.
    #[must_use]
    pub fn is_bucket_failing(&self) -> bool {
        matches!(self, Self::Bucket { .. })
    }

    /// Whether the disk is full: the one failure a person can mend at once.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            // SQLITE_FULL; disk_full of PostgreSQL.
            Self::Database { source, .. } => source
                .as_database_error()
                .is_some_and(|error| matches!(error.code().as_deref(), Some("13" | "53100"))),
            _ => false,
        }
    }

    /// Whether the database cannot be reached or does not answer in time: what was asked for may be asked for again.
    #[must_use]
    pub fn is_database_away(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        match source.as_ref() {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                // SQLITE_BUSY; connection exceptions, too many connections, what an operator or a crash ended, and what
                // took too long.
                code == "5"
                    || code.starts_with("08")
                    || code.starts_with("57P")
                    || matches!(code.as_ref(), "53300" | "55P03" | "57014" | "25P03")
            }),
            _ => false,
        }
    }
}

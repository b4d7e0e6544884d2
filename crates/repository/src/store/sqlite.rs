//! SQLite: a file in the repository's directory.
//!
//! Reads go to a pool of connections that cannot write. Writes go through one connection of this process, and begin as
//! writers, so that they wait for another process's and never fail half-way because one came in between.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool};

use super::checkpoints::Checkpoints;
use super::{Open, migrations};
use crate::error::Error;

/// How long a writer waits for another process's transaction, which takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Rows that a connection reads ahead.
const ROW_BUFFER: usize = 1000;

/// Pages kept in memory for each connection, in KiB as SQLite counts what is negative. Its own 2 MB are too few for the
/// upper levels of the trees of millions of rows.
const CACHE: &str = "-32768";

/// Readers at the same time in one process.
const MAX_READERS: u32 = 4;

/// Pages in the write-ahead log, 4 KiB each, at which a commit does not return before they are in the database.
/// [`Checkpoints`] has most of them there by then.
const MAX_LOG: &str = "65536";

/// Bytes that the write-ahead log keeps on the disk when it begins anew.
const KEPT_LOG: &str = "16777216";

/// The open database.
#[derive(Clone, Debug)]
pub(crate) struct SqliteStore {
    read: SqlitePool,
    write: SqlitePool,
    checkpoints: Arc<Checkpoints>,
}

impl SqliteStore {
    pub(super) async fn open(path: &Path, how: Open) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(how == Open::New)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on the disk when it returns.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // Rows cross from the thread of a connection in parts so large: with few, waking up takes longer than reading.
            .row_buffer_size(ROW_BUFFER)
            .pragma("cache_size", CACHE)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections: u32| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .idle_timeout(None)
                .max_lifetime(None)
                .acquire_timeout(BUSY_TIMEOUT)
                .test_before_acquire(false)
        };
        let writer =
            options.clone().pragma("wal_autocheckpoint", MAX_LOG).pragma("journal_size_limit", KEPT_LOG);
        let write = pool(1).connect_with(writer).await.map_err(Error::database("be opened"))?;
        migrations::run_on_sqlite(&write).await?;
        let checkpoints = Arc::new(Checkpoints::begin(options.clone().pragma("wal_autocheckpoint", "0")));
        let read = pool(MAX_READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { read, write, checkpoints })
    }

    pub(super) async fn read(&self) -> Result<sqlx::Transaction<'static, Sqlite>, sqlx::Error> {
        self.read.begin().await
    }

    pub(super) async fn look(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.read.acquire().await
    }

    pub(super) async fn write(&self) -> Result<sqlx::Transaction<'static, Sqlite>, sqlx::Error> {
        let transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        self.checkpoints.announce_write();
        Ok(transaction)
    }

    pub(super) async fn close(&self) {
        self.checkpoints.end().await;
        self.read.close().await;
        self.write.close().await;
    }
}

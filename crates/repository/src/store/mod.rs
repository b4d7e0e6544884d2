//! The state in SQL: the only place with SQL in it. SQLite today; every text is written so that PostgreSQL takes it too.
//!
//! Reads go to a pool of connections that cannot write. Writes go through one connection of this process, and begin as
//! writers, so that they wait for another process's and never fail half-way because one came in between.

pub(crate) mod garbage;
pub(crate) mod imports;
pub(crate) mod log;
mod migrations;
pub(crate) mod prepared;
pub(crate) mod publications;
pub(crate) mod relayouts;
pub(crate) mod rows;
pub(crate) mod targets;
pub(crate) mod tokens;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

pub(crate) use log::{NewEntry, PublishedIn};
pub(crate) use prepared::{PreparedPage, PreparedTarget};
pub(crate) use publications::{OutboxFile, RoleRow};
pub(crate) use relayouts::{OfflineRole, WaitingRelayout};
pub(crate) use rows::{DistributionRow, PageRow, PlainFileRow, TargetRow};
pub(crate) use tokens::TokenRow;

use crate::error::Error;

/// How long a writer waits for another process's transaction, which takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Rows that a connection reads ahead.
const ROW_BUFFER: usize = 1000;

/// Readers at the same time in one process.
const MAX_READERS: u32 = 4;

/// The open database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    read: SqlitePool,
    write: SqlitePool,
}

/// Whether the database is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    New,
    Existing,
}

impl Store {
    pub(crate) async fn open(path: &Path, how: Open) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(how == Open::New)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on the disk when it returns.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // Rows cross from the thread of a connection in parts so large: with few, waking up takes longer than reading.
            .row_buffer_size(ROW_BUFFER)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections: u32| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .idle_timeout(None)
                .max_lifetime(None)
                .acquire_timeout(BUSY_TIMEOUT)
                .test_before_acquire(false)
        };
        let write = pool(1).connect_with(options.clone()).await.map_err(Error::database("be opened"))?;
        migrations::run(&write).await?;
        let read = pool(MAX_READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { read, write })
    }

    /// Begins to read: everything read with it is of one moment.
    pub(crate) async fn read(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        self.read.begin().await.map_err(Error::database("begin to read"))
    }

    /// Begins to write, once nobody else does. Nothing is kept unless the transaction is committed.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        self.write.begin_with("BEGIN IMMEDIATE").await.map_err(Error::database("begin to write"))
    }

    /// Closes all connections, once they are given back.
    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

pub(crate) async fn commit(transaction: Transaction<'static, Sqlite>) -> Result<(), Error> {
    transaction.commit().await.map_err(Error::database("commit"))
}

/// The next number of a counter.
async fn next_number(connection: &mut SqliteConnection, counter: &str) -> Result<u64, Error> {
    take_numbers(connection, counter, 1).await
}

/// The next `count` numbers of a counter; gives the first one.
async fn take_numbers(connection: &mut SqliteConnection, counter: &str, count: u64) -> Result<u64, Error> {
    let (last,): (i64,) =
        sqlx::query_as("UPDATE counters SET value = value + $1 WHERE name = $2 RETURNING value")
            .bind(signed(count)?)
            .bind(counter)
            .fetch_one(connection)
            .await
            .map_err(Error::database("count"))?;
    Ok((unsigned(last)? + 1).saturating_sub(count))
}

pub(crate) async fn put_fact(
    connection: &mut SqliteConnection,
    name: &str,
    value: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(connection)
    .await
    .map_err(Error::database("write a fact"))?;
    Ok(())
}

pub(crate) async fn fact(connection: &mut SqliteConnection, name: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT value FROM facts WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(Error::database("read a fact"))?;
    Ok(row.map(|(value,)| value))
}

pub(crate) async fn remove_fact(connection: &mut SqliteConnection, name: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM facts WHERE name = $1")
        .bind(name)
        .execute(connection)
        .await
        .map_err(Error::database("remove a fact"))?;
    Ok(())
}

fn signed(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::State { reason: format!("{number} does not fit the database") })
}

fn unsigned(number: i64) -> Result<u64, Error> {
    u64::try_from(number)
        .map_err(|_| Error::State { reason: format!("the database holds {number} for a count") })
}

fn time(microseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|_| Error::State { reason: format!("the database holds {microseconds} for a time") })
}

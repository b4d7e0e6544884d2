//! The state in SQL: the only place with SQL in it. Every text is run by SQLite and by PostgreSQL alike.

pub(crate) mod garbage;
pub(crate) mod imports;
pub(crate) mod log;
mod migrations;
pub(crate) mod prepared;
pub(crate) mod publications;
mod query;
pub(crate) mod relayouts;
pub(crate) mod rows;
mod sqlite;
pub(crate) mod targets;
pub(crate) mod tokens;
mod transaction;

use std::path::Path;

use jiff::Timestamp;

pub(crate) use log::{NewEntry, Versions};
pub(crate) use prepared::{PreparedPage, PreparedTarget};
pub(crate) use publications::{OutboxFile, RoleRow};
pub(crate) use relayouts::{OfflineRole, WaitingRelayout};
pub(crate) use rows::{DistributionRow, PageRow, PlainFileRow, TargetRow};
pub(crate) use tokens::TokenRow;
pub(crate) use transaction::{Transaction, commit};

use crate::error::Error;
use query::query;
use sqlite::SqliteStore;

/// Rows in one statement. A full statement is prepared once and used again.
const ROWS: usize = 500;

/// The open database.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Sqlite(SqliteStore),
}

/// Whether the database is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    New,
    Existing,
}

impl Store {
    pub(crate) async fn open(path: &Path, how: Open) -> Result<Self, Error> {
        SqliteStore::open(path, how).await.map(Self::Sqlite)
    }

    /// Begins to read: everything read with it is of one moment.
    pub(crate) async fn read(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(own) => own.read().await.map(Transaction::Sqlite),
        }
        .map_err(Error::database("begin to read"))
    }

    /// Begins to write, once nobody else does. Nothing is kept unless the transaction is committed.
    pub(crate) async fn write(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(own) => own.write().await.map(Transaction::Sqlite),
        }
        .map_err(Error::database("begin to write"))
    }

    /// Closes all connections, once they are given back.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(own) => own.close().await,
        }
    }
}

/// The next number of a counter.
async fn next_number(transaction: &mut Transaction, counter: &str) -> Result<u64, Error> {
    take_numbers(transaction, counter, 1).await
}

/// The next `count` numbers of a counter; gives the first one.
async fn take_numbers(transaction: &mut Transaction, counter: &str, count: u64) -> Result<u64, Error> {
    let (last,): (i64,) = query("UPDATE counters SET value = value + $1 WHERE name = $2 RETURNING value")
        .bind(signed(count)?)
        .bind(counter)
        .fetch_one(transaction)
        .await
        .map_err(Error::database("count"))?;
    Ok((unsigned(last)? + 1).saturating_sub(count))
}

pub(crate) async fn put_fact(transaction: &mut Transaction, name: &str, value: &str) -> Result<(), Error> {
    query(
        "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(transaction)
    .await
    .map_err(Error::database("write a fact"))?;
    Ok(())
}

pub(crate) async fn fact(transaction: &mut Transaction, name: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = query("SELECT value FROM facts WHERE name = $1")
        .bind(name)
        .fetch_optional(transaction)
        .await
        .map_err(Error::database("read a fact"))?;
    Ok(row.map(|(value,)| value))
}

pub(crate) async fn remove_fact(transaction: &mut Transaction, name: &str) -> Result<(), Error> {
    query("DELETE FROM facts WHERE name = $1")
        .bind(name)
        .execute(transaction)
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

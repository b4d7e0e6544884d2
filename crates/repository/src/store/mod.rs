//! The state in SQL: the only place with SQL in it. Every text is run by SQLite and by PostgreSQL alike, but for what
//! one of them has alone, in the module of its name and in those of sessions and signals.

mod checkpoints;
pub(crate) mod garbage;
pub(crate) mod imports;
pub(crate) mod log;
mod migrations;
mod postgres;
pub(crate) mod prepared;
pub(crate) mod publications;
mod query;
pub(crate) mod relayouts;
pub(crate) mod rows;
mod session;
pub(crate) mod signals;
mod sqlite;
pub(crate) mod targets;
pub(crate) mod tokens;
mod transaction;
pub(crate) mod writer;

use std::path::PathBuf;

use jiff::Timestamp;
use tokio::task::AbortHandle;

pub(crate) use log::{NewEntry, Versions};
pub(crate) use prepared::{PreparedPage, PreparedTarget};
pub(crate) use publications::{OutboxFile, RoleRow};
pub(crate) use relayouts::{OfflineRole, WaitingRelayout};
pub(crate) use rows::{DistributionRow, PageRow, PlainFileRow, TargetRow};
pub(crate) use session::{Purpose, SessionLock};
pub(crate) use signals::{Signal, announce};
pub(crate) use tokens::TokenRow;
use transaction::Session;
pub(crate) use transaction::{Transaction, commit};
pub(crate) use writer::WriterRow;

use crate::database::DatabaseUrl;
use crate::error::Error;
use postgres::PostgresStore;
use query::query;
use sqlite::SqliteStore;

/// Which database it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Sqlite(PathBuf),
    Postgres(DatabaseUrl),
}

/// Rows in one statement. A full statement is prepared once and used again.
const ROWS: usize = 500;

/// The open database.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Sqlite(SqliteStore),
    Postgres(Box<PostgresStore>),
}

/// Whether the database is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    New,
    Existing,
}

impl Store {
    pub(crate) async fn open(location: &Location, how: Open) -> Result<Self, Error> {
        match location {
            Location::Sqlite(path) => SqliteStore::open(path, how).await.map(Self::Sqlite),
            Location::Postgres(url) => PostgresStore::open(url).await.map(Box::new).map(Self::Postgres),
        }
    }

    /// Begins to read: everything read with it is of one moment.
    pub(crate) async fn read(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(own) => own.read().await.map(Session::Begun).map(Transaction::Sqlite),
            Self::Postgres(own) => own.read().await.map(Session::Begun).map(Transaction::Postgres),
        }
        .map_err(Error::database("begin to read"))
    }

    /// To read single facts: each statement sees a moment of its own, and takes a third of what it does in a
    /// transaction.
    pub(crate) async fn look(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(own) => own.look().await.map(Session::Looking).map(Transaction::Sqlite),
            Self::Postgres(own) => own.look().await.map(Session::Looking).map(Transaction::Postgres),
        }
        .map_err(Error::database("begin to read"))
    }

    /// Begins to write, once nobody else does, but for the writer. Nothing is kept unless the transaction is committed.
    pub(crate) async fn write(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(own) => own.write().await.map(Session::Begun).map(Transaction::Sqlite),
            Self::Postgres(own) => own.write().await.map(Session::Begun).map(Transaction::Postgres),
        }
        .map_err(Error::database("begin to write"))
    }

    /// Begins to write what only the writer does, once no other transaction of a writer is under way.
    ///
    /// # Errors
    /// [`Error::NoLongerWriter`] when the epoch has passed.
    pub(crate) async fn write_in_epoch(&self, epoch: Option<u64>) -> Result<Transaction, Error> {
        let mut transaction = self.write_as_writer().await?;
        if let Some(epoch) = epoch {
            writer::check_epoch(&mut transaction, epoch).await?;
        }
        Ok(transaction)
    }

    async fn write_as_writer(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(_) => self.write().await,
            Self::Postgres(own) => {
                let begun = own.publish().await.map(Session::Begun).map(Transaction::Postgres);
                begun.map_err(Error::database("begin to publish"))
            }
        }
    }

    /// Whether locks are in the database; else they are files.
    pub(crate) fn has_locks(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Takes a lock in the database, where that has them. `None` within: another session holds it.
    pub(crate) async fn lock(&self, purpose: Purpose) -> Option<Result<Option<SessionLock>, Error>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(own) => Some(SessionLock::acquire(own, purpose).await),
        }
    }

    /// Who holds the writer's lock in the database.
    pub(crate) async fn writer(&self) -> Result<Option<WriterRow>, Error> {
        if !self.is_locked(Purpose::Writer).await? {
            return Ok(None);
        }
        let mut read = self.read().await?;
        writer::last(&mut read).await.map(Some)
    }

    /// Whether a session holds this lock in the database; never where locks are files.
    pub(crate) async fn is_locked(&self, purpose: Purpose) -> Result<bool, Error> {
        let Self::Postgres(own) = self else { return Ok(false) };
        own.is_locked(purpose).await.map_err(Error::database("look at its locks"))
    }

    /// Hears what other processes tell, in the background.
    pub(crate) fn listen(
        &self,
        hear: impl Fn(Signal) -> bool + Send + Sync + 'static,
    ) -> Option<AbortHandle> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(own) => {
                Some(tokio::spawn(signals::listen(own.as_ref().clone(), hear)).abort_handle())
            }
        }
    }

    /// Which database this is, for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Sqlite(_) => "SQLite".to_owned(),
            Self::Postgres(own) => own.url().to_string(),
        }
    }

    /// Closes all connections, once they are given back.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(own) => own.close().await,
            Self::Postgres(own) => own.close().await,
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

/// The names that begin so under which something is kept, in order, without that beginning.
pub(crate) async fn facts_below(transaction: &mut Transaction, start: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = query("SELECT name FROM facts ORDER BY name")
        .fetch_all(transaction)
        .await
        .map_err(Error::database("read facts"))?;
    Ok(rows.iter().filter_map(|(name,)| name.strip_prefix(start).map(str::to_owned)).collect())
}

pub(crate) async fn remove_fact(transaction: &mut Transaction, name: &str) -> Result<(), Error> {
    query("DELETE FROM facts WHERE name = $1")
        .bind(name)
        .execute(transaction)
        .await
        .map_err(Error::database("remove a fact"))?;
    Ok(())
}

/// Removes a fact, if it has this value.
pub(crate) async fn remove_fact_with(
    transaction: &mut Transaction,
    name: &str,
    value: &str,
) -> Result<(), Error> {
    query("DELETE FROM facts WHERE name = $1 AND value = $2")
        .bind(name)
        .bind(value)
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

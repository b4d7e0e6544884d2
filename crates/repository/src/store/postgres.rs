//! PostgreSQL: shared by the servers of a repository.
//!
//! Reads are read-only transactions with one snapshot of the database. Writes are of two kinds, and begin by locking one
//! row, so that there is one of each kind at a time, in all processes:
//!
//! - into the log (uploads, imports, tokens): the row of the counter that numbers transactions. Whoever has it sees all
//!   that was written before, and numbers are in the order of commit.
//! - as the writer (publications): the row of the writer, with its epoch.
//!
//! Nothing waits for a second lock while it holds the first, but for a fact that both kinds write last. So there are no
//! deadlocks, and since each statement sees what is committed (READ COMMITTED), no failures of serialisation either.
//! What would wait for ever is bounded: by the server while it can be reached, by this process when it cannot.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres};

use super::migrations;
use super::session::Purpose;
use crate::database::DatabaseUrl;
use crate::error::Error;

/// PostgreSQL 14 is the first to end sessions that are idle, which frees the lock of a writer that was stopped.
const OLDEST_VERSION: i32 = 140_000;

/// How long connecting may take, and waiting for another task's connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Readers at the same time in one process.
const MAX_READERS: u32 = 8;

/// How long a transaction may wait for a lock: longer than the server needs to end a session that has gone silent.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// The open database.
#[derive(Clone, Debug)]
pub(crate) struct PostgresStore {
    url: DatabaseUrl,
    options: PgConnectOptions,
    read: PgPool,
    log: PgPool,
    publish: PgPool,
    /// Tells this repository from others in the same database; it does not change while a server runs.
    key: i64,
}

/// What a session may take.
struct Limits {
    statement: Duration,
    /// Between two statements of a transaction.
    idle: Duration,
}

/// Counting everything takes seconds in a large repository.
const READING: Limits = Limits { statement: Duration::from_secs(300), idle: Duration::from_secs(60) };
const LOGGING: Limits = Limits { statement: Duration::from_secs(60), idle: Duration::from_secs(10) };
/// A bulk publication moves millions of rows in one statement.
const PUBLISHING: Limits = Limits { statement: Duration::from_secs(4 * 3600), idle: Duration::from_secs(10) };

impl PostgresStore {
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        // The server learns of a machine that is gone within seconds.
        let options = url.options()?.application_name("sealdex").options([
            ("tcp_keepalives_idle", 5),
            ("tcp_keepalives_interval", 2),
            ("tcp_keepalives_count", 3),
            ("tcp_user_timeout", 10_000),
        ]);
        let mut connection = connect(&limited(&options, &PUBLISHING)).await?;
        check_server(&mut connection).await?;
        migrations::run_on_postgres(&mut connection).await?;
        let (key,): (i64,) = sqlx::query_as("SELECT CAST(CAST('writer' AS regclass) AS oid)::bigint")
            .fetch_one(&mut connection)
            .await
            .map_err(Error::database("find its tables"))?;
        let _ = connection.close().await;
        let pool = |connections: u32, limits: &Limits| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(CONNECT_TIMEOUT)
                .connect_lazy_with(limited(&options, limits))
        };
        Ok(Self {
            url: url.clone(),
            read: pool(MAX_READERS, &READING),
            log: pool(1, &LOGGING),
            publish: pool(2, &PUBLISHING),
            options,
            key,
        })
    }

    pub(super) async fn read(&self) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
        self.read.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    pub(super) async fn look(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.read.acquire().await
    }

    /// Begins to write into the log, once nobody else does.
    pub(super) async fn write(&self) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
        let mut transaction = self.log.begin().await?;
        sqlx::query("SELECT value FROM counters WHERE name = 'transaction' FOR UPDATE")
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Begins to write what only the writer does, once a publication that is under way has ended.
    pub(super) async fn publish(&self) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
        self.publish.begin().await
    }

    /// A connection of its own, for as long as it is held.
    pub(super) async fn session(&self, options: &[(&str, u64)]) -> Result<PgConnection, Error> {
        connect(&self.options.clone().options(options.iter().copied())).await
    }

    /// The connections on which to listen.
    pub(super) fn listening(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(self.options.clone())
    }

    /// Whether a session holds this lock.
    pub(super) async fn is_locked(&self, purpose: Purpose) -> Result<bool, sqlx::Error> {
        let (held,): (bool,) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND classid = CAST($1 AS oid) AND objid = CAST(CAST($2 AS bigint) AS oid))",
        )
        .bind(self.key)
        .bind(purpose as i64)
        .fetch_one(&self.read)
        .await?;
        Ok(held)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.read.is_closed()
    }

    pub(super) fn key(&self) -> i64 {
        self.key
    }

    pub(super) fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    pub(super) async fn close(&self) {
        self.read.close().await;
        self.log.close().await;
        self.publish.close().await;
    }
}

fn limited(options: &PgConnectOptions, limits: &Limits) -> PgConnectOptions {
    options.clone().options([
        ("statement_timeout", limits.statement.as_millis()),
        ("lock_timeout", LOCK_TIMEOUT.as_millis()),
        ("idle_in_transaction_session_timeout", limits.idle.as_millis()),
    ])
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await;
    connecting.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(Error::database("be reached"))
}

async fn check_server(connection: &mut PgConnection) -> Result<(), Error> {
    let (version, encoding): (i32, String) = sqlx::query_as(
        "SELECT CAST(current_setting('server_version_num') AS integer), current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("tell its version"))?;
    if version < OLDEST_VERSION {
        let reason = format!("PostgreSQL 14 or newer is needed, and this is {}", version / 10_000);
        return Err(Error::DatabaseAddress { reason });
    }
    if encoding != "UTF8" {
        let reason = format!("the database must have the encoding UTF8, and this has {encoding}");
        return Err(Error::DatabaseAddress { reason });
    }
    Ok(())
}

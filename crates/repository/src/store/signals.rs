//! What processes tell each other through PostgreSQL. A signal may be lost with a connection: whoever waits for one looks
//! now and then in any case.

use std::time::Duration;

use sqlx::postgres::PgListener;

use super::postgres::PostgresStore;
use super::query::query;
use super::{Store, Transaction};
use crate::error::Error;

/// How long to wait after the connection was lost.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What another process has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It has written into the log.
    Pending,
    /// It has published.
    Published,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Published => "published",
        }
    }
}

/// Tells the others once the transaction is committed. Processes that share SQLite find out by themselves.
pub(crate) async fn announce(transaction: &mut Transaction, signal: Signal) -> Result<(), Error> {
    if let Transaction::Postgres(_) = transaction {
        query("SELECT pg_notify('sealdex_' || CAST(CAST('writer' AS regclass) AS oid), $1)")
            .bind(signal.name())
            .execute(transaction)
            .await
            .map_err(Error::database("tell other processes"))?;
    }
    Ok(())
}

impl Store {
    /// Tells the others at once.
    pub(crate) async fn announce(&self, signal: Signal) -> Result<(), Error> {
        if let Self::Postgres(_) = self {
            let mut transaction = self.write_as_writer().await?;
            announce(&mut transaction, signal).await?;
            super::commit(transaction).await?;
        }
        Ok(())
    }
}

/// Hands on what other processes, and this one, tell; until the database is closed or `hear` says that nobody listens.
pub(super) async fn listen(store: PostgresStore, hear: impl Fn(Signal) -> bool) {
    let pool = store.listening();
    loop {
        match listen_once(&store, &pool, &hear).await {
            Ok(()) => return,
            Err(error) => {
                tracing::debug!(%error, "not told of what other processes do");
                if store.is_closed() || !hear_all(&hear) {
                    return;
                }
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn listen_once(
    store: &PostgresStore,
    pool: &sqlx::PgPool,
    hear: &impl Fn(Signal) -> bool,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(&format!("sealdex_{}", store.key())).await?;
    loop {
        // Whatever was told before, or while the connection was away.
        if !hear_all(hear) {
            return Ok(());
        }
        while let Some(notification) = listener.try_recv().await? {
            let signal = [Signal::Pending, Signal::Published]
                .into_iter()
                .find(|signal| signal.name() == notification.payload());
            if signal.is_some_and(|signal| !hear(signal)) {
                return Ok(());
            }
        }
    }
}

fn hear_all(hear: &impl Fn(Signal) -> bool) -> bool {
    hear(Signal::Pending) && hear(Signal::Published)
}

//! Locks held by a session: PostgreSQL frees them when the session ends, however it ends.
//!
//! A machine that is gone is noticed by TCP, a process that was stopped by its silence: the session must be heard of every
//! few seconds, or the server ends it.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use super::postgres::PostgresStore;
use crate::error::Error;

/// How often the session is heard of.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long an answer may take before the session is given up.
const ANSWER: Duration = Duration::from_secs(3);

/// After so much silence the server ends the session.
const SILENCE: Duration = Duration::from_secs(5);

/// A lock that was just given back is free some milliseconds later.
const ATTEMPTS: u32 = 4;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(25);

/// What is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The right to publish.
    Writer = 1,
    /// The right to import.
    Import = 2,
}

/// Held for as long as it lives and the session with it.
#[derive(Debug)]
pub(crate) struct SessionLock {
    lost: watch::Receiver<bool>,
    /// Dropped with the lock, which ends the session.
    _release: oneshot::Sender<()>,
}

impl SessionLock {
    /// `None`: another session holds it.
    pub(super) async fn acquire(store: &PostgresStore, purpose: Purpose) -> Result<Option<Self>, Error> {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let options = [("idle_session_timeout", millis(SILENCE)), ("statement_timeout", millis(ANSWER))];
        let mut connection = store.session(&options).await?;
        for _ in 0..ATTEMPTS {
            let (acquired,): (bool,) =
                sqlx::query_as("SELECT pg_try_advisory_lock(CAST(CAST($1 AS oid) AS integer), $2)")
                    .bind(store.key())
                    .bind(purpose as i32)
                    .fetch_one(&mut connection)
                    .await
                    .map_err(Error::database("take a lock"))?;
            if acquired {
                let (lose, lost) = watch::channel(false);
                let (release, released) = oneshot::channel();
                tokio::spawn(keep(connection, lose, released));
                return Ok(Some(Self { lost, _release: release }));
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        let _ = connection.close().await;
        Ok(None)
    }

    /// Ends when the session has ended, and with it the lock.
    pub(crate) async fn lost(&self) {
        // An error says that the one who keeps the session is gone, which comes to the same.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }

    pub(crate) fn is_lost(&self) -> bool {
        *self.lost.borrow() || self.lost.has_changed().is_err()
    }
}

/// Lets the server hear of the session until the lock is given back.
async fn keep(mut connection: PgConnection, lose: watch::Sender<bool>, mut released: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            _ = &mut released => break,
            () = sleep(HEARTBEAT) => {}
        }
        let beat = timeout(ANSWER, sqlx::query("SELECT 1").execute(&mut connection)).await;
        if !matches!(beat, Ok(Ok(_))) {
            tracing::warn!("a session with a lock in the database was lost");
            lose.send_replace(true);
            let _ = timeout(ANSWER, connection.close_hard()).await;
            return;
        }
    }
    // Free when this returns; a session that ends is noticed by the server a moment later.
    let unlock = sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut connection);
    let _ = timeout(ANSWER, unlock).await;
    let _ = timeout(ANSWER, connection.close()).await;
}

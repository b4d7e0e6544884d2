//! Changes of the layout, and the roles signed offline for the one that waits.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{RoleRow, next_number, signed, time, unsigned};
use crate::error::Error;
use crate::store::log::PublishedIn;

/// A change of the layout that waits to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WaitingRelayout {
    pub(crate) id: u64,
    /// The layout, as the state keeps it.
    pub(crate) layout: String,
}

/// A role signed offline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfflineRole {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) expires: Timestamp,
    pub(crate) content: Vec<u8>,
}

impl OfflineRole {
    pub(crate) fn row(&self) -> RoleRow {
        let (name, version) = (self.name.clone(), self.version);
        RoleRow { name, version, reserved: version, expires: self.expires }
    }
}

/// What became of a change of the layout.
pub(crate) enum Outcome {
    Waiting,
    Published(PublishedIn),
    Abandoned(String),
}

pub(crate) async fn waiting(connection: &mut SqliteConnection) -> Result<Option<WaitingRelayout>, Error> {
    let row: Option<(i64, String)> = sqlx::query_as(
        "SELECT id, layout FROM relayouts WHERE publication IS NULL AND abandoned IS NULL ORDER BY id LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::database("read the change of the layout"))?;
    row.map(|(id, layout)| Ok(WaitingRelayout { id: unsigned(id)?, layout })).transpose()
}

/// Enters a change of the layout and gives its number; `None`: another one waits.
pub(crate) async fn submit(
    connection: &mut SqliteConnection,
    at: Timestamp,
    actor: &str,
    layout: &str,
    roles: &[OfflineRole],
) -> Result<Option<u64>, Error> {
    // Whoever else submits one waits for this number from here on.
    let id = next_number(&mut *connection, "relayout").await?;
    if waiting(&mut *connection).await?.is_some() {
        return Ok(None);
    }
    sqlx::query("INSERT INTO relayouts (id, submitted_at, actor, layout) VALUES ($1, $2, $3, $4)")
        .bind(signed(id)?)
        .bind(at.as_microsecond())
        .bind(actor)
        .bind(layout)
        .execute(&mut *connection)
        .await
        .map_err(Error::database("enter a change of the layout"))?;
    for role in roles {
        sqlx::query("INSERT INTO relayout_roles (name, version, expires, content) VALUES ($1, $2, $3, $4)")
            .bind(&role.name)
            .bind(signed(role.version)?)
            .bind(role.expires.as_second())
            .bind(&role.content)
            .execute(&mut *connection)
            .await
            .map_err(Error::database("enter a change of the layout"))?;
    }
    Ok(Some(id))
}

/// The roles signed offline for the one that waits.
pub(crate) async fn offline_roles(connection: &mut SqliteConnection) -> Result<Vec<OfflineRole>, Error> {
    let rows: Vec<(String, i64, i64, Vec<u8>)> =
        sqlx::query_as("SELECT name, version, expires, content FROM relayout_roles ORDER BY name")
            .fetch_all(connection)
            .await
            .map_err(Error::database("read the roles signed offline"))?;
    rows.into_iter()
        .map(|(name, version, expires, content)| {
            let expires = Timestamp::from_second(expires).map_err(|_| Error::State {
                reason: format!("the database holds {expires} for the expiry of {name}"),
            })?;
            Ok(OfflineRole { version: unsigned(version)?, name, expires, content })
        })
        .collect()
}

pub(crate) async fn outcome(connection: &mut SqliteConnection, id: u64) -> Result<Outcome, Error> {
    let row: Option<(Option<String>, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT r.abandoned, p.snapshot_version, p.timestamp_version FROM relayouts r \
         LEFT JOIN publications p ON p.id = r.publication WHERE r.id = $1",
    )
    .bind(signed(id)?)
    .fetch_optional(connection)
    .await
    .map_err(Error::database("read the change of the layout"))?;
    match row {
        Some((Some(reason), ..)) => Ok(Outcome::Abandoned(reason)),
        Some((None, Some(snapshot), Some(timestamp))) => Ok(Outcome::Published(PublishedIn {
            snapshot_version: unsigned(snapshot)?,
            timestamp_version: unsigned(timestamp)?,
        })),
        Some(_) => Ok(Outcome::Waiting),
        None => Err(Error::State { reason: format!("there is no change {id} of the layout") }),
    }
}

/// Marks a change as published, unless it was abandoned meanwhile. Whether it waited.
pub(crate) async fn publish(
    connection: &mut SqliteConnection,
    id: u64,
    publication: u64,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE relayouts SET publication = $1 WHERE id = $2 AND publication IS NULL AND abandoned IS NULL",
    )
    .bind(signed(publication)?)
    .bind(signed(id)?)
    .execute(&mut *connection)
    .await
    .map_err(Error::database("mark the change of the layout"))?;
    let waited = done.rows_affected() == 1;
    if waited {
        forget_offline_roles(connection).await?;
    }
    Ok(waited)
}

/// Marks a change as abandoned, if it still waits. Whether it did.
pub(crate) async fn abandon(connection: &mut SqliteConnection, id: u64, reason: &str) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE relayouts SET abandoned = $1 WHERE id = $2 AND publication IS NULL AND abandoned IS NULL",
    )
    .bind(reason)
    .bind(signed(id)?)
    .execute(&mut *connection)
    .await
    .map_err(Error::database("mark the change of the layout"))?;
    let waited = done.rows_affected() == 1;
    if waited {
        forget_offline_roles(connection).await?;
    }
    Ok(waited)
}

async fn forget_offline_roles(connection: &mut SqliteConnection) -> Result<(), Error> {
    sqlx::query("DELETE FROM relayout_roles")
        .execute(connection)
        .await
        .map_err(Error::database("forget the roles signed offline"))?;
    Ok(())
}

/// When the layout was changed last.
pub(crate) async fn last_published_at(connection: &mut SqliteConnection) -> Result<Option<Timestamp>, Error> {
    let (at,): (Option<i64>,) = sqlx::query_as(
        "SELECT MAX(p.published_at) FROM relayouts r JOIN publications p ON p.id = r.publication",
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("read the change of the layout"))?;
    at.map(time).transpose()
}

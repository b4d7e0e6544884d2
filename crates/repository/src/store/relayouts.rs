//! Changes of the layout, and the roles signed offline for the one that waits.

use super::log::Versions;
use super::query::{Query, query};
use super::{RoleRow, Transaction, next_number, signed, time, unsigned};
use crate::error::Error;
use jiff::Timestamp;

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
    Published(Versions),
    Abandoned(String),
}

pub(crate) async fn waiting(transaction: &mut Transaction) -> Result<Option<WaitingRelayout>, Error> {
    let row: Option<(i64, String)> = query(
        "SELECT id, layout FROM relayouts WHERE publication IS NULL AND abandoned IS NULL ORDER BY id LIMIT 1",
    )
    .fetch_optional(transaction)
    .await
    .map_err(Error::database("read the change of the layout"))?;
    row.map(|(id, layout)| Ok(WaitingRelayout { id: unsigned(id)?, layout })).transpose()
}

/// Enters a change of the layout and gives its number; `None`: another one waits.
pub(crate) async fn submit(
    transaction: &mut Transaction,
    at: Timestamp,
    actor: &str,
    layout: &str,
    roles: &[OfflineRole],
) -> Result<Option<u64>, Error> {
    // Whoever else submits one waits for this number from here on.
    let id = next_number(transaction, "relayout").await?;
    if waiting(transaction).await?.is_some() {
        return Ok(None);
    }
    query("INSERT INTO relayouts (id, submitted_at, actor, layout) VALUES ($1, $2, $3, $4)")
        .bind(signed(id)?)
        .bind(at.as_microsecond())
        .bind(actor)
        .bind(layout)
        .execute(transaction)
        .await
        .map_err(Error::database("enter a change of the layout"))?;
    for role in roles {
        query("INSERT INTO relayout_roles (name, version, expires, content) VALUES ($1, $2, $3, $4)")
            .bind(&role.name)
            .bind(signed(role.version)?)
            .bind(role.expires.as_second())
            .bind(&role.content)
            .execute(transaction)
            .await
            .map_err(Error::database("enter a change of the layout"))?;
    }
    Ok(Some(id))
}

/// The roles signed offline for the one that waits.
pub(crate) async fn offline_roles(transaction: &mut Transaction) -> Result<Vec<OfflineRole>, Error> {
    let rows: Vec<(String, i64, i64, Vec<u8>)> =
        query("SELECT name, version, expires, content FROM relayout_roles ORDER BY name")
            .fetch_all(transaction)
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

pub(crate) async fn outcome(transaction: &mut Transaction, id: u64) -> Result<Outcome, Error> {
    let row: Option<(Option<String>, Option<i64>, Option<i64>)> = query(
        "SELECT r.abandoned, p.snapshot_version, p.timestamp_version FROM relayouts r \
         LEFT JOIN publications p ON p.id = r.publication WHERE r.id = $1",
    )
    .bind(signed(id)?)
    .fetch_optional(transaction)
    .await
    .map_err(Error::database("read the change of the layout"))?;
    match row {
        Some((Some(reason), ..)) => Ok(Outcome::Abandoned(reason)),
        Some((None, Some(snapshot), Some(timestamp))) => Ok(Outcome::Published(Versions {
            snapshot: unsigned(snapshot)?,
            timestamp: unsigned(timestamp)?,
        })),
        Some(_) => Ok(Outcome::Waiting),
        None => Err(Error::State { reason: format!("there is no change {id} of the layout") }),
    }
}

/// Marks a change as published, unless it was abandoned meanwhile. Whether it waited.
pub(crate) async fn publish(transaction: &mut Transaction, id: u64, publication: u64) -> Result<bool, Error> {
    let mark = query(
        "UPDATE relayouts SET publication = $1 WHERE id = $2 AND publication IS NULL AND abandoned IS NULL",
    );
    end(transaction, mark.bind(signed(publication)?).bind(signed(id)?)).await
}

/// Marks a change as abandoned, if it still waits. Whether it did.
pub(crate) async fn abandon(transaction: &mut Transaction, id: u64, reason: &str) -> Result<bool, Error> {
    let mark = query(
        "UPDATE relayouts SET abandoned = $1 WHERE id = $2 AND publication IS NULL AND abandoned IS NULL",
    );
    end(transaction, mark.bind(reason).bind(signed(id)?)).await
}

/// Marks the change that waits, and forgets what was signed for it. Whether there was one to mark.
async fn end(transaction: &mut Transaction, mark: Query<'_>) -> Result<bool, Error> {
    let marked = mark.execute(transaction).await.map_err(Error::database("mark the change of the layout"))?;
    if marked == 0 {
        return Ok(false);
    }
    query("DELETE FROM relayout_roles")
        .execute(transaction)
        .await
        .map_err(Error::database("forget the roles signed offline"))?;
    Ok(true)
}

/// When the layout was changed last.
pub(crate) async fn last_published_at(transaction: &mut Transaction) -> Result<Option<Timestamp>, Error> {
    let (at,): (Option<i64>,) =
        query("SELECT MAX(p.published_at) FROM relayouts r JOIN publications p ON p.id = r.publication")
            .fetch_one(transaction)
            .await
            .map_err(Error::database("read the change of the layout"))?;
    at.map(time).transpose()
}

//! Roles, publications and the outbox: what the snapshot process writes.

use jiff::Timestamp;

use super::query::query;
use super::{Transaction, next_number, signed, unsigned};
use crate::error::Error;

/// A role's latest metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleRow {
    pub(crate) name: String,
    pub(crate) version: u64,
    /// The highest version that may have been written: never below `version`.
    pub(crate) reserved: u64,
    pub(crate) expires: Timestamp,
}

/// A signed metadata file to be written below `public/metadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutboxFile {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

pub(crate) async fn roles(transaction: &mut Transaction) -> Result<Vec<RoleRow>, Error> {
    let rows: Vec<(String, i64, i64, i64)> = query("SELECT name, version, reserved, expires FROM roles")
        .fetch_all(transaction)
        .await
        .map_err(Error::database("read the roles"))?;
    rows.into_iter().map(role_row).collect()
}

/// The roles that have prepared changes, in the order of their names.
pub(crate) async fn prepared_roles(transaction: &mut Transaction) -> Result<Vec<RoleRow>, Error> {
    let rows: Vec<(String, i64, i64, i64)> = query(
        "SELECT name, version, reserved, expires FROM roles \
         WHERE name IN (SELECT role FROM prepared_targets) ORDER BY name",
    )
    .fetch_all(transaction)
    .await
    .map_err(Error::database("read the roles"))?;
    rows.into_iter().map(role_row).collect()
}

pub(crate) async fn role(transaction: &mut Transaction, name: &str) -> Result<Option<RoleRow>, Error> {
    let row: Option<(String, i64, i64, i64)> =
        query("SELECT name, version, reserved, expires FROM roles WHERE name = $1")
            .bind(name)
            .fetch_optional(transaction)
            .await
            .map_err(Error::database("read a role"))?;
    row.map(role_row).transpose()
}

fn role_row((name, version, reserved, expires): (String, i64, i64, i64)) -> Result<RoleRow, Error> {
    let expires = Timestamp::from_second(expires).map_err(|_| Error::State {
        reason: format!("the database holds {expires} for the expiry of {name}"),
    })?;
    let version = unsigned(version)?;
    Ok(RoleRow { name, version, reserved: unsigned(reserved)?.max(version), expires })
}

/// Adds a role with its first version.
pub(crate) async fn add_role(transaction: &mut Transaction, row: &RoleRow) -> Result<(), Error> {
    query("INSERT INTO roles (name, version, reserved, expires) VALUES ($1, $2, $3, $4)")
        .bind(&row.name)
        .bind(signed(row.version)?)
        .bind(signed(row.reserved)?)
        .bind(row.expires.as_second())
        .execute(transaction)
        .await
        .map_err(Error::database("add a role"))?;
    Ok(())
}

/// Moves a role on from version `before`, and only from it: a writer that was overtaken stops here.
pub(crate) async fn advance_role(
    transaction: &mut Transaction,
    row: &RoleRow,
    before: u64,
) -> Result<(), Error> {
    let changed = query("UPDATE roles SET version = $1, expires = $2 WHERE name = $3 AND version = $4")
        .bind(signed(row.version)?)
        .bind(row.expires.as_second())
        .bind(&row.name)
        .bind(signed(before)?)
        .execute(transaction)
        .await
        .map_err(Error::database("write a role"))?;
    if changed != 1 {
        return Err(Error::Fenced { role: row.name.clone(), expected: before });
    }
    Ok(())
}

/// Enters a publication; gives its number.
pub(crate) async fn add_publication(
    transaction: &mut Transaction,
    snapshot_version: u64,
    timestamp_version: u64,
    at: Timestamp,
) -> Result<u64, Error> {
    let id = next_number(transaction, "publication").await?;
    query(
        "INSERT INTO publications (id, snapshot_version, timestamp_version, published_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(signed(id)?)
    .bind(signed(snapshot_version)?)
    .bind(signed(timestamp_version)?)
    .bind(at.as_microsecond())
    .execute(transaction)
    .await
    .map_err(Error::database("write a publication"))?;
    Ok(id)
}

/// Replaces what is in the outbox.
pub(crate) async fn put_outbox(transaction: &mut Transaction, files: &[OutboxFile]) -> Result<(), Error> {
    query("DELETE FROM outbox").execute(transaction).await.map_err(Error::database("empty the outbox"))?;
    for (position, file) in files.iter().enumerate() {
        query("INSERT INTO outbox (position, name, content) VALUES ($1, $2, $3)")
            .bind(signed(position as u64)?)
            .bind(&file.name)
            .bind(&file.content)
            .execute(transaction)
            .await
            .map_err(Error::database("fill the outbox"))?;
    }
    Ok(())
}

/// The files of the last publication, in the order in which they are to be written.
pub(crate) async fn outbox(transaction: &mut Transaction) -> Result<Vec<OutboxFile>, Error> {
    let rows: Vec<(String, Vec<u8>)> = query("SELECT name, content FROM outbox ORDER BY position")
        .fetch_all(transaction)
        .await
        .map_err(Error::database("read the outbox"))?;
    Ok(rows.into_iter().map(|(name, content)| OutboxFile { name, content }).collect())
}

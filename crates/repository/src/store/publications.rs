//! Roles, publications and the outbox: what the snapshot process writes.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{next_number, signed, unsigned};
use crate::error::Error;

/// Rows in one statement. A full statement is prepared once and used again.
const ROWS: usize = 250;

/// A role's latest metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleRow {
    pub(crate) name: String,
    /// 0: none was ever published.
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

pub(crate) async fn roles(connection: &mut SqliteConnection) -> Result<Vec<RoleRow>, Error> {
    let rows: Vec<(String, i64, i64, i64)> =
        sqlx::query_as("SELECT name, version, reserved, expires FROM roles")
            .fetch_all(connection)
            .await
            .map_err(Error::database("read the roles"))?;
    rows.into_iter().map(role_row).collect()
}

/// Takes a new version for each of these roles, never to be taken again, and gives the roles in the order of their names.
/// One that was never published is there with version 0 from then on.
pub(crate) async fn reserve_versions(
    connection: &mut SqliteConnection,
    names: &[String],
) -> Result<Vec<RoleRow>, Error> {
    let mut reserved = Vec::with_capacity(names.len());
    for chunk in names.chunks(ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO roles (name, version, reserved, expires) ");
        insert.push_values(chunk, |mut row, name| {
            row.push_bind(name).push_bind(0_i64).push_bind(0_i64).push_bind(0_i64);
        });
        insert.push(" ON CONFLICT (name) DO NOTHING");
        insert.build().execute(&mut *connection).await.map_err(Error::database("add roles"))?;
        let mut update = QueryBuilder::<Sqlite>::new(
            "UPDATE roles SET reserved = CASE WHEN reserved > version THEN reserved ELSE version END + 1 \
             WHERE name IN ",
        );
        update.push_tuples(chunk, |mut row, name| {
            row.push_bind(name);
        });
        update.push(" RETURNING name, version, reserved, expires");
        let rows: Vec<(String, i64, i64, i64)> = update
            .build_query_as()
            .fetch_all(&mut *connection)
            .await
            .map_err(Error::database("reserve versions"))?;
        for row in rows {
            reserved.push(role_row(row)?);
        }
    }
    reserved.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(reserved)
}

pub(crate) async fn role(connection: &mut SqliteConnection, name: &str) -> Result<Option<RoleRow>, Error> {
    let row: Option<(String, i64, i64, i64)> =
        sqlx::query_as("SELECT name, version, reserved, expires FROM roles WHERE name = $1")
            .bind(name)
            .fetch_optional(connection)
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
pub(crate) async fn add_role(connection: &mut SqliteConnection, row: &RoleRow) -> Result<(), Error> {
    sqlx::query("INSERT INTO roles (name, version, reserved, expires) VALUES ($1, $2, $3, $4)")
        .bind(&row.name)
        .bind(signed(row.version)?)
        .bind(signed(row.reserved)?)
        .bind(row.expires.as_second())
        .execute(connection)
        .await
        .map_err(Error::database("add a role"))?;
    Ok(())
}

/// Moves a role on from version `before`, and only from it: a writer that was overtaken stops here.
pub(crate) async fn advance_role(
    connection: &mut SqliteConnection,
    row: &RoleRow,
    before: u64,
) -> Result<(), Error> {
    let done = sqlx::query("UPDATE roles SET version = $1, expires = $2 WHERE name = $3 AND version = $4")
        .bind(signed(row.version)?)
        .bind(row.expires.as_second())
        .bind(&row.name)
        .bind(signed(before)?)
        .execute(connection)
        .await
        .map_err(Error::database("write a role"))?;
    if done.rows_affected() != 1 {
        return Err(Error::Fenced { role: row.name.clone(), expected: before });
    }
    Ok(())
}

/// Enters a publication; gives its number.
pub(crate) async fn add_publication(
    connection: &mut SqliteConnection,
    snapshot_version: u64,
    timestamp_version: u64,
    at: Timestamp,
) -> Result<u64, Error> {
    let id = next_number(&mut *connection, "publication").await?;
    sqlx::query(
        "INSERT INTO publications (id, snapshot_version, timestamp_version, published_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(signed(id)?)
    .bind(signed(snapshot_version)?)
    .bind(signed(timestamp_version)?)
    .bind(at.as_microsecond())
    .execute(connection)
    .await
    .map_err(Error::database("write a publication"))?;
    Ok(id)
}

/// Replaces what is in the outbox.
pub(crate) async fn put_outbox(connection: &mut SqliteConnection, files: &[OutboxFile]) -> Result<(), Error> {
    sqlx::query("DELETE FROM outbox")
        .execute(&mut *connection)
        .await
        .map_err(Error::database("empty the outbox"))?;
    for (position, file) in files.iter().enumerate() {
        sqlx::query("INSERT INTO outbox (position, name, content) VALUES ($1, $2, $3)")
            .bind(signed(position as u64)?)
            .bind(&file.name)
            .bind(&file.content)
            .execute(&mut *connection)
            .await
            .map_err(Error::database("fill the outbox"))?;
    }
    Ok(())
}

/// The files of the last publication, in the order in which they are to be written.
pub(crate) async fn outbox(connection: &mut SqliteConnection) -> Result<Vec<OutboxFile>, Error> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as("SELECT name, content FROM outbox ORDER BY position")
        .fetch_all(connection)
        .await
        .map_err(Error::database("read the outbox"))?;
    Ok(rows.into_iter().map(|(name, content)| OutboxFile { name, content }).collect())
}

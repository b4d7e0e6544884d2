//! Roles, publications and the outbox: what the snapshot process writes.

use jiff::Timestamp;

use super::query::{query, query_list, query_rows};
use super::{ROWS, Transaction, next_number, signed, unsigned};
use crate::error::Error;

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

pub(crate) async fn roles(transaction: &mut Transaction) -> Result<Vec<RoleRow>, Error> {
    let rows: Vec<(String, i64, i64, i64)> = query("SELECT name, version, reserved, expires FROM roles")
        .fetch_all(transaction)
        .await
        .map_err(Error::database("read the roles"))?;
    rows.into_iter().map(role_row).collect()
}

/// Takes a new version for each of these roles, never to be taken again, and gives the roles in the order of their names.
/// One that was never published is there with version 0 from then on.
pub(crate) async fn reserve_versions(
    transaction: &mut Transaction,
    names: &[String],
) -> Result<Vec<RoleRow>, Error> {
    let mut reserved = Vec::with_capacity(names.len());
    for chunk in names.chunks(ROWS) {
        let insert = query_rows(
            transaction.dialect(),
            "INSERT INTO roles (name, version, reserved, expires)",
            chunk.iter().map(|name| [name.into(), 0.into(), 0.into(), 0.into()]),
            " ON CONFLICT (name) DO NOTHING",
        );
        insert.execute(transaction).await.map_err(Error::database("add roles"))?;
        let update = query_list(
            transaction.dialect(),
            "UPDATE roles SET reserved = CASE WHEN reserved > version THEN reserved ELSE version END + 1 \
             WHERE name IN ",
            chunk.iter().map(String::as_str),
            " RETURNING name, version, reserved, expires",
        );
        let rows: Vec<(String, i64, i64, i64)> =
            update.fetch_all(transaction).await.map_err(Error::database("reserve versions"))?;
        for row in rows {
            reserved.push(role_row(row)?);
        }
    }
    reserved.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(reserved)
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

/// Moves roles on, each from the version given with it, and only from it: a writer that was overtaken stops here.
pub(crate) async fn advance_roles(
    transaction: &mut Transaction,
    roles: &[(&RoleRow, u64)],
) -> Result<(), Error> {
    for chunk in roles.chunks(ROWS) {
        let rows = chunk
            .iter()
            .map(|(row, before)| Ok((row, signed(row.version)?, signed(row.reserved)?, signed(*before)?)));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let rows = rows.into_iter().map(|(row, version, reserved, before)| {
            let expires = row.expires.as_second();
            [(&row.name).into(), version.into(), reserved.into(), expires.into(), before.into()]
        });
        let advance = query_rows(
            transaction.dialect(),
            "WITH next (name, version, reserved, expires, before) AS (",
            rows,
            ") UPDATE roles SET version = next.version, reserved = next.reserved, expires = next.expires FROM next \
             WHERE roles.name = next.name AND roles.version = next.before",
        );
        let done = advance.execute(transaction).await.map_err(Error::database("write roles"))?;
        if done != chunk.len() as u64 {
            return Err(overtaken(transaction, chunk).await?);
        }
    }
    Ok(())
}

/// Which of the roles is not in the version that its writer knew.
async fn overtaken(transaction: &mut Transaction, roles: &[(&RoleRow, u64)]) -> Result<Error, Error> {
    for (row, before) in roles {
        let moved_on = role(transaction, &row.name).await?.is_none_or(|found| found.version != row.version);
        if moved_on {
            return Ok(Error::Fenced { role: row.name.clone(), expected: *before });
        }
    }
    Ok(Error::State { reason: "the versions of roles were not moved on".to_owned() })
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
    for (chunk, first) in files.chunks(ROWS).zip((0_i64..).step_by(ROWS)) {
        let rows = chunk
            .iter()
            .zip(first..)
            .map(|(file, position)| [position.into(), (&file.name).into(), (&file.content).into()]);
        let fill =
            query_rows(transaction.dialect(), "INSERT INTO outbox (position, name, content)", rows, "");
        fill.execute(transaction).await.map_err(Error::database("fill the outbox"))?;
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

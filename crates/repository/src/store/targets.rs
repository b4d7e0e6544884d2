//! The targets that are signed.

use sqlx::SqliteConnection;

use super::{TargetRow, signed, unsigned};
use crate::error::Error;

/// The targets that a role holds.
pub(crate) async fn of_role(connection: &mut SqliteConnection, role: &str) -> Result<Vec<TargetRow>, Error> {
    let rows: Vec<(String, i64, String)> =
        sqlx::query_as("SELECT path, length, sha256 FROM targets WHERE role = $1")
            .bind(role)
            .fetch_all(connection)
            .await
            .map_err(Error::database("read the targets of a role"))?;
    rows.into_iter().map(target_row).collect()
}

/// The next targets after the path `last`, in order.
pub(crate) async fn after(
    connection: &mut SqliteConnection,
    last: &str,
    limit: u32,
) -> Result<Vec<TargetRow>, Error> {
    let rows: Vec<(String, i64, String)> =
        sqlx::query_as("SELECT path, length, sha256 FROM targets WHERE path > $1 ORDER BY path LIMIT $2")
            .bind(last)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(Error::database("read the targets"))?;
    rows.into_iter().map(target_row).collect()
}

fn target_row((path, length, sha256): (String, i64, String)) -> Result<TargetRow, Error> {
    Ok(TargetRow { path, length: unsigned(length)?, sha256 })
}

pub(crate) async fn put(
    connection: &mut SqliteConnection,
    role: &str,
    target: &TargetRow,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO targets (path, role, length, sha256) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, sha256 = excluded.sha256",
    )
    .bind(&target.path)
    .bind(role)
    .bind(signed(target.length)?)
    .bind(&target.sha256)
    .execute(connection)
    .await
    .map_err(Error::database("write a target"))?;
    Ok(())
}

pub(crate) async fn remove(connection: &mut SqliteConnection, path: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM targets WHERE path = $1")
        .bind(path)
        .execute(connection)
        .await
        .map_err(Error::database("remove a target"))?;
    Ok(())
}

/// How many there are: projects, distributions on their pages, and targets signed.
pub(crate) async fn counts(connection: &mut SqliteConnection) -> Result<[u64; 3], Error> {
    let (projects, files, targets): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM pages), (SELECT COUNT(*) FROM distributions WHERE removed = 0), \
         (SELECT COUNT(*) FROM targets)",
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("count"))?;
    Ok([unsigned(projects)?, unsigned(files)?, unsigned(targets)?])
}

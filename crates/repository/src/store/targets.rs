//! The targets that are signed.

use super::query::query;
use super::{TargetRow, Transaction, signed, unsigned};
use crate::error::Error;

/// The targets that a role holds.
pub(crate) async fn of_role(transaction: &mut Transaction, role: &str) -> Result<Vec<TargetRow>, Error> {
    let rows: Vec<(String, i64, String)> = query("SELECT path, length, sha256 FROM targets WHERE role = $1")
        .bind(role)
        .fetch_all(transaction)
        .await
        .map_err(Error::database("read the targets of a role"))?;
    rows.into_iter()
        .map(|(path, length, sha256)| Ok(TargetRow { path, length: unsigned(length)?, sha256 }))
        .collect()
}

pub(crate) async fn put(transaction: &mut Transaction, role: &str, target: &TargetRow) -> Result<(), Error> {
    query(
        "INSERT INTO targets (path, role, length, sha256) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, sha256 = excluded.sha256",
    )
    .bind(&target.path)
    .bind(role)
    .bind(signed(target.length)?)
    .bind(&target.sha256)
    .execute(transaction)
    .await
    .map_err(Error::database("write a target"))?;
    Ok(())
}

pub(crate) async fn remove(transaction: &mut Transaction, path: &str) -> Result<(), Error> {
    query("DELETE FROM targets WHERE path = $1")
        .bind(path)
        .execute(transaction)
        .await
        .map_err(Error::database("remove a target"))?;
    Ok(())
}

/// How many there are: projects, distributions on their pages, and targets signed.
pub(crate) async fn counts(transaction: &mut Transaction) -> Result<[u64; 3], Error> {
    let (projects, files, targets): (i64, i64, i64) = query(
        "SELECT (SELECT COUNT(*) FROM pages), (SELECT COUNT(*) FROM distributions WHERE removed = 0), \
         (SELECT COUNT(*) FROM targets)",
    )
    .fetch_one(transaction)
    .await
    .map_err(Error::database("count"))?;
    Ok([unsigned(projects)?, unsigned(files)?, unsigned(targets)?])
}

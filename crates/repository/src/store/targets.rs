//! The targets that are signed.

use sealdex_tuf::RoleName;

use super::query::{parts, query, query_list, query_rows};
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

/// Puts targets, each once, into the roles that hold them.
pub(crate) async fn put(
    transaction: &mut Transaction,
    targets: &[(RoleName, TargetRow)],
) -> Result<(), Error> {
    let numbers = targets.iter().map(|(role, target)| Ok((role, target, signed(target.length)?)));
    let rows = numbers.collect::<Result<Vec<_>, Error>>()?;
    for part in parts(&rows) {
        let rows = part.iter().map(|(role, target, length)| {
            [(&target.path).into(), role.as_str().into(), (*length).into(), (&target.sha256).into()]
        });
        let insert = query_rows(
            transaction,
            "INSERT INTO targets (path, role, length, sha256)",
            rows,
            " ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, \
             sha256 = excluded.sha256",
        );
        insert.execute(transaction).await.map_err(Error::database("write targets"))?;
    }
    Ok(())
}

pub(crate) async fn remove(transaction: &mut Transaction, paths: &[String]) -> Result<(), Error> {
    for part in parts(paths) {
        let paths = part.iter().map(String::as_str);
        let delete = query_list(transaction, "DELETE FROM targets WHERE path IN ", paths, "");
        delete.execute(transaction).await.map_err(Error::database("remove targets"))?;
    }
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

//! The targets that are signed.

use std::collections::HashMap;

use sealdex_tuf::RoleName;

use super::query::{query, query_list, query_rows};
use super::{ROWS, TargetRow, Transaction, signed, unsigned};
use crate::error::Error;

/// The targets that each of these roles holds, by role.
pub(crate) async fn of_roles(
    transaction: &mut Transaction,
    roles: &[&str],
) -> Result<HashMap<String, Vec<TargetRow>>, Error> {
    let mut held: HashMap<String, Vec<TargetRow>> = HashMap::with_capacity(roles.len());
    for chunk in roles.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT role, path, length, sha256 FROM targets WHERE role IN ",
            chunk.iter().copied(),
            "",
        );
        let rows: Vec<(String, String, i64, String)> =
            select.fetch_all(transaction).await.map_err(Error::database("read the targets of roles"))?;
        for (role, path, length, sha256) in rows {
            held.entry(role).or_default().push(TargetRow { path, length: unsigned(length)?, sha256 });
        }
    }
    Ok(held)
}

/// The next targets after the path `last`, in order.
pub(crate) async fn after(
    transaction: &mut Transaction,
    last: &str,
    limit: u32,
) -> Result<Vec<TargetRow>, Error> {
    let rows: Vec<(String, i64, String)> =
        query("SELECT path, length, sha256 FROM targets WHERE path > $1 ORDER BY path LIMIT $2")
            .bind(last)
            .bind(i64::from(limit))
            .fetch_all(transaction)
            .await
            .map_err(Error::database("read the targets"))?;
    rows.into_iter()
        .map(|(path, length, sha256)| Ok(TargetRow { path, length: unsigned(length)?, sha256 }))
        .collect()
}

pub(crate) async fn put(
    transaction: &mut Transaction,
    targets: &[(RoleName, TargetRow)],
) -> Result<(), Error> {
    for chunk in targets.chunks(ROWS) {
        let rows = chunk.iter().map(|(role, target)| Ok((role, target, signed(target.length)?)));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let rows = rows.into_iter().map(|(role, target, length)| {
            [(&target.path).into(), role.as_str().into(), length.into(), (&target.sha256).into()]
        });
        let put = query_rows(
            transaction.dialect(),
            "INSERT INTO targets (path, role, length, sha256)",
            rows,
            " ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, \
             sha256 = excluded.sha256",
        );
        put.execute(transaction).await.map_err(Error::database("write targets"))?;
    }
    Ok(())
}

pub(crate) async fn remove(transaction: &mut Transaction, paths: &[String]) -> Result<(), Error> {
    for chunk in paths.chunks(ROWS) {
        let paths = chunk.iter().map(String::as_str);
        let remove = query_list(transaction.dialect(), "DELETE FROM targets WHERE path IN ", paths, "");
        remove.execute(transaction).await.map_err(Error::database("remove targets"))?;
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

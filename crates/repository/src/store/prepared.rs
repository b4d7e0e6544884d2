//! A bulk publication being prepared: pages and targets as they will be. Nothing of it is signed or seen.

use std::collections::HashMap;

use jiff::Timestamp;

use super::query::{query, query_list, query_rows};
use super::{ROWS, TargetRow, Transaction, signed, unsigned};
use crate::error::Error;

/// The digest of a target that is to be none any more.
const REMOVED: &str = "";

/// A page as it will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PreparedPage {
    pub(crate) project: String,
    pub(crate) sha256: String,
    pub(crate) serial: u64,
}

/// A target as it will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PreparedTarget {
    pub(crate) role: String,
    pub(crate) target: TargetRow,
    /// It is to be no target any more.
    pub(crate) removed: bool,
}

/// Forgets what was prepared.
pub(crate) async fn clear(transaction: &mut Transaction) -> Result<(), Error> {
    for delete in ["DELETE FROM prepared_pages", "DELETE FROM prepared_targets"] {
        query(delete).execute(transaction).await.map_err(Error::database("forget a prepared publication"))?;
    }
    Ok(())
}

/// Enters every project that was imported up to `through`; gives their number.
pub(crate) async fn begin(transaction: &mut Transaction, through: u64) -> Result<u64, Error> {
    let entered = query(
        "INSERT INTO prepared_pages (project, serial) SELECT DISTINCT project, 0 FROM transactions \
         WHERE publication IS NULL AND action = 'import' AND id <= $1 AND project IS NOT NULL",
    )
    .bind(signed(through)?)
    .execute(transaction)
    .await
    .map_err(Error::database("prepare a publication"))?;
    Ok(entered)
}

/// The next projects after `last`, in order.
pub(crate) async fn projects_after(
    transaction: &mut Transaction,
    last: &str,
    limit: u32,
) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        query("SELECT project FROM prepared_pages WHERE project > $1 ORDER BY project LIMIT $2")
            .bind(last)
            .bind(i64::from(limit))
            .fetch_all(transaction)
            .await
            .map_err(Error::database("read prepared projects"))?;
    Ok(rows.into_iter().map(|(project,)| project).collect())
}

pub(crate) async fn put(
    transaction: &mut Transaction,
    pages: &[PreparedPage],
    targets: &[PreparedTarget],
) -> Result<(), Error> {
    for chunk in pages.chunks(ROWS) {
        let rows =
            chunk.iter().map(|page| Ok((page, signed(page.serial)?))).collect::<Result<Vec<_>, Error>>()?;
        let rows = rows
            .into_iter()
            .map(|(page, serial)| [(&page.project).into(), (&page.sha256).into(), serial.into()]);
        let insert = query_rows(
            transaction.dialect(),
            "INSERT INTO prepared_pages (project, sha256, serial)",
            rows,
            " ON CONFLICT (project) DO UPDATE SET sha256 = excluded.sha256, serial = excluded.serial",
        );
        insert.execute(transaction).await.map_err(Error::database("prepare pages"))?;
    }
    for chunk in targets.chunks(ROWS) {
        let rows = chunk.iter().map(|row| Ok((row, signed(row.target.length)?)));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let rows = rows.into_iter().map(|(row, length)| {
            let sha256 = if row.removed { REMOVED } else { row.target.sha256.as_str() };
            [(&row.target.path).into(), (&row.role).into(), length.into(), sha256.into()]
        });
        let insert = query_rows(
            transaction.dialect(),
            "INSERT INTO prepared_targets (path, role, length, sha256)",
            rows,
            " ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, \
             sha256 = excluded.sha256",
        );
        insert.execute(transaction).await.map_err(Error::database("prepare targets"))?;
    }
    Ok(())
}

/// The prepared changes of the targets of each of these roles, by role.
pub(crate) async fn of_roles(
    transaction: &mut Transaction,
    roles: &[&str],
) -> Result<HashMap<String, Vec<PreparedTarget>>, Error> {
    let mut changes: HashMap<String, Vec<PreparedTarget>> = HashMap::with_capacity(roles.len());
    for chunk in roles.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT role, path, length, sha256 FROM prepared_targets WHERE role IN ",
            chunk.iter().copied(),
            "",
        );
        let rows: Vec<(String, String, i64, String)> =
            select.fetch_all(transaction).await.map_err(Error::database("read prepared targets"))?;
        for (role, path, length, sha256) in rows {
            let removed = sha256 == REMOVED;
            let target = TargetRow { path, length: unsigned(length)?, sha256 };
            changes.entry(role.clone()).or_default().push(PreparedTarget { role, target, removed });
        }
    }
    Ok(changes)
}

/// The roles that have prepared changes.
pub(crate) async fn roles(transaction: &mut Transaction) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = query("SELECT DISTINCT role FROM prepared_targets ORDER BY role")
        .fetch_all(transaction)
        .await
        .map_err(Error::database("read prepared roles"))?;
    Ok(rows.into_iter().map(|(role,)| role).collect())
}

/// Makes the prepared targets all there are, however many, those included that are to be none: the two tables change their
/// names. What was there before is forgotten with the next [`clear`].
pub(crate) async fn replace_targets(transaction: &mut Transaction) -> Result<(), Error> {
    for rename in [
        "ALTER TABLE targets RENAME TO replaced_targets",
        "ALTER TABLE prepared_targets RENAME TO targets",
        "ALTER TABLE replaced_targets RENAME TO prepared_targets",
    ] {
        query(rename).execute(transaction).await.map_err(Error::database("replace the targets"))?;
    }
    Ok(())
}

/// Makes what was prepared the state, and forgets it.
pub(crate) async fn publish(transaction: &mut Transaction, at: Timestamp) -> Result<(), Error> {
    let (any,): (i64,) = query("SELECT COUNT(*) FROM (SELECT path FROM targets LIMIT 1) AS held")
        .fetch_one(transaction)
        .await
        .map_err(Error::database("look for targets"))?;
    if any == 0 {
        // All of a first import: copying them would take longer than everything else here.
        replace_targets(transaction).await?;
        query("DELETE FROM targets WHERE sha256 = ''")
            .execute(transaction)
            .await
            .map_err(Error::database("remove targets"))?;
    } else {
        merge_targets(transaction).await?;
    }
    query(
        "INSERT INTO pages (project, sha256, serial, published_at) \
         SELECT project, sha256, serial, $1 FROM prepared_pages WHERE sha256 IS NOT NULL \
         ON CONFLICT (project) DO UPDATE SET sha256 = excluded.sha256, serial = excluded.serial, \
         published_at = excluded.published_at",
    )
    .bind(at.as_microsecond())
    .execute(transaction)
    .await
    .map_err(Error::database("publish prepared pages"))?;
    clear(transaction).await
}

/// Enters the prepared targets among those that there are.
async fn merge_targets(transaction: &mut Transaction) -> Result<(), Error> {
    // `WHERE` lets SQLite tell the upsert from a join.
    query(
        "INSERT INTO targets (path, role, length, sha256) \
         SELECT path, role, length, sha256 FROM prepared_targets WHERE sha256 <> '' \
         ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, sha256 = excluded.sha256",
    )
    .execute(transaction)
    .await
    .map_err(Error::database("publish prepared targets"))?;
    query("DELETE FROM targets WHERE path IN (SELECT path FROM prepared_targets WHERE sha256 = '')")
        .execute(transaction)
        .await
        .map_err(Error::database("remove targets"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Location, Open, Store, commit};

    #[tokio::test]
    async fn what_is_to_be_no_target_is_none_whatever_there_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("state")), Open::New).await.unwrap();
        let prepared = |path: &str, sha256: &str, removed| PreparedTarget {
            role: "bin".to_owned(),
            target: TargetRow { path: path.to_owned(), length: 1, sha256: sha256.to_owned() },
            removed,
        };
        // First all that is prepared, then what changes.
        for (changes, expected) in [
            (
                vec![prepared("a", "1", false), prepared("b", "2", true), prepared("c", "3", false)],
                "a 1, c 3",
            ),
            (
                vec![prepared("a", "4", false), prepared("c", "3", true), prepared("d", "5", false)],
                "a 4, d 5",
            ),
        ] {
            let mut write = store.write().await.unwrap();
            put(&mut write, &[], &changes).await.unwrap();
            publish(&mut write, Timestamp::UNIX_EPOCH).await.unwrap();
            let left = roles(&mut write).await.unwrap();
            let select = query("SELECT path, sha256 FROM targets ORDER BY path");
            let rows: Vec<(String, String)> = select.fetch_all(&mut write).await.unwrap();
            commit(write).await.unwrap();
            let rows: Vec<String> =
                rows.into_iter().map(|(path, sha256)| format!("{path} {sha256}")).collect();
            assert_eq!((rows.join(", ").as_str(), left.len()), (expected, 0));
        }
        store.close().await;
    }
}

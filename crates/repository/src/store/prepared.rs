//! A bulk publication being prepared: pages and targets as they will be. Nothing of it is signed or seen.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{TargetRow, signed, unsigned};
use crate::error::Error;

/// Rows in one statement. A full statement is prepared once and used again.
const ROWS: usize = 250;

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
pub(crate) async fn clear(connection: &mut SqliteConnection) -> Result<(), Error> {
    for delete in ["DELETE FROM prepared_pages", "DELETE FROM prepared_targets"] {
        sqlx::query(delete)
            .execute(&mut *connection)
            .await
            .map_err(Error::database("forget a prepared publication"))?;
    }
    Ok(())
}

/// Enters every project that was imported up to `through`; gives their number.
pub(crate) async fn begin(connection: &mut SqliteConnection, through: u64) -> Result<u64, Error> {
    let done = sqlx::query(
        "INSERT INTO prepared_pages (project, serial) SELECT DISTINCT project, 0 FROM transactions \
         WHERE publication IS NULL AND action = 'import' AND id <= $1 AND project IS NOT NULL",
    )
    .bind(signed(through)?)
    .execute(connection)
    .await
    .map_err(Error::database("prepare a publication"))?;
    Ok(done.rows_affected())
}

/// The next projects after `last`, in order.
pub(crate) async fn projects_after(
    connection: &mut SqliteConnection,
    last: &str,
    limit: u32,
) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT project FROM prepared_pages WHERE project > $1 ORDER BY project LIMIT $2")
            .bind(last)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(Error::database("read prepared projects"))?;
    Ok(rows.into_iter().map(|(project,)| project).collect())
}

pub(crate) async fn put(
    connection: &mut SqliteConnection,
    pages: &[PreparedPage],
    targets: &[PreparedTarget],
) -> Result<(), Error> {
    for chunk in pages.chunks(ROWS) {
        let rows =
            chunk.iter().map(|page| Ok((page, signed(page.serial)?))).collect::<Result<Vec<_>, Error>>()?;
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO prepared_pages (project, sha256, serial) ");
        insert.push_values(rows, |mut row, (page, serial)| {
            row.push_bind(&page.project).push_bind(&page.sha256).push_bind(serial);
        });
        insert
            .push(" ON CONFLICT (project) DO UPDATE SET sha256 = excluded.sha256, serial = excluded.serial");
        insert.build().execute(&mut *connection).await.map_err(Error::database("prepare pages"))?;
    }
    for chunk in targets.chunks(ROWS) {
        let rows = chunk.iter().map(|row| Ok((row, signed(row.target.length)?)));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let mut insert =
            QueryBuilder::<Sqlite>::new("INSERT INTO prepared_targets (path, role, length, sha256) ");
        insert.push_values(rows, |mut row, (target, length)| {
            let sha256 = if target.removed { REMOVED } else { target.target.sha256.as_str() };
            row.push_bind(&target.target.path).push_bind(&target.role).push_bind(length).push_bind(sha256);
        });
        insert.push(
            " ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, \
             sha256 = excluded.sha256",
        );
        insert.build().execute(&mut *connection).await.map_err(Error::database("prepare targets"))?;
    }
    Ok(())
}

/// The prepared changes of a role's targets.
pub(crate) async fn of_role(
    connection: &mut SqliteConnection,
    role: &str,
) -> Result<Vec<PreparedTarget>, Error> {
    let rows: Vec<(String, i64, String)> =
        sqlx::query_as("SELECT path, length, sha256 FROM prepared_targets WHERE role = $1")
            .bind(role)
            .fetch_all(connection)
            .await
            .map_err(Error::database("read prepared targets"))?;
    rows.into_iter()
        .map(|(path, length, sha256)| {
            let removed = sha256 == REMOVED;
            let target = TargetRow { path, length: unsigned(length)?, sha256 };
            Ok(PreparedTarget { role: role.to_owned(), target, removed })
        })
        .collect()
}

/// The roles that have prepared changes.
pub(crate) async fn roles(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT role FROM prepared_targets ORDER BY role")
        .fetch_all(connection)
        .await
        .map_err(Error::database("read prepared roles"))?;
    Ok(rows.into_iter().map(|(role,)| role).collect())
}

/// Makes the prepared targets all there are, however many: the two tables change their names. What was there before is
/// forgotten with the next [`clear`].
pub(crate) async fn replace_targets(connection: &mut SqliteConnection) -> Result<(), Error> {
    for rename in [
        "ALTER TABLE targets RENAME TO replaced_targets",
        "ALTER TABLE prepared_targets RENAME TO targets",
        "ALTER TABLE replaced_targets RENAME TO prepared_targets",
    ] {
        sqlx::query(rename)
            .execute(&mut *connection)
            .await
            .map_err(Error::database("replace the targets"))?;
    }
    Ok(())
}

/// Makes what was prepared the state, and forgets it.
pub(crate) async fn publish(connection: &mut SqliteConnection, at: Timestamp) -> Result<(), Error> {
    // `WHERE` lets SQLite tell the upsert from a join.
    sqlx::query(
        "INSERT INTO targets (path, role, length, sha256) \
         SELECT path, role, length, sha256 FROM prepared_targets WHERE sha256 <> '' \
         ON CONFLICT (path) DO UPDATE SET role = excluded.role, length = excluded.length, sha256 = excluded.sha256",
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::database("publish prepared targets"))?;
    sqlx::query("DELETE FROM targets WHERE path IN (SELECT path FROM prepared_targets WHERE sha256 = '')")
        .execute(&mut *connection)
        .await
        .map_err(Error::database("remove targets"))?;
    sqlx::query(
        "INSERT INTO pages (project, sha256, serial, published_at) \
         SELECT project, sha256, serial, $1 FROM prepared_pages WHERE sha256 IS NOT NULL \
         ON CONFLICT (project) DO UPDATE SET sha256 = excluded.sha256, serial = excluded.serial, \
         published_at = excluded.published_at",
    )
    .bind(at.as_microsecond())
    .execute(&mut *connection)
    .await
    .map_err(Error::database("publish prepared pages"))?;
    clear(connection).await
}

//! Many distributions at once.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{DistributionRow, signed, take_numbers};
use crate::error::Error;

/// Rows in one statement. A full statement is prepared once and used again.
const ROWS: usize = 500;

/// By file name: the digest of a distribution that there is already, and whether it was removed.
pub(crate) type KnownFiles = HashMap<String, (String, bool)>;

/// What there is of these projects.
pub(crate) async fn known(
    connection: &mut SqliteConnection,
    projects: &[&str],
) -> Result<HashMap<String, KnownFiles>, Error> {
    let mut known: HashMap<String, KnownFiles> = HashMap::new();
    for chunk in projects.chunks(ROWS) {
        let mut select = QueryBuilder::<Sqlite>::new(
            "SELECT project, filename, sha256, removed FROM distributions WHERE project IN ",
        );
        select.push_tuples(chunk, |mut row, project| {
            row.push_bind(*project);
        });
        let rows: Vec<(String, String, String, i64)> = select
            .build_query_as()
            .fetch_all(&mut *connection)
            .await
            .map_err(Error::database("read distributions"))?;
        for (project, filename, sha256, removed) in rows {
            known.entry(project).or_default().insert(filename, (sha256, removed != 0));
        }
    }
    Ok(known)
}

/// Writes a transaction `import` for each project into the log; gives the number of the first one, the others follow.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    submitted_at: Timestamp,
    actor: &str,
    projects: &[String],
) -> Result<u64, Error> {
    let first = take_numbers(&mut *connection, "transaction", projects.len() as u64).await?;
    let mut id = signed(first)?;
    for chunk in projects.chunks(ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO transactions (id, submitted_at, actor, action, project, path) ",
        );
        insert.push_values(chunk, |mut row, project| {
            row.push_bind(id).push_bind(submitted_at.as_microsecond()).push_bind(actor);
            row.push_bind("import").push_bind(project).push_bind(format!("files/{project}/*"));
            id += 1;
        });
        insert.build().execute(&mut *connection).await.map_err(Error::database("write transactions"))?;
    }
    Ok(first)
}

/// Adds distributions, none of which is there.
pub(crate) async fn add(connection: &mut SqliteConnection, rows: &[DistributionRow]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS) {
        let numbers = chunk.iter().map(|row| Ok((row, signed(row.length)?, signed(row.changed_by)?)));
        let numbers = numbers.collect::<Result<Vec<_>, Error>>()?;
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO distributions (project, filename, version, sha256, length, sidecar_sha256, requires_python, \
             uploaded_at, yanked, yanked_reason, removed, url, changed_by) ",
        );
        insert.push_values(numbers, |mut columns, (row, length, changed_by)| {
            columns.push_bind(&row.project).push_bind(&row.filename).push_bind(&row.version);
            columns.push_bind(&row.sha256).push_bind(length).push_bind(&row.sidecar_sha256);
            columns.push_bind(&row.requires_python).push_bind(row.uploaded_at.as_microsecond());
            columns.push_bind(i64::from(row.yanked.is_some())).push_bind(row.yanked.clone().flatten());
            columns.push_bind(i64::from(row.removed)).push_bind(&row.url).push_bind(changed_by);
        });
        insert.build().execute(&mut *connection).await.map_err(Error::database("write distributions"))?;
    }
    Ok(())
}

/// Every distribution of these projects, removed ones included, in the order of projects and names.
pub(crate) async fn of_projects(
    connection: &mut SqliteConnection,
    projects: &[String],
) -> Result<Vec<DistributionRow>, Error> {
    let mut select = QueryBuilder::<Sqlite>::new("SELECT * FROM distributions WHERE project IN ");
    select.push_tuples(projects, |mut row, project| {
        row.push_bind(project);
    });
    select.push(" ORDER BY project, filename");
    let rows = select.build().fetch_all(connection).await.map_err(Error::database("read distributions"))?;
    rows.iter().map(DistributionRow::read).collect()
}

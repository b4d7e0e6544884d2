//! Many distributions at once.

use std::collections::HashMap;

use jiff::Timestamp;

use super::query::{Value, query_list, query_rows};
use super::rows::Raw;
use super::{DistributionRow, Transaction, signed, take_numbers};
use crate::error::Error;

/// Rows in one statement. A full statement is prepared once and used again.
const ROWS: usize = 500;

/// By file name: the digest of a distribution that there is already, and whether it was removed.
pub(crate) type KnownFiles = HashMap<String, (String, bool)>;

/// What there is of these projects.
pub(crate) async fn known(
    transaction: &mut Transaction,
    projects: &[&str],
) -> Result<HashMap<String, KnownFiles>, Error> {
    let mut known: HashMap<String, KnownFiles> = HashMap::new();
    for chunk in projects.chunks(ROWS) {
        let select = query_list(
            transaction,
            "SELECT project, filename, sha256, removed FROM distributions WHERE project IN ",
            chunk.iter().copied(),
            "",
        );
        let rows: Vec<(String, String, String, i64)> =
            select.fetch_all(transaction).await.map_err(Error::database("read distributions"))?;
        for (project, filename, sha256, removed) in rows {
            known.entry(project).or_default().insert(filename, (sha256, removed != 0));
        }
    }
    Ok(known)
}

/// Writes a transaction `import` for each project into the log; gives the number of the first one, the others follow.
pub(crate) async fn append(
    transaction: &mut Transaction,
    submitted_at: Timestamp,
    actor: &str,
    projects: &[String],
) -> Result<u64, Error> {
    let first = take_numbers(transaction, "transaction", projects.len() as u64).await?;
    let mut id = signed(first)?;
    for chunk in projects.chunks(ROWS) {
        let rows = chunk.iter().zip(id..).map(|(project, id)| {
            let (submitted_at, path) = (submitted_at.as_microsecond(), format!("files/{project}/*"));
            [id.into(), submitted_at.into(), actor.into(), "import".into(), project.into(), path.into()]
        });
        let into = "INSERT INTO transactions (id, submitted_at, actor, action, project, path)";
        let insert = query_rows(transaction, into, rows, "");
        insert.execute(transaction).await.map_err(Error::database("write transactions"))?;
        id += signed(chunk.len() as u64)?;
    }
    Ok(first)
}

/// Adds distributions, none of which is there.
pub(crate) async fn add(transaction: &mut Transaction, rows: &[DistributionRow]) -> Result<(), Error> {
    for chunk in rows.chunks(ROWS) {
        let numbers = chunk.iter().map(|row| Ok((row, signed(row.length)?, signed(row.changed_by)?)));
        let numbers = numbers.collect::<Result<Vec<_>, Error>>()?;
        let rows = numbers.into_iter().map(|(row, length, changed_by)| -> [Value<'_>; 13] {
            [
                (&row.project).into(),
                (&row.filename).into(),
                (&row.version).into(),
                (&row.sha256).into(),
                length.into(),
                (&row.sidecar_sha256).into(),
                (&row.requires_python).into(),
                row.uploaded_at.as_microsecond().into(),
                i64::from(row.yanked.is_some()).into(),
                row.yanked.as_ref().and_then(Option::as_deref).into(),
                i64::from(row.removed).into(),
                (&row.url).into(),
                changed_by.into(),
            ]
        });
        let into = "INSERT INTO distributions (project, filename, version, sha256, length, sidecar_sha256, \
                    requires_python, uploaded_at, yanked, yanked_reason, removed, url, changed_by)";
        let insert = query_rows(transaction, into, rows, "");
        insert.execute(transaction).await.map_err(Error::database("write distributions"))?;
    }
    Ok(())
}

/// Every distribution of these projects, removed ones included, in the order of projects and names.
pub(crate) async fn of_projects(
    transaction: &mut Transaction,
    projects: &[String],
) -> Result<Vec<DistributionRow>, Error> {
    let select = query_list(
        transaction,
        "SELECT * FROM distributions WHERE project IN ",
        projects.iter().map(String::as_str),
        " ORDER BY project, filename",
    );
    let rows: Vec<Raw> =
        select.fetch_all(transaction).await.map_err(Error::database("read distributions"))?;
    rows.into_iter().map(Raw::checked).collect()
}

//! What must not be collected.

use std::collections::HashSet;

use jiff::Timestamp;

use super::Transaction;
use super::query::query;
use crate::error::Error;

/// Names of files, `SHA256.NAME`.
pub(crate) type Live = HashSet<String>;

/// Whether a bulk publication makes the page of a project.
pub(crate) async fn is_prepared(transaction: &mut Transaction, project: &str) -> Result<bool, Error> {
    let row: Option<(String,)> = query("SELECT project FROM prepared_pages WHERE project = $1")
        .bind(project)
        .fetch_optional(transaction)
        .await
        .map_err(Error::database("read prepared pages"))?;
    Ok(row.is_some())
}

/// The page of a project that is published.
pub(crate) async fn live_pages(transaction: &mut Transaction, project: &str) -> Result<Live, Error> {
    let rows: Vec<(String,)> = query("SELECT sha256 FROM pages WHERE project = $1")
        .bind(project)
        .fetch_all(transaction)
        .await
        .map_err(Error::database("read pages"))?;
    Ok(rows.into_iter().map(|(sha256,)| format!("{sha256}.index.json")).collect())
}

/// The distributions of a project that the log knows, but for those removed by a transaction before `before`.
pub(crate) async fn live_distributions(
    transaction: &mut Transaction,
    project: &str,
    before: Timestamp,
) -> Result<Live, Error> {
    let rows: Vec<(String, String)> = query(
        "SELECT d.sha256, d.filename FROM distributions d JOIN transactions t ON t.id = d.changed_by \
         WHERE d.project = $1 AND (d.removed = 0 OR t.publication IS NULL OR t.submitted_at >= $2)",
    )
    .bind(project)
    .bind(before.as_microsecond())
    .fetch_all(transaction)
    .await
    .map_err(Error::database("read distributions"))?;
    Ok(rows.into_iter().map(|(sha256, name)| format!("{sha256}.{name}")).collect())
}

/// The other files in `folder` that the log knows, but for those removed by a transaction before `before`.
pub(crate) async fn live_files(
    transaction: &mut Transaction,
    folder: &str,
    before: Timestamp,
) -> Result<Live, Error> {
    // Everything below the folder: `0` comes after `/`.
    let (start, end) = match folder {
        "" => (String::new(), char::MAX.to_string()),
        folder => (format!("{folder}/"), format!("{folder}0")),
    };
    let rows: Vec<(String, String)> = query(
        "SELECT f.path, f.sha256 FROM plain_files f JOIN transactions t ON t.id = f.changed_by \
         WHERE f.path >= $1 AND f.path < $2 \
         AND (f.removed = 0 OR t.publication IS NULL OR t.submitted_at >= $3)",
    )
    .bind(&start)
    .bind(&end)
    .bind(before.as_microsecond())
    .fetch_all(transaction)
    .await
    .map_err(Error::database("read files"))?;
    let own = rows.iter().filter_map(|(path, sha256)| {
        let name = path.strip_prefix(&start)?;
        (!name.contains('/')).then(|| format!("{sha256}.{name}"))
    });
    Ok(own.collect())
}

//! Many distributions at once.

use std::collections::HashMap;

use super::query::query_list;
use super::{ROWS, Transaction};
use crate::error::Error;

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

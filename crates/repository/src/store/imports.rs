//! Many distributions at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::query::{query, query_list, query_rows};
use super::{ROWS, Transaction, signed, unsigned};
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
            transaction.dialect(),
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

/// A transaction of an import that is not published yet.
pub(crate) struct Entered {
    pub(crate) id: u64,
    pub(crate) project: String,
    /// `files/PROJECT/*`: files that are new. Anything else is the path of one that was removed before, and came back.
    path: String,
}

impl Entered {
    fn came_back(&self) -> bool {
        !self.path.ends_with("/*")
    }
}

/// The next of them after `after`, up to `through`, in order.
pub(crate) async fn entered(
    transaction: &mut Transaction,
    after: u64,
    through: u64,
    limit: u32,
) -> Result<Vec<Entered>, Error> {
    let rows: Vec<(i64, String, String)> = query(
        "SELECT id, project, path FROM transactions WHERE publication IS NULL AND action = 'import' \
         AND project IS NOT NULL AND id > $1 AND id <= $2 ORDER BY id LIMIT $3",
    )
    .bind(signed(after)?)
    .bind(signed(through)?)
    .bind(i64::from(limit))
    .fetch_all(transaction)
    .await
    .map_err(Error::database("read imported transactions"))?;
    rows.into_iter().map(|(id, project, path)| Ok(Entered { id: unsigned(id)?, project, path })).collect()
}

/// Those of these projects of which something is pending that was not imported.
pub(crate) async fn with_pending(
    transaction: &mut Transaction,
    projects: &[&str],
) -> Result<HashSet<String>, Error> {
    let mut found = HashSet::new();
    for chunk in projects.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT DISTINCT project FROM transactions WHERE publication IS NULL AND action <> 'import' \
             AND project IN ",
            chunk.iter().copied(),
            "",
        );
        let rows: Vec<(String,)> =
            select.fetch_all(transaction).await.map_err(Error::database("read pending transactions"))?;
        found.extend(rows.into_iter().map(|(project,)| project));
    }
    Ok(found)
}

/// The serials of the pages of these projects, where there are pages.
pub(crate) async fn serials(
    transaction: &mut Transaction,
    projects: &[&str],
) -> Result<BTreeMap<String, u64>, Error> {
    let mut found = BTreeMap::new();
    for chunk in projects.chunks(ROWS) {
        let select = query_list(
            transaction.dialect(),
            "SELECT project, serial FROM pages WHERE project IN ",
            chunk.iter().copied(),
            "",
        );
        let rows: Vec<(String, i64)> =
            select.fetch_all(transaction).await.map_err(Error::database("read pages"))?;
        for (project, serial) in rows {
            found.insert(project, unsigned(serial)?);
        }
    }
    Ok(found)
}

/// Marks these as published, at the latest in the last publication.
pub(crate) async fn keep(transaction: &mut Transaction, entered: &[&Entered]) -> Result<(), Error> {
    let mark = ") UPDATE transactions SET publication = (SELECT MAX(id) FROM publications) \
                WHERE id IN (SELECT id FROM listed)";
    listed(transaction, entered, mark).await.map(|_| ())
}

/// Removes what these entered; what came back is removed as it was before, since its name stays used. They stay in the log,
/// as abandoned. Gives the number of files.
pub(crate) async fn abandon(transaction: &mut Transaction, entered: &[&Entered]) -> Result<u64, Error> {
    let (back, new): (Vec<&Entered>, Vec<&Entered>) =
        entered.iter().copied().partition(|entered| entered.came_back());
    let remove = ") DELETE FROM distributions \
                  WHERE project IN (SELECT project FROM listed) AND changed_by IN (SELECT id FROM listed)";
    let remove_again = ") UPDATE distributions SET removed = 1 \
                        WHERE project IN (SELECT project FROM listed) AND changed_by IN (SELECT id FROM listed)";
    let removed = listed(transaction, &new, remove).await? + listed(transaction, &back, remove_again).await?;
    // Publication 0 is none: what is in it is neither pending nor public.
    query(
        "INSERT INTO publications (id, snapshot_version, timestamp_version, published_at) VALUES (0, 0, 0, 0) \
         ON CONFLICT (id) DO NOTHING",
    )
    .execute(transaction)
    .await
    .map_err(Error::database("abandon an import"))?;
    let mark = ") UPDATE transactions SET action = 'import-abandoned', publication = 0 \
                WHERE id IN (SELECT id FROM listed)";
    listed(transaction, entered, mark).await?;
    Ok(removed)
}

/// Runs a statement that takes transactions and their projects from `listed`; gives the number of rows it changed.
async fn listed(
    transaction: &mut Transaction,
    entered: &[&Entered],
    statement: &'static str,
) -> Result<u64, Error> {
    let mut changed = 0;
    for chunk in entered.chunks(ROWS) {
        let rows = chunk.iter().map(|entered| Ok([(&entered.project).into(), signed(entered.id)?.into()]));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let list =
            query_rows(transaction.dialect(), "WITH listed (project, id) AS (", rows.into_iter(), statement);
        changed += list.execute(transaction).await.map_err(Error::database("abandon an import"))?;
    }
    Ok(changed)
}

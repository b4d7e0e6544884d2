//! The transaction log.

use jiff::Timestamp;

use super::query::query;
use super::{Transaction, next_number, signed, time, unsigned};
use crate::audit::AuditEntry;
use crate::error::Error;
use crate::transaction::TransactionId;

/// A transaction to be written into the log.
pub(crate) struct NewEntry<'a> {
    pub(crate) submitted_at: Timestamp,
    pub(crate) actor: &'a str,
    pub(crate) action: &'a str,
    /// The project whose page it changes.
    pub(crate) project: Option<&'a str>,
    /// The target path of the file it is about.
    pub(crate) path: &'a str,
    pub(crate) sha256: Option<&'a str>,
}

/// A transaction that is not published yet.
pub(crate) struct Pending {
    pub(crate) id: u64,
    pub(crate) project: Option<String>,
    pub(crate) path: String,
}

/// The publication that made a transaction public.
pub(crate) struct PublishedIn {
    pub(crate) snapshot_version: u64,
    pub(crate) timestamp_version: u64,
}

pub(crate) async fn append(transaction: &mut Transaction, entry: &NewEntry<'_>) -> Result<u64, Error> {
    let id = next_number(transaction, "transaction").await?;
    query(
        "INSERT INTO transactions (id, submitted_at, actor, action, project, path, sha256) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(signed(id)?)
    .bind(entry.submitted_at.as_microsecond())
    .bind(entry.actor)
    .bind(entry.action)
    .bind(entry.project)
    .bind(entry.path)
    .bind(entry.sha256)
    .execute(transaction)
    .await
    .map_err(Error::database("write a transaction"))?;
    Ok(id)
}

/// The first `limit` transactions that are not published yet, in order; those of imports are not among them.
pub(crate) async fn pending(transaction: &mut Transaction, limit: u32) -> Result<Vec<Pending>, Error> {
    let rows: Vec<(i64, Option<String>, String)> = query(
        "SELECT id, project, path FROM transactions WHERE publication IS NULL AND action <> 'import' \
         ORDER BY id LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(transaction)
    .await
    .map_err(Error::database("read pending transactions"))?;
    rows.into_iter().map(|(id, project, path)| Ok(Pending { id: unsigned(id)?, project, path })).collect()
}

pub(crate) async fn pending_count(transaction: &mut Transaction) -> Result<u64, Error> {
    // Each part has an index of its own.
    let (count,): (i64,) = query(
        "SELECT (SELECT COUNT(*) FROM transactions WHERE publication IS NULL AND action <> 'import') + \
         (SELECT COUNT(*) FROM transactions WHERE publication IS NULL AND action = 'import')",
    )
    .fetch_one(transaction)
    .await
    .map_err(Error::database("count pending transactions"))?;
    unsigned(count)
}

/// The first and the last transaction of imports that are not published yet.
pub(crate) async fn imported(transaction: &mut Transaction) -> Result<Option<(u64, u64)>, Error> {
    // Two queries for the index to answer without being read from end to end.
    let (first, last): (Option<i64>, Option<i64>) = query(
        "SELECT (SELECT MIN(id) FROM transactions WHERE publication IS NULL AND action = 'import'), \
         (SELECT MAX(id) FROM transactions WHERE publication IS NULL AND action = 'import')",
    )
    .fetch_one(transaction)
    .await
    .map_err(Error::database("read imported transactions"))?;
    first.zip(last).map(|(first, last)| Ok((unsigned(first)?, unsigned(last)?))).transpose()
}

/// Marks everything pending up to `through` as published, imports excepted.
pub(crate) async fn mark_published(
    transaction: &mut Transaction,
    through: u64,
    publication: u64,
) -> Result<(), Error> {
    let mark = "UPDATE transactions SET publication = $1 \
                WHERE publication IS NULL AND action <> 'import' AND id <= $2";
    mark_with(transaction, mark, through, publication).await
}

/// Marks everything imported up to `through` as published.
pub(crate) async fn mark_imported(
    transaction: &mut Transaction,
    through: u64,
    publication: u64,
) -> Result<(), Error> {
    let mark = "UPDATE transactions SET publication = $1 \
                WHERE publication IS NULL AND action = 'import' AND id <= $2";
    mark_with(transaction, mark, through, publication).await
}

async fn mark_with(
    transaction: &mut Transaction,
    mark: &'static str,
    through: u64,
    publication: u64,
) -> Result<(), Error> {
    query(mark)
        .bind(signed(publication)?)
        .bind(signed(through)?)
        .execute(transaction)
        .await
        .map_err(Error::database("mark transactions as published"))?;
    Ok(())
}

/// What made a transaction public; `None` while it is pending.
pub(crate) async fn published_in(
    transaction: &mut Transaction,
    id: TransactionId,
) -> Result<Option<PublishedIn>, Error> {
    let row: Option<(i64, i64)> = query(
        "SELECT p.snapshot_version, p.timestamp_version FROM transactions t \
         JOIN publications p ON p.id = t.publication WHERE t.id = $1",
    )
    .bind(signed(id.number())?)
    .fetch_optional(transaction)
    .await
    .map_err(Error::database("read a publication"))?;
    let Some((snapshot, timestamp)) = row else { return Ok(None) };
    Ok(Some(PublishedIn { snapshot_version: unsigned(snapshot)?, timestamp_version: unsigned(timestamp)? }))
}

/// The log from after `after` on.
pub(crate) async fn entries(
    transaction: &mut Transaction,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditEntry>, Error> {
    let rows: Vec<Columns> = query(
        "SELECT t.id, t.submitted_at, t.actor, t.action, t.path, t.sha256, p.snapshot_version \
         FROM transactions t LEFT JOIN publications p ON p.id = t.publication \
         WHERE t.id > $1 ORDER BY t.id LIMIT $2",
    )
    .bind(signed(after)?)
    .bind(i64::from(limit))
    .fetch_all(transaction)
    .await
    .map_err(Error::database("read the log"))?;
    rows.into_iter().map(entry).collect()
}

/// The columns of an entry, in the order they are asked for.
type Columns = (i64, i64, String, String, String, Option<String>, Option<i64>);

fn entry(columns: Columns) -> Result<AuditEntry, Error> {
    let (id, submitted, actor, action, path, sha256, snapshot_version) = columns;
    Ok(AuditEntry {
        transaction: TransactionId(unsigned(id)?),
        submitted: time(submitted)?,
        actor,
        action,
        path,
        sha256,
        snapshot_version: snapshot_version.map(unsigned).transpose()?,
    })
}

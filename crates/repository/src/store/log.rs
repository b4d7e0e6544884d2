//! The transaction log.

use std::borrow::Cow;

use jiff::Timestamp;

use super::query::{query, query_rows};
use super::{ROWS, Transaction, signed, take_numbers, time, unsigned};
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
    pub(crate) path: Cow<'a, str>,
    pub(crate) sha256: Option<&'a str>,
}

/// A transaction that is not published yet.
pub(crate) struct Pending {
    pub(crate) id: u64,
    pub(crate) project: Option<String>,
    pub(crate) path: String,
}

/// The versions of a publication's snapshot and timestamp.
#[derive(Clone, Copy)]
pub(crate) struct Versions {
    pub(crate) snapshot: u64,
    pub(crate) timestamp: u64,
}

/// The number of the next transaction. Nobody else writes one before this database transaction ends.
pub(crate) async fn next_id(transaction: &mut Transaction) -> Result<u64, Error> {
    take_numbers(transaction, "transaction", 0).await
}

/// Writes transactions into the log; gives the number of the first one, the others follow.
pub(crate) async fn append(transaction: &mut Transaction, entries: &[NewEntry<'_>]) -> Result<u64, Error> {
    let first = take_numbers(transaction, "transaction", entries.len() as u64).await?;
    let mut id = signed(first)?;
    for chunk in entries.chunks(ROWS) {
        let rows = chunk.iter().zip(id..).map(|(entry, id)| {
            [
                id.into(),
                entry.submitted_at.as_microsecond().into(),
                entry.actor.into(),
                entry.action.into(),
                entry.project.into(),
                entry.path.as_ref().into(),
                entry.sha256.into(),
            ]
        });
        let into = "INSERT INTO transactions (id, submitted_at, actor, action, project, path, sha256)";
        let insert = query_rows(transaction.dialect(), into, rows, "");
        insert.execute(transaction).await.map_err(Error::database("write transactions"))?;
        id += signed(chunk.len() as u64)?;
    }
    Ok(first)
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

/// How many transactions are not published yet, those of imports excepted, and when the first of them was submitted.
pub(crate) async fn waiting(transaction: &mut Transaction) -> Result<(u64, Option<Timestamp>), Error> {
    let (count, first): (i64, Option<i64>) =
        query("SELECT COUNT(*), MIN(id) FROM transactions WHERE publication IS NULL AND action <> 'import'")
            .fetch_one(transaction)
            .await
            .map_err(Error::database("count pending transactions"))?;
    let Some(first) = first else { return Ok((0, None)) };
    let at = submitted_at(transaction, unsigned(first)?).await?;
    Ok((unsigned(count)?, at))
}

/// When a transaction was submitted.
pub(crate) async fn submitted_at(transaction: &mut Transaction, id: u64) -> Result<Option<Timestamp>, Error> {
    let row: Option<(i64,)> = query("SELECT submitted_at FROM transactions WHERE id = $1")
        .bind(signed(id)?)
        .fetch_optional(transaction)
        .await
        .map_err(Error::database("read a transaction"))?;
    row.map(|(at,)| time(at)).transpose()
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
) -> Result<Option<Versions>, Error> {
    let row: Option<(i64, i64)> = query(
        "SELECT p.snapshot_version, p.timestamp_version FROM transactions t \
         JOIN publications p ON p.id = t.publication AND p.id > 0 WHERE t.id = $1",
    )
    .bind(signed(id.number())?)
    .fetch_optional(transaction)
    .await
    .map_err(Error::database("read a publication"))?;
    row.map(versions).transpose()
}

/// The number up to which every transaction is public, those of imports excepted, and the last publication.
pub(crate) async fn published_through(
    transaction: &mut Transaction,
) -> Result<Option<(u64, Versions)>, Error> {
    let (first_pending, last): (Option<i64>, i64) = query(
        "SELECT (SELECT MIN(id) FROM transactions WHERE publication IS NULL AND action <> 'import'), \
         (SELECT value FROM counters WHERE name = 'transaction')",
    )
    .fetch_one(transaction)
    .await
    .map_err(Error::database("read what is pending"))?;
    let publication: Option<(i64, i64)> = query(
        "SELECT snapshot_version, timestamp_version FROM publications WHERE id > 0 ORDER BY id DESC LIMIT 1",
    )
    .fetch_optional(transaction)
    .await
    .map_err(Error::database("read the last publication"))?;
    let through = first_pending.map_or(last, |first| first - 1);
    publication.map(|found| Ok((unsigned(through)?, versions(found)?))).transpose()
}

fn versions((snapshot, timestamp): (i64, i64)) -> Result<Versions, Error> {
    Ok(Versions { snapshot: unsigned(snapshot)?, timestamp: unsigned(timestamp)? })
}

/// The log from after `after` on.
pub(crate) async fn entries(
    transaction: &mut Transaction,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditEntry>, Error> {
    let rows: Vec<Columns> = query(
        "SELECT t.id, t.submitted_at, t.actor, t.action, t.path, t.sha256, p.snapshot_version \
         FROM transactions t LEFT JOIN publications p ON p.id = t.publication AND p.id > 0 \
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

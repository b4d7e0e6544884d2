//! Who publishes, where it is a database lock that decides: each change of hands has a number, the epoch.

use jiff::Timestamp;

use super::query::query;
use super::{Store, Transaction, commit, signed, time, unsigned};
use crate::error::Error;

/// The process that became the writer last.
#[derive(Clone, Debug)]
pub(crate) struct WriterRow {
    pub(crate) host: String,
    pub(crate) process: u64,
    pub(crate) since: Timestamp,
}

/// Makes a process the writer: gives its epoch, greater than any before. Waits for a publication that is under way; no
/// other one of an earlier epoch can be committed any more.
pub(crate) async fn take_over(
    store: &Store,
    host: &str,
    process: u32,
    since: Timestamp,
) -> Result<u64, Error> {
    let mut transaction = store.write_as_writer().await?;
    let (epoch,): (i64,) = query(
        "UPDATE writer SET epoch = epoch + 1, host = $1, process = $2, since = $3 WHERE only_one = 1 RETURNING epoch",
    )
    .bind(host)
    .bind(i64::from(process))
    .bind(since.as_microsecond())
    .fetch_one(&mut transaction)
    .await
    .map_err(Error::database("become the writer"))?;
    commit(transaction).await?;
    unsigned(epoch)
}

/// Keeps every other writer out until the transaction ends, and makes sure that this is the latest.
pub(super) async fn check_epoch(transaction: &mut Transaction, epoch: u64) -> Result<(), Error> {
    // The lock is taken by a change of nothing, which both databases know.
    let unchanged = query("UPDATE writer SET epoch = epoch WHERE only_one = 1 AND epoch = $1")
        .bind(signed(epoch)?)
        .execute(transaction)
        .await
        .map_err(Error::database("look who is the writer"))?;
    if unchanged == 1 {
        return Ok(());
    }
    let row = last(transaction).await?;
    let reason = format!("process {} on {} took over at {}", row.process, row.host, row.since);
    Err(Error::NoLongerWriter { reason })
}

/// The process that became the writer last, whether or not it still is.
pub(crate) async fn last(transaction: &mut Transaction) -> Result<WriterRow, Error> {
    let (host, process, since): (String, i64, i64) =
        query("SELECT host, process, since FROM writer WHERE only_one = 1")
            .fetch_one(transaction)
            .await
            .map_err(Error::database("look who is the writer"))?;
    Ok(WriterRow { host, process: unsigned(process)?, since: time(since)? })
}

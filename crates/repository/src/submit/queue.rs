//! Changes that wait for the database, committed together: one synchronisation of the disk for all of them.

use jiff::Timestamp;

use super::Change;
use super::apply::{Asked, apply};
use crate::error::Error;
use crate::store::{Signal, Store, announce, commit};
use crate::together::Together;
use crate::transaction::Receipt;

/// The changes of this process on their way into the log.
#[derive(Clone, Default)]
pub(crate) struct SubmitQueue(Together<Waiting, Result<Receipt, Error>>);

struct Waiting {
    change: Change,
    actor: String,
    at: Timestamp,
}

impl SubmitQueue {
    /// Writes a change into the log; it is durable when this returns. A caller that gives up waiting does not stop it.
    pub(crate) async fn submit(
        &self,
        store: &Store,
        change: Change,
        actor: String,
        at: Timestamp,
    ) -> Result<Receipt, Error> {
        let store = store.clone();
        let write = |batch: Vec<Waiting>| async move { write_all(&store, &batch).await };
        self.0.ask(Waiting { change, actor, at }, write).await?
    }
}

async fn write_all(store: &Store, batch: &[Waiting]) -> Vec<Result<Receipt, Error>> {
    write(store, batch).await.unwrap_or_else(|failure| {
        tracing::error!(transactions = batch.len(), error = %failure, "transactions were not committed");
        batch.iter().map(|_| Err(failure.of_batch())).collect()
    })
}

/// One result for each change, or the failure that stopped them all.
async fn write(store: &Store, batch: &[Waiting]) -> Result<Vec<Result<Receipt, Error>>, Error> {
    let mut transaction = store.write().await?;
    let asked: Vec<Asked<'_>> =
        batch.iter().map(|Waiting { change, actor, at }| Asked { change, actor, at: *at }).collect();
    let results = apply(&mut transaction, &asked).await?;
    announce(&mut transaction, Signal::Pending).await?;
    commit(transaction).await?;
    Ok(results)
}

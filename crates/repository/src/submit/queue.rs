//! Changes that wait for the database, committed together: one synchronisation of the disk for all of them.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Change;
use super::apply::{Asked, apply};
use crate::error::Error;
use crate::store::{Signal, Store, announce, commit};
use crate::transaction::Receipt;

/// The changes of this process on their way into the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubmitQueue {
    waiting: Arc<Mutex<Vec<Waiting>>>,
    committing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Waiting {
    change: Change,
    actor: String,
    at: Timestamp,
    answer: oneshot::Sender<Result<Receipt, Error>>,
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
        let (answer, answered) = oneshot::channel();
        self.lock_waiting().push(Waiting { change, actor, at, answer });
        let (queue, store) = (self.clone(), store.clone());
        // Whoever gets here first commits for everybody who waits by then; the others find nothing left to do.
        tokio::spawn(async move {
            let _committing = queue.committing.lock().await;
            let batch = std::mem::take(&mut *queue.lock_waiting());
            if !batch.is_empty() {
                commit_batch(&store, batch).await;
            }
        });
        answered.await.map_err(|_| Error::Interrupted)?
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        // Nothing between lock and unlock can leave the list half-changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn commit_batch(store: &Store, batch: Vec<Waiting>) {
    match write_batch(store, &batch).await {
        Ok(results) => {
            for (waiting, result) in batch.into_iter().zip(results) {
                // Who does not wait any longer needs no answer.
                let _ = waiting.answer.send(result);
            }
        }
        Err(failure) => {
            tracing::error!(transactions = batch.len(), error = %failure, "transactions were not committed");
            for waiting in batch {
                let _ = waiting.answer.send(Err(failure.of_batch()));
            }
        }
    }
}

/// One result for each change, or the failure that stopped them all.
async fn write_batch(store: &Store, batch: &[Waiting]) -> Result<Vec<Result<Receipt, Error>>, Error> {
    let mut transaction = store.write().await?;
    let asked: Vec<Asked<'_>> =
        batch.iter().map(|Waiting { change, actor, at, .. }| Asked { change, actor, at: *at }).collect();
    let results = apply(&mut transaction, &asked).await?;
    announce(&mut transaction, Signal::Pending).await?;
    commit(transaction).await?;
    Ok(results)
}

//! SQLite's write-ahead log, copied into the database beside the writer.
//!
//! Left to itself SQLite does so within a commit, each time the log has 4 MB: the writer waits for the disk, and pages
//! that change again and again, such as those of indexes, are written as often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// From a write to the copying: what is written until then goes with it.
const DELAY: Duration = Duration::from_secs(1);

/// What copies the log. It ends by itself when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpoints {
    running: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

impl Checkpoints {
    /// Takes a connection of its own at the first write.
    pub(super) fn begin(options: SqliteConnectOptions) -> Self {
        let (writes, announced) = mpsc::channel(1);
        let task = tokio::spawn(copy_after_writes(options, announced));
        Self { running: Mutex::new(Some((writes, task))) }
    }

    /// Something is about to be written.
    pub(super) fn announce_write(&self) {
        if let Some((writes, _)) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            // Where one is announced already, this is copied with it.
            let _announced = writes.try_send(());
        }
    }

    /// Ends it, and waits until its connection is closed: whoever closes the last one merges the log into the database,
    /// and may move that file then.
    pub(super) async fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((writes, task)) = running {
            drop(writes);
            // It does not panic; and if it did, it would be over.
            let _over = task.await;
        }
    }
}

async fn copy_after_writes(options: SqliteConnectOptions, mut announced: mpsc::Receiver<()>) {
    let mut connection = None;
    while announced.recv().await.is_some() {
        let end = async { while announced.recv().await.is_some() {} };
        tokio::select! {
            () = tokio::time::sleep(DELAY) => {}
            () = end => break,
        }
        if let Err(error) = copy(&options, &mut connection).await {
            // The writer does it, later.
            tracing::warn!(error = &error as &dyn std::error::Error, "the write-ahead log was not copied");
            connection = None;
        }
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not closed");
    }
}

/// Copies what no reader needs in the log any more, and waits for nobody.
async fn copy(
    options: &SqliteConnectOptions,
    connection: &mut Option<SqliteConnection>,
) -> Result<(), sqlx::Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(options.connect().await?),
    };
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::{Location, Open, Store, commit, put_fact};

    /// What stands in the database itself, whatever the log has.
    async fn copied(path: &Path) -> Option<String> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let mut connection = options.connect().await.ok()?;
        let query = sqlx::query_scalar("SELECT value FROM facts WHERE name = 'name'");
        query.fetch_optional(&mut connection).await.ok()?
    }

    #[tokio::test]
    async fn the_log_is_copied_without_a_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let store = Store::open(&Location::Sqlite(path.clone()), Open::New).await.unwrap();
        let mut write = store.write().await.unwrap();
        put_fact(&mut write, "name", "value").await.unwrap();
        commit(write).await.unwrap();
        assert_eq!(copied(&path).await, None);
        tokio::time::sleep(2 * DELAY).await;
        assert_eq!(copied(&path).await.as_deref(), Some("value"));
        // Nothing is left in a log that whoever moves the database would leave behind.
        store.close().await;
        assert!(!folder.path().join("state.sqlite-wal").exists());
    }
}

//! SQLite's write-ahead log, copied into the database beside the writer.
//!
//! Left to itself SQLite does so within a commit, each time the log has 4 MB: the writer waits for the disk, and pages
//! that change again and again, such as those of indexes, are written as often. An import takes a third longer so.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// From a write to the copying: what is written until then goes with it.
const DELAY: Duration = Duration::from_secs(1);

/// What copies the log. It ends with this.
#[derive(Debug)]
pub(super) struct Checkpoints {
    writes: mpsc::Sender<()>,
    task: AbortHandle,
}

impl Checkpoints {
    /// Takes a connection of its own at the first write.
    pub(super) fn begin(options: SqliteConnectOptions) -> Self {
        let (writes, announced) = mpsc::channel(1);
        let task = tokio::spawn(copy_after_writes(options, announced)).abort_handle();
        Self { writes, task }
    }

    /// Something is about to be written.
    pub(super) fn announce_write(&self) {
        // Where one is announced already, this is copied with it.
        let _announced = self.writes.try_send(());
    }

    pub(super) fn end(&self) {
        self.task.abort();
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.end();
    }
}

async fn copy_after_writes(options: SqliteConnectOptions, mut announced: mpsc::Receiver<()>) {
    let mut connection = None;
    while announced.recv().await.is_some() {
        tokio::time::sleep(DELAY).await;
        if let Err(error) = copy(&options, &mut connection).await {
            // The writer does it, later.
            tracing::warn!(error = &error as &dyn std::error::Error, "the write-ahead log was not copied");
            connection = None;
        }
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
        store.close().await;
    }
}

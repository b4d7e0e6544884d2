//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;

/// The exclusive right to write a repository's trusted state, among all processes. Ends when dropped, or when the
/// process ends in whatever way.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Waits for the right, at most for `wait`.
    pub(super) async fn acquire(path: &Path, wait: Duration) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|source| Error::io("open", path, source))?;
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(Error::io("lock", path, source)),
            }
            if start.elapsed() >= wait {
                return Err(Error::Locked { path: path.to_owned(), waited: start.elapsed() });
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_and_then_gives_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = StoreLock::acquire(&path, Duration::ZERO).await.unwrap();
        let second = StoreLock::acquire(&path, Duration::from_millis(30)).await;
        assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { StoreLock::acquire(&path, Duration::from_secs(10)).await }
        });
        sleep(Duration::from_millis(30)).await;
        drop(first);
        waiting.await.unwrap().unwrap();
    }
}

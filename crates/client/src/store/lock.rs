//! One writer at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::files;
use crate::error::Error;

/// The right to write a repository's trusted state, exclusive among all processes. Ends when dropped, or when the process
/// ends in whatever way.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Waits for the right, at most for `wait`.
    pub(crate) async fn acquire(path: &Path, wait: Duration) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = files::clear(path).and_then(|()| options.open(path));
        let file = file.map_err(|source| Error::io("open", path, source))?;
        match wait_for(path, wait, || file.try_lock()).await? {
            Ok(()) => Ok(Self { _file: file }),
            Err(source) => Err(Error::io("lock", path, source)),
        }
    }
}

/// The right to read a whole state, which nobody is writing meanwhile. Changes nothing on the disk.
#[derive(Debug)]
pub(crate) struct ReadLock {
    _file: Option<File>,
}

impl ReadLock {
    /// Waits for the right, at most for `wait`. Where there is no lock to be had, in a copy of a state or on a disk that
    /// cannot lock, what is read may be of two states; then it does not verify together, and is not used.
    pub(super) async fn acquire(path: &Path, wait: Duration) -> Result<Self, Error> {
        let plain = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        let Some(file) = plain.then(|| File::open(path).ok()).flatten() else {
            return Ok(Self { _file: None });
        };
        let locked = wait_for(path, wait, || file.try_lock_shared()).await?;
        Ok(Self { _file: locked.is_ok().then_some(file) })
    }
}

/// Tries until nobody else has the lock, at most for `wait`.
async fn wait_for(
    path: &Path,
    wait: Duration,
    mut attempt: impl FnMut() -> Result<(), TryLockError>,
) -> Result<io::Result<()>, Error> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match attempt() {
            Ok(()) => return Ok(Ok(())),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Ok(Err(source)),
        }
        if start.elapsed() >= wait {
            return Err(Error::Locked { path: path.to_owned(), waited: start.elapsed() });
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
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
        let second = waiting.await.unwrap().unwrap();
        let reader = ReadLock::acquire(&path, Duration::ZERO).await;
        assert!(matches!(reader, Err(Error::Locked { .. })), "{reader:?}");
        drop(second);
        let readers = [
            ReadLock::acquire(&path, Duration::ZERO).await.unwrap(),
            ReadLock::acquire(&path, Duration::ZERO).await.unwrap(),
        ];
        assert!(StoreLock::acquire(&path, Duration::ZERO).await.is_err());
        drop(readers);
        StoreLock::acquire(&path, Duration::ZERO).await.unwrap();
        assert!(
            ReadLock::acquire(&folder.path().join("none"), Duration::ZERO).await.unwrap()._file.is_none()
        );
    }
}

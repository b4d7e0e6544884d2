//! The lock that one writer holds. The kernel gives it back when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::status::WriterStatus;

/// Held for as long as it lives: by the writer, and by work of it that goes on when its caller has given up.
pub(crate) struct WriterLock {
    _file: File,
    delivered: Mutex<u64>,
}

impl WriterLock {
    /// `None`: another process, or another part of this one, holds it.
    pub(crate) fn acquire(path: &Path) -> Result<Option<Self>, Error> {
        let mut file = open(path)?;
        // `status` holds the lock for a moment to see whether somebody else does.
        for attempt in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => {
                    file.set_len(0).map_err(Error::io("write", path))?;
                    write!(file, "{}", std::process::id()).map_err(Error::io("write", path))?;
                    return Ok(Some(Self { _file: file, delivered: Mutex::new(0) }));
                }
                Err(TryLockError::WouldBlock) if attempt + 1 < ATTEMPTS => {
                    std::thread::sleep(BETWEEN_ATTEMPTS);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
            }
        }
        Ok(None)
    }

    /// The right to write what is served, one delivery after another; in it the version of the last timestamp written.
    pub(super) fn delivery(&self) -> MutexGuard<'_, u64> {
        // The version is set in one step.
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);

/// Who is the writer; `None`: nobody.
pub(crate) fn current_writer(path: &Path) -> Result<Option<WriterStatus>, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let process_id = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            Ok(Some(WriterStatus { process_id }))
        }
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::io("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("writer.lock");
        assert!(current_writer(&path).unwrap().is_none());
        let held = WriterLock::acquire(&path).unwrap().unwrap();
        assert!(WriterLock::acquire(&path).unwrap().is_none());
        assert_eq!(current_writer(&path).unwrap().unwrap().process_id, Some(std::process::id()));
        drop(held);
        assert!(current_writer(&path).unwrap().is_none());
        assert!(WriterLock::acquire(&path).unwrap().is_some());
    }
}

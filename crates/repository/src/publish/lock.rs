//! The lock that one writer holds: a file's, which the kernel gives back when the process ends, however it ends; or one
//! in PostgreSQL, which ends with a session.
//!
//! A session can end while its process lives: cut off, or stopped for a while. So each writer has an epoch, and what an
//! earlier one does late is without effect: the database refuses its publications, and the folder is gone through which
//! its timestamp had to pass.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk;
use crate::error::Error;
use crate::repository::Repository;
use crate::status::WriterStatus;
use crate::store::{Purpose, SessionLock, writer};

/// Held for as long as it lives: by the writer, and by work of it that goes on when its caller has given up.
pub(crate) struct WriterLock {
    held: Held,
    delivered: Mutex<u64>,
}

enum Held {
    File {
        _file: File,
    },
    Session {
        lock: SessionLock,
        epoch: u64,
        /// Timestamps are written in here and then renamed into place.
        gate: PathBuf,
    },
}

/// What the names of gates begin with; the epoch follows.
const GATE: &str = "writer-";

/// What the names of gates begin with that nothing passes any more.
const CLOSED: &str = "closed-";

impl WriterLock {
    /// `None`: another process, or another part of this one, holds it.
    pub(crate) async fn acquire(repository: &Repository) -> Result<Option<Self>, Error> {
        let Some(lock) = repository.store().lock(Purpose::Writer).await else {
            let path = repository.directory().writer_lock();
            return disk::blocking(move || Self::of_file(&path)).await;
        };
        let Some(lock) = lock? else { return Ok(None) };
        let now = repository.clock().now();
        let epoch = writer::take_over(repository.store(), &host(), std::process::id(), now).await?;
        let staging = repository.directory().staging();
        let gate = disk::blocking(move || open_gate(&staging, epoch)).await?;
        let held = Held::Session { lock, epoch, gate };
        Ok(Some(Self { held, delivered: Mutex::new(0) }))
    }

    /// `None`: another process, or another part of this one, holds it.
    pub(super) fn of_file(path: &Path) -> Result<Option<Self>, Error> {
        let mut file = open(path)?;
        // `status` holds the lock for a moment to see whether somebody else does.
        for attempt in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => {
                    file.set_len(0).map_err(Error::io("write", path))?;
                    write!(file, "{}", std::process::id()).map_err(Error::io("write", path))?;
                    let held = Held::File { _file: file };
                    return Ok(Some(Self { held, delivered: Mutex::new(0) }));
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

    /// Which change of hands made this process the writer, where they are counted.
    pub(super) fn epoch(&self) -> Option<u64> {
        match &self.held {
            Held::File { .. } => None,
            Held::Session { epoch, .. } => Some(*epoch),
        }
    }

    /// The folder by way of which a timestamp is written, where it is not `staging`. It is gone once another process is
    /// the writer, however late this one comes.
    pub(super) fn gate(&self) -> Option<&Path> {
        match &self.held {
            Held::File { .. } => None,
            Held::Session { gate, .. } => Some(gate),
        }
    }

    /// Ends when the lock is lost; that of a file never is.
    pub(super) async fn lost(&self) {
        match &self.held {
            Held::File { .. } => std::future::pending().await,
            Held::Session { lock, .. } => lock.lost().await,
        }
    }

    /// Looks whether the lock is lost already.
    ///
    /// # Errors
    /// [`Error::NoLongerWriter`]
    pub(super) fn check(&self) -> Result<(), Error> {
        match &self.held {
            Held::Session { lock, .. } if lock.is_lost() => {
                Err(Error::NoLongerWriter { reason: "its session in the database has ended".to_owned() })
            }
            Held::File { .. } | Held::Session { .. } => Ok(()),
        }
    }

    /// The right to write what is served, one delivery after another; in it the version of the last timestamp written.
    pub(super) fn delivery(&self) -> MutexGuard<'_, u64> {
        // The version is set in one step.
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        if let Some(gate) = self.gate() {
            // Left for the next writer, where it cannot be removed.
            let _ = std::fs::remove_dir_all(gate);
        }
    }
}

/// Makes the folder for timestamps of an epoch, and takes those of earlier ones away.
fn open_gate(staging: &Path, epoch: u64) -> Result<PathBuf, Error> {
    let own = staging.join(format!("{GATE}{epoch}"));
    for entry in std::fs::read_dir(staging).map_err(Error::io("read", staging))? {
        let path = entry.map_err(Error::io("read", staging))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // One of this epoch is left where the database was restored from a backup.
        let is_past = |of: &str| of.parse::<u64>().is_ok_and(|of| of <= epoch);
        if name.strip_prefix(GATE).is_some_and(is_past) {
            // In one step: what is being written in it has no way out from then on.
            let closed = staging.join(format!("{CLOSED}{name}"));
            std::fs::rename(&path, &closed).map_err(Error::io("rename", &path))?;
            remove(&closed)?;
        } else if name.starts_with(CLOSED) {
            remove(&path)?;
        }
    }
    std::fs::create_dir(&own).map_err(Error::io("create", &own))?;
    Ok(own)
}

/// Removes a folder that others may be removing, too.
fn remove(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", folder)(error)),
        _ => Ok(()),
    }
}

/// The name of this machine.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);

/// Who is the writer by the lock of a file; `None`: nobody.
pub(crate) fn current_writer(path: &Path) -> Result<Option<WriterStatus>, Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let process_id = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            Ok(Some(WriterStatus { process_id, host: None, since: None }))
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
        let held = WriterLock::of_file(&path).unwrap().unwrap();
        assert!(WriterLock::of_file(&path).unwrap().is_none());
        assert_eq!(current_writer(&path).unwrap().unwrap().process_id, Some(std::process::id()));
        drop(held);
        assert!(current_writer(&path).unwrap().is_none());
        assert!(WriterLock::of_file(&path).unwrap().is_some());
    }

    #[test]
    fn a_gate_closes_the_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let first = open_gate(folder.path(), 8).unwrap();
        std::fs::write(first.join("timestamp"), "8").unwrap();
        let second = open_gate(folder.path(), 11).unwrap();
        assert!(std::fs::rename(first.join("timestamp"), folder.path().join("served")).is_err());
        assert!(!first.exists() && second.is_dir());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

//! Whether there is an unfinished import, and how far it is.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::abandon::ABANDONED_FACT;
use super::{IMPORT_COMPLETE_FACT, POSITION_FACT};
use crate::disk;
use crate::error::Error;
use crate::repository::Repository;
use crate::store::{self, Purpose, Transaction, log};

/// Files that were imported, and are not public yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnfinishedImport {
    /// What becomes of it.
    pub state: ImportState,
    /// What those imports are called that did not come to their end.
    pub names: Vec<String>,
    /// When the first of the files were entered that wait, and when the last; `None`: there are none.
    pub first_entered: Option<Timestamp>,
    /// See there.
    pub last_entered: Option<Timestamp>,
}

/// What becomes of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportState {
    /// A process goes on with it.
    Running,
    /// It was interrupted, or has stopped at a refusal: nobody goes on with it.
    Interrupted,
    /// It is given up, and not all of it is dropped yet.
    Abandoned,
    /// Everything is there, and waits to be published.
    Complete,
}

impl Repository {
    /// The import that is not finished; `None`: there is none.
    pub(crate) async fn read_import(
        &self,
        read: &mut Transaction,
    ) -> Result<Option<UnfinishedImport>, Error> {
        let names = store::facts_below(read, POSITION_FACT).await?;
        let entered = log::imported(read).await?;
        let complete = store::fact(read, IMPORT_COMPLETE_FACT).await?.is_some();
        let abandoned = store::fact(read, ABANDONED_FACT).await?.is_some();
        if names.is_empty() && entered.is_none() && !complete && !abandoned {
            return Ok(None);
        }
        let (mut first_entered, mut last_entered) = (None, None);
        if let Some((first, last)) = entered {
            first_entered = log::submitted_at(read, first).await?;
            last_entered = log::submitted_at(read, last).await?;
        }
        let state = if abandoned {
            ImportState::Abandoned
        } else if complete {
            ImportState::Complete
        } else if self.is_importing().await? {
            ImportState::Running
        } else {
            ImportState::Interrupted
        };
        Ok(Some(UnfinishedImport { state, names, first_entered, last_entered }))
    }

    /// Whether a process has the right to import.
    async fn is_importing(&self) -> Result<bool, Error> {
        if self.store().has_locks() {
            return self.store().is_locked(Purpose::Import).await;
        }
        let path = self.directory().import_lock();
        disk::blocking(move || is_locked(&path)).await
    }
}

fn is_locked(path: &Path) -> Result<bool, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

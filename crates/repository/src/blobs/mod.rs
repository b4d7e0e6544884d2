//! What lies below `public/`, wherever that is: metadata, pages, distributions and their core metadata.
//!
//! Everything but the timestamp is written once and never changes under its name. Calls block, unless they say
//! otherwise: they are made on the threads that are there for it ([`crate::disk::blocking`]).

mod folder;
mod generation;
mod name;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

pub use generation::Generation;
pub use name::BlobName;
pub(crate) use name::{METADATA, TARGETS};

use crate::directory::RepositoryDirectory;
use crate::disk;
use crate::error::Error;
use crate::staging::Received;
use folder::{Folder, FolderWalk};

/// Bytes of a file that are read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// The core metadata beside a distribution, and where it goes.
pub(crate) type Beside = Option<(BlobName, Vec<u8>)>;

/// The store of everything public. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs(Place);

#[derive(Clone, Debug)]
enum Place {
    Folder(Arc<Folder>),
}

/// Something that was found in the store.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: BlobName,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// When it was written last.
    pub(crate) written: Timestamp,
}

impl Blobs {
    /// `public/` in the repository's directory.
    pub(crate) fn in_directory(directory: RepositoryDirectory) -> Self {
        Self(Place::Folder(Arc::new(Folder::new(directory))))
    }

    /// The file in which something lies, where it lies in one.
    #[must_use]
    pub fn file(&self, key: &BlobName) -> Option<PathBuf> {
        match &self.0 {
            Place::Folder(folder) => Some(folder.path(key)),
        }
    }

    /// What is public now; `None` while nothing is. Takes a microsecond.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        match &self.0 {
            Place::Folder(folder) => Generation::of_file(&folder.path(&BlobName::timestamp())),
        }
    }

    /// All of it, for those who serve it; `None` where it is longer than `max_bytes`. Does not block.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::is_absent`] where there is nothing.
    pub async fn fetch(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
        match &self.0 {
            Place::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), name.clone());
                disk::blocking(move || folder.fetch(&name, max_bytes)).await
            }
        }
    }

    /// Writes all of these; they survive a crash when this returns.
    pub(crate) fn put(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put(blobs),
        }
    }

    /// Writes all of these; they survive a crash once [`Blobs::settle`] has returned. What is there already is left
    /// alone: something may refer to it.
    pub(crate) fn put_in_bulk(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => blobs.iter().try_for_each(|(key, bytes)| folder.put_in_bulk(key, bytes)),
        }
    }

    /// Makes everything that was written in bulk survive a crash.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.settle(),
        }
    }

    /// Brings a received file, and what lies beside it, to their places. They survive a crash when this returns.
    pub(crate) fn put_received(
        &self,
        key: &BlobName,
        received: Received,
        beside: Beside,
    ) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put_received(key, received, beside),
        }
    }

    /// [`Blobs::put_received`], for very many: they survive a crash once [`Blobs::settle`] has returned.
    pub(crate) fn put_received_in_bulk(
        &self,
        key: &BlobName,
        received: Received,
        beside: Beside,
    ) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put_received_in_bulk(key, received, beside),
        }
    }

    /// Replaces the timestamp, in one step. It survives a crash when this returns.
    pub(crate) fn put_timestamp(&self, bytes: &[u8]) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put(&[(BlobName::timestamp(), bytes)]),
        }
    }

    /// All of it.
    pub(crate) fn read(&self, key: &BlobName) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Place::Folder(folder) => folder.read(key),
        }
    }

    /// All of it; `None` where there is nothing.
    pub(crate) fn find(&self, key: &BlobName) -> Result<Option<Vec<u8>>, Error> {
        match self.read(key) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its length in bytes.
    pub(crate) fn length(&self, key: &BlobName) -> Result<u64, Error> {
        match &self.0 {
            Place::Folder(folder) => folder.length(key),
        }
    }

    /// Reads all of it, however long it is, a piece at a time.
    pub(crate) fn read_pieces(&self, key: &BlobName, piece: impl FnMut(&[u8])) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.read_pieces(key, piece),
        }
    }

    /// What lies in a folder and those below it, folder by folder.
    pub(crate) fn walk(&self, folder: &str) -> Walk {
        match &self.0 {
            Place::Folder(place) => Walk::Folder(place.walk(folder)),
        }
    }

    /// Removes these, but for those that were written since `before`. Says of each whether it is gone because of this.
    #[expect(clippy::unused_async, reason = "a folder blocks, and other places do not")]
    pub(crate) async fn remove(&self, entries: &[Entry], before: Timestamp) -> Result<Vec<bool>, Error> {
        match &self.0 {
            Place::Folder(folder) => entries.iter().map(|entry| folder.remove(entry, before)).collect(),
        }
    }

    /// Finishes the removal of what [`Entry::is_going`].
    pub(crate) fn finish_removal(&self, entry: &Entry, before: Timestamp) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.finish_removal(entry, before),
        }
    }
}

/// Goes through the folders of a store.
pub(crate) enum Walk {
    Folder(FolderWalk),
}

impl Walk {
    /// The next folder and what lies in it.
    #[expect(clippy::unused_async, reason = "a folder blocks, and other places do not")]
    pub(crate) async fn next(&mut self) -> Result<Option<(String, Vec<Entry>)>, Error> {
        match self {
            Self::Folder(walk) => walk.next(),
        }
    }
}

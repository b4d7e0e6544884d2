//! What lies below `public/`, wherever that is: metadata, pages, distributions and their core metadata.
//!
//! Everything but the timestamp is written once and never changes under its name. Calls block, unless they say
//! otherwise: they are made on the threads that are there for it ([`crate::disk::blocking`]).

mod bucket;
mod bucket_walk;
mod client;
mod connect;
mod folder;
mod generation;
mod name;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

pub use bucket::Pieces;
pub use generation::Generation;
pub use name::BlobName;
pub(crate) use name::{METADATA, TARGETS};

use crate::directory::RepositoryDirectory;
use crate::disk;
use crate::error::Error;
use crate::served::served_timestamp;
use crate::settings::BucketSettings;
use crate::staging::Received;
use bucket::Bucket;
use bucket_walk::BucketWalk;
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
    Bucket(Arc<Bucket>),
}

/// Something that was found in the store.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: BlobName,
    /// Its length in bytes.
    pub length: u64,
    /// When it was written last.
    pub(crate) written: Timestamp,
}

impl Blobs {
    /// `public/` in the repository's directory.
    #[must_use]
    pub fn in_directory(directory: RepositoryDirectory) -> Self {
        Self(Place::Folder(Arc::new(Folder::new(directory))))
    }

    /// A bucket. Connects to nothing yet.
    pub(crate) fn in_bucket(settings: &BucketSettings) -> Result<Self, Error> {
        Ok(Self(Place::Bucket(Arc::new(Bucket::open(settings)?))))
    }

    /// Where this is, for people: a folder, or a bucket.
    pub(crate) fn place(&self) -> String {
        match &self.0 {
            Place::Folder(folder) => folder.public().display().to_string(),
            Place::Bucket(bucket) => bucket.client().settings.to_string(),
        }
    }

    /// The file in which something lies; `None` where it lies in a bucket.
    #[must_use]
    pub fn file(&self, name: &BlobName) -> Option<PathBuf> {
        match &self.0 {
            Place::Folder(folder) => Some(folder.path(name)),
            Place::Bucket(_) => None,
        }
    }

    /// What is public now; `None` while nothing is. Takes a microsecond.
    ///
    /// In a bucket that is not looked at: what this process has published or seen changes it at once, and so does each
    /// second.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        match &self.0 {
            Place::Folder(folder) => Generation::of_file(folder.timestamp()),
            Place::Bucket(bucket) => Some(bucket.generation()),
        }
    }

    /// All of it, for those who serve it; `None` where it is longer than `max_bytes`. Does not block.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Bucket`]; [`Error::is_absent`] where there is nothing.
    pub async fn fetch(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
        match &self.0 {
            Place::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), name.clone());
                disk::blocking(move || folder.fetch(&name, max_bytes)).await
            }
            Place::Bucket(bucket) => bucket.fetch(name, max_bytes).await,
        }
    }

    /// Its length in bytes. Does not block.
    ///
    /// # Errors
    /// As [`Blobs::fetch`].
    pub async fn fetch_length(&self, name: &BlobName) -> Result<u64, Error> {
        match &self.0 {
            Place::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), name.clone());
                disk::blocking(move || folder.length(&name)).await
            }
            Place::Bucket(bucket) => bucket.length(name).await,
        }
    }

    /// A part of it, as it comes in from a bucket; a failure on the way is the last item. `None` where it lies in a
    /// file ([`Blobs::file`]). Does not block.
    ///
    /// # Errors
    /// As [`Blobs::fetch`].
    pub async fn stream(&self, name: &BlobName, range: Range<u64>) -> Result<Option<Pieces>, Error> {
        match &self.0 {
            Place::Folder(_) => Ok(None),
            Place::Bucket(bucket) => bucket.stream(name, range).await.map(Some),
        }
    }

    /// A repository is begun in a bucket with nothing in it.
    pub(crate) fn check_empty(&self) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(_) => Ok(()),
            Place::Bucket(bucket) => bucket.check_empty(),
        }
    }

    /// A bucket must refuse what is put on a condition that does not hold. There is a timestamp by now.
    pub(crate) fn check_conditions(&self) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(_) => Ok(()),
            Place::Bucket(bucket) => bucket.check_conditions(),
        }
    }

    /// Whether the timestamp is served in this version or a later one. Does not block for long.
    pub(crate) async fn serves(&self, timestamp_version: u64) -> Result<bool, Error> {
        match &self.0 {
            Place::Folder(_) => Ok(served_timestamp(self)?.common.version.number() >= timestamp_version),
            Place::Bucket(bucket) => bucket.serves(timestamp_version).await,
        }
    }

    /// Writes all of these; they survive a crash when this returns.
    pub(crate) fn put(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put(blobs),
            Place::Bucket(bucket) => bucket.put(blobs),
        }
    }

    /// Writes all of these; they survive a crash once [`Blobs::settle`] has returned. What is there already is left
    /// alone: something may refer to it.
    pub(crate) fn put_in_bulk(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => {
                blobs.iter().try_for_each(|(name, bytes)| folder.put_in_bulk(name, bytes))
            }
            Place::Bucket(bucket) => bucket.put_in_bulk(blobs),
        }
    }

    /// Makes everything that was written in bulk survive a crash.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.settle(),
            Place::Bucket(bucket) => bucket.settle(),
        }
    }

    /// Brings a received file, and what lies beside it, to their places. They survive a crash when this returns.
    pub(crate) fn put_received(
        &self,
        name: &BlobName,
        received: Received,
        beside: Beside,
    ) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put_received(name, received, beside),
            Place::Bucket(bucket) => bucket.put_received(name, &received, beside),
        }
    }

    /// [`Blobs::put_received`], for very many: they survive a crash once [`Blobs::settle`] has returned.
    pub(crate) fn put_received_in_bulk(
        &self,
        name: &BlobName,
        received: Received,
        beside: Beside,
    ) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put_received_in_bulk(name, received, beside),
            Place::Bucket(bucket) => bucket.put_received_in_bulk(name, received, beside),
        }
    }

    /// Replaces the timestamp, in one step. It survives a crash when this returns. In a folder it is written by way of
    /// `gate`, if there is one: a writer whose gate was closed changes nothing. A bucket compares versions by itself.
    pub(crate) fn put_timestamp(&self, bytes: &[u8], gate: Option<&Path>) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.put_timestamp(bytes, gate),
            Place::Bucket(bucket) => bucket.put_timestamp(bytes),
        }
    }

    /// All of it.
    pub(crate) fn read(&self, name: &BlobName) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Place::Folder(folder) => folder.read(name),
            Place::Bucket(bucket) => bucket.read(name),
        }
    }

    /// All of it; `None` where there is nothing.
    pub(crate) fn find(&self, name: &BlobName) -> Result<Option<Vec<u8>>, Error> {
        match self.read(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads all of it, however long it is, a piece at a time.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Bucket`]; [`Error::is_absent`] where there is nothing.
    pub fn read_pieces(&self, name: &BlobName, piece: impl FnMut(&[u8])) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.read_pieces(name, piece),
            Place::Bucket(bucket) => bucket.read_pieces(name, piece),
        }
    }

    /// What lies in a folder and those below it, folder by folder.
    #[must_use]
    pub fn walk(&self, folder: &str) -> Walk {
        match &self.0 {
            Place::Folder(place) => Walk(Walking::Folder(place.walk(folder))),
            Place::Bucket(bucket) => Walk(Walking::Bucket(bucket.walk(folder))),
        }
    }

    /// How many may read at the same time with profit: half of them and more wait for what is not in memory.
    pub(crate) fn readers(&self) -> usize {
        match &self.0 {
            Place::Folder(_) => 4 * std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            Place::Bucket(_) => 16,
        }
    }

    /// Removes these, but for those that were written since `before`. Says of each whether it is gone because of this.
    pub(crate) async fn remove(&self, entries: &[Entry], before: Timestamp) -> Result<Vec<bool>, Error> {
        match &self.0 {
            Place::Folder(folder) => entries.iter().map(|entry| folder.remove(entry, before)).collect(),
            Place::Bucket(bucket) => bucket.client().remove(entries, before).await,
        }
    }

    /// Finishes the removal of what [`Entry::is_going`].
    pub(crate) fn finish_removal(&self, entry: &Entry, before: Timestamp) -> Result<(), Error> {
        match &self.0 {
            Place::Folder(folder) => folder.finish_removal(entry, before),
            // There an object is there, or is not.
            Place::Bucket(_) => Ok(()),
        }
    }
}

/// Goes through the folders of a store.
pub struct Walk(Walking);

enum Walking {
    Folder(FolderWalk),
    Bucket(BucketWalk),
}

impl Walk {
    /// The next folder and what lies in it. A folder on disk blocks.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Bucket`].
    pub async fn next(&mut self) -> Result<Option<(String, Vec<Entry>)>, Error> {
        match &mut self.0 {
            Walking::Folder(walk) => walk.next(),
            Walking::Bucket(walk) => walk.next().await,
        }
    }
}

//! Files being received: hashed while they stream into `staging/`, durable before anything refers to them.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use sealdex_tuf::digest::{HashAlgorithm, Hasher};
use tempfile::NamedTempFile;

use crate::disk;
use crate::error::Error;

/// A file being received. Dropped before [`StagedFile::finish`], it is removed.
pub struct StagedFile {
    file: NamedTempFile,
    sha256: Hasher,
    blake2b_256: Hasher,
    length: u64,
    max_bytes: u64,
}

/// A file received: complete, hashed and on the disk. Dropped before it is submitted, it is removed.
#[derive(Debug)]
pub struct Received {
    /// Keeps its lock until it is moved or dropped.
    file: NamedTempFile,
    sha256: [u8; 32],
    blake2b_256: String,
    length: u64,
}

impl StagedFile {
    pub(crate) fn create(staging: &Path, max_bytes: u64) -> Result<Self, Error> {
        let file = disk::staging_file(staging)?;
        Ok(Self {
            file,
            sha256: Hasher::new(HashAlgorithm::Sha256),
            blake2b_256: Hasher::new(HashAlgorithm::Blake2b256),
            length: 0,
            max_bytes,
        })
    }

    /// Adds bytes. Blocks for as long as it takes to hash them and to hand them to the system: some 100 us for 64 KiB.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as there are more than the settings allow, or [`Error::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let length = self.length.saturating_add(bytes.len() as u64);
        if length > self.max_bytes {
            return Err(Error::TooLarge { what: "the file", limit: self.max_bytes });
        }
        self.sha256.update(bytes);
        self.blake2b_256.update(bytes);
        self.file.write_all(bytes).map_err(Error::io("write", self.file.path()))?;
        self.length = length;
        Ok(())
    }

    /// Bytes received so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Completes the file: its bytes are on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Interrupted`].
    pub async fn finish(self) -> Result<Received, Error> {
        Ok(self.finish_and(|_| ()).await?.0)
    }

    /// [`StagedFile::finish`], and then a look at the file, on the same thread: `look` may block.
    ///
    /// # Errors
    /// As [`StagedFile::finish`].
    pub async fn finish_and<T: Send + 'static>(
        self,
        look: impl FnOnce(&Received) -> T + Send + 'static,
    ) -> Result<(Received, T), Error> {
        disk::blocking(move || {
            self.file.as_file().sync_all().map_err(Error::io("synchronise", self.file.path()))?;
            let received = self.finish_unsynchronised()?;
            let seen = look(&received);
            Ok((received, seen))
        })
        .await
    }

    /// Completes the file, and leaves it to the caller to make it survive a crash.
    pub(crate) fn finish_unsynchronised(self) -> Result<Received, Error> {
        let Self { file, sha256, blake2b_256, length, .. } = self;
        disk::make_readable(file.as_file(), file.path())?;
        let mut digest = [0; 32];
        hex::decode_to_slice(sha256.finish(), &mut digest)
            .map_err(|error| Error::State { reason: format!("a sha256 is not 32 bytes long: {error}") })?;
        Ok(Received { file, sha256: digest, blake2b_256: blake2b_256.finish(), length })
    }
}

impl Received {
    /// SHA-256 of the bytes, in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(self.sha256)
    }

    /// BLAKE2b-256 of the bytes, in lower-case hexadecimal.
    #[must_use]
    pub fn blake2b_256(&self) -> &str {
        &self.blake2b_256
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file, to read its metadata from.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn open(&self) -> Result<File, Error> {
        File::open(self.file.path()).map_err(Error::io("open", self.file.path()))
    }

    /// Moves the file to its place, replacing what is there. The directory is the caller's to synchronise.
    pub(crate) fn move_to(self, path: &Path) -> Result<(), Error> {
        self.file.persist(path).map_err(|error| error.error).map_err(Error::io("write", path))?;
        Ok(())
    }
}

impl fmt::Debug for StagedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StagedFile").field("length", &self.length).finish_non_exhaustive()
    }
}

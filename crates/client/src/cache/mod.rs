//! Verified files on disk, named after their digest.
//!
//! A file gets its name only after it was verified, and is verified again whenever it is read: what happened to it on
//! disk meanwhile does not matter. So nothing here needs a lock or to be written durably.

mod maintenance;
mod pages;
mod prune;

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sealdex_tuf::digest::{HashAlgorithm, Hasher};
use tempfile::NamedTempFile;

use crate::blocking::beside;
use crate::error::Error;
use crate::name::Sha256Digest;
use crate::store::files;
use pages::LatestPages;
use prune::Budget;

pub use maintenance::{CacheCheck, CacheUsage, FileCount};

/// A folder of verified files, shared by all processes of the user: `ROOT/files/sha256/aa/DIGEST`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `ROOT/files`
    base: PathBuf,
    /// `ROOT/files/sha256`
    files: PathBuf,
    /// `ROOT/files/tmp`
    temporary: PathBuf,
    pages: LatestPages,
    budget: Budget,
}

impl FileCache {
    /// Opens or makes the cache below `root`; beyond `max_bytes`, the files used longest ago are removed.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::NotADirectory`]
    pub fn open(root: &Path, max_bytes: u64) -> Result<Self, Error> {
        let cache = Self::below(root, max_bytes);
        for folder in cache.folders() {
            files::private_folder(folder)?;
        }
        Ok(cache)
    }

    /// The cache below `root` as it is, to be looked at or made smaller: makes no folder.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotADirectory`] or [`Error::Exposed`]: what stands there is no cache of this user.
    pub fn existing(root: &Path, max_bytes: u64) -> Result<Self, Error> {
        let cache = Self::below(root, max_bytes);
        match fs::metadata(root) {
            Ok(found) if !found.is_dir() => return Err(Error::NotADirectory { path: root.to_owned() }),
            _ => {}
        }
        for folder in cache.folders() {
            match fs::symlink_metadata(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => files::plain_folder(folder)?,
            }
        }
        Ok(cache)
    }

    fn below(root: &Path, max_bytes: u64) -> Self {
        let base = root.join("files");
        let (files, temporary) = (base.join("sha256"), base.join("tmp"));
        let (pages, budget) = (LatestPages::new(root.join("pages")), Budget::new(max_bytes));
        Self { shared: Arc::new(Shared { base, files, temporary, pages, budget }) }
    }

    /// Those that must be this user's own.
    fn folders(&self) -> [&Path; 3] {
        [&self.shared.base, &self.shared.files, &self.shared.temporary]
    }

    /// Where the file of this digest is, if it is kept.
    #[must_use]
    pub fn path(&self, digest: Sha256Digest) -> PathBuf {
        let name = digest.to_string();
        self.shared.files.join(&name[..2]).join(name)
    }

    /// A kept file of at most `max_bytes`, verified now.
    pub(crate) async fn read(&self, digest: Sha256Digest, max_bytes: u64) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let length = fs::symlink_metadata(&path).ok()?.len();
        let read = move || {
            let bytes = files::read_bounded(&path, max_bytes)?;
            if Sha256Digest::of(&bytes) != digest {
                drop(fs::remove_file(&path));
                return None;
            }
            touch(&path);
            Some(bytes)
        };
        beside(length.min(max_bytes), read).await.flatten()
    }

    /// The page that was last kept for a target, given as a URL, if it has at most `max_bytes`; verified now.
    pub(crate) async fn latest_page(&self, target: &str, max_bytes: u64) -> Option<(Sha256Digest, Vec<u8>)> {
        let digest = self.shared.pages.digest(target)?;
        Some((digest, self.read(digest, max_bytes).await?))
    }

    /// Keeps a verified page as the latest one of its target.
    pub(crate) async fn keep_page(&self, target: &str, digest: Sha256Digest, bytes: &[u8]) {
        self.keep(digest, bytes).await;
        self.shared.pages.remember(target, digest, &self.shared.temporary);
    }

    /// A kept file, verified now and rewound.
    pub(crate) async fn open_file(&self, digest: Sha256Digest, length: u64) -> Option<File> {
        let path = self.path(digest);
        if !fs::symlink_metadata(&path).ok()?.is_file() {
            return None;
        }
        let open = move || {
            let mut file = File::open(&path).ok()?;
            if !has_digest(&mut file, digest, length).ok()? {
                drop(fs::remove_file(&path));
                return None;
            }
            touch(&path);
            Some(file)
        };
        beside(length, open).await.flatten()
    }

    /// Keeps verified bytes. That they could not be kept is no error.
    pub(crate) async fn keep(&self, digest: Sha256Digest, bytes: &[u8]) {
        let (cache, bytes, length) = (self.clone(), bytes.to_vec(), bytes.len() as u64);
        let keep = move || {
            let mut file = cache.temporary_file()?;
            io::Write::write_all(&mut file, &bytes)
                .map_err(|source| Error::io("write", file.path(), source))?;
            cache.keep_file(digest, file)
        };
        match beside(length, keep).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(error = error.report(), "a verified file could not be kept"),
            None => tracing::warn!("a verified file could not be kept"),
        }
    }

    /// A private file to receive into.
    pub(crate) fn temporary_file(&self) -> Result<NamedTempFile, Error> {
        let folder = &self.shared.temporary;
        tempfile::Builder::new().tempfile_in(folder).map_err(|source| Error::io("write", folder, source))
    }

    /// Keeps a received file that was verified.
    pub(crate) fn keep_file(&self, digest: Sha256Digest, file: NamedTempFile) -> Result<(), Error> {
        let path = self.path(digest);
        let failed = |source| Error::io("write", &path, source);
        if let Some(folder) = path.parent() {
            files::private_folder(folder)?;
        }
        let length = file.as_file().metadata().map_err(failed)?.len();
        file.persist(&path).map_err(|error| failed(error.error))?;
        self.shared.budget.spend(length, &self.shared.files, &self.shared.temporary);
        Ok(())
    }
}

/// Whether the file has this digest and length. Rewinds it.
fn has_digest(file: &mut File, digest: Sha256Digest, length: u64) -> io::Result<bool> {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    let mut buffer = vec![0; 256 * 1024];
    let mut received: u64 = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        received = received.saturating_add(count as u64);
        if received > length {
            return Ok(false);
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    file.rewind()?;
    Ok(received == length && hasher.finish() == digest.to_string())
}

/// Marks a file as used now.
fn touch(path: &Path) {
    drop(File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_changed_on_disk_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FileCache::open(folder.path(), 1 << 20).unwrap();
        let digest = Sha256Digest::of(b"verified");
        assert_eq!(cache.read(digest, 100).await, None);
        cache.keep(digest, b"verified").await;
        assert_eq!(cache.read(digest, 100).await.unwrap(), b"verified");
        assert!(cache.open_file(digest, 8).await.is_some());
        assert!(cache.open_file(digest, 7).await.is_none());
        cache.keep(digest, b"verified").await;
        fs::write(cache.path(digest), b"tampered").unwrap();
        assert_eq!(cache.read(digest, 100).await, None);
        assert!(!cache.path(digest).exists());
    }

    #[tokio::test]
    async fn the_files_used_longest_ago_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FileCache::open(folder.path(), 10_000).unwrap();
        let old = vec![1; 4_000];
        let used = vec![2; 4_000];
        for (bytes, age) in [(&old, 100), (&used, 200)] {
            cache.keep(Sha256Digest::of(bytes), bytes).await;
            let file = File::options().append(true).open(cache.path(Sha256Digest::of(bytes))).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        }
        cache.read(Sha256Digest::of(&used), 10_000).await.unwrap();
        let new = vec![3; 4_000];
        cache.keep(Sha256Digest::of(&new), &new).await;
        assert!(!cache.path(Sha256Digest::of(&old)).exists());
        assert!(cache.path(Sha256Digest::of(&used)).exists());
        assert!(cache.path(Sha256Digest::of(&new)).exists());
    }
}

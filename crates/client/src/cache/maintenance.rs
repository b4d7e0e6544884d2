//! What the user can ask of the cache, and do with it, beside running processes: whatever is removed under them is fetched
//! again, and what they have open stays theirs.

use std::fs::{self, File};
use std::path::PathBuf;

use super::prune::{self, entries};
use super::{FileCache, has_digest};
use crate::name::Sha256Digest;

/// Files, and their bytes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCount {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl FileCount {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// Verified files.
    pub verified: FileCount,
    /// Files that are being received, or were when a process was killed.
    pub unfinished: FileCount,
}

/// What came of verifying a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCheck {
    /// Files that are what their name says.
    pub sound: FileCount,
    /// Files that are not; they were removed.
    pub damaged: FileCount,
}

/// These read and change the disk, and block meanwhile.
impl FileCache {
    /// The bytes that the cache may hold.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.shared.budget.max_bytes()
    }

    /// What the cache holds.
    #[must_use]
    pub fn usage(&self) -> CacheUsage {
        let mut usage = CacheUsage::default();
        for (_, length) in self.files() {
            usage.verified.add(length);
        }
        for entry in entries(&self.shared.temporary) {
            usage.unfinished.add(entry.metadata().map_or(0, |found| found.len()));
        }
        usage
    }

    /// Removes the files used longest ago beyond `max_bytes`, and what killed processes left.
    pub fn prune(&self, max_bytes: u64) -> FileCount {
        let mut removed = prune::prune(&self.shared.files, max_bytes, max_bytes);
        let left = prune::remove_abandoned(&self.shared.temporary);
        removed.files = removed.files.saturating_add(left.files);
        removed.bytes = removed.bytes.saturating_add(left.bytes);
        removed
    }

    /// Removes all files.
    pub fn clear(&self) -> FileCount {
        self.shared.pages.forget();
        self.prune(0)
    }

    /// Computes the hash of every file, and removes those that are not what their name says. They would not be used
    /// anyway: each is verified whenever it is read.
    #[must_use]
    pub fn verify(&self) -> CacheCheck {
        let mut check = CacheCheck::default();
        for (path, length) in self.files() {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let digest = Sha256Digest::parse(name).ok().filter(|digest| self.path(*digest) == path);
            let plain = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            let file = if plain { File::open(&path).ok() } else { None };
            let sound = match (digest, file) {
                (Some(digest), Some(mut file)) => has_digest(&mut file, digest, length).unwrap_or(false),
                _ => false,
            };
            if sound {
                check.sound.add(length);
            } else if fs::remove_file(&path).is_ok() {
                check.damaged.add(length);
            }
        }
        check
    }

    fn files(&self) -> impl Iterator<Item = (PathBuf, u64)> {
        let folders = entries(&self.shared.files);
        let files = folders.flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>());
        files.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len())))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    async fn filled(folder: &Path) -> (FileCache, Vec<Sha256Digest>) {
        let cache = FileCache::open(folder, 1 << 20).unwrap();
        let mut digests = Vec::new();
        for number in 0..5_u8 {
            let bytes = vec![number; 1000];
            let digest = Sha256Digest::of(&bytes);
            cache.keep(digest, &bytes).await;
            digests.push(digest);
        }
        (cache, digests)
    }

    #[tokio::test]
    async fn it_is_counted_pruned_and_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, _) = filled(folder.path()).await;
        let half = cache.temporary_file().unwrap();
        fs::write(half.path(), [0; 10]).unwrap();
        let expected = CacheUsage {
            verified: FileCount { files: 5, bytes: 5000 },
            unfinished: FileCount { files: 1, bytes: 10 },
        };
        assert_eq!(cache.usage(), expected);
        assert_eq!(cache.prune(5000), FileCount::default());
        assert_eq!(cache.prune(3500), FileCount { files: 2, bytes: 2000 });
        assert_eq!(cache.clear(), FileCount { files: 3, bytes: 3000 });
        // What somebody is receiving is left alone.
        assert_eq!(cache.usage(), CacheUsage { verified: FileCount::default(), ..expected });
        assert!(half.path().exists());
    }

    #[tokio::test]
    async fn what_is_not_what_its_name_says_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, digests) = filled(folder.path()).await;
        fs::write(cache.path(digests[0]), [9; 1000]).unwrap();
        let stray = cache.path(digests[1]).with_file_name("stray");
        fs::write(&stray, b"stray").unwrap();
        let check = cache.verify();
        assert_eq!(check.sound, FileCount { files: 4, bytes: 4000 });
        assert_eq!(check.damaged, FileCount { files: 2, bytes: 1005 });
        assert!(!stray.exists() && !cache.path(digests[0]).exists());
        assert_eq!(cache.verify(), CacheCheck { sound: check.sound, damaged: FileCount::default() });
    }
}

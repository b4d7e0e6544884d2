//! Keeps the cache within its size.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::maintenance::FileCount;

/// Files half received to which nothing came for longer than this belong to no running process; one that is slower than
/// that ends with its own limits. If it is not so, a file is not kept, and nothing else.
const ABANDONED: Duration = Duration::from_secs(3600);

/// What the cache may still take. Other processes spend too: each looks again at the folder when it has spent a tenth
/// of the size, and at first.
#[derive(Debug)]
pub(super) struct Budget {
    max_bytes: u64,
    until_next_look: Mutex<u64>,
}

impl Budget {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, until_next_look: Mutex::new(0) }
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Counts a file that was added; removes others when it is time.
    pub(super) fn spend(&self, length: u64, files: &Path, temporary: &Path) {
        // Whoever finds the budget in use leaves the looking to that one.
        let Ok(mut left) = self.until_next_look.try_lock() else { return };
        if let Some(rest) = left.checked_sub(length) {
            *left = rest;
            return;
        }
        *left = self.max_bytes / 10;
        prune(files, self.max_bytes, self.max_bytes / 10 * 9);
        remove_abandoned(temporary);
    }
}

/// Where there are more than `max_bytes`, removes the files used longest ago until no more than `target_bytes` are left.
pub(super) fn prune(files: &Path, max_bytes: u64, target_bytes: u64) -> FileCount {
    let mut removed = FileCount::default();
    let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for folder in entries(files) {
        for entry in entries(&folder.path()) {
            if let Ok(found) = entry.metadata() {
                kept.push((found.modified().unwrap_or(SystemTime::UNIX_EPOCH), found.len(), entry.path()));
            }
        }
    }
    let mut total: u64 = kept.iter().map(|(_, length, _)| length).sum();
    if total <= max_bytes {
        return removed;
    }
    kept.sort();
    for (_, length, path) in kept {
        if total <= target_bytes {
            break;
        }
        if fs::remove_file(path).is_ok() {
            total = total.saturating_sub(length);
            removed.add(length);
        }
    }
    removed
}

pub(super) fn remove_abandoned(temporary: &Path) -> FileCount {
    let mut removed = FileCount::default();
    for entry in entries(temporary) {
        let Ok(found) = entry.metadata() else { continue };
        let age = found.modified().ok().and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) && fs::remove_file(entry.path()).is_ok() {
            removed.add(found.len());
        }
    }
    removed
}

pub(super) fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

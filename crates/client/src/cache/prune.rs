//! Keeps the cache within its size.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// Files half received for longer than this belong to no running process.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

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

    /// Counts a file that was added; removes others when it is time.
    pub(super) fn spend(&self, length: u64, files: &Path, temporary: &Path) {
        // Whoever finds the budget in use leaves the looking to that one.
        let Ok(mut left) = self.until_next_look.try_lock() else { return };
        if let Some(rest) = left.checked_sub(length) {
            *left = rest;
            return;
        }
        *left = self.max_bytes / 10;
        prune(files, self.max_bytes);
        remove_abandoned(temporary);
    }
}

/// Removes the files used longest ago until nine tenths of the size are left.
fn prune(files: &Path, max_bytes: u64) {
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
        return;
    }
    kept.sort();
    for (_, length, path) in kept {
        if total <= max_bytes / 10 * 9 {
            return;
        }
        if fs::remove_file(path).is_ok() {
            total = total.saturating_sub(length);
        }
    }
}

fn remove_abandoned(temporary: &Path) {
    for entry in entries(temporary) {
        let modified = entry.metadata().and_then(|found| found.modified());
        if modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > ABANDONED)) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

//! The caches of installers behind sealdex: one for each set of bindings and policies that there ever was.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sealdex_client::FileCount;

/// What no run has used for longer is for bindings or policies that are no more.
pub(super) const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The file whose time is that of the last run.
const STAMP: &str = ".last-used";
/// No cache of a run is named like that.
const LEAVING: &str = ".removing";
/// Folders of an installer's cache within one another.
const MAX_DEPTH: usize = 32;

/// The folder that has them all.
pub(super) fn folder(cache: &Path) -> PathBuf {
    cache.join("installers")
}

/// Takes note that a run uses a cache. Without the note, it is only removed too soon.
pub(super) fn mark(own: &Path) {
    let marked = fs::create_dir_all(own)
        .and_then(|()| File::create(own.join(STAMP)))
        .and_then(|stamp| stamp.set_modified(SystemTime::now()));
    if let Err(error) = marked {
        tracing::debug!("{}: {error}", own.display());
    }
}

/// How many there are, and what is in them.
pub(super) fn count(cache: &Path) -> (usize, FileCount) {
    let folders = all(&folder(cache));
    let files = folders.iter().fold(FileCount::default(), |total, own| sum(total, files(own, MAX_DEPTH)));
    (folders.len(), files)
}

/// Removes those that no run has used for so long.
pub(super) fn prune(cache: &Path, unused: Duration) -> FileCount {
    let mut removed = FileCount::default();
    for own in all(&folder(cache)) {
        let used = fs::metadata(own.join(STAMP)).or_else(|_| fs::metadata(&own));
        let used = used.and_then(|found| found.modified());
        if !used.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > unused)) {
            continue;
        }
        // In one step, so that no run that begins now finds half of it.
        let leaving = own.with_file_name(LEAVING);
        let found = files(&own, MAX_DEPTH);
        drop(fs::remove_dir_all(&leaving));
        if fs::rename(&own, &leaving).and_then(|()| fs::remove_dir_all(&leaving)).is_ok() {
            removed = sum(removed, found);
        }
    }
    removed
}

/// The folders, none of which is a link.
fn all(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// The files below a folder. Links are not followed.
fn files(folder: &Path, depth: usize) -> FileCount {
    let mut total = FileCount::default();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        let own = match found.is_dir() {
            true if depth > 0 => files(&entry.path(), depth - 1),
            true => FileCount::default(),
            false if entry.file_name() == STAMP => FileCount::default(),
            false => FileCount { files: 1, bytes: found.len() },
        };
        total = sum(total, own);
    }
    total
}

pub(super) fn sum(one: FileCount, other: FileCount) -> FileCount {
    FileCount { files: one.files.saturating_add(other.files), bytes: one.bytes.saturating_add(other.bytes) }
}

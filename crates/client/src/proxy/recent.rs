//! Large files that were verified a moment ago, open still.
//!
//! An installer that reads a wheel piece by piece asks for the same file several times (uv: its end, then what is listed
//! there). The hash is computed for the first of them; the others are read through the same handle, as long as nobody has
//! changed the file since.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::name::Sha256Digest;

/// Each holds a file open.
const MAX_FILES: usize = 16;

/// The files verified last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct RecentFiles(Mutex<VecDeque<Recent>>);

#[derive(Debug)]
struct Recent {
    digest: Sha256Digest,
    file: Arc<File>,
    state: FileState,
}

impl RecentFiles {
    /// The file, if it is as it was when it was verified.
    pub(super) fn unchanged(&self, digest: Sha256Digest) -> Option<Arc<File>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = files.iter().position(|own| own.digest == digest)?;
        let found = files.remove(place)?;
        let unchanged = FileState::of(&found.file).is_ok_and(|state| state == found.state);
        let file = Arc::clone(&found.file);
        if unchanged {
            files.push_back(found);
        }
        unchanged.then_some(file)
    }

    /// Remembers a file that was verified now, through this handle.
    pub(super) fn remember(&self, digest: Sha256Digest, file: &Arc<File>) {
        let Ok(state) = FileState::of(file) else { return };
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|own| own.digest != digest);
        if files.len() >= MAX_FILES {
            files.pop_front();
        }
        files.push_back(Recent { digest, file: Arc::clone(file), state });
    }
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    length: u64,
    /// When it was changed; on Unix as the kernel says it, which no program can set.
    changed: (i64, i64),
}

impl FileState {
    #[cfg(unix)]
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let found = file.metadata()?;
        Ok(Self { length: found.len(), changed: (found.ctime(), found.ctime_nsec()) })
    }

    #[cfg(not(unix))]
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        let changed = found.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(changed.as_secs()).unwrap_or(i64::MAX);
        Ok(Self { length: found.len(), changed: (seconds, i64::from(changed.subsec_nanos())) })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_was_written_to_is_not_recent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"verified").unwrap();
        let (recent, digest) = (RecentFiles::default(), Sha256Digest::of(b"verified"));
        assert!(recent.unchanged(digest).is_none());
        recent.remember(digest, &Arc::new(File::open(&path).unwrap()));
        assert!(recent.unchanged(digest).is_some());
        assert!(recent.unchanged(digest).is_some());
        // The kernel's clock ticks slower than a test runs.
        std::thread::sleep(Duration::from_millis(50));
        fs::write(&path, b"tampered").unwrap();
        assert!(recent.unchanged(digest).is_none());
    }

    #[test]
    fn few_files_are_held_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"").unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let (recent, first) = (RecentFiles::default(), Sha256Digest::of(b"first"));
        recent.remember(first, &file);
        for number in 0..MAX_FILES {
            assert!(recent.unchanged(first).is_some());
            recent.remember(Sha256Digest::of(&number.to_le_bytes()), &file);
        }
        assert_eq!(Arc::strong_count(&file), 1 + MAX_FILES);
        assert!(recent.unchanged(first).is_some());
    }
}

//! Notices a publication, whichever process made it, without asking the database.
//!
//! Whatever changes in public ends with a new `timestamp.json`, renamed into place. Looking at that file costs a
//! microsecond, so it is looked at for each request, and an upload that was answered is seen by the next request.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use sealdex_repository::RepositoryDirectory;

/// How long something cached is believed in any case. A file system with coarse times that uses an inode again could
/// make two timestamps look alike; what is stale because of that does not stay so.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Tells one published state from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    inode: u64,
    modified: Option<SystemTime>,
    length: u64,
}

/// Something that was read when this generation was public.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    generation: Option<Generation>,
    taken: Instant,
}

/// Looks at the timestamp of one repository.
#[derive(Clone, Debug)]
pub(crate) struct GenerationWatch {
    timestamp: PathBuf,
}

impl GenerationWatch {
    pub(crate) fn new(directory: &RepositoryDirectory) -> Self {
        Self { timestamp: directory.timestamp_file() }
    }

    /// The state that is public now. To be taken *before* what it is to be a stamp of is read: then a publication in
    /// between makes the stamp too old, never too new.
    pub(crate) fn stamp(&self) -> Stamp {
        let generation = std::fs::metadata(&self.timestamp).ok().map(|metadata| Generation {
            inode: inode(&metadata),
            modified: metadata.modified().ok(),
            length: metadata.len(),
        });
        Stamp { generation, taken: Instant::now() }
    }
}

impl Stamp {
    /// Whether what bears this stamp is still right, `now` being a stamp just taken.
    pub(crate) fn covers(&self, now: &Self) -> bool {
        self.generation.is_some()
            && self.generation == now.generation
            && now.taken.saturating_duration_since(self.taken) < MAX_AGE
    }
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.ino()
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_new_timestamp_is_a_new_generation() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RepositoryDirectory::new(folder.path());
        let watch = GenerationWatch::new(&directory);
        let before = watch.stamp();
        assert!(!before.covers(&watch.stamp()), "nothing is published, so nothing can be relied on");

        fs::create_dir_all(directory.metadata()).unwrap();
        fs::write(directory.timestamp_file(), "1").unwrap();
        let first = watch.stamp();
        assert!(first.covers(&watch.stamp()));
        let next = directory.metadata().join("next");
        fs::write(&next, "2").unwrap();
        fs::rename(&next, directory.timestamp_file()).unwrap();
        assert!(!first.covers(&watch.stamp()));
    }

    #[test]
    fn stamps_age() {
        let now = Instant::now();
        let generation = Some(Generation { inode: 1, modified: None, length: 1 });
        let stamp = Stamp { generation, taken: now };
        assert!(stamp.covers(&Stamp { generation, taken: now + Duration::from_millis(999) }));
        assert!(!stamp.covers(&Stamp { generation, taken: now + Duration::from_secs(1) }));
    }
}

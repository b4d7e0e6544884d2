//! Notices a publication, whichever process made it, without asking the database.

use std::path::Path;
use std::time::{Duration, SystemTime};

/// Tells one published state from another.
///
/// Whatever changes in public ends with a new `timestamp.json`. In a folder that is renamed into place, and looking at
/// the file costs a microsecond. In a bucket it would cost a request: there the publications that this process knows of
/// are counted, and those of others are found because nothing is taken for current longer than a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(Seen);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    File { inode: u64, modified: Option<SystemTime>, length: u64 },
    Bucket { publications: u64, second: u64 },
}

impl Generation {
    /// As the timestamp's file says; `None` where there is none.
    pub(super) fn of_file(timestamp: &Path) -> Option<Self> {
        let found = std::fs::metadata(timestamp).ok()?;
        let (modified, length) = (found.modified().ok(), found.len());
        Some(Self(Seen::File { inode: inode(&found), modified, length }))
    }

    /// After so many publications that were noticed, and so long.
    pub(super) fn of_bucket(publications: u64, open: Duration) -> Self {
        Self(Seen::Bucket { publications, second: open.as_secs() })
    }
}

#[cfg(unix)]
fn inode(found: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
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
        let timestamp = folder.path().join("timestamp.json");
        assert_eq!(
            Generation::of_file(&timestamp),
            None,
            "nothing is published, so nothing can be relied on"
        );
        fs::write(&timestamp, "1").unwrap();
        let first = Generation::of_file(&timestamp);
        assert!(first.is_some() && first == Generation::of_file(&timestamp));
        let next = folder.path().join("next");
        fs::write(&next, "2").unwrap();
        fs::rename(&next, &timestamp).unwrap();
        assert_ne!(first, Generation::of_file(&timestamp));
    }
}

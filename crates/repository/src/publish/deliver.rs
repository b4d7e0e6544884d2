//! Steps 3 and 4: signed files from the outbox to `public/metadata`, the timestamp last.

use super::lock::WriterLock;
use crate::blobs::{BlobName, Blobs};
use crate::error::Error;
use crate::store::OutboxFile;

/// The name of the file that makes everything else the current snapshot.
pub(crate) const TIMESTAMP_FILE: &str = "timestamp.json";

/// Writes the files of a publication whose timestamp has version `timestamp_version`. Whatever happens, a client sees
/// the snapshot before or the new one as a whole: a file is only referred to once it is on the disk. Doing it twice does
/// nothing the second time.
///
/// A delivery whose caller gave up goes on by itself. When a later one has overtaken it, it does nothing.
pub(crate) fn deliver(
    blobs: &Blobs,
    lock: &WriterLock,
    timestamp_version: u64,
    outbox: &[OutboxFile],
) -> Result<(), Error> {
    let mut delivered = lock.delivery();
    if timestamp_version < *delivered {
        return Ok(());
    }
    let (timestamp, others): (Vec<&OutboxFile>, Vec<&OutboxFile>) =
        outbox.iter().partition(|file| file.name == TIMESTAMP_FILE);
    if !others.is_empty() {
        let others: Vec<(BlobName, &[u8])> =
            others.iter().map(|file| (BlobName::metadata(&file.name), file.content.as_slice())).collect();
        blobs.put(&others)?;
    }
    for file in timestamp {
        blobs.put_timestamp(&file.content, lock.gate())?;
    }
    *delivered = timestamp_version;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::RepositoryDirectory;

    #[test]
    fn a_delivery_that_was_overtaken_takes_nothing_back() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RepositoryDirectory::new(folder.path());
        std::fs::create_dir_all(directory.staging()).unwrap();
        std::fs::create_dir_all(directory.metadata()).unwrap();
        let blobs = Blobs::in_directory(directory.clone());
        let lock = WriterLock::of_file(&directory.writer_lock()).unwrap().unwrap();
        for (version, served) in [(2, "2"), (3, "3"), (2, "3"), (3, "3"), (4, "4")] {
            let content = version.to_string().into_bytes();
            let outbox = [OutboxFile { name: TIMESTAMP_FILE.to_owned(), content }];
            deliver(&blobs, &lock, version, &outbox).unwrap();
            assert_eq!(std::fs::read_to_string(directory.timestamp_file()).unwrap(), served);
        }
    }
}

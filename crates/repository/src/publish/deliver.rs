//! Steps 3 and 4: signed files from the outbox to `public/metadata`, the timestamp last.

use std::path::PathBuf;

use crate::directory::RepositoryDirectory;
use crate::disk;
use crate::error::Error;
use crate::store::OutboxFile;

/// The name of the file that makes everything else the current snapshot.
pub(crate) const TIMESTAMP_FILE: &str = "timestamp.json";

/// Writes the files. Whatever happens, a client sees the snapshot before or the new one as a whole: a file is only
/// referred to once it is on the disk. Doing it twice does nothing the second time.
pub(crate) fn deliver(directory: &RepositoryDirectory, outbox: &[OutboxFile]) -> Result<(), Error> {
    let (staging, metadata) = (directory.staging(), directory.metadata());
    let (timestamp, others): (Vec<&OutboxFile>, Vec<&OutboxFile>) =
        outbox.iter().partition(|file| file.name == TIMESTAMP_FILE);
    if !others.is_empty() {
        let others: Vec<(PathBuf, &[u8])> =
            others.iter().map(|file| (metadata.join(&file.name), file.content.as_slice())).collect();
        disk::write_files(&staging, &others)?;
        disk::sync_directories([metadata.as_path()])?;
    }
    for file in timestamp {
        disk::write_file(&staging, &metadata.join(&file.name), &file.content)?;
        disk::sync_directories([metadata.as_path()])?;
    }
    Ok(())
}

//! A target streamed to a file.

use std::io::Write as _;
use std::path::Path;

use sealdex_tuf::TargetCheck;

use crate::error::Error;
use crate::fetch::Transfer;
use crate::store::files;

/// Writes the transfer beside `destination` while checking it, and renames it there once it has passed.
pub(super) async fn to_file(
    mut transfer: Transfer,
    mut check: TargetCheck,
    destination: &Path,
) -> Result<(), Error> {
    let failed = |source| Error::io("write", destination, source);
    let folder = match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".sealdex-").tempfile_in(folder).map_err(failed)?;
    while let Some(chunk) = transfer.chunk().await? {
        check.update(&chunk)?;
        // Short writes into the page cache: cheaper here than handed to another thread.
        file.write_all(&chunk).map_err(failed)?;
    }
    check.finish()?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(destination).map_err(|error| failed(error.error))?;
    files::sync_folder(folder)
}

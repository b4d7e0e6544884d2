//! A target written to a file.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sealdex_tuf::TargetCheck;
use tempfile::NamedTempFile;

use crate::destination::file_to_write;
use crate::error::Error;
use crate::fetch::Transfer;
use crate::store::files;

/// Writes the transfer beside `destination` while checking it, and renames it there once it has passed.
pub(super) async fn to_file(
    mut transfer: Transfer,
    mut check: TargetCheck,
    destination: &Path,
) -> Result<(), Error> {
    let destination = &resolved(destination)?;
    let mut file = beside(destination)?;
    while let Some(chunk) = transfer.chunk().await? {
        check.update(&chunk)?;
        // Short writes into the page cache: cheaper here than handed to another thread.
        file.write_all(&chunk).map_err(|source| Error::io("write", destination, source))?;
    }
    check.finish()?;
    finish(file, destination)
}

/// Writes a verified file to `destination` in the same way.
pub(super) async fn copy(mut verified: File, destination: &Path) -> Result<(), Error> {
    let destination = resolved(destination)?;
    let copy = move || {
        let mut file = beside(&destination)?;
        io::copy(&mut verified, &mut file).map_err(|source| Error::io("write", &destination, source))?;
        finish(file, &destination)
    };
    tokio::task::spawn_blocking(copy).await.map_err(|_| Error::Task { task: "copy" })?
}

/// To rename a file there would do away with a device or a pipe, and with a link to what is meant.
fn resolved(destination: &Path) -> Result<PathBuf, Error> {
    file_to_write(destination).map_err(|source| Error::io("write", destination, source))
}

fn beside(destination: &Path) -> Result<NamedTempFile, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sealdex-");
    // As any program makes files: whoever the user lets, may read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder(destination));
    file.map_err(|source| Error::io("write", destination, source))
}

fn finish(file: NamedTempFile, destination: &Path) -> Result<(), Error> {
    let failed = |source| Error::io("write", destination, source);
    if let Ok(before) = std::fs::metadata(destination) {
        file.as_file().set_permissions(before.permissions()).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(destination).map_err(|error| failed(error.error))?;
    files::sync_folder(folder(destination))
}

fn folder(destination: &Path) -> &Path {
    match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

//! Files written so that they survive a crash: written aside, synchronised, renamed, the directory synchronised.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Runs blocking work on the threads that are there for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Interrupted)?
}

/// Writes a file in one atomic step. It is on the disk when this returns, under its name once
/// [`sync_directories`] was called for its directory.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let directory = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        .tempfile_in(directory)
        .map_err(Error::io("create a file in", directory))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    make_readable(file.as_file(), path)?;
    file.as_file().sync_all().map_err(Error::io("synchronise", path))?;
    file.persist(path).map_err(|error| error.error).map_err(Error::io("write", path))?;
    Ok(())
}

/// Temporary files are private; what is served is for every web server's eyes.
pub(crate) fn make_readable(file: &File, path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))
            .map_err(Error::io("set the mode of", path))?;
    }
    #[cfg(not(unix))]
    let _ = (file, path);
    Ok(())
}

/// Makes a directory below an existing one, with all between; gives the directories whose entries are new, which are
/// to be synchronised.
pub(crate) fn make_directories(path: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let mut new = BTreeSet::new();
    let mut missing = path;
    while !missing.is_dir() {
        let above = parent(missing);
        new.insert(above.to_owned());
        missing = above;
    }
    if !new.is_empty() {
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
    }
    Ok(new)
}

/// Makes what was renamed or created in these directories survive a crash.
pub(crate) fn sync_directories<'a>(directories: impl IntoIterator<Item = &'a Path>) -> Result<(), Error> {
    for directory in directories {
        let file = File::open(directory).map_err(Error::io("open", directory))?;
        file.sync_all().map_err(Error::io("synchronise", directory))?;
    }
    Ok(())
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

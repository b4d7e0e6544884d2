//! Files written so that they survive a crash: written aside, synchronised, renamed, the directory synchronised.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Error;

/// Runs blocking work on the threads that are there for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Interrupted)?
}

/// A new file in `staging`, locked for as long as it is open: [`clean_staging`] leaves it alone.
pub(crate) fn staging_file(staging: &Path) -> Result<NamedTempFile, Error> {
    loop {
        let file = tempfile::Builder::new()
            .prefix("incoming-")
            .tempfile_in(staging)
            .map_err(Error::io("create a file in", staging))?;
        file.as_file().lock().map_err(Error::io("lock", file.path()))?;
        // Cleaned away between its creation and the lock: once more.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes what processes that are gone left in `staging`; gives the number of files.
pub(crate) fn clean_staging(staging: &Path) -> Result<u64, Error> {
    let mut removed = 0;
    for entry in fs::read_dir(staging).map_err(Error::io("read", staging))? {
        let path = entry.map_err(Error::io("read", staging))?.path();
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() && fs::remove_file(&path).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Writes a file in one atomic step, by way of `staging`. Its bytes are on the disk when this returns; its name is once
/// [`sync_directories`] was called for its directory.
pub(crate) fn write_file(staging: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = staging_file(staging)?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    make_readable(file.as_file(), path)?;
    file.as_file().sync_all().map_err(Error::io("synchronise", path))?;
    file.persist(path).map_err(|error| error.error).map_err(Error::io("write", path))?;
    Ok(())
}

/// [`write_file`] for many: their synchronisation goes on side by side, which a disk does in few rounds.
pub(crate) fn write_files(staging: &Path, files: &[(PathBuf, &[u8])]) -> Result<(), Error> {
    let lanes = files.len().min(MAX_LANES);
    if lanes <= 1 {
        return files.iter().try_for_each(|(path, bytes)| write_file(staging, path, bytes));
    }
    std::thread::scope(|scope| {
        let chunks = files.chunks(files.len().div_ceil(lanes));
        let write = |chunk: &[(PathBuf, &[u8])]| {
            chunk.iter().try_for_each(|(path, bytes)| write_file(staging, path, bytes))
        };
        let lanes: Vec<_> = chunks.map(|chunk| scope.spawn(move || write(chunk))).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().map_err(|_| Error::Interrupted)?)
    })
}

const MAX_LANES: usize = 16;

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

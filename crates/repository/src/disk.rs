//! Files written so that they survive a crash: written aside, synchronised, renamed, the directory synchronised.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

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

/// Writes a file in one atomic step, by way of `staging`, and leaves out what makes it survive a crash: that is
/// [`sync_file_system`]'s, once for many. A file that has these bytes already is left alone: something may refer to it.
pub(crate) fn write_unsynchronised(staging: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(there) if there.len() == bytes.len() as u64 => {
            if fs::read(path).map_err(Error::io("read", path))? == bytes {
                // Wanted again: it may have been out of use for long, and is not to be collected now.
                let file = File::options().append(true).open(path).map_err(Error::io("open", path))?;
                return file.set_modified(SystemTime::now()).map_err(Error::io("set the time of", path));
            }
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(parent(path)).map_err(Error::io("create", parent(path)))?;
        }
        Err(error) => return Err(Error::io("look at", path)(error)),
    }
    let mut file = staging_file(staging)?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    make_readable(file.as_file(), path)?;
    #[cfg(not(target_os = "linux"))]
    file.as_file().sync_all().map_err(Error::io("synchronise", path))?;
    file.persist(path).map_err(|error| error.error).map_err(Error::io("write", path))?;
    #[cfg(not(target_os = "linux"))]
    sync_directories([parent(path)])?;
    Ok(())
}

/// Makes everything that was written to the file system of `directory` survive a crash. Elsewhere than on Linux each
/// file was made so when it was written.
pub(crate) fn sync_file_system(directory: &Path) -> Result<(), Error> {
    let file = File::open(directory).map_err(Error::io("open", directory))?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&file).map_err(|error| Error::io("synchronise", directory)(error.into()))?;
    drop(file);
    Ok(())
}

/// Makes an empty file that its owner alone can read: what the state holds, token hashes too, is nobody else's.
pub(crate) fn private_file(path: &Path) -> Result<(), Error> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(Error::io("create", path))
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

/// The directories that this process knows to survive a crash.
///
/// That a directory exists does not say so: whoever made it may not have synchronised it yet, or have been killed before.
#[derive(Debug, Default)]
pub(crate) struct DurableDirectories(Mutex<HashSet<PathBuf>>);

/// Beyond so many all are forgotten, and synchronised once more: some megabytes.
const MAX_KNOWN_DIRECTORIES: usize = 50_000;

impl DurableDirectories {
    /// Makes directories below `top`, which is durable, with all between. They survive a crash when this returns.
    pub(crate) fn make<'a>(
        &self,
        top: &Path,
        directories: impl IntoIterator<Item = &'a Path>,
    ) -> Result<(), Error> {
        let mut new = BTreeSet::new();
        for directory in directories {
            let unknown = self.unknown(top, directory);
            if !unknown.is_empty() {
                fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
            }
            new.extend(unknown);
        }
        sync_directories(new.iter().map(|directory| parent(directory)).collect::<BTreeSet<_>>())?;
        let mut known = self.lock();
        if known.len() > MAX_KNOWN_DIRECTORIES {
            known.clear();
        }
        known.extend(new);
        Ok(())
    }

    /// `directory` and those between it and `top`, as far as they are not known to be durable.
    fn unknown(&self, top: &Path, directory: &Path) -> Vec<PathBuf> {
        let known = self.lock();
        let below = directory.ancestors().take_while(|above| *above != top);
        below.filter(|above| !(known.contains(*above) && above.is_dir())).map(Path::to_owned).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // Every entry was durable when it was added.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_made_is_synchronised_too() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path();
        let (above, folder) = (top.join("files"), top.join("files/six"));
        // Another process made them, and was killed before it synchronised anything.
        fs::create_dir_all(&folder).unwrap();
        let durable = DurableDirectories::default();
        assert_eq!(durable.unknown(top, &folder), [folder.clone(), above]);
        durable.make(top, [folder.as_path()]).unwrap();
        assert!(durable.unknown(top, &folder).is_empty());
        let other = top.join("files/seven");
        assert_eq!(durable.unknown(top, &other), std::slice::from_ref(&other));
        durable.make(top, [other.as_path(), folder.as_path()]).unwrap();
        assert!(other.is_dir());
        fs::remove_dir(&folder).unwrap();
        assert_eq!(durable.unknown(top, &folder), [folder]);
    }
}

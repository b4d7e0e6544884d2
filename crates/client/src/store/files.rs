//! Private folders, and files that are written whole or not at all.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use tempfile::TempDir;

use super::fault::{self, Step};
use crate::error::Error;

/// Temporary files begin so; what a killed process left behind is known by it.
const TEMPORARY: &str = ".tmp-";

/// Makes a folder that only its user can read, parents included. An existing one must be what [`plain_folder`] asks for.
pub(crate) fn private_folder(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return plain_folder(path);
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    fault::before(Step::MakeFolder, path).and_then(|()| builder.create(path)).map_err(|source| {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_dir() => Error::NotADirectory { path: path.to_owned() },
            _ => Error::io("make", path, source),
        }
    })?;
    plain_folder(path)
}

/// A private folder with a name of its own, removed when dropped.
pub(crate) fn temporary_folder(parent: &Path, prefix: &str) -> Result<TempDir, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(parent).map_err(|source| Error::io("make", parent, source))
}

/// An existing folder must be a plain one, not a symbolic link to a place that somebody else may own, and nobody else may
/// be able to change what is in it.
pub(crate) fn plain_folder(path: &Path) -> Result<(), Error> {
    let found = fs::symlink_metadata(path).map_err(|source| Error::io("read", path, source))?;
    if !found.is_dir() {
        return Err(Error::NotADirectory { path: path.to_owned() });
    }
    check_owner(path, &found)
}

/// Only this user and the superuser may be able to change it: the rule that ssh has for its own files.
#[cfg(unix)]
fn check_owner(path: &Path, found: &Metadata) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt as _;
    let exposed = |reason: String| Err(Error::Exposed { path: path.to_owned(), reason });
    if found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw() {
        return exposed(format!("belongs to another user (uid {})", found.uid()));
    }
    match found.mode() & 0o022 {
        0 => Ok(()),
        0o020 => exposed("can be written by its group".to_owned()),
        _ => exposed("can be written by everyone".to_owned()),
    }
}

#[cfg(not(unix))]
fn check_owner(_path: &Path, _found: &Metadata) -> Result<(), Error> {
    Ok(())
}

/// Replaces the file at `path` in one step (mode 0600), durably: after a crash there is the old file or the new one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes, |file| {
        fault::before(Step::Sync, path)?;
        file.sync_all()
    })?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// The same without waiting for the disk: after a crash of the machine there may be neither. For what is verified when it is
/// read, and can be had again.
pub(crate) fn write_in_one_step(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes, |_| Ok(()))
}

fn replace(path: &Path, bytes: &[u8], sync: impl FnOnce(&File) -> io::Result<()>) -> Result<(), Error> {
    let write = || {
        fault::before(Step::Create, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        fault::write_all(file.as_file_mut(), bytes, path)?;
        sync(file.as_file())?;
        clear(path)?;
        fault::before(Step::Rename, path)?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(|source| Error::io("write", path, source))
}

/// Removes what stands where a plain file belongs: a folder, a link, a pipe. The store's folders are private, and nothing
/// else is kept in them.
pub(crate) fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(found) if !found.is_file() => fs::remove_file(path),
        _ => Ok(()),
    }
}

/// Makes renames in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Folders cannot be opened as files elsewhere, and need not be.
    if cfg!(unix) {
        let synced = fault::before(Step::SyncFolder, folder)
            .and_then(|()| File::open(folder))
            .and_then(|folder| folder.sync_all());
        synced.map_err(|source| Error::io("write", folder, source))?;
    }
    Ok(())
}

/// Removes a file, durably. That there is none is as good.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let removed =
        clear(path).and_then(|()| fault::before(Step::Remove, path)).and_then(|()| fs::remove_file(path));
    match removed {
        Ok(()) => sync_folder(path.parent().unwrap_or(Path::new("."))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::io("remove", path, source)),
    }
}

/// The content of a plain file of at most `max_bytes`; `None` for everything else: a file that cannot be used is as good
/// as none.
pub(crate) fn read_bounded(path: &Path, max_bytes: u64) -> Option<Vec<u8>> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= max_bytes).then_some(bytes)
}

/// As [`read_bounded`], for a file that is trusted for being there. `None` also where there is none.
///
/// # Errors
/// [`Error::Exposed`] if others can change it.
pub(crate) fn read_private(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
    if let Ok(found) = fs::symlink_metadata(path)
        && found.is_file()
    {
        check_owner(path, &found)?;
    }
    Ok(read_bounded(path, max_bytes))
}

/// Removes what killed processes left half written. Only for folders that nobody else writes to now.
pub(crate) fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"newer").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"newer");
        assert_eq!(read_bounded(&path, 4), None);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read_bounded(&path, 5), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_are_no_folders_and_modes_are_private() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("a/b");
        private_folder(&real).unwrap();
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o700);
        let link = folder.path().join("link");
        symlink(&real, &link).unwrap();
        assert!(matches!(private_folder(&link), Err(Error::NotADirectory { .. })));
        let file = real.join("file");
        write_atomically(&file, b"x").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        symlink(&file, real.join("other")).unwrap();
        assert_eq!(read_bounded(&real.join("other"), 5), None);
        assert!(matches!(private_folder(&file), Err(Error::NotADirectory { .. })));
    }
}

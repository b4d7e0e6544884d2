//! The trusted metadata on disk.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sealdex_tuf::RoleName;

/// A directory of trusted metadata, one file a role, byte for byte as received.
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    /// The store in `directory`, which exists.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The metadata of `role`; `None` when there is none.
    pub(crate) fn read(&self, role: &RoleName) -> Result<Option<Vec<u8>>> {
        let path = self.path(role);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Replaces the metadata of `role` in one step.
    pub(crate) fn write(&self, role: &RoleName, bytes: &[u8]) -> Result<()> {
        write(&self.path(role), bytes)
    }

    /// Deletes the metadata of `role`, if there is any.
    pub(crate) fn delete(&self, role: &RoleName) -> Result<()> {
        let path = self.path(role);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be deleted", path.display()))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, role: &RoleName) -> PathBuf {
        self.directory.join(role.file_name())
    }
}

/// Writes a file beside `path`, then renames it into place.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("{} cannot be written", path.display());
    let directory = path.parent().with_context(context)?;
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(())
}

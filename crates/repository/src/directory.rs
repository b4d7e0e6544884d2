//! Where everything lies in a repository's directory, and which target paths can be files' paths.

use std::path::{Path, PathBuf};

use sealdex_tuf::TargetPath;

use crate::error::Error;

/// The longest name of a target file, in bytes: with `<sha256>.` before it and `.metadata` behind it, it is still a
/// file name that common file systems can store.
pub(crate) const MAX_FILE_NAME_BYTES: usize = 255 - 65 - 9;

/// The paths in a repository's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryDirectory(PathBuf);

impl RepositoryDirectory {
    /// The directory at `path`; nothing is looked at.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `sealdex.toml`
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.0.join("sealdex.toml")
    }

    /// `state.sqlite`
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.0.join("state.sqlite")
    }

    /// `keys/`, where the online key lies.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// `keys/online.pem`
    #[must_use]
    pub fn online_key_file(&self) -> PathBuf {
        self.keys().join("online.pem")
    }

    /// `writer.lock`
    #[must_use]
    pub fn writer_lock(&self) -> PathBuf {
        self.0.join("writer.lock")
    }

    /// `import.lock`
    #[must_use]
    pub fn import_lock(&self) -> PathBuf {
        self.0.join("import.lock")
    }

    /// `staging/`
    #[must_use]
    pub fn staging(&self) -> PathBuf {
        self.0.join("staging")
    }

    /// `public/`, which any web server may serve; not there where the settings name a bucket.
    #[must_use]
    pub fn public(&self) -> PathBuf {
        self.0.join("public")
    }

    /// `public/metadata/`
    #[must_use]
    pub fn metadata(&self) -> PathBuf {
        self.public().join("metadata")
    }

    /// `public/targets/`
    #[must_use]
    pub fn targets(&self) -> PathBuf {
        self.public().join("targets")
    }

    /// `public/metadata/timestamp.json`: what makes a snapshot the current one.
    #[must_use]
    pub fn timestamp_file(&self) -> PathBuf {
        self.metadata().join("timestamp.json")
    }
}

/// Whether the path can be a file's below `public/targets`.
///
/// # Errors
/// [`Error::InvalidPath`]
pub(crate) fn check_target_path(path: &TargetPath) -> Result<(), Error> {
    let invalid = |reason| Error::InvalidPath { path: path.to_string(), reason };
    for segment in path.as_str().split('/') {
        if !is_plain_segment(segment) {
            return Err(invalid(
                "a segment is empty, too long, '.', '..', or holds a control character or '\\'",
            ));
        }
    }
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    if name.len() > MAX_FILE_NAME_BYTES {
        return Err(invalid("its file name is longer than 181 bytes"));
    }
    Ok(())
}

/// Whether this can stand between two `/` of a path.
pub(crate) fn is_plain_segment(segment: &str) -> bool {
    !segment.is_empty()
        && segment.len() <= 255
        && segment != "."
        && segment != ".."
        && !segment.contains('\\')
        && !segment.chars().any(char::is_control)
}

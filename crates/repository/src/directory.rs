//! Where everything lies in a repository's directory, and the strict way from a request's path to a file.

use std::path::{Path, PathBuf};

use sealdex_simple::{FileName, ProjectName};
use sealdex_tuf::{RoleName, TargetPath, Version};

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

    /// `public/`, which any web server may serve.
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

    /// `public/metadata/VERSION.ROLE.json`
    #[must_use]
    pub fn role_file(&self, role: &RoleName, version: Version) -> PathBuf {
        self.metadata().join(role.versioned_file_name(version))
    }

    /// The file to serve for `GET /metadata/<name>`; `None` for what is no metadata file's name. Whether the file
    /// exists is not looked at.
    #[must_use]
    pub fn servable_metadata(&self, name: &str) -> Option<PathBuf> {
        let plain =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        let fits = plain && name.len() <= 255 && !name.starts_with('.') && name.ends_with(".json");
        fits.then(|| self.metadata().join(name))
    }

    /// The file to serve for `GET /targets/<path>`, `path` percent-decoded; `None` for what can be no target's path.
    /// Whether the file exists is not looked at.
    #[must_use]
    pub fn servable_target(&self, path: &str) -> Option<PathBuf> {
        (path.len() <= sealdex_tuf::name::MAX_TARGET_PATH_BYTES && path.split('/').all(is_plain_segment))
            .then(|| self.targets().join(path))
    }

    /// The consistent-snapshot file of a target (TUF spec 6.2.1): `public/targets/DIR/SHA256.NAME`.
    ///
    /// # Errors
    /// [`Error::InvalidPath`], see [`check_target_path`].
    pub(crate) fn target_file(&self, path: &TargetPath, sha256: &str) -> Result<PathBuf, Error> {
        check_target_path(path)?;
        let (folder, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
        Ok(self.targets().join(folder).join(format!("{sha256}.{name}")))
    }

    /// `public/targets/files/<project>/<sha256>.<filename>`
    #[must_use]
    pub(crate) fn distribution_file(
        &self,
        project: &ProjectName,
        filename: &FileName,
        sha256: &str,
    ) -> PathBuf {
        self.targets().join("files").join(project.as_str()).join(format!("{sha256}.{filename}"))
    }

    /// The core metadata beside a distribution (PEP 658).
    #[must_use]
    pub(crate) fn sidecar_file(&self, project: &ProjectName, filename: &FileName, sha256: &str) -> PathBuf {
        self.targets().join("files").join(project.as_str()).join(format!("{sha256}.{filename}.metadata"))
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

fn is_plain_segment(segment: &str) -> bool {
    !segment.is_empty()
        && segment.len() <= 255
        && segment != "."
        && segment != ".."
        && !segment.contains('\\')
        && !segment.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_stay_in_their_folder() {
        let directory = RepositoryDirectory::new("/r");
        for (name, servable) in [
            ("timestamp.json", true),
            ("12.index-0a.json", true),
            ("../state.sqlite", false),
            ("a/b.json", false),
            (".json", false),
            ("", false),
            ("a\0.json", false),
        ] {
            assert_eq!(directory.servable_metadata(name).is_some(), servable, "{name:?}");
        }
        for (path, servable) in [
            ("simple/six/ab.index.json", true),
            ("..", false),
            ("a/../b", false),
            ("/etc/passwd", false),
            ("a//b", false),
            ("a\\b", false),
            ("", false),
        ] {
            assert_eq!(directory.servable_target(path).is_some(), servable, "{path:?}");
        }
    }

    #[test]
    fn target_files_carry_their_digest() {
        let directory = RepositoryDirectory::new("/r");
        let file = |path: &str| directory.target_file(&TargetPath::parse(path).unwrap(), "ab");
        assert_eq!(file("a/b/c.txt").unwrap(), Path::new("/r/public/targets/a/b/ab.c.txt"));
        assert_eq!(file("c.txt").unwrap(), Path::new("/r/public/targets/ab.c.txt"));
        assert!(file("a/../c").is_err());
        assert!(file(&"n".repeat(MAX_FILE_NAME_BYTES)).is_ok());
        assert!(file(&"n".repeat(MAX_FILE_NAME_BYTES + 1)).is_err());
    }
}

//! Names below `public/`, and the strict way from a request's path to one.

use std::fmt;

use sealdex_simple::{ContentType, FileName, ProjectName};
use sealdex_tuf::{RoleName, TargetPath, Version};

use crate::directory::{check_target_path, is_plain_segment};
use crate::error::Error;

/// Where something lies below `public/`: `metadata/...` or `targets/...`, segments parted by `/`. No segment is empty,
/// `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(String);

/// The folder of metadata.
pub(crate) const METADATA: &str = "metadata";
/// The folder of targets.
pub(crate) const TARGETS: &str = "targets";

impl BlobName {
    /// `metadata/timestamp.json`: what makes a snapshot the current one.
    #[must_use]
    pub fn timestamp() -> Self {
        Self::metadata("timestamp.json")
    }

    /// `metadata/VERSION.ROLE.json`
    #[must_use]
    pub fn role(role: &RoleName, version: Version) -> Self {
        Self::metadata(&role.versioned_file_name(version))
    }

    /// What is served for `GET /metadata/<name>`; `None` for what is no metadata file's name. Whether it exists is not
    /// looked at.
    #[must_use]
    pub fn servable_metadata(name: &str) -> Option<Self> {
        let plain =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        let fits = plain && name.len() <= 255 && !name.starts_with('.') && name.ends_with(".json");
        fits.then(|| Self::metadata(name))
    }

    /// What is served for `GET /targets/<path>`, `path` percent-decoded; `None` for what can be no target's path.
    /// Whether it exists is not looked at.
    #[must_use]
    pub fn servable_target(path: &str) -> Option<Self> {
        (path.len() <= sealdex_tuf::name::MAX_TARGET_PATH_BYTES && path.split('/').all(is_plain_segment))
            .then(|| Self(format!("{TARGETS}/{path}")))
    }

    /// The consistent-snapshot file of a target (TUF spec 6.2.1): `targets/DIR/SHA256.NAME`.
    ///
    /// # Errors
    /// [`Error::InvalidPath`], see [`check_target_path`].
    pub(crate) fn target(path: &TargetPath, sha256: &str) -> Result<Self, Error> {
        check_target_path(path)?;
        Ok(Self(match path.as_str().rsplit_once('/') {
            Some((folder, name)) => format!("{TARGETS}/{folder}/{sha256}.{name}"),
            None => format!("{TARGETS}/{sha256}.{path}"),
        }))
    }

    /// `targets/files/<project>/<sha256>.<filename>`
    pub(crate) fn distribution(project: &ProjectName, filename: &FileName, sha256: &str) -> Self {
        Self(format!("{TARGETS}/files/{project}/{sha256}.{filename}"))
    }

    /// The core metadata beside a distribution (PEP 658).
    pub(crate) fn sidecar(project: &ProjectName, filename: &FileName, sha256: &str) -> Self {
        Self(format!("{TARGETS}/files/{project}/{sha256}.{filename}.metadata"))
    }

    /// A file of this name in `metadata/`.
    pub(crate) fn metadata(name: &str) -> Self {
        Self(format!("{METADATA}/{name}"))
    }

    /// A file of this name in a folder: what was found there.
    pub(super) fn found(folder: &str, name: &str) -> Self {
        Self(format!("{folder}/{name}"))
    }

    /// The whole of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Everything before the name.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl BlobName {
    /// The media type it is served with. None of them is ever shown in a browser as a page.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        let name = self.name();
        let is = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
        let plain = name.split_once('.').map_or(name, |(_, plain)| plain);
        if is(".metadata") {
            "text/plain; charset=utf-8"
        } else if is(".whl") || is(".zip") {
            "application/zip"
        } else if is(".tar.gz") || is(".tgz") {
            "application/gzip"
        } else if self.folder() != METADATA && plain == "index.json" {
            ContentType::JsonV1.as_header_value()
        } else if is(".json") {
            "application/json"
        } else {
            "application/octet-stream"
        }
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::MAX_FILE_NAME_BYTES;

    #[test]
    fn requests_stay_in_their_folder() {
        for (name, servable) in [
            ("timestamp.json", true),
            ("12.index-0a.json", true),
            ("../state.sqlite", false),
            ("a/b.json", false),
            (".json", false),
            ("", false),
            ("a\0.json", false),
        ] {
            assert_eq!(BlobName::servable_metadata(name).is_some(), servable, "{name:?}");
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
            assert_eq!(BlobName::servable_target(path).is_some(), servable, "{path:?}");
        }
    }

    #[test]
    fn content_types() {
        for (name, expected) in [
            ("metadata/1.root.json", "application/json"),
            ("metadata/1.index.json", "application/json"),
            ("targets/simple/a/ab.index.json", "application/vnd.pypi.simple.v1+json"),
            ("targets/files/a/ab.a-1-py3-none-any.whl", "application/zip"),
            ("targets/files/a/ab.a-1.tar.gz", "application/gzip"),
            ("targets/files/a/ab.a-1-py3-none-any.whl.metadata", "text/plain; charset=utf-8"),
            ("targets/ab.data.json", "application/json"),
            ("targets/ab.evil.html", "application/octet-stream"),
            ("targets/.whl", "application/octet-stream"),
        ] {
            assert_eq!(BlobName(name.to_owned()).content_type(), expected, "{name}");
        }
    }

    #[test]
    fn target_files_carry_their_digest() {
        let key = |path: &str| BlobName::target(&TargetPath::parse(path).unwrap(), "ab");
        assert_eq!(key("a/b/c.txt").unwrap().as_str(), "targets/a/b/ab.c.txt");
        assert_eq!(key("c.txt").unwrap().as_str(), "targets/ab.c.txt");
        assert!(key("a/../c").is_err());
        assert!(key(&"n".repeat(MAX_FILE_NAME_BYTES)).is_ok());
        assert!(key(&"n".repeat(MAX_FILE_NAME_BYTES + 1)).is_err());
        let key = key("a/b/c.txt").unwrap();
        assert_eq!((key.folder(), key.name()), ("targets/a/b", "ab.c.txt"));
    }
}

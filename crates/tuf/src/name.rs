//! Names: roles, target paths, versions (TUF spec 4.3, 4.5).
//!
//! Role names and target paths come from the repository and may hold anything. Neither is a path on a disk or in a URL:
//! the methods here make those.

use std::borrow::Borrow;
use std::fmt;
use std::num::NonZeroU64;

use crate::digest::sha256;
use crate::error::{Error, Malformed};

/// The longest role name accepted, in bytes. With percent-encoding and `.json` it still fits a file name for names
/// of ordinary characters.
pub const MAX_ROLE_NAME_BYTES: usize = 200;

/// The longest target path accepted, in bytes.
pub const MAX_TARGET_PATH_BYTES: usize = 4096;

/// The name of a role (TUF spec 4.5, ROLENAME). Any text: escape it before it meets a file system or a URL, as
/// [`RoleName::file_stem`] does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

impl RoleName {
    /// Reads a role name.
    ///
    /// # Errors
    /// Empty, or longer than [`MAX_ROLE_NAME_BYTES`].
    pub fn parse(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        if name.is_empty() || name.len() > MAX_ROLE_NAME_BYTES {
            let reason = format!("a role name has 1 to {MAX_ROLE_NAME_BYTES} bytes, this one {}", name.len());
            return Err(Malformed::new("role name", reason).into());
        }
        Ok(Self(name))
    }

    /// `root`
    #[must_use]
    pub fn root() -> Self {
        Self("root".to_owned())
    }

    /// `timestamp`
    #[must_use]
    pub fn timestamp() -> Self {
        Self("timestamp".to_owned())
    }

    /// `snapshot`
    #[must_use]
    pub fn snapshot() -> Self {
        Self("snapshot".to_owned())
    }

    /// `targets`
    #[must_use]
    pub fn targets() -> Self {
        Self("targets".to_owned())
    }

    /// Whether this is one of the four roles that root metadata defines.
    #[must_use]
    pub fn is_top_level(&self) -> bool {
        matches!(self.0.as_str(), "root" | "timestamp" | "snapshot" | "targets")
    }

    /// The name as it stands in metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, percent-encoded so that it is one path segment in URLs and on disk.
    #[must_use]
    pub fn file_stem(&self) -> String {
        percent_encode(&self.0, false)
    }

    /// The metadata file's name with consistent snapshots (6.2.1): `VERSION.ROLE.json`, percent-encoded.
    #[must_use]
    pub fn versioned_file_name(&self, version: Version) -> String {
        format!("{version}.{}.json", self.file_stem())
    }

    /// The metadata file's plain name: `ROLE.json`, percent-encoded.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.json", self.file_stem())
    }

    /// The file name in a client's own storage: [`RoleName::file_name`] with capital letters encoded as well, and with
    /// the digest of the name in place of one that would be too long for a file. At most 240 bytes; no two roles share
    /// one.
    ///
    /// A file system that does not tell `Timestamp.json` from `timestamp.json` would let a delegated role of that name
    /// overwrite the top-level one, and with it the protection against rollback.
    #[must_use]
    pub fn stored_file_name(&self) -> String {
        const MAX_FILE_NAME_BYTES: usize = 240;
        let mut name = String::new();
        for character in self.0.chars() {
            if character.is_ascii_uppercase() {
                name.push_str(&format!("%{:02X}", u32::from(character)));
            } else {
                name.push_str(&percent_encode(character.encode_utf8(&mut [0; 4]), false));
            }
        }
        name.push_str(".json");
        if name.len() > MAX_FILE_NAME_BYTES {
            // No encoded name has an `=`.
            name = format!("sha256={}.json", hex::encode(sha256(self.0.as_bytes())));
        }
        name
    }

    /// The METAPATH under which a snapshot lists this role (4.4); not encoded.
    #[must_use]
    pub fn meta_path(&self) -> String {
        format!("{}.json", self.0)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names come from outside: control characters must not reach a terminal.
        write!(formatter, "{}", self.0.escape_debug())
    }
}

impl Borrow<str> for RoleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The path of a target, relative to the targets base URL (TUF spec 4.5, TARGETPATH). Any text: escape it before it
/// meets a file system or a URL, as [`TargetPath::url_path`] does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetPath(String);

impl TargetPath {
    /// Reads a target path.
    ///
    /// # Errors
    /// Empty, or longer than [`MAX_TARGET_PATH_BYTES`].
    pub fn parse(path: impl Into<String>) -> Result<Self, Error> {
        let path = path.into();
        if path.is_empty() || path.len() > MAX_TARGET_PATH_BYTES {
            let reason =
                format!("a target path has 1 to {MAX_TARGET_PATH_BYTES} bytes, this one {}", path.len());
            return Err(Malformed::new("target path", reason).into());
        }
        Ok(Self(path))
    }

    /// The path as it stands in metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path to ask the targets base URL for, percent-encoded but for `/`. With `digest`, the consistent-snapshot
    /// form `DIR/HASH.FILE` (5.7.3). Never begins with `/`, has no `.` or `..` segment and names no scheme: joined to a
    /// base URL that ends in `/`, it stays below that.
    #[must_use]
    pub fn url_path(&self, digest: Option<&str>) -> String {
        let Some(digest) = digest else {
            return percent_encode(&self.0, true);
        };
        match self.0.rsplit_once('/') {
            Some(("", file)) => format!("%2F{digest}.{}", percent_encode(file, true)),
            Some((directory, file)) => {
                format!("{}/{digest}.{}", percent_encode(directory, true), percent_encode(file, true))
            }
            None => format!("{digest}.{}", percent_encode(&self.0, true)),
        }
    }

    /// The path, percent-encoded so that it is one file name: what a client may safely use on disk. Never `.` or `..`.
    #[must_use]
    pub fn file_name(&self) -> String {
        match self.0.as_str() {
            // These name folders.
            "." | ".." => self.0.replace('.', "%2E"),
            path => percent_encode(path, false),
        }
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.escape_debug())
    }
}

impl Borrow<str> for TargetPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A metadata version: an integer greater than 0 (TUF spec 4.3, VERSION).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(NonZeroU64);

impl Version {
    /// The first version.
    pub const ONE: Self = Self(NonZeroU64::MIN);

    /// A version; `None` for 0.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.into()
    }

    /// The version after this; `None` past the 64-bit range, which no honest repository reaches.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// RFC 3986 unreserved characters stay; `/` stays where `keep_slash`, `.` and `..` segments never do.
fn percent_encode(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, segment) in text.split('/').enumerate() {
        if index > 0 {
            // A path that began with `/` or `//` would be taken as another one on the host, or as another host.
            out.push_str(if keep_slash && !out.is_empty() { "/" } else { "%2F" });
        }
        // A URL library would resolve these away, encoded or not: make the request one that cannot climb.
        if keep_slash && (segment == "." || segment == "..") {
            out.push_str(&segment.replace('.', "%252E"));
            continue;
        }
        for byte in segment.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_become_one_path_segment() {
        for (name, stem) in [
            ("index-0a", "index-0a"),
            ("../x", "..%2Fx"),
            ("a/b", "a%2Fb"),
            ("?#", "%3F%23"),
            ("\u{e9}", "%C3%A9"),
        ] {
            assert_eq!(RoleName::parse(name).unwrap().file_stem(), stem);
        }
        assert!(RoleName::parse("").is_err());
        assert!(RoleName::parse("a".repeat(MAX_ROLE_NAME_BYTES)).is_ok());
        assert!(RoleName::parse("a".repeat(MAX_ROLE_NAME_BYTES + 1)).is_err());
    }

    #[test]
    fn role_names_share_no_file_on_any_disk() {
        for (name, file) in [
            ("timestamp", "timestamp.json"),
            ("Timestamp", "%54imestamp.json"),
            ("a/B c", "a%2F%42%20c.json"),
            ("%54imestamp", "%2554imestamp.json"),
            ("..", "...json"),
            ("\u{c9}", "%C3%89.json"),
        ] {
            assert_eq!(RoleName::parse(name).unwrap().stored_file_name(), file);
        }
        let long = |name: &str| RoleName::parse(name.repeat(MAX_ROLE_NAME_BYTES)).unwrap().stored_file_name();
        assert_eq!(long("a").len(), MAX_ROLE_NAME_BYTES + ".json".len());
        assert!(long("A").starts_with("sha256=") && long("A").len() <= 240);
        assert_ne!(long("A"), long("/"));
    }

    #[test]
    fn target_paths_become_one_file_name() {
        for (path, name) in [
            ("a/b", "a%2Fb"),
            ("..", "%2E%2E"),
            (".", "%2E"),
            ("../x", "..%2Fx"),
            ("%2E", "%252E"),
            ("...", "..."),
        ] {
            assert_eq!(TargetPath::parse(path).unwrap().file_name(), name);
        }
    }

    #[test]
    fn target_paths_keep_their_directories() {
        let path = TargetPath::parse("simple/six/index.json").unwrap();
        assert_eq!(path.url_path(None), "simple/six/index.json");
        assert_eq!(path.url_path(Some("ab")), "simple/six/ab.index.json");
        assert_eq!(TargetPath::parse("f").unwrap().url_path(Some("ab")), "ab.f");
        assert_eq!(TargetPath::parse("a/../b c").unwrap().url_path(None), "a/%252E%252E/b%20c");
        for (path, plain, consistent) in [
            ("/etc/x", "%2Fetc/x", "%2Fetc/ab.x"),
            ("//host/x", "%2F/host/x", "%2F/host/ab.x"),
            ("/x", "%2Fx", "%2Fab.x"),
            ("http://host/x", "http%3A//host/x", "http%3A//host/ab.x"),
        ] {
            let path = TargetPath::parse(path).unwrap();
            assert_eq!(path.url_path(None), plain);
            assert_eq!(path.url_path(Some("ab")), consistent);
        }
    }
}

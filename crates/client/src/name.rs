//! What names a repository: its name on this machine, its URL, the fingerprint of its root.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::Error;

/// The name under which this machine knows a repository: 1 to 64 of ASCII letters, digits, `-`, `_` and `.`, beginning
/// with a letter or a digit. It names a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The greatest length in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// Reads a name.
    ///
    /// # Errors
    /// [`Error::InvalidName`]
    pub fn parse(name: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::InvalidName { name: excerpt(name), reason };
        if name.is_empty() || name.len() > Self::MAX_LENGTH {
            return Err(refuse("not 1 to 64 characters long"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(refuse("only ascii letters, digits, '-', '_' and '.' are allowed"));
        }
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err(refuse("does not begin with a letter or a digit"));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for RepositoryName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::parse(name)
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        Self::parse(&name)
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0
    }
}

/// A base URL of a repository: `http` or `https`, ending in a slash, without user, query or fragment. Plain `http` is
/// good enough: what it brings is verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryUrl(Url);

impl RepositoryUrl {
    /// The greatest length in bytes, encoded.
    pub const MAX_LENGTH: usize = 2048;

    /// Reads a URL; a missing slash at its end is added.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`]
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::bounded(text, Self::MAX_LENGTH)
    }

    fn bounded(text: &str, max_bytes: usize) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::InvalidUrl { url: excerpt(text), reason: reason.to_owned() };
        let too_long = || refuse(&format!("longer than {max_bytes} bytes"));
        if text.len() > max_bytes {
            return Err(too_long());
        }
        let mut url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a user and password would be stored in the clear"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or a fragment"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        // Encoding makes it longer; what is stored must be read again.
        if url.as_str().len() > max_bytes {
            return Err(too_long());
        }
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The URL of a folder below.
    pub(crate) fn folder(&self, name: &str) -> Self {
        let mut url = self.0.clone();
        let path = format!("{}{name}/", url.path());
        url.set_path(&path);
        Self(url)
    }

    /// The URL of a file below, given as a percent-encoded path that names no folder above.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] when the path leads elsewhere.
    pub(crate) fn file(&self, path: &str) -> Result<Url, Error> {
        let refuse = |reason: &str| Error::InvalidUrl { url: excerpt(path), reason: reason.to_owned() };
        let climbs = path.split('/').any(|segment| {
            let segment = segment.to_ascii_lowercase().replace("%2e", ".");
            matches!(segment.as_str(), "" | "." | "..")
        });
        // The URL parser drops or encodes white space and control characters: it would see something else than this does.
        let is_encoded = path.bytes().all(|byte| byte.is_ascii_graphic());
        if climbs || !is_encoded || path.contains(['?', '#', '\\']) {
            return Err(refuse("not a path below the repository"));
        }
        let mut url = self.0.clone();
        let joined = format!("{}{path}", url.path());
        url.set_path(&joined);
        Ok(url)
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for RepositoryUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Reads what was stored: also the folders below the longest URL.
impl TryFrom<String> for RepositoryUrl {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        const LONGEST_FOLDER: usize = "metadata/".len();
        Self::bounded(&text, Self::MAX_LENGTH + LONGEST_FOLDER)
    }
}

impl From<RepositoryUrl> for String {
    fn from(url: RepositoryUrl) -> Self {
        url.0.into()
    }
}

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sealdex_tuf::digest::sha256(bytes))
    }

    /// Reads 64 hexadecimal digits of either case; spaces, colons and a leading `sha256:` are taken off.
    ///
    /// # Errors
    /// [`Error::InvalidFingerprint`]
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = || Error::InvalidFingerprint { text: excerpt(text) };
        if text.len() > 256 {
            return Err(refuse());
        }
        let trimmed = text.trim();
        let plain = trimmed.strip_prefix("sha256:").unwrap_or(trimmed);
        let digits: String = plain.chars().filter(|c| !matches!(c, ' ' | ':')).collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| refuse())?;
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Sha256Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Sha256Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Sha256Digest> for String {
    fn from(digest: Sha256Digest) -> Self {
        digest.to_string()
    }
}

/// Escapes and shortens text from outside for a message.
pub(crate) fn escaped(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    text.escape_debug().take(MAX_CHARS).collect()
}

/// Text from outside, for a message: what would move a terminal's cursor, colour it or turn its letters around is escaped,
/// quotes are not.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
        shown
    })
}

/// Quotes, escapes and shortens text that a user gave for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    if text.chars().nth(MAX_CHARS).is_none() {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(MAX_CHARS).collect();
    format!("{head:?}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_are_safe_folder_names() {
        for good in ["pypi", "my-index_2.0", "A", "0"] {
            assert_eq!(RepositoryName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a b", "a\0", "ü", &"a".repeat(65)] {
            assert!(RepositoryName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn urls_end_in_a_slash_and_carry_no_secrets() {
        let url = RepositoryUrl::parse("http://127.0.0.1:8080/prefix").unwrap();
        assert_eq!(url.to_string(), "http://127.0.0.1:8080/prefix/");
        assert_eq!(url.folder("metadata").to_string(), "http://127.0.0.1:8080/prefix/metadata/");
        assert_eq!(url.file("a/b%20c.json").unwrap().as_str(), "http://127.0.0.1:8080/prefix/a/b%20c.json");
        for climbing in [
            "../x",
            "a/../../x",
            "%2e%2E/x",
            "//x",
            "/x",
            "",
            "a?b",
            "a#b",
            "a\\b",
            "\t",
            ".\t./x",
            "a b",
            "\u{e9}",
        ] {
            assert!(url.file(climbing).is_err(), "{climbing}");
        }
        for bad in ["ftp://h/", "file:///x", "http://u:p@h/", "http://h/?q", "http://h/#f", "h", "http://"] {
            assert!(RepositoryUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_that_are_stored_are_read_again() {
        let start = "http://host/";
        let longest = format!("{start}{}/", "a".repeat(RepositoryUrl::MAX_LENGTH - start.len() - 1));
        let url = RepositoryUrl::parse(&longest).unwrap();
        for stored in [url.folder("metadata"), url] {
            assert_eq!(RepositoryUrl::try_from(stored.to_string()).unwrap(), stored);
        }
        for too_long in
            [format!("{longest}a"), format!("{start}{}", "\u{e9}".repeat(400)), longest.replace("a/", "aa")]
        {
            assert!(RepositoryUrl::parse(&too_long).is_err(), "{too_long}");
        }
    }

    #[test]
    fn fingerprints_are_read_in_every_usual_form() {
        let digest = Sha256Digest::of(b"abc");
        let text = digest.to_string();
        assert!(text.starts_with("ba7816bf"));
        for form in
            [text.to_uppercase(), format!("sha256:{text}"), format!(" {} {} ", &text[..8], &text[8..])]
        {
            assert_eq!(Sha256Digest::parse(&form).unwrap(), digest, "{form}");
        }
        assert!(Sha256Digest::parse(&text[1..]).is_err());
        assert!(Sha256Digest::parse("").is_err());
    }
}

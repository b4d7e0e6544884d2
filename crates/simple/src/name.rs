//! Project names, normalised once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, excerpt};

/// A project's name in its normalised form (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
///
/// It consists of `a-z`, `0-9` and single inner hyphens and is at most [`ProjectName::MAX_LENGTH`] characters long, so
/// it is safe as a component of a path or a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

impl ProjectName {
    /// The greatest length of a name, before it is normalised, in characters.
    pub const MAX_LENGTH: usize = 200;

    /// Reads any valid name (PEP 508, names) and normalises it (PEP 503).
    ///
    /// # Errors
    /// [`Error::InvalidProjectName`] if the text is empty, too long, has characters other than ASCII letters, digits,
    /// `-`, `_` and `.`, or starts or ends with one of the last three.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::InvalidProjectName { name: excerpt(name), reason };
        if name.is_empty() {
            return Err(refuse("empty"));
        }
        if name.len() > Self::MAX_LENGTH {
            return Err(refuse("longer than 200 characters"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_separator(byte)) {
            return Err(refuse("only ascii letters, digits, '-', '_' and '.' are allowed"));
        }
        if name.bytes().next().is_some_and(is_separator) || name.bytes().next_back().is_some_and(is_separator)
        {
            return Err(refuse("must start and end with a letter or a digit"));
        }
        let mut normalized = String::with_capacity(name.len());
        for byte in name.bytes() {
            if !is_separator(byte) {
                normalized.push(char::from(byte.to_ascii_lowercase()));
            } else if !normalized.ends_with('-') {
                normalized.push('-');
            }
        }
        Ok(Self(normalized))
    }

    /// The normalised name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is a valid name that normalising would not change: what the URL `/simple/<project>/` must
    /// hold, all else is redirected.
    pub fn is_normalized(name: &str) -> bool {
        Self::parse(name).is_ok_and(|parsed| parsed.0 == name)
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for ProjectName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::parse(name)
    }
}

impl TryFrom<String> for ProjectName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        Self::parse(&name)
    }
}

impl From<ProjectName> for String {
    fn from(name: ProjectName) -> Self {
        name.0
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ProjectName;

    #[test]
    fn normalizes() {
        for (given, expected) in [
            ("frob", "frob"),
            ("HolyGrail", "holygrail"),
            ("Silly_Walk", "silly-walk"),
            ("friendly-._.-bard", "friendly-bard"),
            ("FRIENDLY--BARD", "friendly-bard"),
            ("zope.interface", "zope-interface"),
            ("2to3", "2to3"),
            ("a", "a"),
        ] {
            assert_eq!(ProjectName::parse(given).unwrap().as_str(), expected, "{given}");
            assert_eq!(ProjectName::is_normalized(given), given == expected, "{given}");
        }
    }

    #[test]
    fn refuses() {
        let long = "a".repeat(201);
        for given in [
            "",
            "-a",
            "a-",
            ".a",
            "a.",
            "_a",
            "a_",
            "a b",
            "a/b",
            "../a",
            "a\0",
            "a\n",
            "é",
            "a\u{212a}",
            "a[b]",
            &long,
        ] {
            assert!(ProjectName::parse(given).is_err(), "{given:?}");
            assert!(!ProjectName::is_normalized(given), "{given:?}");
        }
        assert!(ProjectName::parse(&long[..200]).is_ok());
    }

    #[test]
    fn serde_parses() {
        assert_eq!(serde_json::from_str::<ProjectName>("\"A_b\"").unwrap().as_str(), "a-b");
        assert!(serde_json::from_str::<ProjectName>("\"a/b\"").is_err());
        assert_eq!(serde_json::to_string(&ProjectName::parse("A.b").unwrap()).unwrap(), "\"a-b\"");
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = ProjectName::parse(&text);
        }

        #[test]
        fn normalizing_is_idempotent(text in "[A-Za-z0-9]([A-Za-z0-9._-]{0,60}[A-Za-z0-9])?") {
            let once = ProjectName::parse(&text).unwrap();
            prop_assert!(ProjectName::is_normalized(once.as_str()));
            prop_assert_eq!(ProjectName::parse(once.as_str()).unwrap(), once);
        }
    }
}

//! Names of projects, one or many.

use std::fmt;
use std::str::FromStr;

use sealdex_simple::ProjectName;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::name::excerpt;

/// Projects by their name: one (`acme-tools`), all whose names begin so (`acme-*`), or all (`*`). Normalised as names are
/// (PEP 503), so that no spelling of a name is outside of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectPattern(String);

impl ProjectPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Error::InvalidPattern`]
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |reason: String| Error::InvalidPattern { pattern: excerpt(text), reason };
        let start = text.strip_suffix('*');
        if start.unwrap_or(text).contains('*') {
            return Err(refuse("a star stands at the end alone".to_owned()));
        }
        let start = match start {
            Some("") => return Ok(Self::all()),
            Some(start) => start,
            None => {
                let project = ProjectName::parse(text).map_err(|error| refuse(error.to_string()))?;
                return Ok(Self(project.to_string()));
            }
        };
        // A name cannot end in a hyphen, but what names begin with can.
        let name = ProjectName::parse(&format!("{start}x")).map_err(|error| refuse(error.to_string()))?;
        let start = name.as_str().strip_suffix('x').unwrap_or_default();
        Ok(Self(format!("{start}*")))
    }

    /// `*`: all projects that are bound by no other pattern.
    #[must_use]
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    /// Whether it is for this project.
    #[must_use]
    pub fn matches(&self, project: &ProjectName) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => project.as_str().starts_with(start),
            None => project.as_str() == self.0,
        }
    }

    /// Whether it is for all projects.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.0 == "*"
    }

    /// Whether it is for every project that `other` is for. A pattern covers itself.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => other.0.starts_with(start),
            None => self == other,
        }
    }

    /// Of two patterns that match, the one that says more counts: a name more than a beginning, and a longer one more
    /// than a shorter one.
    pub(super) fn weight(&self) -> usize {
        self.0.strip_suffix('*').map_or(usize::MAX, str::len)
    }
}

impl fmt::Display for ProjectPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ProjectPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ProjectPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<ProjectPattern> for String {
    fn from(pattern: ProjectPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_every_spelling_of_a_name() {
        let table = [
            ("acme-tools", "Acme_Tools", true),
            ("Acme.Tools", "acme-tools", true),
            ("acme-tools", "acme-tools-x", false),
            ("acme-*", "ACME.__tools", true),
            ("Acme_*", "acme-tools", true),
            ("acme-*", "acme", false),
            ("acme-*", "acmetools", false),
            ("acme*", "acmetools", true),
            ("x*", "x", true),
            ("xx*", "xy", false),
            ("*", "anything", true),
        ];
        for (pattern, name, expected) in table {
            let (pattern, name) =
                (ProjectPattern::parse(pattern).unwrap(), ProjectName::parse(name).unwrap());
            assert_eq!(pattern.matches(&name), expected, "{pattern} {name}");
        }
        for bad in ["", "**", "a*b", "*-a", "-a*", "-*", "a b", "a/*", &"a".repeat(201)] {
            assert!(ProjectPattern::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ProjectPattern::parse("Acme._*").unwrap().to_string(), "acme-*");
    }
}

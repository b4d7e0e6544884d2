//! Names of files in an index, and what the names of distributions say.

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::ProjectName;
use crate::error::{Error, excerpt};

/// The name of any file that an index page may list: one component of a path, safe to store and to show.
///
/// Printable ASCII, at most [`FileName::MAX_LENGTH`] bytes, without `/` and `\`, not starting with a dot. Pages of old
/// projects list installers and eggs with names that no current specification allows; what is a wheel or a source
/// distribution is decided by [`DistributionFilename`], which is stricter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The greatest length in bytes: what common file systems can store.
    pub const MAX_LENGTH: usize = 255;

    /// Reads a file name.
    ///
    /// # Errors
    /// [`Error::InvalidFileName`] if it is empty or too long, starts with a dot, starts or ends with a space, or has a
    /// path separator, a control character or a character outside of ASCII.
    pub fn parse(filename: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::InvalidFileName { filename: excerpt(filename), reason };
        if filename.is_empty() {
            return Err(refuse("empty"));
        }
        if filename.len() > Self::MAX_LENGTH {
            return Err(refuse("longer than 255 bytes"));
        }
        if filename.starts_with('.') {
            return Err(refuse("starts with a dot"));
        }
        if filename.starts_with(' ') || filename.ends_with(' ') {
            return Err(refuse("starts or ends with a space"));
        }
        if filename.contains(['/', '\\']) {
            return Err(refuse("has a path separator"));
        }
        if !filename.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(refuse("has a control character or one outside of ascii"));
        }
        Ok(Self(filename.to_owned()))
    }

    /// The file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file name as the last component of a URL's path, percent-encoded where it must be (RFC 3986, 3.3).
    pub fn to_url_component(&self) -> String {
        use fmt::Write as _;
        let mut encoded = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if is_url_safe(byte) {
                encoded.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for FileName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = Error;

    fn from_str(filename: &str) -> Result<Self, Error> {
        Self::parse(filename)
    }
}

impl TryFrom<String> for FileName {
    type Error = Error;

    fn try_from(filename: String) -> Result<Self, Error> {
        Self::parse(&filename)
    }
}

impl From<FileName> for String {
    fn from(filename: FileName) -> Self {
        filename.0
    }
}

/// What a distribution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DistributionKind {
    /// A built distribution, `.whl` (PEP 427, PEP 491).
    Wheel,
    /// A source distribution, `.tar.gz` (PEP 625) or `.zip` (older).
    SourceDistribution,
}

impl fmt::Display for DistributionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Wheel => "wheel",
            Self::SourceDistribution => "source distribution",
        })
    }
}

/// The name of a wheel or a source distribution, and the project and version it says.
///
/// Consists of ASCII letters, digits and `-._+!~`, so it needs no encoding in a URL.
#[derive(Clone, Debug)]
pub struct DistributionFilename {
    filename: FileName,
    project: ProjectName,
    version: Version,
    kind: DistributionKind,
}

impl DistributionFilename {
    /// Reads the name of a wheel (PEP 427, PEP 491) or a source distribution (PEP 625).
    ///
    /// Names of older source distributions may have hyphens in the project or the version. They are accepted if only
    /// one way to split them makes sense; if the project is known, use [`DistributionFilename::parse_for`].
    ///
    /// # Errors
    /// [`Error::InvalidFileName`] for what [`FileName::parse`] refuses, for characters that a URL would have to
    /// encode, for other kinds of files, and for names without a valid project or version.
    /// [`Error::AmbiguousFileName`] if more than one hyphen can separate project and version.
    pub fn parse(filename: &str) -> Result<Self, Error> {
        let filename = parse_characters(filename)?;
        let (stem, kind) = split_suffix(&filename)?;
        let (project, version) = match kind {
            DistributionKind::Wheel => parse_wheel_stem(&filename, stem)?,
            DistributionKind::SourceDistribution => {
                let mut candidates = sdist_candidates(stem);
                let first = candidates.next();
                if first.is_some() && candidates.next().is_some() {
                    return Err(Error::AmbiguousFileName { filename: excerpt(filename.as_str()) });
                }
                first.ok_or_else(|| refuse(&filename, "no hyphen separates a project from a version"))?
            }
        };
        Ok(Self { filename, project, version, kind })
    }

    /// Reads the name of a distribution of a known project, which tells apart hyphens that
    /// [`DistributionFilename::parse`] finds ambiguous.
    ///
    /// # Errors
    /// As [`DistributionFilename::parse`], but [`Error::OtherProject`] instead of [`Error::AmbiguousFileName`]: the
    /// name is one of a distribution, but not of this project.
    pub fn parse_for(project: &ProjectName, filename: &str) -> Result<Self, Error> {
        let filename = parse_characters(filename)?;
        let (stem, kind) = split_suffix(&filename)?;
        let other =
            || Error::OtherProject { filename: excerpt(filename.as_str()), expected: project.to_string() };
        let (found, version) = match kind {
            DistributionKind::Wheel => parse_wheel_stem(&filename, stem)?,
            DistributionKind::SourceDistribution => {
                let mut candidates = sdist_candidates(stem).peekable();
                if candidates.peek().is_none() {
                    return Err(refuse(&filename, "no hyphen separates a project from a version"));
                }
                candidates.find(|(candidate, _)| candidate == project).ok_or_else(other)?
            }
        };
        if found != *project {
            return Err(other());
        }
        Ok(Self { filename, project: found, version, kind })
    }

    /// The project, normalised.
    pub fn project(&self) -> &ProjectName {
        &self.project
    }

    /// The version (PEP 440).
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Wheel or source distribution.
    pub fn kind(&self) -> DistributionKind {
        self.kind
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        self.filename.as_str()
    }

    /// The name as given, as the name of a file.
    pub fn file_name(&self) -> &FileName {
        &self.filename
    }
}

impl fmt::Display for DistributionFilename {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.filename.fmt(formatter)
    }
}

impl From<DistributionFilename> for FileName {
    fn from(filename: DistributionFilename) -> Self {
        filename.filename
    }
}

/// One file name can be read for two projects, so the project counts too.
impl PartialEq for DistributionFilename {
    fn eq(&self, other: &Self) -> bool {
        self.filename == other.filename && self.project == other.project
    }
}

impl Eq for DistributionFilename {}

impl Hash for DistributionFilename {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.filename.hash(state);
        self.project.hash(state);
    }
}

fn refuse(filename: &FileName, reason: &'static str) -> Error {
    Error::InvalidFileName { filename: excerpt(filename.as_str()), reason }
}

/// Unreserved characters (RFC 3986, 2.3) and the two of PEP 440 that a path may hold as they are: `+` and `!`.
fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'!')
}

fn parse_characters(filename: &str) -> Result<FileName, Error> {
    let filename = FileName::parse(filename)?;
    if !filename.as_str().bytes().all(is_url_safe) {
        return Err(refuse(&filename, "has a character that is not safe in a url"));
    }
    Ok(filename)
}

fn split_suffix(filename: &FileName) -> Result<(&str, DistributionKind), Error> {
    let text = filename.as_str();
    let sdist = || text.strip_suffix(".tar.gz").or_else(|| text.strip_suffix(".zip"));
    if let Some(stem) = text.strip_suffix(".whl") {
        Ok((stem, DistributionKind::Wheel))
    } else if let Some(stem) = sdist() {
        Ok((stem, DistributionKind::SourceDistribution))
    } else {
        Err(refuse(filename, "neither a wheel (.whl) nor a source distribution (.tar.gz, .zip)"))
    }
}

/// `name-version(-build)?-python-abi-platform` (PEP 427, file name convention).
fn parse_wheel_stem(filename: &FileName, stem: &str) -> Result<(ProjectName, Version), Error> {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version, build, tags) = match parts.as_slice() {
        [name, version, tags @ ..] if tags.len() == 3 => (name, version, None, tags),
        [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, Some(build), tags),
        _ => return Err(refuse(filename, "a wheel's name has five parts, or six with a build tag")),
    };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    if let Some(build) = build
        && !(build.starts_with(|first: char| first.is_ascii_digit()) && build.bytes().all(is_word))
    {
        return Err(refuse(filename, "a wheel's build tag starts with a digit"));
    }
    for tag_set in tags {
        if !tag_set.split('.').all(|tag| !tag.is_empty() && tag.bytes().all(is_word)) {
            return Err(refuse(filename, "empty or invalid compatibility tag"));
        }
    }
    let project =
        ProjectName::parse(name).map_err(|_| refuse(filename, "does not start with a project name"))?;
    let version = parse_version(version).ok_or_else(|| refuse(filename, "no valid version (pep 440)"))?;
    Ok((project, version))
}

/// Every way to read the stem as `project-version`. The versions have at most 255 bytes, so this is bounded.
fn sdist_candidates(stem: &str) -> impl Iterator<Item = (ProjectName, Version)> + '_ {
    stem.match_indices('-').filter_map(|(hyphen, _)| {
        let version = Version::from_str(&stem[hyphen + 1..]).ok()?;
        let project = ProjectName::parse(&stem[..hyphen]).ok()?;
        Some((project, version))
    })
}

/// A wheel's version, in which older tools wrote `_` for `-`.
pub(crate) fn parse_version(text: &str) -> Option<Version> {
    Version::from_str(text).or_else(|_| Version::from_str(&text.replace('_', "-"))).ok()
}

//! Everything that can be wrong with what this crate is given.

use std::io;

/// Why a name, a page or a distribution was refused.
///
/// The text that came from outside is quoted, escaped and shortened, so that a message is safe in a log or a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no project name (PEP 508, names).
    #[error("invalid project name {name}: {reason}")]
    InvalidProjectName {
        /// The name as given, quoted and shortened.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The text is no name for a file that may stand in an index.
    #[error("invalid file name {filename}: {reason}")]
    InvalidFileName {
        /// The file name as given, quoted and shortened.
        filename: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The name of a source distribution can be split into project and version in more than one way.
    #[error("ambiguous file name {filename}: more than one hyphen can separate project and version")]
    AmbiguousFileName {
        /// The file name, quoted.
        filename: String,
    },
    /// The file name belongs to another project than the one it was offered for.
    #[error("file {filename} does not belong to project {expected}")]
    OtherProject {
        /// The file name, quoted.
        filename: String,
        /// The project it was offered for.
        expected: String,
    },
    /// The bytes are not JSON, or hold a key twice.
    #[error("{document} is not valid json")]
    Json {
        /// Which document.
        document: &'static str,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A field of a page is missing, has the wrong type, or a value it must not have.
    #[error("invalid index page: {field}: {reason}")]
    InvalidPage {
        /// Path of the field, for example `files[3].size`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The page is written for another major version of the API (PEP 629: clients must stop).
    #[error("unsupported api version {found}: only major version 1 is understood")]
    UnsupportedApiVersion {
        /// The version found, quoted and shortened.
        found: String,
    },
    /// A page lists one file name twice.
    #[error("invalid index page: file {filename} is listed twice")]
    DuplicateFile {
        /// The file name, quoted.
        filename: String,
    },
    /// A length or a count is above its limit: a fault, or an endless-data attack.
    #[error("{what} above the limit of {limit}")]
    LimitExceeded {
        /// What is counted, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The archive cannot be read as the kind of distribution its name says.
    #[error("invalid distribution {filename}: {reason}")]
    InvalidDistribution {
        /// The distribution's file name.
        filename: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive is built so that two readers see different contents, or so that one of them writes elsewhere.
    #[error("hostile distribution {filename}: {reason}")]
    HostileDistribution {
        /// The distribution's file name.
        filename: String,
        /// What it does.
        reason: String,
    },
    /// The archive unpacks to far more than its size: a decompression bomb.
    #[error("distribution {filename} unpacks to more than {limit} bytes allowed for it")]
    DecompressionBomb {
        /// The distribution's file name.
        filename: String,
        /// Unpacked bytes that were allowed for it.
        limit: u64,
    },
    /// Name or version inside differ from the file name: another distribution renamed, or two in one.
    #[error("distribution {filename} says {field} {found} inside, its file name says {expected}")]
    OtherDistribution {
        /// The distribution's file name.
        filename: String,
        /// `name`, `version` or where they were found.
        field: &'static str,
        /// What the file name says.
        expected: String,
        /// What stands inside, quoted and shortened.
        found: String,
    },
    /// The core metadata breaks its specification.
    #[error("invalid core metadata in {filename}: {reason}")]
    InvalidMetadata {
        /// The distribution's file name.
        filename: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The reader failed; nothing is known of the distribution.
    #[error("cannot read {filename}")]
    Io {
        /// The distribution's file name.
        filename: String,
        /// The reader's error.
        #[source]
        source: io::Error,
    },
}

/// Quotes, escapes and shortens text from outside for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    if text.chars().nth(MAX_CHARS).is_none() {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(MAX_CHARS).collect();
    format!("{head:?}...")
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn excerpt_escapes_and_shortens() {
        assert_eq!(excerpt("a\x1b[2J\n"), r#""a\u{1b}[2J\n""#);
        let long = excerpt(&"é".repeat(100_000));
        assert!(long.ends_with("\"..."), "{long}");
        assert_eq!(long.chars().count(), 125);
    }
}

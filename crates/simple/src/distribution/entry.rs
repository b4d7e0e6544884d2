//! What zip and tar archives have in common: names of entries, budgets, faults of the reader.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use super::ArchiveLimits;
use crate::DistributionFilename;
use crate::error::{Error, excerpt};

/// Makes errors for one distribution.
#[derive(Clone, Copy)]
pub(super) struct Faults<'a> {
    pub(super) filename: &'a DistributionFilename,
    /// Whether the reader itself failed, see [`Source`].
    pub(super) reader_failed: &'a Cell<bool>,
}

impl Faults<'_> {
    pub(super) fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::InvalidDistribution { filename: self.filename.to_string(), reason: reason.into() }
    }

    pub(super) fn hostile(&self, reason: impl Into<String>) -> Error {
        Error::HostileDistribution { filename: self.filename.to_string(), reason: reason.into() }
    }

    /// An error met while reading: the reader's own, or that of a library which read nonsense.
    pub(super) fn io(&self, source: io::Error) -> Error {
        if self.reader_failed.get() {
            Error::Io { filename: self.filename.to_string(), source }
        } else {
            self.invalid(excerpt(&source.to_string()))
        }
    }

    /// Checks that an entry's name stays within the archive wherever it is unpacked.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Error> {
        unsafe_name(name)
            .map_or(Ok(()), |reason| Err(self.hostile(format!("entry {}: {reason}", excerpt(name)))))
    }
}

/// A reader that remembers whether it failed itself.
pub(super) struct Source<'a, R> {
    inner: R,
    failed: &'a Cell<bool>,
}

impl<'a, R: Read + Seek> Source<'a, R> {
    pub(super) fn new(inner: R, failed: &'a Cell<bool>) -> Self {
        Self { inner, failed }
    }

    /// The length of the whole input in bytes; leaves the reader at its start.
    pub(super) fn length(&mut self) -> io::Result<u64> {
        let length = self.seek(SeekFrom::End(0))?;
        self.seek(SeekFrom::Start(0))?;
        Ok(length)
    }

    fn note<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.failed.set(true);
        }
        outcome
    }
}

impl<R: Read + Seek> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = self.inner.read(buffer);
        self.note(outcome)
    }
}

impl<R: Read + Seek> Seek for Source<'_, R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        // A seek to before the start is the mistake of an archive, not of the reader.
        self.inner.seek(position)
    }
}

/// How many bytes an archive of this many may unpack to.
pub(super) fn unpacked_limit(limits: &ArchiveLimits, archive_bytes: u64) -> u64 {
    archive_bytes
        .saturating_mul(limits.max_compression_ratio)
        .max(limits.min_bomb_bytes)
        .min(limits.max_unpacked_bytes)
}

/// The first component of a name.
pub(super) fn top_level(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// Why unpacking an entry of this name could write elsewhere than its text says.
fn unsafe_name(name: &str) -> Option<&'static str> {
    if name.chars().any(char::is_control) {
        return Some("a control character in the name");
    }
    if name.contains('\\') {
        return Some("a backslash in the name");
    }
    if name.starts_with('/') {
        return Some("an absolute path");
    }
    if name.as_bytes().get(1) == Some(&b':') {
        return Some("a drive letter");
    }
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.split('/').any(|component| component == "..") {
        return Some("a path that leaves the archive");
    }
    if name.split('/').any(|component| component.is_empty() || component == ".") {
        return Some("an empty component in the path");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{unpacked_limit, unsafe_name};
    use crate::ArchiveLimits;

    #[test]
    fn names() {
        for name in ["a", "a/", "a/b", "a/b c/.d", "a/...", "ab:c", "é/f"] {
            assert_eq!(unsafe_name(name), None, "{name:?}");
        }
        for name in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/..",
            "a/../b",
            "a//b",
            "a/./b",
            ".",
            "a\\b",
            "C:/x",
            "C:x",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            "a//",
        ] {
            assert!(unsafe_name(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn bombs() {
        let limits = ArchiveLimits::default();
        assert_eq!(unpacked_limit(&limits, 0), 64 << 20);
        assert_eq!(unpacked_limit(&limits, 2 << 20), 100 << 20);
        assert_eq!(unpacked_limit(&limits, u64::MAX), 16 << 30);
    }
}

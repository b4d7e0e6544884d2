//! Reads the core metadata out of wheels and source distributions, hostile ones included.
//!
//! A distribution that is accepted shows every careful reader the same metadata, and is of the project and version that
//! its file name says. Nothing is written anywhere, and memory and time are bounded by [`ArchiveLimits`].

mod entry;
mod metadata;
mod tarball;
#[cfg(test)]
mod tests;
mod zip_directory;
mod zipped;

use std::cell::Cell;
use std::io::{Read, Seek};

use pep440_rs::Version;

use self::entry::{Faults, Source};
use crate::{DistributionFilename, DistributionKind, Error, ProjectName};

/// The core metadata of a distribution: the fields an index needs, and the exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionMetadata {
    /// The exact bytes of `METADATA` or `PKG-INFO`.
    ///
    /// Those of a wheel are what is served beside it (PEP 658). Those of a source distribution must not be: its build
    /// may change them, see [`DistributionMetadata::may_be_served`].
    pub metadata_bytes: Vec<u8>,
    /// What they were read from.
    pub kind: DistributionKind,
    /// `Metadata-Version`.
    pub metadata_version: String,
    /// `Name` as it is written, for show.
    pub name: String,
    /// `Name`, normalised. It is the file name's.
    pub project: ProjectName,
    /// `Version`. It equals the file name's (PEP 440).
    pub version: Version,
    /// `Requires-Python`, valid specifiers (PEP 440).
    pub requires_python: Option<String>,
    /// `Summary`.
    pub summary: Option<String>,
    /// `Requires-Dist`, as written.
    pub requires_dist: Vec<String>,
    /// `Provides-Extra`, as written.
    pub provides_extra: Vec<String>,
    /// `Dynamic`, as written (PEP 643).
    pub dynamic: Vec<String>,
}

/// Bounds for reading a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Entries of an archive, directories included.
    pub max_entries: u64,
    /// Length of an entry's name in bytes.
    pub max_name_bytes: u64,
    /// Length of a zip archive's central directory in bytes.
    pub max_directory_bytes: u64,
    /// Length of the unpacked `METADATA` or `PKG-INFO` in bytes.
    pub max_metadata_bytes: u64,
    /// Length of all entries, unpacked, in bytes.
    pub max_unpacked_bytes: u64,
    /// How many times its own size an archive may unpack to, once it is above [`ArchiveLimits::min_bomb_bytes`].
    pub max_compression_ratio: u64,
    /// Archives that unpack to at most this many bytes are no bombs, however well they are compressed.
    pub min_bomb_bytes: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        const MEBIBYTE: u64 = 1024 * 1024;
        Self {
            max_entries: 200_000,
            max_name_bytes: 1024,
            max_directory_bytes: 32 * MEBIBYTE,
            max_metadata_bytes: 5 * MEBIBYTE,
            max_unpacked_bytes: 16 * 1024 * MEBIBYTE,
            max_compression_ratio: 50,
            min_bomb_bytes: 64 * MEBIBYTE,
        }
    }
}

impl DistributionMetadata {
    /// Whether the metadata may be served beside the file (PEP 658): for wheels only.
    ///
    /// A source distribution of metadata version 2.2 and above could promise that its metadata is final (PEP 643),
    /// but no installer asks for it, and a promise that a build breaks is worse than none.
    pub fn may_be_served(&self) -> bool {
        self.kind == DistributionKind::Wheel
    }
}

/// Reads a wheel or a source distribution, as the file name says.
///
/// # Errors
/// Those of [`inspect_wheel`] and [`inspect_sdist`].
pub fn inspect(
    reader: impl Read + Seek,
    filename: &DistributionFilename,
    limits: &ArchiveLimits,
) -> Result<DistributionMetadata, Error> {
    match filename.kind() {
        DistributionKind::Wheel => inspect_wheel(reader, filename, limits),
        DistributionKind::SourceDistribution => inspect_sdist(reader, filename, limits),
    }
}

/// Reads the one `*.dist-info/METADATA` of a wheel (PEP 427).
///
/// Refused are archives in which readers could find different things or that write elsewhere when unpacked: several
/// `.dist-info` directories or one of another project, entries of the same name, paths that leave the archive, local
/// headers that differ from the central directory or are missing in it, several directories, overlapping entries. The
/// content of other entries is not unpacked; the sizes they announce are counted.
///
/// # Errors
/// [`Error::HostileDistribution`] for the above, [`Error::OtherDistribution`] if name or version inside are not the
/// file name's, [`Error::DecompressionBomb`], [`Error::InvalidDistribution`] for what is no wheel at all,
/// [`Error::InvalidMetadata`], [`Error::LimitExceeded`], and [`Error::Io`] if the reader fails.
pub fn inspect_wheel(
    reader: impl Read + Seek,
    filename: &DistributionFilename,
    limits: &ArchiveLimits,
) -> Result<DistributionMetadata, Error> {
    let reader_failed = Cell::new(false);
    let faults = Faults { filename, reader_failed: &reader_failed };
    if filename.kind() != DistributionKind::Wheel {
        return Err(faults.invalid("not the name of a wheel"));
    }
    let bytes = zipped::read_wheel_metadata(Source::new(reader, &reader_failed), limits, faults)?;
    DistributionMetadata::parse(bytes, filename, limits)
}

/// Reads the `PKG-INFO` in the one directory at the top of a source distribution (PEP 625, PEP 643).
///
/// What is refused and how is the same as for [`inspect_wheel`]. A `.tar.gz` is unpacked to its end, into nothing.
///
/// # Errors
/// As [`inspect_wheel`].
pub fn inspect_sdist(
    reader: impl Read + Seek,
    filename: &DistributionFilename,
    limits: &ArchiveLimits,
) -> Result<DistributionMetadata, Error> {
    let reader_failed = Cell::new(false);
    let faults = Faults { filename, reader_failed: &reader_failed };
    if filename.kind() != DistributionKind::SourceDistribution {
        return Err(faults.invalid("not the name of a source distribution"));
    }
    let source = Source::new(reader, &reader_failed);
    let bytes = if filename.as_str().ends_with(".zip") {
        zipped::read_sdist_metadata(source, limits, faults)?
    } else {
        tarball::read_sdist_metadata(source, limits, faults)?
    };
    DistributionMetadata::parse(bytes, filename, limits)
}

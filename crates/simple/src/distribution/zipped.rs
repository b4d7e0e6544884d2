//! Reads the metadata of wheels and of source distributions in zip archives.

use std::collections::HashSet;
use std::io::{BufReader, Read, Seek};

use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::ArchiveLimits;
use super::entry::{Faults, Source, top_level, unpacked_limit};
use super::zip_directory::read_directory;
use crate::error::{Error, excerpt};
use crate::filename::parse_version;
use crate::{DistributionFilename, ProjectName};

const DIST_INFO: &str = ".dist-info";

/// The bytes of the one `*.dist-info/METADATA` at the top of a wheel (PEP 427, the .dist-info directory).
pub(super) fn read_wheel_metadata(
    reader: Source<'_, impl Read + Seek>,
    limits: &ArchiveLimits,
    faults: Faults<'_>,
) -> Result<Vec<u8>, Error> {
    let mut archive = Archive::open(reader, limits, faults)?;
    let directory = single_dist_info(&archive.names, faults)?;
    check_dist_info(&directory, faults)?;
    let index = archive.single_entry(&format!("{directory}/METADATA"))?;
    archive.read(index, limits)
}

/// The bytes of the one `PKG-INFO` in the one directory at the top of a source distribution.
pub(super) fn read_sdist_metadata(
    reader: Source<'_, impl Read + Seek>,
    limits: &ArchiveLimits,
    faults: Faults<'_>,
) -> Result<Vec<u8>, Error> {
    let mut archive = Archive::open(reader, limits, faults)?;
    let mut tops = archive.names.iter().map(|name| top_level(name));
    let top = tops.next().ok_or_else(|| faults.invalid("the archive is empty"))?.to_owned();
    if tops.any(|other| other != top) {
        return Err(faults.invalid("more than one entry at the top of the archive"));
    }
    let index = archive.single_entry(&format!("{top}/PKG-INFO"))?;
    archive.read(index, limits)
}

/// An archive whose entries are checked and known by name.
struct Archive<'a, R> {
    archive: ZipArchive<BufReader<Source<'a, R>>>,
    /// Names by index.
    names: Vec<String>,
    faults: Faults<'a>,
}

impl<'a, R: Read + Seek> Archive<'a, R> {
    fn open(mut reader: Source<'a, R>, limits: &ArchiveLimits, faults: Faults<'a>) -> Result<Self, Error> {
        let archive_bytes = reader.length().map_err(|error| faults.io(error))?;
        let directory = read_directory(&mut reader, archive_bytes, limits, faults)?;
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut archive = ZipArchive::with_config(config, BufReader::new(reader))
            .map_err(|error| from_zip(error, faults))?;
        if archive.has_duplicate_names() {
            return Err(faults.hostile("two entries have the same name"));
        }
        if archive.central_directory_start() != directory.offset || archive.len() as u64 != directory.entries
        {
            return Err(faults.hostile("it has more than one central directory"));
        }
        // Local headers equal their central ones, none is unlisted, no two entries overlap.
        archive.validate_header_consistency().map_err(|error| match error {
            ZipError::InvalidArchive(reason) => faults.hostile(reason),
            error => from_zip(error, faults),
        })?;

        let limit = unpacked_limit(limits, archive_bytes);
        let mut unpacked = 0_u64;
        let mut names = Vec::with_capacity(archive.len());
        for index in 0..archive.len() {
            let entry = archive.by_index_data(index).map_err(|error| from_zip(error, faults))?;
            let name = entry.name().map_err(|error| from_zip(error, faults))?;
            faults.check_name(&name)?;
            if entry.encrypted() {
                return Err(faults.invalid(format!("entry {} is encrypted", excerpt(&name))));
            }
            unpacked = unpacked.saturating_add(entry.size());
            if unpacked > limit {
                return Err(Error::DecompressionBomb { filename: faults.filename.to_string(), limit });
            }
            names.push(name.into_owned());
        }
        let mut seen = HashSet::with_capacity(names.len());
        if !names.iter().all(|name| seen.insert(name.trim_end_matches('/'))) {
            return Err(faults.hostile("two entries have the same name"));
        }
        Ok(Self { archive, names, faults })
    }

    /// The index of the entry with this name, if no other is the same file where case does not count.
    fn single_entry(&self, wanted: &str) -> Result<usize, Error> {
        let mut found = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, name)| name.trim_end_matches('/').eq_ignore_ascii_case(wanted));
        let missing = || self.faults.invalid(format!("no entry {}", excerpt(wanted)));
        let (index, name) = found.next().ok_or_else(missing)?;
        if found.next().is_some() {
            return Err(self.faults.hostile(format!("more than one entry {}", excerpt(wanted))));
        }
        if name != wanted {
            return Err(missing());
        }
        Ok(index)
    }

    fn read(&mut self, index: usize, limits: &ArchiveLimits) -> Result<Vec<u8>, Error> {
        let limit = limits.max_metadata_bytes;
        let too_long = || Error::LimitExceeded { what: "bytes of core metadata", limit };
        let entry = self.archive.by_index(index).map_err(|error| from_zip(error, self.faults))?;
        if entry.is_symlink() {
            return Err(self.faults.hostile("the core metadata is a link"));
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(self.faults.invalid("the core metadata is compressed in an unusual way"));
        }
        let announced = entry.size();
        if announced > limit {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        // Reading to the end makes the library compare the checksum.
        entry.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| self.faults.io(error))?;
        if bytes.len() as u64 > limit {
            return Err(too_long());
        }
        if bytes.len() as u64 != announced {
            return Err(self.faults.hostile("the core metadata is not as long as announced"));
        }
        Ok(bytes)
    }
}

/// The one `*.dist-info` that installing the wheel would create.
fn single_dist_info(names: &[String], faults: Faults<'_>) -> Result<String, Error> {
    let mut found: Option<&str> = None;
    for name in names {
        let Some(directory) = installed_dist_info(name) else { continue };
        match found {
            None => found = Some(directory),
            Some(first) if first == directory => {}
            Some(first) => {
                return Err(faults.hostile(format!(
                    "two .dist-info directories: {} and {}",
                    excerpt(first),
                    excerpt(directory)
                )));
            }
        }
    }
    found.map(str::to_owned).ok_or_else(|| faults.invalid("no .dist-info directory"))
}

/// The `.dist-info` directory an entry lies in, at the top or spread there from `*.data/purelib` and `platlib`.
fn installed_dist_info(name: &str) -> Option<&str> {
    let is_dist_info = |component: &&str| component.to_ascii_lowercase().ends_with(DIST_INFO);
    let mut components = name.split('/');
    let top = components.next()?;
    if is_dist_info(&top) {
        return Some(top);
    }
    let is_spread = top.to_ascii_lowercase().ends_with(".data")
        && components
            .next()
            .is_some_and(|key| key.eq_ignore_ascii_case("purelib") || key.eq_ignore_ascii_case("platlib"));
    components.next().filter(|_| is_spread).filter(is_dist_info)
}

/// The directory's name is `<project>-<version>.dist-info`, as the file's name says.
fn check_dist_info(directory: &str, faults: Faults<'_>) -> Result<(), Error> {
    let filename: &DistributionFilename = faults.filename;
    let parsed = directory
        .strip_suffix(DIST_INFO)
        .and_then(|stem| stem.split_once('-'))
        .and_then(|(project, version)| Some((ProjectName::parse(project).ok()?, parse_version(version)?)));
    let Some((project, version)) = parsed else {
        return Err(faults.invalid(format!("invalid .dist-info directory {}", excerpt(directory))));
    };
    if project != *filename.project() || version != *filename.version() {
        return Err(Error::OtherDistribution {
            filename: filename.to_string(),
            field: "directory",
            expected: format!("{} {}", filename.project(), filename.version()),
            found: excerpt(directory),
        });
    }
    Ok(())
}

fn from_zip(error: ZipError, faults: Faults<'_>) -> Error {
    match error {
        ZipError::Io(error) => faults.io(error),
        error => faults.invalid(excerpt(&error.to_string())),
    }
}

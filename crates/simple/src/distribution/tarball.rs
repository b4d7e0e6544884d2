//! Reads the metadata of source distributions in `.tar.gz` archives.
//!
//! The archive is read to its end, because a later entry would replace an earlier one when it is unpacked. Extension
//! headers are interpreted here, in raw mode: the library would read them whole whatever their size.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, BufReader, Read, Seek};

use flate2::bufread::MultiGzDecoder;
use tar::{Entry, EntryType, PaxExtensions};

use super::ArchiveLimits;
use super::entry::{Faults, Source, top_level, unpacked_limit};
use crate::error::{Error, excerpt};

/// Length of one pax extended header in bytes.
const MAX_PAX_BYTES: u64 = 256 * 1024;

/// The bytes of the one `PKG-INFO` in the one directory at the top of a source distribution (PEP 625, PEP 643).
pub(super) fn read_sdist_metadata(
    mut reader: Source<'_, impl Read + Seek>,
    limits: &ArchiveLimits,
    faults: Faults<'_>,
) -> Result<Vec<u8>, Error> {
    let archive_bytes = reader.length().map_err(|error| faults.io(error))?;
    let limit = unpacked_limit(limits, archive_bytes);
    // Spent only by the byte after the last one allowed.
    let left = Cell::new(limit.saturating_add(1));
    let unpacked = Budget { inner: MultiGzDecoder::new(BufReader::new(reader)), left: &left };
    let mut archive = tar::Archive::new(unpacked);
    let found = scan(&mut archive, limits, faults);
    if left.get() == 0 {
        return Err(Error::DecompressionBomb { filename: faults.filename.to_string(), limit });
    }
    found?.ok_or_else(|| faults.invalid("no PKG-INFO in the directory at the top"))
}

fn scan<R: Read>(
    archive: &mut tar::Archive<R>,
    limits: &ArchiveLimits,
    faults: Faults<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let mut metadata = None;
    let mut top: Option<String> = None;
    let mut seen = HashSet::new();
    let mut pending: Option<String> = None;
    let entries = archive.entries().map_err(|error| faults.io(error))?.raw(true);
    for (count, entry) in entries.enumerate() {
        let mut entry = entry.map_err(|error| faults.io(error))?;
        if count as u64 >= limits.max_entries {
            return Err(Error::LimitExceeded {
                what: "entries in a distribution",
                limit: limits.max_entries,
            });
        }
        let entry_type = entry.header().entry_type();
        if let Some(long_name) = read_extension(&mut entry, limits, faults)? {
            if long_name.is_some() && pending.is_some() {
                return Err(faults.hostile("an entry has two long names"));
            }
            pending = pending.or(long_name);
            continue;
        }
        check_kind(&entry, faults)?;
        let name = match pending.take() {
            Some(name) => name,
            None => header_name(&entry, faults)?,
        };
        let name = name.strip_prefix("./").unwrap_or(&name);
        if matches!(name, "" | ".") && entry_type.is_dir() {
            continue;
        }
        faults.check_name(name)?;
        if name.len() as u64 > limits.max_name_bytes {
            return Err(Error::LimitExceeded {
                what: "bytes of an entry's name",
                limit: limits.max_name_bytes,
            });
        }
        let first = top_level(name);
        if top.get_or_insert_with(|| first.to_owned()) != first {
            return Err(faults.invalid("more than one entry at the top of the archive"));
        }
        let is_directory = entry_type.is_dir() || name.ends_with('/');
        if !seen.insert(name.trim_end_matches('/').to_owned()) && !is_directory {
            return Err(faults.hostile(format!("two entries have the name {}", excerpt(name))));
        }
        if !is_metadata(name) {
            continue;
        }
        // No second one of exactly this name: it would have been refused as a duplicate.
        if !is_regular(entry_type) || !name.ends_with("/PKG-INFO") {
            return Err(faults.hostile("the PKG-INFO at the top is not an ordinary file of that name"));
        }
        let (bytes, complete) =
            read_bounded(&mut entry, limits.max_metadata_bytes).map_err(|error| faults.io(error))?;
        if !complete {
            return Err(Error::LimitExceeded {
                what: "bytes of core metadata",
                limit: limits.max_metadata_bytes,
            });
        }
        metadata = Some(bytes);
    }
    if pending.is_some() {
        return Err(faults.invalid("a long name without an entry"));
    }
    Ok(metadata)
}

/// Reads an extension header: `Some` if the entry is one, with the name it gives to the next entry, if any.
fn read_extension<R: Read>(
    entry: &mut Entry<'_, R>,
    limits: &ArchiveLimits,
    faults: Faults<'_>,
) -> Result<Option<Option<String>>, Error> {
    let entry_type = entry.header().entry_type();
    let is_long_name = entry_type.is_gnu_longname();
    let is_pax = entry_type.is_pax_local_extensions() || entry_type.is_pax_global_extensions();
    if !is_long_name && !is_pax && !entry_type.is_gnu_longlink() {
        return Ok(None);
    }
    let (limit, what) = match is_pax {
        true => (MAX_PAX_BYTES, "bytes of a pax header"),
        // A long name ends with a nul.
        false => (limits.max_name_bytes.saturating_add(1), "bytes of an entry's name"),
    };
    let (bytes, complete) = read_bounded(entry, limit).map_err(|error| faults.io(error))?;
    if !complete {
        return Err(Error::LimitExceeded { what, limit });
    }
    if is_long_name {
        let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        return Ok(Some(Some(text(name, faults)?)));
    }
    if is_pax {
        return Ok(Some(read_pax(&bytes, entry_type.is_pax_global_extensions(), faults)?));
    }
    Ok(Some(None))
}

/// The `path` of a pax header. Records that change how the archive itself is read are refused: not all readers know
/// them, and those who do not would see other entries.
fn read_pax(bytes: &[u8], global: bool, faults: Faults<'_>) -> Result<Option<String>, Error> {
    let mut path = None;
    for record in PaxExtensions::new(bytes) {
        let record = record.map_err(|_| faults.hostile("a malformed pax header"))?;
        let key = record.key_bytes();
        if key == b"size" || key == b"hdrcharset" || key.starts_with(b"GNU.sparse.") {
            let key = String::from_utf8_lossy(key);
            return Err(faults.hostile(format!("a pax header that changes how the archive is read: {key}")));
        }
        if key == b"path" {
            if global || path.is_some() {
                return Err(faults.hostile("a pax header that names several entries, or one twice"));
            }
            path = Some(text(record.value_bytes(), faults)?);
        }
    }
    Ok(path)
}

/// Only files, directories and links, and content only for files: readers differ in whether they skip the others'.
fn check_kind<R: Read>(entry: &Entry<'_, R>, faults: Faults<'_>) -> Result<(), Error> {
    let header = entry.header();
    let entry_type = header.entry_type();
    let is_link = entry_type.is_hard_link() || entry_type.is_symlink();
    if !is_regular(entry_type) && !entry_type.is_dir() && !is_link {
        return Err(faults.hostile("an entry that is neither a file nor a directory nor a link"));
    }
    let size = header.entry_size().map_err(|error| faults.io(error))?;
    if !is_regular(entry_type) && size != 0 {
        return Err(faults.hostile("a directory or a link with content"));
    }
    Ok(())
}

/// The name in the header itself, in two parts if it is long (POSIX ustar).
fn header_name<R: Read>(entry: &Entry<'_, R>, faults: Faults<'_>) -> Result<String, Error> {
    let header = entry.header();
    // Where older formats hold other things, some readers see the first part of a name all the same.
    if header.as_ustar().is_none() && header.as_bytes()[345..500].iter().any(|byte| *byte != 0) {
        return Err(faults.hostile("an entry whose name depends on the reader"));
    }
    text(&header.path_bytes(), faults)
}

fn text(bytes: &[u8], faults: Faults<'_>) -> Result<String, Error> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| faults.invalid("an entry's name is not utf-8"))
}

fn is_regular(entry_type: EntryType) -> bool {
    entry_type.is_file() || entry_type.is_contiguous()
}

/// `<top>/PKG-INFO`, also where case does not count.
fn is_metadata(name: &str) -> bool {
    name.split_once('/').is_some_and(|(_, rest)| rest.trim_end_matches('/').eq_ignore_ascii_case("PKG-INFO"))
}

/// The content, and whether it is all there is within the limit.
fn read_bounded<R: Read>(reader: &mut R, limit: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let complete = bytes.len() as u64 <= limit;
    Ok((bytes, complete))
}

/// Lets a number of bytes through and fails then.
struct Budget<'a, R> {
    inner: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Budget<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.left.get().saturating_sub(read as u64);
        self.left.set(left);
        if left == 0 { Err(io::Error::other("unpacks to too many bytes")) } else { Ok(read) }
    }
}

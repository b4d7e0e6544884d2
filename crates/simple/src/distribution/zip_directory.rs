//! Reads the central directory of a zip archive by its bytes, before a library interprets it (APPNOTE 4.3.12 to 4.3.16).
//!
//! Readers find the directory in different ways: by its offset, its size, the number of its entries, the first or the
//! last signature, with or without the zip64 record. An archive for which these agree holds no second directory for
//! somebody else, and is known to be small enough before memory is spent on it.

use std::io::{self, Read, Seek, SeekFrom};

use super::ArchiveLimits;
use super::entry::Faults;
use crate::error::Error;

const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = u16::MAX as usize;
const LOCATOR_SIGNATURE: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;
const END64_SIGNATURE: &[u8] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
const ENTRY_SIGNATURE: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// Info-ZIP's second name of an entry, which some readers use and some do not.
const UNICODE_PATH: u16 = 0x7075;

/// Where the central directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) entries: u64,
    pub(super) offset: u64,
    size: u64,
}

/// Finds the central directory and checks that there is one only.
pub(super) fn read_directory<R: Read + Seek>(
    reader: &mut R,
    archive_bytes: u64,
    limits: &ArchiveLimits,
    faults: Faults<'_>,
) -> Result<Directory, Error> {
    let tail_bytes = archive_bytes.min((END_BYTES + MAX_COMMENT_BYTES) as u64);
    let tail_start = archive_bytes - tail_bytes;
    let tail = read_at(reader, tail_start, tail_bytes).map_err(|error| faults.io(error))?;
    let position = (0..tail.len().saturating_sub(END_BYTES - 1))
        .rev()
        .find(|start| tail[*start..].starts_with(END_SIGNATURE))
        .ok_or_else(|| faults.invalid("not a zip archive: it has no end of central directory"))?;
    let end = &tail[position..];
    if END_BYTES + usize::from(u16_at(end, 20)) != end.len() {
        return Err(faults.hostile("bytes follow the end of the zip archive"));
    }
    if u16_at(end, 4) != 0 || u16_at(end, 6) != 0 || u16_at(end, 8) != u16_at(end, 10) {
        return Err(faults.invalid("zip archives of several parts are not supported"));
    }
    let end_position = tail_start + position as u64;
    let small = Directory {
        entries: u16_at(end, 10).into(),
        size: u32_at(end, 12).into(),
        offset: u32_at(end, 16).into(),
    };
    let large = read_zip64(reader, end_position, faults)?;
    let (directory, directory_end) = match large {
        Some((large, position)) => {
            let agrees = |small: u64, large: u64, saturated: u64| small == large || small == saturated;
            if !(agrees(small.entries, large.entries, u16::MAX.into())
                && agrees(small.size, large.size, u32::MAX.into())
                && agrees(small.offset, large.offset, u32::MAX.into()))
            {
                return Err(faults.hostile("its two ends of central directory disagree"));
            }
            (large, position)
        }
        None => (small, end_position),
    };
    if directory.offset.checked_add(directory.size) != Some(directory_end) {
        return Err(faults.hostile("the central directory is not where the end of the archive says"));
    }
    if directory.entries > limits.max_entries {
        return Err(Error::LimitExceeded { what: "entries in a distribution", limit: limits.max_entries });
    }
    if directory.size > limits.max_directory_bytes {
        return Err(Error::LimitExceeded {
            what: "bytes of central directory",
            limit: limits.max_directory_bytes,
        });
    }
    let bytes = read_at(reader, directory.offset, directory.size).map_err(|error| faults.io(error))?;
    check_entries(&bytes, directory.entries, limits, faults)?;
    reader.seek(SeekFrom::Start(0)).map_err(|error| faults.io(error))?;
    Ok(directory)
}

/// The zip64 end of central directory and its position, if a locator stands before the end.
fn read_zip64<R: Read + Seek>(
    reader: &mut R,
    end_position: u64,
    faults: Faults<'_>,
) -> Result<Option<(Directory, u64)>, Error> {
    let Some(locator_position) = end_position.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let locator = read_at(reader, locator_position, LOCATOR_BYTES).map_err(|error| faults.io(error))?;
    if !locator.starts_with(LOCATOR_SIGNATURE) {
        return Ok(None);
    }
    // Without extensible data the record stands right before its locator.
    let Some(position) = locator_position.checked_sub(END64_BYTES as u64) else {
        return Err(faults.invalid("the zip64 end of central directory is cut off"));
    };
    let end = read_at(reader, position, END64_BYTES as u64).map_err(|error| faults.io(error))?;
    if u64_at(&locator, 8) != position
        || !end.starts_with(END64_SIGNATURE)
        || u64_at(&end, 4) != (END64_BYTES - 12) as u64
    {
        return Err(faults.hostile("the zip64 end of central directory is not where its locator says"));
    }
    if u32_at(&end, 16) != 0 || u32_at(&end, 20) != 0 || u64_at(&end, 24) != u64_at(&end, 32) {
        return Err(faults.invalid("zip archives of several parts are not supported"));
    }
    let directory = Directory { entries: u64_at(&end, 32), size: u64_at(&end, 40), offset: u64_at(&end, 48) };
    Ok(Some((directory, position)))
}

/// Walks the entries: as many as announced fill the directory exactly.
fn check_entries(
    mut bytes: &[u8],
    announced: u64,
    limits: &ArchiveLimits,
    faults: Faults<'_>,
) -> Result<(), Error> {
    let mut found = 0_u64;
    while !bytes.is_empty() {
        let malformed = || faults.hostile("the central directory does not hold the entries it announces");
        if bytes.len() < ENTRY_BYTES || !bytes.starts_with(ENTRY_SIGNATURE) {
            return Err(malformed());
        }
        let name_bytes = usize::from(u16_at(bytes, 28));
        let extra_bytes = usize::from(u16_at(bytes, 30));
        let comment_bytes = usize::from(u16_at(bytes, 32));
        let extra_start = ENTRY_BYTES + name_bytes;
        let extra_end = extra_start + extra_bytes;
        let (Some(extra), Some(rest)) =
            (bytes.get(extra_start..extra_end), bytes.get(extra_end + comment_bytes..))
        else {
            return Err(malformed());
        };
        if name_bytes as u64 > limits.max_name_bytes {
            return Err(Error::LimitExceeded {
                what: "bytes of an entry's name",
                limit: limits.max_name_bytes,
            });
        }
        if has_extra_field(extra, UNICODE_PATH) {
            return Err(faults.hostile("an entry has two names"));
        }
        found += 1;
        bytes = rest;
    }
    if found != announced {
        return Err(
            faults.hostile(format!("the central directory announces {announced} entries and holds {found}"))
        );
    }
    Ok(())
}

fn has_extra_field(mut extra: &[u8], wanted: u16) -> bool {
    while extra.len() >= 4 {
        if u16_at(extra, 0) == wanted {
            return true;
        }
        extra = extra.get(4 + usize::from(u16_at(extra, 2))..).unwrap_or_default();
    }
    false
}

fn read_at<R: Read + Seek>(reader: &mut R, position: u64, length: u64) -> io::Result<Vec<u8>> {
    reader.seek(SeekFrom::Start(position))?;
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Little-endian numbers. A caller that reads past the end gets zeros, not a panic.
fn u16_at(bytes: &[u8], position: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, position))
}

fn u32_at(bytes: &[u8], position: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, position))
}

fn u64_at(bytes: &[u8], position: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, position))
}

fn array_at<const N: usize>(bytes: &[u8], position: usize) -> [u8; N] {
    bytes.get(position..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

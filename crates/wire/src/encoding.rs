//! Lengths of files as they are sent.

use std::io::Write;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::moment::Away;

/// The level at which files are compressed with zstd. Bins and snapshot are compressed once a publication, so it has to be
/// quick; [`crate::report`] shows what others would give.
pub const ZSTD_LEVEL: i32 = 9;

/// gzip at its usual level.
const GZIP_LEVEL: u32 = 6;

/// What stands before a `dcz` stream: a magic number and the dictionary's SHA-256 (RFC 9842, 5).
pub const DCZ_HEADER_BYTES: usize = 40;

/// How a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is signed.
    Plain,
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
    /// `dcz`, with the version that the client has as dictionary; `zstd` where it has none (RFC 9842).
    Delta,
}

impl Encoding {
    /// All.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Gzip, Self::Zstd, Self::Delta];

    /// The name of the content coding.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Delta => "dcz",
        }
    }
}

/// The lengths of one file, in bytes.
#[derive(Clone, Debug, Default)]
pub struct Lengths {
    plain: usize,
    gzip: usize,
    zstd: usize,
    /// By [`Away`]: nothing when the client's version is the latest, else as a difference from it.
    since: [Option<usize>; 4],
}

impl Lengths {
    /// The file `now`, and what it was at earlier moments, as far as it is another one.
    ///
    /// # Errors
    /// Those of zstd.
    pub fn of(now: &[u8], then: [Option<&[u8]>; 4]) -> anyhow::Result<Self> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
        gzip.write_all(now)?;
        // A server sends as it is what compression makes longer.
        let shorter = |compressed: usize| compressed.min(now.len());
        let zstd = shorter(zstd_length(now, ZSTD_LEVEL)?);
        let mut since = [None; 4];
        for (since, then) in since.iter_mut().zip(then) {
            if let Some(then) = then {
                *since = Some(delta_length(now, then, ZSTD_LEVEL)?.min(zstd));
            }
        }
        Ok(Self { plain: now.len(), gzip: shorter(gzip.finish()?.len()), zstd, since })
    }

    /// What a client without an earlier version fetches.
    #[must_use]
    pub fn new_client(&self, encoding: Encoding) -> usize {
        match encoding {
            Encoding::Plain => self.plain,
            Encoding::Gzip => self.gzip,
            Encoding::Zstd | Encoding::Delta => self.zstd,
        }
    }

    /// What a client fetches that has the version of an earlier moment; `None` when that is the latest.
    #[must_use]
    pub fn returning(&self, encoding: Encoding, away: Away) -> Option<usize> {
        let delta = self.since[away.index()]?;
        Some(if encoding == Encoding::Delta { delta } else { self.new_client(encoding) })
    }
}

/// Length as `zstd`.
///
/// # Errors
/// Those of zstd.
pub fn zstd_length(bytes: &[u8], level: i32) -> anyhow::Result<usize> {
    Ok(zstd::bulk::compress(bytes, level)?.len())
}

/// Length as `dcz` with `dictionary`, header included.
///
/// # Errors
/// Those of zstd.
pub fn delta_length(bytes: &[u8], dictionary: &[u8], level: i32) -> anyhow::Result<usize> {
    Ok(delta(bytes, dictionary, level)?.len() + DCZ_HEADER_BYTES)
}

fn delta(bytes: &[u8], dictionary: &[u8], level: i32) -> anyhow::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), level, dictionary)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    // The whole dictionary is in reach; RFC 9842 allows 8 MB, or 1.25 times the dictionary if that is more.
    let window = (bytes.len() + dictionary.len()).max(1024).next_power_of_two().trailing_zeros();
    encoder.window_log(window)?;
    encoder.write_all(bytes)?;
    encoder.finish().context("zstd does not end")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_difference_is_short_and_gives_the_file_again() {
        let old: Vec<u8> =
            (0..4000).flat_map(|line: u32| format!("{:x},", line * line).into_bytes()).collect();
        let mut new = old.clone();
        new[9000] = b'!';
        let difference = delta(&new, &old, ZSTD_LEVEL).unwrap();
        assert!(difference.len() < 60, "{}", difference.len());
        let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(&difference[..], &old).unwrap();
        let mut again = Vec::new();
        decoder.read_to_end(&mut again).unwrap();
        assert_eq!(again, new);
    }

    #[test]
    fn lengths_are_by_encoding_and_by_what_the_client_has() {
        let (old, new) = (b"0123456789".repeat(300), b"0123456789".repeat(301));
        let lengths = Lengths::of(&new, [None, Some(&old), None, None]).unwrap();
        assert_eq!(lengths.new_client(Encoding::Plain), 3010);
        assert!(lengths.new_client(Encoding::Gzip) < 100);
        assert_eq!(lengths.new_client(Encoding::Zstd), lengths.new_client(Encoding::Delta));
        assert_eq!(lengths.returning(Encoding::Plain, Away::Day), Some(3010));
        assert_eq!(lengths.returning(Encoding::Delta, Away::Hour), None, "nothing changed");
        assert_eq!(Lengths::of(b"x", [None; 4]).unwrap().new_client(Encoding::Gzip), 1, "not worth it");
    }
}

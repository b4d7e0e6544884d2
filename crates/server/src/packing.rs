//! Packed forms of bytes: always the same for the same bytes.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder;

/// Delta and dictionary have at most this length. A frame's window is then never above 8 MiB, which every client that
/// knows `zstd` or `dcz` must grant (RFC 9659, 3; RFC 9842, 5).
pub(crate) const MAX_DELTA_BYTES: usize = 1 << WINDOW_LOG;

const WINDOW_LOG: u32 = 23;
/// Higher levels make deltas larger, if anything. With a snapshot's a client waits, and each publication has another:
/// there the quickest level that finds what is alike (decision 12).
const DELTA_LEVEL: i32 = 9;
const LONG_DELTA_LEVEL: i32 = 3;
/// Bytes from which on something is long.
const LONG: usize = 256 * 1024 + 1;
/// A frame of the user's own that zstd itself skips, with 32 bytes in it: the dictionary's SHA-256 (RFC 9842, 5).
const DCZ_MAGIC: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];

/// The bytes in gzip.
pub(crate) fn gzip(bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(6));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.into())
}

/// The bytes as one zstd frame, for a client that waits for it.
pub(crate) fn zstd(bytes: &[u8]) -> io::Result<Bytes> {
    zstd_at(zstd_level(bytes.len()), bytes)
}

/// The bytes as one zstd frame, packed once and for all.
pub(crate) fn zstd_kept(bytes: &[u8]) -> io::Result<Bytes> {
    zstd_at(zstd_level(bytes.len()).max(9), bytes)
}

fn zstd_at(level: i32, bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = Encoder::new(Vec::with_capacity(bytes.len() / 4), level)?;
    encoder.set_parameter(CParameter::WindowLog(window_log(bytes.len())))?;
    frame(encoder, bytes)
}

/// The bytes as a `dcz` body: one zstd frame that refers to the dictionary.
pub(crate) fn dcz(dictionary: &[u8], dictionary_sha256: &[u8; 32], bytes: &[u8]) -> io::Result<Bytes> {
    let mut body = DCZ_MAGIC.to_vec();
    body.extend_from_slice(dictionary_sha256);
    let level = if bytes.len() < LONG { DELTA_LEVEL } else { LONG_DELTA_LEVEL };
    let mut encoder = Encoder::with_ref_prefix(body, level, dictionary)?;
    // The dictionary can be referred to for as long as the window reaches back to it.
    encoder.set_parameter(CParameter::WindowLog(window_log(bytes.len().max(dictionary.len()))))?;
    frame(encoder, bytes)
}

/// The highest level that makes no request wait noticeably: a few milliseconds, some tens for long pages.
fn zstd_level(length: usize) -> i32 {
    match length {
        0..=32_768 => 19,
        32_769..LONG => 15,
        _ => 3,
    }
}

/// The window that holds this many bytes, if it may be that large.
fn window_log(length: usize) -> u32 {
    const LEAST: u32 = 10;
    length.next_power_of_two().trailing_zeros().clamp(LEAST, WINDOW_LOG)
}

fn frame(mut encoder: Encoder<'_, Vec<u8>>, bytes: &[u8]) -> io::Result<Bytes> {
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.include_contentsize(true)?;
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Numbers that pack to a fifth or so, as metadata does.
    fn text(lines: u32, changed: u32) -> Vec<u8> {
        let line = |n: u32| {
            let version = n.wrapping_mul(2_654_435_761) >> 22;
            format!("\"bin-{n:04x}.json\":{{\"version\":{}}},", version + u32::from(n % lines == changed))
        };
        (0..lines).map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn the_same_bytes_come_out() {
        for length in [0, 1, 20_000, 100_000, 500_000] {
            let bytes = &text(20_000, 0)[..length];
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*gzip(bytes).unwrap()).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, bytes);
            let packed = zstd(bytes).unwrap();
            assert_eq!(zstd::stream::decode_all(&*packed).unwrap(), bytes);
            assert_eq!(packed, zstd(bytes).unwrap());
        }
    }

    #[test]
    fn a_delta_is_as_long_as_what_changed() {
        let (old, new) = (text(10_000, 17), text(10_000, 5_000));
        let delta = dcz(&old, &[7; 32], &new).unwrap();
        assert!(delta.len() < 200, "{}", delta.len());
        assert_eq!(delta[..8], DCZ_MAGIC);
        assert_eq!(delta[8..40], [7; 32]);
        let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(&delta[40..], &old).unwrap();
        let mut unpacked = Vec::new();
        decoder.read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == new);
    }

    /// RFC 9659: a window above 8 MiB need not be granted; a delta reaches all of its dictionary all the same.
    #[test]
    fn windows_are_bounded() {
        let (old, new) = (vec![b'a'; MAX_DELTA_BYTES], vec![b'a'; MAX_DELTA_BYTES]);
        for (frame, prefix) in
            [(&zstd(&[1; 9 << 20]).unwrap()[..], &[][..]), (&dcz(&old, &[0; 32], &new).unwrap()[40..], &old)]
        {
            let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(frame, prefix).unwrap();
            decoder.window_log_max(WINDOW_LOG).unwrap();
            decoder.read_to_end(&mut Vec::new()).unwrap();
        }
    }
}

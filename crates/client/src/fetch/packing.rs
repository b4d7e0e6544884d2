//! Packed answers, unpacked within bounds.
//!
//! What comes out is trusted no more than what would have come plain: whoever asked verifies it. So all that has to be
//! seen to here is what unpacking may cost: no more output than was allowed, a window that the format's own rules grant,
//! one stream, whole, and nothing behind it.

use std::io::{self, Read as _};

use flate2::bufread::GzDecoder;
use http::HeaderValue;
use zstd::stream::read::Decoder;

use super::dictionary::Dictionary;

/// Windows of 8 MiB at most (RFC 9659, 3). Dictionaries are shorter, so that `dcz` needs no larger one (RFC 9842, 5).
const WINDOW_LOG_MAX: u32 = 23;
/// A frame that zstd itself skips, with 32 bytes in it: the dictionary's SHA-256 (RFC 9842, 5).
const DCZ_MAGIC: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];

/// What an answer may be packed with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packing<'a> {
    /// Nothing: files are packed already, and may be too large for memory.
    Plain,
    /// zstd or gzip.
    Packed,
    /// As well as a delta from an older version, which this machine has.
    Delta(&'a Dictionary),
}

/// How an answer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
    /// zstd with a dictionary (RFC 9842).
    Dcz,
}

/// Why an answer cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It unpacks to more than was allowed.
    TooLong,
    /// It is no such stream, or not a whole one, or more than that.
    Damaged(&'static str),
}

impl<'a> Packing<'a> {
    /// The value of `Accept-Encoding`.
    pub(super) fn accepted(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Plain => "identity",
            Self::Packed => "zstd, gzip",
            Self::Delta(_) => "dcz, zstd, gzip",
        })
    }

    /// What `Content-Encoding` says; `None` for what was not asked for.
    pub(super) fn coding(self, name: &[u8]) -> Option<Coding> {
        match (self, name.to_ascii_lowercase().as_slice()) {
            (_, b"identity") => Some(Coding::Identity),
            (Self::Packed | Self::Delta(_), b"gzip") => Some(Coding::Gzip),
            (Self::Packed | Self::Delta(_), b"zstd") => Some(Coding::Zstd),
            (Self::Delta(_), b"dcz") => Some(Coding::Dcz),
            _ => None,
        }
    }

    /// The same without a dictionary.
    pub(super) fn without_dictionary(self) -> Self {
        match self {
            Self::Delta(_) => Self::Packed,
            other => other,
        }
    }

    pub(super) fn dictionary(self) -> Option<&'a Dictionary> {
        match self {
            Self::Delta(dictionary) => Some(dictionary),
            Self::Plain | Self::Packed => None,
        }
    }
}

impl Coding {
    /// How long the packed form of so many bytes may be. What cannot be packed grows a little.
    pub(super) fn max_packed_bytes(self, max_bytes: u64) -> u64 {
        match self {
            Self::Identity => max_bytes,
            Self::Gzip | Self::Zstd | Self::Dcz => {
                max_bytes.saturating_add(max_bytes / 64).saturating_add(1024)
            }
        }
    }
}

/// Unpacks a body.
pub(crate) fn unpack(
    coding: Coding,
    packed: Vec<u8>,
    dictionary: Option<&Dictionary>,
    max_bytes: u64,
) -> Result<Vec<u8>, Fault> {
    match coding {
        Coding::Identity if packed.len() as u64 > max_bytes => Err(Fault::TooLong),
        Coding::Identity => Ok(packed),
        Coding::Gzip => gzip(&packed, max_bytes),
        Coding::Zstd => zstd(&packed, &[], max_bytes),
        Coding::Dcz => {
            let dictionary = dictionary.ok_or(Fault::Damaged("it needs a dictionary"))?;
            let rest = packed.strip_prefix(&DCZ_MAGIC).ok_or(Fault::Damaged("it does not begin as dcz"))?;
            let frame = rest.strip_prefix(dictionary.sha256().as_slice());
            zstd(frame.ok_or(Fault::Damaged("it is for another dictionary"))?, dictionary.bytes(), max_bytes)
        }
    }
}

fn gzip(packed: &[u8], max_bytes: u64) -> Result<Vec<u8>, Fault> {
    let mut decoder = GzDecoder::new(packed);
    let bytes = read(&mut decoder, max_bytes)?;
    nothing_behind(decoder.into_inner())?;
    Ok(bytes)
}

fn zstd(packed: &[u8], dictionary: &[u8], max_bytes: u64) -> Result<Vec<u8>, Fault> {
    let damaged = |_| Fault::Damaged("it is no zstd frame");
    if packed.is_empty() {
        return Err(Fault::Damaged("it ends early"));
    }
    let mut decoder = Decoder::with_ref_prefix(packed, dictionary).map_err(damaged)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(damaged)?;
    let bytes = read(&mut decoder, max_bytes)?;
    nothing_behind(decoder.finish())?;
    Ok(bytes)
}

fn read(decoder: &mut impl io::Read, max_bytes: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    decoder.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| {
        Fault::Damaged(match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends early",
            _ => "it is damaged",
        })
    })?;
    if bytes.len() as u64 > max_bytes { Err(Fault::TooLong) } else { Ok(bytes) }
}

fn nothing_behind(rest: &[u8]) -> Result<(), Fault> {
    if rest.is_empty() { Ok(()) } else { Err(Fault::Damaged("more follows its end")) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zstd::stream::raw::CParameter;
    use zstd::stream::write::Encoder;

    use super::Fault::{Damaged, TooLong};
    use super::*;

    const TEXT: &[u8] = b"a line of text, and the same line of text again: a line of text";

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstded(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn older() -> Dictionary {
        Dictionary::new("1.role.json", b"an older line of text, and the same line of text again".to_vec())
            .unwrap()
    }

    fn delta(dictionary: &Dictionary, bytes: &[u8]) -> Vec<u8> {
        let mut body = DCZ_MAGIC.to_vec();
        body.extend(dictionary.sha256());
        let mut encoder = Encoder::with_ref_prefix(body, 3, dictionary.bytes()).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Zstd, Coding::Dcz];

    fn pack(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Identity => bytes.to_vec(),
            Coding::Gzip => gzipped(bytes),
            Coding::Zstd => zstded(bytes),
            Coding::Dcz => delta(&older(), bytes),
        }
    }

    fn of(coding: Coding, packed: &[u8], max_bytes: u64) -> Result<Vec<u8>, Fault> {
        unpack(coding, packed.to_vec(), Some(&older()), max_bytes)
    }

    #[test]
    fn what_was_packed_comes_out_up_to_its_bound() {
        for coding in CODINGS {
            for bytes in [TEXT, b"", &[7; 300_000]] {
                let (packed, length) = (pack(coding, bytes), bytes.len() as u64);
                assert_eq!(of(coding, &packed, length).unwrap(), bytes, "{coding:?}");
                assert_eq!(of(coding, &packed, u64::MAX).unwrap(), bytes, "{coding:?}");
                if length > 0 {
                    assert_eq!(of(coding, &packed, length - 1), Err(TooLong), "{coding:?}");
                }
            }
        }
        assert_eq!(of(Coding::Identity, TEXT, TEXT.len() as u64).unwrap(), TEXT);
        assert_eq!(of(Coding::Identity, TEXT, TEXT.len() as u64 - 1), Err(TooLong));
    }

    #[test]
    fn one_whole_stream_and_nothing_else() {
        for coding in CODINGS {
            let packed = pack(coding, TEXT);
            for end in 0..packed.len() {
                let cut = of(coding, &packed[..end], 1000);
                assert!(matches!(cut, Err(Damaged(_))), "{coding:?} cut at {end}: {cut:?}");
            }
            for behind in [&b"\0"[..], b"garbage", &packed] {
                let more = [packed.as_slice(), behind].concat();
                assert_eq!(of(coding, &more, 1000), Err(Damaged("more follows its end")), "{coding:?}");
            }
        }
        // A frame to be skipped is no content.
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9][..], &zstded(TEXT)].concat();
        assert!(matches!(of(Coding::Zstd, &skipped, 1000), Err(Damaged(_))));
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let spaces = vec![b' '; 64 << 20];
        for coding in CODINGS {
            let bomb = pack(coding, &spaces);
            assert!(bomb.len() < 70_000, "{coding:?} {}", bomb.len());
            assert_eq!(of(coding, &bomb, 65_536), Err(TooLong), "{coding:?}");
        }
    }

    #[test]
    fn a_window_beyond_what_the_format_grants_is_refused() {
        for (log, granted) in [(23, true), (24, false), (27, false)] {
            let mut encoder = Encoder::new(Vec::new(), 1).unwrap();
            encoder.set_parameter(CParameter::WindowLog(log)).unwrap();
            // Of unknown length, so that the window is not made smaller.
            encoder.write_all(TEXT).unwrap();
            let frame = encoder.finish().unwrap();
            assert_eq!(of(Coding::Zstd, &frame, 1000).is_ok(), granted, "{log}");
        }
    }

    #[test]
    fn a_delta_needs_the_dictionary_it_was_made_with() {
        let packed = delta(&older(), TEXT);
        let other = Dictionary::new("2.role.json", b"another".to_vec()).unwrap();
        let refused = unpack(Coding::Dcz, packed.clone(), Some(&other), 1000);
        assert_eq!(refused, Err(Damaged("it is for another dictionary")));
        assert_eq!(unpack(Coding::Dcz, packed.clone(), None, 1000), Err(Damaged("it needs a dictionary")));
        assert_eq!(of(Coding::Dcz, &zstded(TEXT), 1000), Err(Damaged("it does not begin as dcz")));
        // Without its head, it is a frame that refers to what is not there.
        assert!(of(Coding::Zstd, &packed[40..], 1000) != Ok(TEXT.to_vec()));
    }

    #[test]
    fn only_what_was_asked_for_is_taken() {
        let older = older();
        let table = [
            (Packing::Plain, [true, false, false, false]),
            (Packing::Packed, [true, true, true, false]),
            (Packing::Delta(&older), [true, true, true, true]),
        ];
        for (packing, taken) in table {
            let found =
                ["identity", "GZIP", "zstd", "dcz"].map(|name| packing.coding(name.as_bytes()).is_some());
            assert_eq!(found, taken, "{packing:?}");
            for name in ["", "br", "deflate", "x-gzip", "gzip, zstd", "dcb"] {
                assert_eq!(packing.coding(name.as_bytes()), None, "{name}");
            }
        }
    }
}

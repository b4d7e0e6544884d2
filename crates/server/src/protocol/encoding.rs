//! Content codings (RFC 9110, 12.5.3).

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// `gzip`
    Gzip,
}

/// The coding to answer with: gzip where the client named it, or `*`, with a quality above 0.
pub(crate) fn negotiate(headers: &HeaderMap) -> Encoding {
    let mut anything = false;
    for value in headers.get_all(ACCEPT_ENCODING) {
        let Ok(value) = value.to_str() else { continue };
        for entry in value.split(',') {
            let mut parts = entry.split(';').map(str::trim);
            let coding = parts.next().unwrap_or_default();
            let refused = parts.any(is_zero_quality);
            if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
                return if refused { Encoding::Identity } else { Encoding::Gzip };
            }
            anything |= coding == "*" && !refused;
        }
    }
    if anything { Encoding::Gzip } else { Encoding::Identity }
}

/// The bytes in gzip, always the same for the same bytes; `None` where that would save next to nothing.
pub(crate) fn gzip(bytes: &[u8]) -> Option<Bytes> {
    const WORTHWHILE_BYTES: usize = 512;
    if bytes.len() < WORTHWHILE_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(6));
    // Writing into memory cannot fail; if it did, the plain bytes are right too.
    encoder.write_all(bytes).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < bytes.len() - bytes.len() / 10).then(|| packed.into())
}

fn is_zero_quality(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q")
        && value.trim().starts_with('0')
        && value.trim().bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiates() {
        for (value, expected) in [
            ("gzip", Encoding::Gzip),
            ("gzip, deflate", Encoding::Gzip),
            ("br, GZIP;q=0.1", Encoding::Gzip),
            ("*", Encoding::Gzip),
            ("gzip;q=0", Encoding::Identity),
            ("gzip; q=0.000, *", Encoding::Identity),
            ("*;q=0", Encoding::Identity),
            ("identity", Encoding::Identity),
            ("br, deflate", Encoding::Identity),
            ("", Encoding::Identity),
        ] {
            let headers = [(ACCEPT_ENCODING, value.parse().unwrap())].into_iter().collect();
            assert_eq!(negotiate(&headers), expected, "{value}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn packs_what_is_worth_it() {
        let packed = gzip(&[b'a'; 10_000]).unwrap();
        assert!(packed.len() < 100);
        assert_eq!(packed, gzip(&[b'a'; 10_000]).unwrap());
        assert_eq!(gzip(b"short"), None);
        let mut noise = 1_u32;
        let random: Vec<u8> = (0..4096)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise.to_be_bytes()[0]
            })
            .collect();
        assert_eq!(gzip(&random), None);
    }
}

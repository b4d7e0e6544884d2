//! Answers in gzip, zstd and as deltas, unpacked by the client.
//!
//! Input: one byte that selects, one that bounds; then an older version of a file, the length of it in one byte before
//! it, and a packed answer, or what one is made of. Asserted:
//! - nothing comes out beyond the bound, and memory stays near it, whatever the answer announces;
//! - what is unpacked is what the libraries' own readers unpack from the same bytes;
//! - what was packed comes out, cut off anywhere it does not, and nothing may stand behind it.

#![no_main]

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use sealdex_client::fuzzing::{Packed, unpack};
use sealdex_fuzz::bounded;
use sealdex_tuf::digest::sha256;
use zstd::stream::{read::Decoder, write::Encoder};

/// The window that zstd may ask for, and its tables.
const WINDOW_BYTES: usize = 10 << 20;

fuzz_target!(|data: &[u8]| {
    let [what, bound, older_length, rest @ ..] = data else { return };
    let (older, rest) = rest.split_at(rest.len().min(usize::from(*older_length)));
    let how = [Packed::Gzip, Packed::Zstd, Packed::Dcz][usize::from(what % 3)];
    let max_bytes = u64::from(*bound) << (what / 64 * 4);
    if what & 4 == 0 {
        check(how, older, rest, max_bytes);
    } else {
        let packed = pack(how, older, rest);
        assert_eq!(
            unpack(how, older, &packed, rest.len() as u64).as_deref(),
            (how != Packed::Dcz || !older.is_empty()).then_some(rest)
        );
        let end = usize::from(*bound) % packed.len();
        assert_eq!(unpack(how, older, &packed[..end], 1 << 20), None);
        assert_eq!(unpack(how, older, &[&packed[..], b"x"].concat(), 1 << 20), None);
    }
});

fn check(how: Packed, older: &[u8], packed: &[u8], max_bytes: u64) {
    let limit = 4 * (packed.len() + usize::try_from(max_bytes).unwrap_or(usize::MAX)) + WINDOW_BYTES;
    let Some(bytes) = bounded(limit, || unpack(how, older, packed, max_bytes)) else { return };
    assert!(bytes.len() as u64 <= max_bytes);
    let mut expected = Vec::new();
    let read = match how {
        Packed::Gzip => flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut expected),
        Packed::Zstd => Decoder::new(packed).and_then(|mut decoder| decoder.read_to_end(&mut expected)),
        // The head is a frame that is skipped.
        Packed::Dcz => Decoder::with_ref_prefix(&packed[40..], older)
            .and_then(|mut decoder| decoder.read_to_end(&mut expected)),
    };
    assert!(read.is_ok() && bytes == expected, "{read:?}");
}

fn pack(how: Packed, older: &[u8], bytes: &[u8]) -> Vec<u8> {
    let packed = match how {
        Packed::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        Packed::Zstd => zstd::encode_all(bytes, 3),
        Packed::Dcz => {
            let mut body = vec![0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];
            body.extend(sha256(older));
            Encoder::with_ref_prefix(body, 3, older).and_then(|mut encoder| {
                encoder.write_all(bytes)?;
                encoder.finish()
            })
        }
    };
    packed.expect("memory takes what is packed")
}

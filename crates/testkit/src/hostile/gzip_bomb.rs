//! A small gzip stream that unpacks to a very long run of spaces.

use flate2::{Compress, Compression, Crc, FlushCompress};

const BLOCK_BYTES: usize = 1024 * 1024;

/// One gzip member (so that every decoder unpacks all of it) of `unpacked_bytes` spaces.
pub(super) fn gzip_bomb(unpacked_bytes: u64) -> Vec<u8> {
    let block = vec![b' '; BLOCK_BYTES];
    let packed_block = packed(&block, FlushCompress::Full);
    let mut block_crc = Crc::new();
    block_crc.update(&block);

    // The header of RFC 1952, section 2.3: deflate, no flags, no time, no extra flags, unknown system.
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut crc = Crc::new();
    let mut left = unpacked_bytes;
    while left >= BLOCK_BYTES as u64 {
        stream.extend_from_slice(&packed_block);
        crc.combine(&block_crc);
        left -= BLOCK_BYTES as u64;
    }
    let rest = vec![b' '; usize::try_from(left).expect("less than a block")];
    stream.extend_from_slice(&packed(&rest, FlushCompress::Finish));
    crc.update(&rest);
    stream.extend_from_slice(&crc.sum().to_le_bytes());
    // ISIZE is the length modulo 2^32.
    let length = u32::try_from(unpacked_bytes & u64::from(u32::MAX)).expect("masked to 32 bits");
    stream.extend_from_slice(&length.to_le_bytes());
    stream
}

/// Raw deflate blocks that refer to nothing before them, so that they can be repeated.
fn packed(bytes: &[u8], end: FlushCompress) -> Vec<u8> {
    let mut output = Vec::with_capacity(bytes.len() / 100 + 1024);
    Compress::new(Compression::best(), false)
        .compress_vec(bytes, &mut output, end)
        .expect("compressing into memory succeeds");
    output
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_bomb_is_one_valid_member_and_far_smaller_than_what_it_unpacks_to() {
        for unpacked_bytes in [0, 5, 3 * 1024 * 1024, 10 * 1024 * 1024 + 7] {
            let bomb = gzip_bomb(unpacked_bytes);
            assert!((bomb.len() as u64) < 100 + unpacked_bytes / 500, "{} bytes", bomb.len());
            let mut unpacked = Vec::new();
            GzDecoder::new(bomb.as_slice()).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked.len() as u64, unpacked_bytes);
            assert!(unpacked.iter().all(|byte| *byte == b' '));
        }
    }
}

//! What HTTP adds to each request and its answer.
//!
//! Measured: `crates/wire/http_overhead.py` counts every byte that goes either way between a client and our server, less
//! the bodies; for HTTP/1.1 with our own client, for HTTP/2 with the same headers in 101 requests on one connection. TLS
//! adds 22 bytes a record and a handshake of 3 to 5 KB a connection; TCP and DNS add theirs to any download. Neither is
//! counted.

use crate::encoding::Encoding;

/// Bytes of a request and of the head of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Overhead {
    /// With HTTP/1.1.
    pub http1: usize,
    /// With HTTP/2, whose compression of headers sends little twice.
    pub http2: usize,
}

/// Measured, without dictionaries.
pub const EACH: Overhead = Overhead { http1: 470, http2: 136 };

/// What RFC 9842 adds, counted: `available-dictionary` with a digest in base64, `use-as-dictionary` with a pattern,
/// `content-encoding: dcz` and a word in `vary`. With HTTP/2 the digest alone is new each time.
pub const DICTIONARY: Overhead = Overhead { http1: 170, http2: 50 };

/// What one request costs besides the body.
#[must_use]
pub fn overhead(encoding: Encoding) -> Overhead {
    match encoding {
        Encoding::Delta => {
            Overhead { http1: EACH.http1 + DICTIONARY.http1, http2: EACH.http2 + DICTIONARY.http2 }
        }
        Encoding::Plain | Encoding::Gzip | Encoding::Zstd => EACH,
    }
}

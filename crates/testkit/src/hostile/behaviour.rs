//! What a hostile server does with a request, and which requests it does it to.

use std::time::Duration;

use super::message::{Request, Response};

/// What the server does. "Genuine" is the origin's answer to the same request, asked for without compression and
/// without conditions, so that it always carries the plain body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// The origin's answer, byte for byte as the origin sent it.
    PassThrough,
    /// The same, but the origin is asked so much later, whether or not somebody still waits for the answer.
    Late(Duration),
    /// Exactly this answer to who offers a dictionary (RFC 9842), the genuine one to others.
    Deltas(Response),
    /// Exactly this answer, correctly framed; the origin is not asked.
    Respond(Response),
    /// Status 200 with the genuine headers and these bytes as body, correctly framed.
    Replace(Vec<u8>),
    /// The genuine answer with a `content-length` this much above (positive) or below (negative) the body's length;
    /// the whole body is sent all the same, then the connection closed.
    WrongLength(i64),
    /// Status 200, the genuine headers and body, and then spaces without end, up to [`super::Limits::body_bytes`].
    Endless(Framing),
    /// The genuine answer with its body sent evenly at this rate.
    Drip {
        /// Bytes of body in each second; one byte a second at the slowest.
        bytes_per_second: u32,
    },
    /// Takes the request and never answers, until the connection's time is over.
    Stall,
    /// The genuine answer, but nothing more comes after this many bytes of body: the connection stays open.
    StallAfter(usize),
    /// This status with a one-line text body; the origin is not asked.
    Status(u16),
    /// A 302 redirect to this URL; the origin is not asked.
    Redirect(String),
    /// Status 200, the genuine headers and a small gzip body that unpacks to this many bytes of spaces.
    GzipBomb {
        /// Length of the unpacked body.
        unpacked_bytes: u64,
    },
    /// The genuine answer with its true length announced, cut off after this many bytes of body.
    TruncateAt(usize),
    /// The genuine answer with all bits of the body's byte at this index flipped (its last byte, when the body is
    /// shorter).
    CorruptByte(usize),
}

/// How the end of a body is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `transfer-encoding: chunked`, and no last chunk.
    Chunked,
    /// Neither a length nor chunks: the body lasts as long as the connection.
    UntilClose,
    /// A `content-length` of this many bytes.
    Length(u64),
}

/// Which requests a behaviour is for, by their path (without the query).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Every path.
    All,
    /// This path alone.
    Exactly(String),
    /// This path, when it is read (GET).
    Reading(String),
    /// Paths that begin so.
    StartingWith(String),
    /// Paths that end so, such as `.whl`.
    EndingWith(String),
    /// Paths with this text anywhere.
    Containing(String),
}

impl Paths {
    /// This path alone, such as `/simple/six/`.
    pub fn exactly(path: &str) -> Self {
        Self::Exactly(path.to_owned())
    }

    /// Paths that begin with `start`.
    pub fn starting_with(start: &str) -> Self {
        Self::StartingWith(start.to_owned())
    }

    /// Paths that end with `end`.
    pub fn ending_with(end: &str) -> Self {
        Self::EndingWith(end.to_owned())
    }

    /// Paths with `text` anywhere.
    pub fn containing(text: &str) -> Self {
        Self::Containing(text.to_owned())
    }

    /// Whether the request's path is one of these.
    pub fn matches(&self, request: &Request) -> bool {
        let path = request.path();
        match self {
            Self::All => true,
            Self::Exactly(whole) => path == whole,
            Self::Reading(whole) => request.method == "GET" && path == whole,
            Self::StartingWith(start) => path.starts_with(start.as_str()),
            Self::EndingWith(end) => path.ends_with(end.as_str()),
            Self::Containing(text) => path.contains(text.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_without_their_query() {
        let cases = [
            (Paths::All, true),
            (Paths::exactly("/files/six-1.0.whl"), true),
            (Paths::exactly("/files/six-1.0.whl?a=b"), false),
            (Paths::starting_with("/files/"), true),
            (Paths::starting_with("/simple/"), false),
            (Paths::ending_with(".whl"), true),
            (Paths::containing("six"), true),
            (Paths::containing("a=b"), false),
        ];
        let request = Request::new("GET", "/files/six-1.0.whl?a=b");
        for (paths, expected) in cases {
            assert_eq!(paths.matches(&request), expected, "{paths:?}");
        }
    }
}

//! Byte ranges (RFC 9110, 14).

use http::HeaderMap;
use http::header::{HeaderValue, RANGE};

/// Which bytes of a file a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requested {
    /// All of them.
    Everything,
    /// One range.
    Part(ByteRange),
    /// 416: a range that the file does not have.
    Unsatisfiable,
}

/// A range that lies within its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    /// Index of the first byte.
    pub(crate) start: u64,
    /// Length in bytes, not 0.
    pub(crate) length: u64,
}

impl ByteRange {
    /// The value of `Content-Range` for a file of `total` bytes.
    pub(crate) fn content_range(self, total: u64) -> Option<HeaderValue> {
        let last = self.start + self.length - 1;
        HeaderValue::from_str(&format!("bytes {}-{last}/{total}", self.start)).ok()
    }
}

/// The value of `Content-Range` in a 416 answer.
pub(crate) fn unsatisfied_content_range(total: u64) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("bytes */{total}")).ok()
}

/// Reads the `Range` header of a request for a file of `total` bytes.
///
/// What cannot be read, other units, and several ranges at once count as no header at all, which a server may do
/// (14.2): installers ask for one range at a time.
pub(crate) fn requested(headers: &HeaderMap, total: u64) -> Requested {
    let mut values = headers.get_all(RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Requested::Everything };
    let Some(set) = value.to_str().ok().and_then(|value| value.strip_prefix("bytes=")) else {
        return Requested::Everything;
    };
    let Some((first, last)) = set.trim().split_once('-') else { return Requested::Everything };
    let part = |start: u64, end: u64| {
        // `end` is exclusive.
        if start < end && start < total {
            Requested::Part(ByteRange { start, length: end.min(total) - start })
        } else {
            Requested::Unsatisfiable
        }
    };
    match (position(first), position(last)) {
        (Position::Number(start), Position::Missing) => part(start, u64::MAX),
        (Position::Number(start), Position::Number(last)) if start <= last => {
            part(start, last.saturating_add(1))
        }
        (Position::Missing, Position::Number(0)) => Requested::Unsatisfiable,
        (Position::Missing, Position::Number(suffix)) => part(total.saturating_sub(suffix), total),
        _ => Requested::Everything,
    }
}

enum Position {
    Missing,
    Number(u64),
    Malformed,
}

fn position(text: &str) -> Position {
    if text.is_empty() {
        Position::Missing
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that overflow are a position beyond every file.
        Position::Number(text.parse().unwrap_or(u64::MAX))
    } else {
        Position::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::Requested::{Everything, Part, Unsatisfiable};
    use super::*;

    fn of_ten(value: &str) -> Requested {
        let headers = [(RANGE, value.parse().unwrap())].into_iter().collect();
        requested(&headers, 10)
    }

    fn bytes(start: u64, length: u64) -> Requested {
        Part(ByteRange { start, length })
    }

    #[test]
    fn ranges_of_ten_bytes() {
        for (value, expected) in [
            ("bytes=0-0", bytes(0, 1)),
            ("bytes=0-9", bytes(0, 10)),
            ("bytes=0-", bytes(0, 10)),
            ("bytes=3-5", bytes(3, 3)),
            ("bytes=9-", bytes(9, 1)),
            ("bytes=5-99", bytes(5, 5)),
            ("bytes=5-99999999999999999999999", bytes(5, 5)),
            ("bytes=-1", bytes(9, 1)),
            ("bytes=-10", bytes(0, 10)),
            ("bytes=-99", bytes(0, 10)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-20", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=5-3", Everything),
            ("bytes=-", Everything),
            ("bytes=", Everything),
            ("bytes=a-b", Everything),
            ("bytes=+1-2", Everything),
            ("bytes=0-1,3-4", Everything),
            ("items=0-1", Everything),
            ("0-1", Everything),
        ] {
            assert_eq!(of_ten(value), expected, "{value}");
        }
        assert_eq!(requested(&HeaderMap::new(), 10), Everything);
    }

    #[test]
    fn an_empty_file_has_no_ranges() {
        for value in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            let headers = [(RANGE, value.parse().unwrap())].into_iter().collect();
            assert_eq!(requested(&headers, 0), Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn content_ranges() {
        let range = ByteRange { start: 3, length: 3 };
        assert_eq!(range.content_range(10).unwrap(), "bytes 3-5/10");
        assert_eq!(unsatisfied_content_range(10).unwrap(), "bytes */10");
    }
}

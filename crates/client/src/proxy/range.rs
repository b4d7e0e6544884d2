//! `Range` requests (RFC 9110, 14): one range of bytes.

/// What to send of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// All of it: none was asked for, or in a way that may be ignored.
    Whole,
    /// From `start` up to but not including `end`.
    Part {
        /// The first byte.
        start: u64,
        /// The byte after the last one.
        end: u64,
    },
    /// Nothing of the file was asked for.
    Unsatisfiable,
}

impl Range {
    /// Reads the header for a file of `length` bytes. Several ranges at once get the whole file, as a server may.
    pub(crate) fn of(header: Option<&str>, length: u64) -> Self {
        let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
            return Self::Whole;
        };
        let Some((first, last)) = spec.trim().split_once('-') else { return Self::Whole };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let (start, end) = match (first, last) {
            ("", suffix) => match number(suffix) {
                Some(suffix) => (length.saturating_sub(suffix), length),
                None => return Self::Whole,
            },
            (first, "") => match number(first) {
                Some(first) => (first, length),
                None => return Self::Whole,
            },
            (first, last) => match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
                _ => return Self::Whole,
            },
        };
        if start >= end { Self::Unsatisfiable } else { Self::Part { start, end } }
    }
}

#[cfg(test)]
mod tests {
    use super::Range::{self, Part, Unsatisfiable, Whole};

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let table = [
            (None, Whole),
            (Some("bytes=0-0"), Part { start: 0, end: 1 }),
            (Some("bytes=2-"), Part { start: 2, end: 10 }),
            (Some("bytes=2-99"), Part { start: 2, end: 10 }),
            (Some("bytes=-3"), Part { start: 7, end: 10 }),
            (Some("bytes=-99"), Part { start: 0, end: 10 }),
            (Some("bytes=-0"), Unsatisfiable),
            (Some("bytes=10-"), Unsatisfiable),
            (Some("bytes=5-4"), Whole),
            (Some("bytes=0-1,3-4"), Whole),
            (Some("bytes=+1-2"), Whole),
            (Some("items=0-1"), Whole),
            (Some("bytes=99999999999999999999-"), Unsatisfiable),
        ];
        for (header, expected) in table {
            assert_eq!(Range::of(header, 10), expected, "{header:?}");
        }
        assert_eq!(Range::of(Some("bytes=0-"), 0), Unsatisfiable);
    }
}

//! Fixed points in time, so that no test depends on the day it runs.

use jiff::{SignedDuration, Timestamp};

/// The moment at which the tests' world begins: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The moment written as RFC 3339, such as `2026-11-21T08:00:00Z`.
///
/// # Panics
/// When `text` is not a timestamp.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text:?} is not a timestamp: {error}"))
}

/// `hours` after [`START`]; negative hours lie before it.
pub fn hours_after_start(hours: i64) -> Timestamp {
    after(START, SignedDuration::from_hours(hours))
}

/// `days` of 24 hours after [`START`]; negative days lie before it.
pub fn days_after_start(days: i64) -> Timestamp {
    hours_after_start(days * 24)
}

/// `duration` after `moment`.
///
/// # Panics
/// When the result lies outside the years jiff can express.
pub fn after(moment: Timestamp, duration: SignedDuration) -> Timestamp {
    moment.checked_add(duration).expect("a test's timestamps stay within jiff's range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_what_its_documentation_says() {
        assert_eq!(START, at("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn days_are_24_hours_and_may_be_negative() {
        assert_eq!(days_after_start(365), at("2027-01-01T00:00:00Z"));
        assert_eq!(hours_after_start(-1), at("2025-12-31T23:00:00Z"));
    }
}

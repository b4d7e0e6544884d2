//! The moments at which a client was last here.

use jiff::{SignedDuration, Timestamp};
use sealdex_workload::START;

/// When the client was last here, by how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// 30 days.
    Month,
}

impl Away {
    /// All, shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        }
    }

    /// Its place in [`Away::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The moment of the earlier visit.
    #[must_use]
    pub fn moment(self) -> Timestamp {
        NOW - SignedDuration::from_hours(self.hours())
    }

    /// For tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// The moment of the visit that is measured: 30 days after [`START`], a Tuesday at 15:00 UTC, when PyPI is busiest.
pub const NOW: Timestamp = Timestamp::constant(START_SECOND + 30 * 86_400 + 15 * 3600, 0);
const START_SECOND: i64 = 1_772_323_200;

/// From when on uploads to the index are replayed: [`START`], which lies before the longest absence.
#[must_use]
pub fn first() -> Timestamp {
    START
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_there_before_anybody_comes() {
        assert_eq!(START.as_second(), START_SECOND);
        assert!(Away::ALL.iter().all(|away| away.moment() >= START && away.moment() < NOW));
        assert_eq!(NOW.to_string(), "2026-03-31T15:00:00Z");
        assert_eq!(Away::ALL[Away::Week.index()], Away::Week);
    }
}

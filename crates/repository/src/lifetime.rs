//! How long metadata lives, and when it is renewed.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a role's metadata is trusted after it was signed, written `365 days`, `24 hours`, `90 minutes` or
/// `30 seconds`. At least one second, at most ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lifetime {
    seconds: u32,
}

impl Lifetime {
    const MAX_SECONDS: u32 = 3660 * 86_400;

    /// So many days; `None` for 0 and for more than ten years.
    #[must_use]
    pub fn from_days(days: u32) -> Option<Self> {
        Self::from_seconds(days.checked_mul(86_400)?)
    }

    /// So many seconds; `None` for 0 and for more than ten years.
    #[must_use]
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (1..=Self::MAX_SECONDS).contains(&seconds).then_some(Self { seconds })
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.seconds
    }

    /// When metadata signed at `now` expires.
    #[must_use]
    pub(crate) fn from(self, now: Timestamp) -> Timestamp {
        now.saturating_add(SignedDuration::from_secs(self.seconds.into())).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, seconds) in UNITS {
            if self.seconds.is_multiple_of(seconds) {
                let count = self.seconds / seconds;
                return write!(formatter, "{count} {unit}{}", if count == 1 { "" } else { "s" });
            }
        }
        write!(formatter, "{} seconds", self.seconds)
    }
}

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!("{text:?} is not a lifetime such as \"365 days\" or \"24 hours\", 1 second to 3660 days")
        };
        let (count, unit) = text.split_once(' ').ok_or_else(invalid)?;
        let count: u32 = count.parse().map_err(|_| invalid())?;
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        count.checked_mul(*seconds).and_then(Self::from_seconds).ok_or_else(invalid)
    }
}

impl TryFrom<String> for Lifetime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.to_string()
    }
}

const UNITS: [(&str, u32); 4] = [("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)];

/// The lifetime of each kind of role. The defaults are PEP 458's ("Metadata Expiry Times") but for snapshot and bins,
/// see docs/decisions/0004-expiries.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expiries {
    /// Root: offline, a year.
    pub root: Lifetime,
    /// The top-level targets role: offline, a year.
    pub targets: Lifetime,
    /// Delegating roles such as `index`: offline, a year.
    pub delegations: Lifetime,
    /// Bins, and other online roles that hold targets.
    pub bins: Lifetime,
    /// Snapshot.
    pub snapshot: Lifetime,
    /// Timestamp: how long an attacker can show clients an old repository. A day.
    pub timestamp: Lifetime,
}

impl Default for Expiries {
    fn default() -> Self {
        let days = |days: u32| Lifetime { seconds: days * 86_400 };
        Self {
            root: days(365),
            targets: days(365),
            delegations: days(365),
            bins: days(90),
            snapshot: days(7),
            timestamp: days(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_written_as_they_are_read() {
        for text in ["365 days", "1 day", "36 hours", "90 minutes", "1 second", "59 seconds"] {
            assert_eq!(text.parse::<Lifetime>().unwrap().to_string(), text);
        }
        for text in ["", "1", "day", "0 days", "4000 days", "-1 days", "1 year", "99999999999 days", "1  day"]
        {
            assert!(text.parse::<Lifetime>().is_err(), "{text:?}");
        }
    }
}

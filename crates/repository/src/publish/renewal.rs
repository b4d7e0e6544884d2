//! Which roles are signed anew before they expire.
//!
//! Bins are spread over the middle third of their lifetime, each at a moment that its name decides, so that a repository
//! with thousands of bins renews a few of them at a time and never all at once. Snapshot and timestamp are renewed after
//! half of theirs; every publication renews them too.

use jiff::{SignedDuration, Timestamp};
use sealdex_tuf::RoleName;
use sealdex_tuf::digest::sha256;

use super::state::{Current, State};
use crate::lifetime::{Expiries, Lifetime};

/// Roles renewed in one publication.
const MAX_ROLES: usize = 96;

/// What is to be signed anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) roles: Vec<RoleName>,
    pub(crate) snapshot: bool,
    pub(crate) timestamp: bool,
}

impl Due {
    pub(crate) fn is_empty(&self) -> bool {
        self.roles.is_empty() && !self.snapshot && !self.timestamp
    }
}

/// What is due at `now`; what expires first comes first.
pub(crate) fn due(
    state: &State,
    online_roles: &dyn Fn(&str) -> bool,
    expiry: &Expiries,
    now: Timestamp,
) -> Due {
    let mut due = Due::default();
    let mut bins: Vec<(Timestamp, &str)> = Vec::new();
    for (name, Current { expires, .. }) in state.roles() {
        match name {
            "timestamp" => due.timestamp = is_due(expires, expiry.timestamp, HALF, now),
            "snapshot" => due.snapshot = is_due(expires, expiry.snapshot, HALF, now),
            name if bin_is_due(name, expires, expiry.bins, now) && online_roles(name) => {
                bins.push((expires, name));
            }
            _ => {}
        }
    }
    // After a long absence all are due, and each portion looks at them again.
    if bins.len() > MAX_ROLES {
        bins.select_nth_unstable(MAX_ROLES);
        bins.truncate(MAX_ROLES);
    }
    bins.sort_unstable();
    due.roles = bins.into_iter().filter_map(|(_, name)| RoleName::parse(name).ok()).collect();
    due
}

/// A part of a lifetime, in 65,536ths.
const WHOLE: i64 = 65_536;
const HALF: i64 = WHOLE / 2;
/// What is left of a bin's lifetime when it is renewed, at the most and at the least.
const EARLIEST: i64 = WHOLE / 3 * 2 + 1;
const LATEST: i64 = WHOLE / 3;

/// Whether no more than `part` of the lifetime is left.
fn is_due(expires: Timestamp, lifetime: Lifetime, part: i64, now: Timestamp) -> bool {
    let left = SignedDuration::from_millis(i64::from(lifetime.seconds()) * 1000 * part / WHOLE);
    expires.checked_sub(left).is_ok_and(|from| from <= now)
}

/// Whether no more is left of a bin's lifetime than its name decides. In the first third and in the last it does not come
/// to the name.
fn bin_is_due(name: &str, expires: Timestamp, lifetime: Lifetime, now: Timestamp) -> bool {
    is_due(expires, lifetime, LATEST, now)
        || is_due(expires, lifetime, EARLIEST, now) && is_due(expires, lifetime, part_of_name(name), now)
}

/// Between a third and two thirds, by the name.
fn part_of_name(name: &str) -> i64 {
    let digest = sha256(name.as_bytes());
    LATEST + i64::from(u16::from_be_bytes([digest[0], digest[1]])) / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_spread_over_the_middle_third() {
        let parts: Vec<i64> = (0..1000).map(|number| part_of_name(&format!("index-{number:03x}"))).collect();
        assert!(parts.iter().all(|part| (LATEST..=EARLIEST).contains(part)));
        let first_tenth = parts.iter().filter(|part| **part < WHOLE / 3 + WHOLE / 30).count();
        assert!((60..140).contains(&first_tenth), "{first_tenth} of 1000");
    }

    #[test]
    fn half_of_a_lifetime_is_left() {
        let lifetime = Lifetime::from_seconds(100).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!is_due(at(1000), lifetime, HALF, at(949)));
        assert!(is_due(at(1000), lifetime, HALF, at(950)));
        assert!(is_due(at(1000), lifetime, HALF, at(5000)));
    }
}

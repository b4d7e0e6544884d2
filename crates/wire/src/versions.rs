//! The version of every bin of one set, as uploads and renewals raise it.

use jiff::{SignedDuration, Timestamp};
use sealdex_tuf::digest::sha256;

/// How long a bin's metadata lives (decision 4).
const LIFETIME_SECONDS: i64 = 90 * 86_400;

/// What holds for one bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its version.
    pub version: u64,
    /// When that was signed.
    pub at: Timestamp,
}

/// `2^bit_length` bins. They are signed when something in them changes, and else when between one and two thirds of
/// their lifetime are over: the rule, and the moment that each bin's name decides, are those of the snapshot process
/// (`crates/repository/src/publish/renewal.rs`).
#[derive(Clone, Debug)]
pub struct BinVersions {
    prefix: &'static str,
    bit_length: u8,
    bins: Vec<Signed>,
    renewed_after: Vec<SignedDuration>,
}

impl BinVersions {
    /// Bins that were all signed for the first time at `first`.
    #[must_use]
    pub fn new(prefix: &'static str, bit_length: u8, first: Timestamp) -> Self {
        let count = 1_usize << bit_length;
        let mut versions = Self {
            prefix,
            bit_length,
            bins: vec![Signed { version: 1, at: first }; count],
            renewed_after: Vec::new(),
        };
        versions.renewed_after = (0..count).map(|bin| renewed_after(&versions.name(bin))).collect();
        versions
    }

    /// The name of a bin's role.
    #[must_use]
    pub fn name(&self, bin: usize) -> String {
        bin_name(self.prefix, self.bit_length, bin)
    }

    /// The number of bits that tell bins apart.
    #[must_use]
    pub fn bit_length(&self) -> u8 {
        self.bit_length
    }

    /// Signs a bin at a time not before the last one asked about.
    pub fn touch(&mut self, bin: usize, at: Timestamp) {
        self.renew(bin, at);
        self.bins[bin].version += 1;
        self.bins[bin].at = at;
    }

    /// Every bin at that time, which is not before the last one asked about.
    pub fn at(&mut self, at: Timestamp) -> Vec<Signed> {
        (0..self.bins.len()).for_each(|bin| self.renew(bin, at));
        self.bins.clone()
    }

    fn renew(&mut self, bin: usize, until: Timestamp) {
        let signed = &mut self.bins[bin];
        while signed.at + self.renewed_after[bin] <= until {
            signed.at += self.renewed_after[bin];
            signed.version += 1;
        }
    }
}

/// `PREFIX-HEX` (TAP 15).
#[must_use]
pub fn bin_name(prefix: &str, bit_length: u8, bin: usize) -> String {
    let digits = usize::from(bit_length.div_ceil(4));
    format!("{prefix}-{bin:0digits$x}")
}

/// The bin that a path is in: the first bits of its SHA-256.
#[must_use]
pub fn bin_of(prefix_bits: u16, bit_length: u8) -> usize {
    usize::from(prefix_bits) >> (16 - bit_length)
}

/// The first 16 bits of a path's SHA-256: enough for [`bin_of`] up to 65,536 bins.
#[must_use]
pub fn prefix_bits(path: &str) -> u16 {
    let digest = sha256(path.as_bytes());
    u16::from_be_bytes([digest[0], digest[1]])
}

fn renewed_after(name: &str) -> SignedDuration {
    let digest = sha256(name.as_bytes());
    let left = 65_536 / 3 + i64::from(u16::from_be_bytes([digest[0], digest[1]])) / 3;
    SignedDuration::from_millis(LIFETIME_SECONDS * 1000 * (65_536 - left) / 65_536)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn bins_are_renewed_in_the_middle_third() {
        let mut bins = BinVersions::new("index", 8, days(0));
        assert!(bins.at(days(29)).iter().all(|bin| bin.version == 1));
        let middle = bins.at(days(45)).iter().filter(|bin| bin.version == 2).count();
        assert!((90..166).contains(&middle), "{middle} of 256");
        assert!(bins.at(days(61)).iter().all(|bin| bin.version >= 2));
    }

    #[test]
    fn a_change_puts_renewal_off() {
        let mut bins = BinVersions::new("index", 2, days(0));
        bins.touch(1, days(20));
        bins.touch(1, days(20));
        assert_eq!(bins.at(days(20))[1], Signed { version: 3, at: days(20) });
        assert_eq!(bins.at(days(49))[1], Signed { version: 3, at: days(20) });
        assert_eq!(bins.at(days(81))[1].version, 4);
    }

    #[test]
    fn names_and_bins_are_those_of_succinct_roles() {
        use sealdex_tuf::metadata::{RoleKeys, SuccinctRoles};
        for bit_length in [1, 4, 5, 12, 14, 16] {
            let roles = SuccinctRoles::new(RoleKeys::new(Vec::new(), 1), bit_length, "index").unwrap();
            for number in 0..50 {
                let path = format!("simple/p{number}/index.json");
                let ours = bin_name("index", bit_length, bin_of(prefix_bits(&path), bit_length));
                let path = sealdex_tuf::TargetPath::parse(path).unwrap();
                assert_eq!(roles.role_for(&path).as_str(), ours);
            }
        }
    }
}

//! PEP 458's own estimate of the overhead, with its formulas (its Tables 2 and 3) and other people's measurements.

/// What the formulas start from.
#[derive(Clone, Copy, Debug)]
pub struct Assumptions {
    /// C8: targets, pages and files.
    pub targets: u64,
    /// C9: bytes of an average downloaded file.
    pub download_bytes: u64,
    /// C10: bins.
    pub bins: u64,
}

/// What the PEP assumed in 2019.
pub const IN_2019: Assumptions = Assumptions { targets: 2_273_539, download_bytes: 2_184_393, bins: 16_384 };

/// Bytes a distribution, as the PEP estimates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// V12: a returning user, same snapshot.
    pub same_snapshot: u64,
    /// V14: a returning user, another snapshot.
    pub other_snapshot: u64,
    /// V16: a new user.
    pub new_user: u64,
}

/// The formulas V1 to V16.
#[must_use]
pub fn estimate(assumptions: Assumptions) -> Estimate {
    const DIGEST: u64 = 128; // C1
    const KEY_ID: u64 = 64; // C2
    const PATH: u64 = 256; // C5
    const LENGTH: u64 = 7; // C6
    const VERSION: u64 = 6; // C7
    let Assumptions { targets, bins, .. } = assumptions;
    let mut prefix_digits = 0; // V1
    while 16_u64.pow(prefix_digits) < bins {
        prefix_digits += 1;
    }
    let prefixes = 16_u64.pow(prefix_digits); // V2
    let bin = targets.div_ceil(bins) * (DIGEST + PATH + LENGTH); // V3 to V7
    let delegating = bins * KEY_ID + u64::from(prefix_digits) * prefixes; // V8 to V10
    let same_snapshot = 2 * bin;
    let other_snapshot = same_snapshot + bins * VERSION; // V11
    Estimate { same_snapshot, other_snapshot, new_user: other_snapshot + delegating }
}

/// Mercury (USENIX ATC 2017), as published: bytes a month for a returning user and for a new one, and the former as a
/// part of an average package, in percent.
pub const MERCURY: (u64, u64, f64) = (23_000, 319_000, 3.5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formulas_give_the_peps_own_figures() {
        let expected = Estimate { same_snapshot: 108_698, other_snapshot: 207_002, new_user: 1_517_722 };
        assert_eq!(estimate(IN_2019), expected);
    }
}

//! Two changes at once, chosen by a fixed seed.

use std::sync::Arc;

use super::fields::{self, Field};
use crate::case::Plan;

const SEED: u64 = 0x5ea1_dec5;
const PAIRS: usize = 1200;

pub(super) fn plans() -> Vec<Plan> {
    let mut random = SplitMix(SEED);
    let mut plans = Vec::new();
    for (name, roles) in fields::PAIRED {
        let fields: Vec<Arc<Field>> = fields::all_of(name, roles).into_iter().map(Arc::new).collect();
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < PAIRS / fields::PAIRED.len() {
            let (first, second) = (random.index(fields.len()), random.index(fields.len()));
            if first != second && seen.insert((first, second)) {
                plans.push(fields::both(&fields[first], &fields[second]));
            }
        }
    }
    plans
}

/// SplitMix64: small, and the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.next() % (below as u64)).unwrap_or_default()
    }
}

//! Random numbers and the few functions on them, the same on every machine.
//!
//! The mathematics of the standard library may differ in the last digit from one platform to the next. What is here uses
//! addition, multiplication and division alone, which may not.

use std::f64::consts::{LN_2, SQRT_2};

/// SplitMix64 (Steele, Lea, Flood 2014): one multiplication chain a number, and any state is a good one, so that every
/// project, release and file can have a generator of its own.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of something: a seed, and the numbers it is known by.
    pub(crate) fn of(seed: u64, names: &[u64]) -> Self {
        let mut random = Self(seed);
        for name in names {
            random.0 = random.next() ^ name.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1, neither of them.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// Less than `bound`, which is not 0. Its bias is that of 64 bits over a small bound: none that could be measured.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in so many of a thousand cases.
    pub(crate) fn permille(&mut self, part: u64) -> bool {
        self.below(1000) < part
    }

    /// One of them; there is at least one.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[index(self.below(choices.len() as u64))]
    }

    /// Standard normal.
    pub(crate) fn normal(&mut self) -> f64 {
        normal_quantile(self.unit())
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -ln(self.unit())
    }
}

/// A number that counts things in memory.
#[expect(clippy::cast_possible_truncation, reason = "counts here are far below 32 bits")]
pub(crate) fn index(number: u64) -> usize {
    number as usize
}

/// The whole part of a number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from floating point saturates, and everything here is small and positive"
)]
pub(crate) fn floor(number: f64) -> u64 {
    number as u64
}

/// e to the power of `x`, for `x` between -700 and 700.
pub(crate) fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    // x = halves * ln 2 + rest, |rest| <= ln 2 / 2.
    let halves = (x / LN_2 + 1024.5).trunc() - 1024.0;
    let rest = x - halves * LN_2;
    let mut sum = 1.0;
    for order in (1..=14).rev() {
        sum = 1.0 + sum * rest / f64::from(order);
    }
    sum * f64::from_bits(floor(halves + 1023.0) << 52)
}

/// The natural logarithm of a positive, normal number.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as f64 - 1023.0;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)), and the argument is less than 0.172.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut sum = 0.0;
    for odd in (0..12).rev() {
        sum = sum * square + 1.0 / f64::from(2 * odd + 1);
    }
    exponent * LN_2 + 2.0 * ratio * sum
}

/// The normal distribution's quantile, by P. J. Acklam's rational approximation; its relative error is below 1.2e-9.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const TAIL: f64 = 0.024_25;
    let polynomial = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let tail = |p: f64| {
        let q = (-2.0 * ln(p)).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        polynomial(&A, q * q) * q / polynomial(&B, q * q)
    }
}

/// The normal distribution's cumulative function, by bisection of its quantile: exact enough to name a rank, and never
/// used where files are made.
pub(crate) fn normal_cumulative(z: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if normal_quantile(middle) < z { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// A bijection of the numbers below `2^bits`, which looks random: an odd factor, high bits folded into low ones, and an
/// odd factor again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scramble {
    bits: u32,
    factors: [u64; 2],
}

impl Scramble {
    pub(crate) fn new(bits: u32, seed: u64) -> Self {
        let mut random = Random::of(seed, &[u64::from(bits)]);
        Self { bits, factors: [random.next() | 1, random.next() | 1] }
    }

    /// The smallest one that covers the numbers below `count`.
    pub(crate) fn covering(count: u64, seed: u64) -> Self {
        Self::new(count.max(2).next_power_of_two().trailing_zeros(), seed)
    }

    pub(crate) fn forward(self, number: u64) -> u64 {
        let first = self.fold(self.cut(number.wrapping_mul(self.factors[0])));
        self.fold(self.cut(first.wrapping_mul(self.factors[1])))
    }

    pub(crate) fn backward(self, number: u64) -> u64 {
        let first = self.cut(self.fold(number).wrapping_mul(inverse(self.factors[1])));
        self.cut(self.fold(first).wrapping_mul(inverse(self.factors[0])))
    }

    /// [`Scramble::forward`] as a bijection of the numbers below `count`: what falls outside is scrambled on.
    pub(crate) fn forward_below(self, count: u64, number: u64) -> u64 {
        let mut result = self.forward(number);
        while result >= count {
            result = self.forward(result);
        }
        result
    }

    /// What [`Scramble::forward_below`] turns into `number`.
    pub(crate) fn backward_below(self, count: u64, number: u64) -> u64 {
        let mut result = self.backward(number);
        while result >= count {
            result = self.backward(result);
        }
        result
    }

    fn cut(self, number: u64) -> u64 {
        number & ((1 << self.bits) - 1)
    }

    /// Its own inverse: the high half of the bits stays.
    fn fold(self, number: u64) -> u64 {
        number ^ (number >> self.bits.div_ceil(2))
    }
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
fn inverse(odd: u64) -> u64 {
    let mut result = odd;
    for _ in 0..6 {
        result = result.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(result)));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_are_what_they_are_called() {
        for x in [-50.0, -3.3, -0.2, 0.0, 1e-9, 0.5, 1.0, 7.7, 20.0] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-12, "{x}");
        }
        for x in [1e-12, 0.02, 0.5, 1.0, 1.5, 9475.0, 1e9] {
            assert!((ln(x) - x.ln()).abs() < 1e-12, "{x}");
        }
        // From tables.
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.01, -2.326_348), (0.999_999, 4.753_424)] {
            assert!((normal_quantile(p) - z).abs() < 1e-6, "{p}");
            assert!((normal_cumulative(z) - p).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn numbers_are_the_published_ones() {
        let mut random = Random(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn scrambling_loses_nothing() {
        for count in [1, 2, 3, 100, 1000, 1024, 5000] {
            let scramble = Scramble::covering(count, 7);
            let mut seen = vec![false; index(count)];
            for number in 0..count {
                let scrambled = scramble.forward_below(count, number);
                assert!(!std::mem::replace(&mut seen[index(scrambled)], true), "{count}: {scrambled} twice");
                assert_eq!(scramble.backward_below(count, scrambled), number);
            }
        }
    }
}

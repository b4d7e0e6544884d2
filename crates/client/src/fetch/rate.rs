//! Whether bytes come fast enough.

use std::collections::VecDeque;
use std::time::Duration;

use super::FetchLimits;

/// How many points of a window are kept.
const SAMPLES: u32 = 20;

/// Watches the rate of one transfer. Time is what was spent waiting for the network: a reader who pauses is no slow
/// server.
#[derive(Debug)]
pub(super) struct RateGuard {
    limits: FetchLimits,
    waited: Duration,
    received: u64,
    /// Time and bytes received by then, oldest first; the first one is as old as the window or older.
    samples: VecDeque<(Duration, u64)>,
}

/// A transfer that is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooSlow {
    pub(super) received: u64,
    pub(super) waited: Duration,
}

impl RateGuard {
    pub(super) fn new(limits: &FetchLimits) -> Self {
        Self {
            limits: *limits,
            waited: Duration::ZERO,
            received: 0,
            samples: VecDeque::from([(Duration::ZERO, 0)]),
        }
    }

    /// How long to wait for bytes before looking again.
    pub(super) fn patience(&self) -> Duration {
        self.interval().min(self.limits.total.saturating_sub(self.waited)).max(Duration::from_millis(1))
    }

    /// Adds time waited and bytes received.
    pub(super) fn add(&mut self, waited: Duration, bytes: u64) -> Result<(), TooSlow> {
        self.waited = self.waited.saturating_add(waited);
        self.received = self.received.saturating_add(bytes);
        if self.samples.back().is_none_or(|(time, _)| self.waited - *time >= self.interval()) {
            self.samples.push_back((self.waited, self.received));
        }
        let Some(begin) = self.waited.checked_sub(self.limits.rate_window) else {
            return self.check_total();
        };
        while self.samples.get(1).is_some_and(|(time, _)| *time <= begin) {
            self.samples.pop_front();
        }
        let (since, before) = self.samples.front().copied().unwrap_or_default();
        let (span, received) = (self.waited - since, self.received - before);
        if (received as f64) < self.limits.min_bytes_per_second as f64 * span.as_secs_f64() {
            return Err(TooSlow { received, waited: span });
        }
        self.check_total()
    }

    fn check_total(&self) -> Result<(), TooSlow> {
        if self.waited >= self.limits.total {
            return Err(TooSlow { received: self.received, waited: self.waited });
        }
        Ok(())
    }

    fn interval(&self) -> Duration {
        (self.limits.rate_window / SAMPLES).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn guard() -> RateGuard {
        RateGuard::new(&FetchLimits {
            min_bytes_per_second: 100,
            rate_window: Duration::from_secs(10),
            total: Duration::from_secs(60),
            ..FetchLimits::metadata()
        })
    }

    #[test]
    fn one_byte_a_second_is_cut_off_after_one_window() {
        let mut guard = guard();
        for _ in 0..9 {
            assert_eq!(guard.add(SECOND, 1), Ok(()));
        }
        assert_eq!(guard.add(SECOND, 1), Err(TooSlow { received: 10, waited: 10 * SECOND }));
    }

    #[test]
    fn a_fast_start_does_not_pay_for_a_slow_end() {
        let mut guard = guard();
        assert_eq!(guard.add(SECOND, 1_000_000), Ok(()));
        let cut = (0..20).find(|_| guard.add(SECOND, 1).is_err());
        assert!(cut.is_some_and(|second| second <= 11), "{cut:?}");
    }

    #[test]
    fn the_rate_asked_for_is_enough_until_the_total_time_is_over() {
        let mut guard = guard();
        for _ in 0..59 {
            assert_eq!(guard.add(SECOND, 100), Ok(()));
        }
        assert!(guard.add(SECOND, 100).is_err());
    }

    #[test]
    fn many_small_pieces_take_little_memory() {
        let mut guard = guard();
        for _ in 0..50_000 {
            guard.add(Duration::from_millis(1), 10).unwrap();
        }
        assert!(guard.samples.len() <= SAMPLES as usize + 2);
    }
}

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
pub(super) enum TooSlow {
    /// Fewer bytes a second than the minimum, over the last window.
    Rate { received: u64, waited: Duration, minimum_bytes_per_second: u64 },
    /// Not at its end within the total time.
    Total { received: u64, limit: Duration },
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
        let minimum_bytes_per_second = self.limits.min_bytes_per_second;
        if (received as f64) < minimum_bytes_per_second as f64 * span.as_secs_f64() {
            return Err(TooSlow::Rate { received, waited: span, minimum_bytes_per_second });
        }
        self.check_total()
    }

    fn check_total(&self) -> Result<(), TooSlow> {
        if self.waited >= self.limits.total {
            return Err(TooSlow::Total { received: self.received, limit: self.limits.total });
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
        let slow = TooSlow::Rate { received: 10, waited: 10 * SECOND, minimum_bytes_per_second: 100 };
        assert_eq!(guard.add(SECOND, 1), Err(slow));
    }

    #[test]
    fn the_minimum_rate_is_enough_and_a_byte_less_is_not() {
        for (received, outcome) in [(1000, true), (999, false)] {
            let mut guard = guard();
            assert_eq!(guard.add(10 * SECOND, received).is_ok(), outcome, "{received} bytes in 10 s");
        }
    }

    #[test]
    fn the_window_is_waited_for_and_no_longer() {
        let window = guard().limits.rate_window;
        assert_eq!(guard().add(window - Duration::from_millis(1), 0), Ok(()));
        let slow = TooSlow::Rate { received: 0, waited: window, minimum_bytes_per_second: 100 };
        assert_eq!(guard().add(window, 0), Err(slow));
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
        assert_eq!(guard.add(SECOND, 100), Err(TooSlow::Total { received: 6000, limit: 60 * SECOND }));
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

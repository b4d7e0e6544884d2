//! The table.

use std::time::Duration;

use crate::pace::{Measured, Pace};
use crate::server::Cost;

pub(crate) fn head() {
    println!(
        "| uploads | files | files/s | published, ms: median | 90 % | 99 % | longest | verified by a client, ms: \
         median | 90 % | 99 % | longest | server: CPU ms a file | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
}

pub(crate) fn row(pace: Pace, measured: &Measured, before: &Cost, after: &Cost) {
    let files = measured.answered.len();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let count = files as f64;
    let rate = count / measured.elapsed.as_secs_f64();
    let (answered, verified) = (percentiles(&measured.answered), percentiles(&measured.verified));
    let cpu = (after.cpu_seconds - before.cpu_seconds) * 1e3 / count;
    let peak = after.peak_bytes >> 20;
    println!("| {pace} | {files} | {rate:.2} | {answered} | {verified} | {cpu:.2} | {peak} |");
}

/// Median, 90 %, 99 % and the longest, in milliseconds.
fn percentiles(durations: &[Duration]) -> String {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let at = |permille: usize| {
        // The smallest of which so many are not longer.
        let rank = (sorted.len() * permille).div_ceil(1000).max(1);
        sorted
            .get(rank - 1)
            .map_or_else(|| "-".to_owned(), |found| format!("{:.1}", found.as_secs_f64() * 1e3))
    };
    [500, 900, 990, 1000].map(at).join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let durations: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentiles(&durations), "100.0 | 180.0 | 198.0 | 200.0");
        assert_eq!(percentiles(&durations[..1]), "200.0 | 200.0 | 200.0 | 200.0");
        assert_eq!(percentiles(&[]), "- | - | - | -");
    }
}

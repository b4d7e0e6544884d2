//! Bounds of one transfer.

use std::time::Duration;

/// Bounds of one transfer in time; its bytes are bounded by what is known of the file. Only time spent waiting for the
/// network counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// From the request to the head of the answer, a new connection included.
    pub first_byte: Duration,
    /// The lowest average rate while the body is received, in bytes a second, over each `rate_window`.
    pub min_bytes_per_second: u64,
    /// The window of that average. A transfer over sooner is never too slow.
    pub rate_window: Duration,
    /// For the whole transfer.
    pub total: Duration,
}

impl FetchLimits {
    /// For metadata and pages: a few megabytes at most.
    #[must_use]
    pub const fn metadata() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(12),
            min_bytes_per_second: 1_000,
            rate_window: Duration::from_secs(10),
            total: Duration::from_secs(300),
        }
    }

    /// For files, which may be gigabytes.
    #[must_use]
    pub const fn files() -> Self {
        Self { total: Duration::from_secs(4 * 3600), ..Self::metadata() }
    }
}

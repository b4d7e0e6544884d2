//! Time as something injected: this crate never reads a clock itself.

use jiff::Timestamp;

/// Tells the time. Callers outside the core hand in the system's clock, tests a fixed one. Any
/// `Fn() -> jiff::Timestamp` is one.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

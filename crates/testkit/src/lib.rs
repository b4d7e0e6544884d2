//! Test kit: hostile servers, small wheels, Python environments, child processes. Never shipped.
//!
//! Everything here is bounded in time and in bytes, listens on loopback only, and panics with a plain message when
//! something is missing: a test must never pass because its tools were not there.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "this crate is linked into tests alone, where a panic is the failure report"
)]

pub mod archive;
pub mod clock;
mod core_metadata;
pub mod hostile;
pub mod internet;
pub mod object_store;
pub mod process;
pub mod python;
pub mod sdist;
pub mod simulator;
mod unchecked;
pub mod wheel;

pub use unchecked::not_checked;

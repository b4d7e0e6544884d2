//! Differential testing: one corpus of repositories and mutations for three clients of The Update Framework.
//!
//! Ours (`sealdex_tuf::Updater`), the reference implementation python-tuf and the crate `sigstore-tuf` are given the
//! same files at the same time, again and again, and must come to the same conclusion. Where one does not, an
//! [explanation](explanations) says who is right by which sentence of the specification; docs/conformance.md tells it
//! in full. A disagreement that no explanation covers fails the run, and so does an explanation that covers nothing.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "this crate is a test alone, where a panic is the failure report"
)]

pub mod bases;
pub mod case;
pub mod cases;
pub mod clients;
pub mod comparison;
pub mod explanations;
pub mod json;
pub mod key;
pub mod operator;
pub mod outcome;
pub mod repository;
pub mod run;

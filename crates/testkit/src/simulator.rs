//! A TUF repository in memory and a client that is driven against it: no sockets, no files, no clock.
//!
//! The [`Simulator`] signs on demand and keeps every file it has published under the name a web server would have for
//! it, so that a test can mutate metadata and publish it, or play the attacker and change the files themselves. The
//! [`SimulatedClient`] drives a [`sealdex_tuf::Updater`] with a store of its own, can be stopped after any write, and
//! remembers what it did.

mod client;
mod keys;
mod repository;

pub use client::{Failure, SimulatedClient};
pub use keys::{generate, numbered, seeded};
pub use repository::{Listing, Simulator};

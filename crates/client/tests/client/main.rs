//! The client against real servers, honest and hostile, and through real installers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is the failure report")]

mod attacks;
mod decisions;
mod deltas;
mod index;
mod installers;
mod interposition;
mod limits;
mod processes;
mod proxy;
mod ranges;
mod round_trips;
mod session;
mod several;
mod state;
mod support;
mod tls;
mod trust;

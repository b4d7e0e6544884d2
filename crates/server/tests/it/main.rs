//! The server over real sockets: what a client sees, byte by byte.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod app;
mod bucket;
mod client;
mod database;
mod deltas;
mod files;
mod form;
mod hostile;
mod operations;
mod simple;
mod tools;
mod tuf;
mod uploads;

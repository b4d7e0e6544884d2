//! `sealdex run` with the real tools: pip, uv, poetry, pdm, pipenv, on an internet of invented hosts.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod attacks;
mod bypasses;
mod decisions;
mod locks;
mod poetry;
mod process;
mod project;
#[path = "../support/mod.rs"]
mod support;
mod uv;

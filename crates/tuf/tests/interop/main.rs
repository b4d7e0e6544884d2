//! Sealdex and python-tuf, each reading what the other wrote.
//!
//! These tests run real python-tuf and securesystemslib: `cargo xtask test` installs them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a test's failure report")]

mod canonical_json;
mod keys;
mod patterns;
mod their_client;
mod their_repository;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::python::{self, Environment};

/// Runs a script of tests/python with python-tuf at hand; gives what it wrote.
fn script(name: &str, arguments: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
    let mut command = Command::new(Environment::tuf());
    command.arg(path).args(arguments);
    python::run(&mut command, Duration::from_secs(120)).expect_success().stdout
}

/// A file with this content, and its path as text.
fn file(content: &[u8]) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

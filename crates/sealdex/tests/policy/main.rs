//! Policies end to end: publishers that are pinned, and policies that a repository signs.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod publishers;
mod signed;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::Stage;

/// Writes a policy, and gives its path.
fn policy(stage: &Stage, name: &str, text: &str) -> String {
    let path = stage.path(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

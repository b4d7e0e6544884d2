//! python-tuf, doing the same job.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use sealdex_testkit::python::{self, Environment};
use serde_json::Value;

use crate::figures::Spread;

/// Runs a job of `python/tuf_bench.py`.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/tuf_bench.py");
    let mut command = Command::new(Environment::tuf());
    command.arg(script).args(arguments);
    let output = python::run(&mut command, Duration::from_secs(300)).expect_success();
    serde_json::from_str(&output.stdout).context("python-tuf's job printed no JSON")
}

/// The figures under `name`.
pub(crate) fn spread(result: &Value, name: &str) -> anyhow::Result<Spread> {
    let figures = result[name].as_array().with_context(|| format!("python-tuf's job gave no {name}"))?;
    Ok(Spread::of(figures.iter().filter_map(Value::as_f64).collect()))
}

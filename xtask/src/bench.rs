//! `cargo xtask bench`: the benchmarks package, with the Python tools it compares with.

use anyhow::{Result, bail};
use clap::Args;

use crate::command;
use crate::graph::Graph;
use crate::python;
use crate::workspace::Workspace;

const PACKAGE: &str = "sealdex-benches";

/// The binary, which the groups `start`, `install` and `stream` run.
const BINARY: &str = "sealdex";

/// The group that has a package of its own, with few dependencies and without Python.
const WIRE: (&str, &str) = ("wire", "sealdex-wire");

/// What to measure.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Passed to the benchmarks: groups of them, or `wire` and its own arguments.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if !Graph::from_metadata(&workspace.metadata)?.members.contains_key(PACKAGE) {
        bail!("there is no package {PACKAGE} in this workspace yet, so there is nothing to measure");
    }
    if let [group, arguments @ ..] = arguments.arguments.as_slice()
        && group == WIRE.0
    {
        let mut wire = workspace.cargo()?;
        wire.args(["run", "--release", "--package", WIRE.1, "--"]).args(arguments);
        return command::run(&mut wire);
    }
    let environment = python::ensure(workspace)?;
    // The binary whose start is measured; built together with the benchmarks, it shares their features.
    let mut build = workspace.cargo()?;
    command::run(build.args(["build", "--release", "--package", PACKAGE, "--package", BINARY]))?;
    let mut bench = workspace.program(&workspace.target.join("release").join(PACKAGE), &[])?;
    bench.env(python::VARIABLE, environment).args(&arguments.arguments);
    command::run(&mut bench)
}

//! `cargo xtask bench`: the benchmarks package, with the Python tools it compares with.

use anyhow::{Result, bail};
use clap::Args;

use crate::command;
use crate::graph::Graph;
use crate::python;
use crate::workspace::Workspace;

const PACKAGE: &str = "sealdex-benches";

/// What to measure.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Passed to the benchmarks; `-- --help` lists what they take.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if !Graph::from_metadata(&workspace.metadata)?.members.contains_key(PACKAGE) {
        bail!("there is no package {PACKAGE} in this workspace yet, so there is nothing to measure");
    }
    let environment = python::ensure(workspace)?;
    let mut bench = workspace.cargo()?;
    bench.env(python::VARIABLE, environment);
    bench.args(["run", "--release", "--package", PACKAGE, "--"]).args(&arguments.arguments);
    command::run(&mut bench)
}

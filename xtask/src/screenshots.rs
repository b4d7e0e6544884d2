//! `cargo xtask screenshots`: pictures of terminals for the documentation, from real runs.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::command;
use crate::python;
use crate::workspace::Workspace;

/// Which pictures.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where they are written; docs/images unless given.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Those of these names alone, such as `pip` or `doctor`.
    names: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let environment = python::ensure_with_pictures(workspace)?;
    let mut build = workspace.cargo()?;
    command::run(build.args(["build", "--package", "sealdex"]))?;
    let mut draw = workspace.program(&environment.join("pictures/bin/python"), &[])?;
    draw.arg(workspace.root.join("xtask/screenshots/main.py")).arg("--output");
    draw.arg(arguments.output.clone().unwrap_or_else(|| workspace.root.join("docs/images")));
    draw.arg("--tools").arg(&environment).arg("--sealdex").arg(workspace.sealdex()).args(&arguments.names);
    command::run(&mut draw)
}

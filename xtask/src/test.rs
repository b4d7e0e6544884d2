//! `cargo xtask test`: everything the tests need, then all of them.

use anyhow::Result;
use clap::Args;

use crate::command;
use crate::python;
use crate::tools::NEXTEST;
use crate::workspace::Workspace;

/// What to test.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Test only this package (may be repeated); its documentation tests are left out.
    #[arg(short, long)]
    package: Vec<String>,

    /// Passed to nextest: parts of test names, or its options. With any, documentation tests are left out.
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<String>,
}

/// Everything, as continuous integration wants it.
pub(crate) const ALL: Arguments = Arguments { package: Vec::new(), filter: Vec::new() };

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    NEXTEST.ensure(workspace)?;
    let environment = python::ensure(workspace)?;

    let everything = arguments.package.is_empty();
    if everything {
        // The binary comes before the tests that start it. Built together with them, it shares their features; built
        // alone, half of the dependencies would be built twice.
        let mut build = workspace.cargo()?;
        build.args(["build", "--workspace", "--bins", "--tests"]);
        command::run(&mut build)?;
    }

    let mut nextest = workspace.cargo()?;
    nextest.env(python::VARIABLE, &environment).env("SEALDEX_BIN", workspace.sealdex());
    nextest.args(["nextest", "run"]);
    if everything {
        nextest.arg("--workspace");
    }
    for package in &arguments.package {
        nextest.args(["--package", package]);
    }
    nextest.args(&arguments.filter);
    command::run(&mut nextest)?;

    if everything && arguments.filter.is_empty() {
        let mut documentation = workspace.cargo()?;
        documentation.env(python::VARIABLE, &environment).env("SEALDEX_BIN", workspace.sealdex());
        documentation.args(["test", "--quiet", "--doc", "--workspace"]);
        command::run(&mut documentation)?;
    }
    Ok(())
}

//! `cargo xtask test`: everything the tests need, then all of them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use sealdex_testdatabase::VARIABLE;

use crate::command;
use crate::object_store::{self, CREDENTIALS, ObjectStore};
use crate::postgresql;
use crate::python;
use crate::steps::Outcome;
use crate::tools::NEXTEST;
use crate::workspace::Workspace;

/// The variable that tells tests where to write what this machine does not let them check, a line each.
const NOT_CHECKED: &str = "SEALDEX_NOT_CHECKED";

/// The packages whose tests make repositories: they are run over each database. Which of their tests, the profile says.
const STORES: [&str; 3] = ["sealdex-repository", "sealdex-server", "sealdex"];

/// Packages whose tests run once more over an object store.
const OVER_BUCKET: [&str; 2] = ["sealdex-repository", "sealdex-server"];

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

/// Runs the tests, and says at the end what they had to leave out.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<Outcome> {
    NEXTEST.ensure(workspace)?;
    let environment = python::ensure(workspace)?;
    postgresql::ensure()?;

    let everything = arguments.package.is_empty();
    if everything {
        // The binary comes before the tests that start it. Built together with them, it shares their features; built
        // alone, half of the dependencies would be built twice.
        let mut build = workspace.cargo()?;
        build.args(["build", "--workspace", "--bins", "--tests"]);
        command::run(&mut build)?;
    }

    let not_checked = workspace.target.join("not-checked");
    fs::write(&not_checked, "").with_context(|| format!("cannot write {}", not_checked.display()))?;
    let nextest = |packages: &[&str]| -> Result<Command> {
        let mut nextest = workspace.cargo()?;
        nextest.env(python::VARIABLE, &environment).env("SEALDEX_BIN", workspace.sealdex());
        nextest.env(NOT_CHECKED, &not_checked).env_remove(VARIABLE).envs(CREDENTIALS);
        nextest.args(["nextest", "run"]);
        for package in packages {
            nextest.args(["--package", package]);
        }
        nextest.args(&arguments.filter);
        Ok(nextest)
    };
    let packages: Vec<&str> = arguments.package.iter().map(String::as_str).collect();
    let mut all = nextest(&packages)?;
    if everything {
        all.arg("--workspace");
    }
    command::run(&mut all)?;

    // A part of them once more. What is run of it the profile says; what a filter leaves may be in other packages alone.
    let again = |of: &[&str], profile: &str| -> Result<Option<Command>> {
        let of: Vec<&str> = packages.iter().copied().filter(|package| of.contains(package)).collect();
        if of.is_empty() && !everything {
            return Ok(None);
        }
        let mut again = nextest(&of)?;
        if everything {
            again.arg("--workspace");
        }
        again.args(["--profile", profile, "--no-tests", "pass"]);
        Ok(Some(again))
    };
    if let Some(mut again) = again(&STORES, "postgresql")? {
        let server = postgresql::start()?;
        command::run(again.env(VARIABLE, server.url()))?;
    }
    if let Some(mut again) = again(&OVER_BUCKET, "object-store")? {
        let store = ObjectStore::start(&environment)?;
        command::run(again.env(object_store::VARIABLE, &store.endpoint))?;
    }

    if everything && arguments.filter.is_empty() {
        let mut documentation = workspace.cargo()?;
        documentation.env(python::VARIABLE, &environment).env("SEALDEX_BIN", workspace.sealdex());
        documentation.args(["test", "--quiet", "--doc", "--workspace"]);
        command::run(&mut documentation)?;
    }

    let text =
        fs::read_to_string(&not_checked).with_context(|| format!("cannot read {}", not_checked.display()))?;
    let left_out: BTreeSet<&str> = text.lines().collect();
    for line in &left_out {
        println!("NOT CHECKED: {line}");
    }
    Ok(match left_out.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Partly(Vec::from_iter(left_out).join("; ")),
    })
}

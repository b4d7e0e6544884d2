//! `cargo xtask ci`: everything a change must pass.

use anyhow::Result;
use clap::Args;

use crate::command;
use crate::deny::{self, Advisories};
use crate::dependencies;
use crate::fuzz;
use crate::layers;
use crate::steps::{Outcome, Steps};
use crate::test;
use crate::workspace::Workspace;

/// What to leave out or insist on.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave the tests out: `cargo xtask test` ran already.
    #[arg(long)]
    no_test: bool,

    /// Leave the fuzz targets out.
    #[arg(long)]
    no_fuzz: bool,

    /// Fail when the advisory database cannot be fetched, instead of saying so.
    #[arg(long)]
    require_advisories: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let advisories =
        if arguments.require_advisories { Advisories::Required } else { Advisories::IfReachable };
    let cargo = |words: &[&str], variables: &[(&str, &str)]| -> Result<Outcome> {
        let mut command = workspace.cargo()?;
        command.args(words).envs(variables.iter().copied());
        command::run(&mut command)?;
        Ok(Outcome::Passed)
    };

    let mut steps = Steps::default();
    steps.run("format", || {
        cargo(&["fmt", "--all", "--check"], &[])?;
        cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"], &[])
    });
    steps.run("layers", || layers::run(workspace).map(|()| Outcome::Passed));
    steps.run("dependencies", || dependencies::run(workspace).map(|()| Outcome::Passed));
    if !arguments.no_test {
        steps.run("test", || test::run(workspace, &test::ALL));
    }
    if !arguments.no_fuzz {
        steps.run("fuzz", || fuzz::run(workspace, &fuzz::BRIEF).map(|()| Outcome::Passed));
    }
    steps.run("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"], &[])?;
        // The folder is the workspace's: most of what the targets are built with is checked there already.
        let target = workspace.target.display().to_string();
        let fuzz = ["clippy", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", &target, "--all-targets"];
        cargo(&[&fuzz[..], &["--keep-going", "--", "-D", "warnings"]].concat(), &[])
    });
    // Private items too: these pages are read by those who work here, and a broken link misleads them as well.
    steps.run("documentation", || {
        cargo(
            &["doc", "--workspace", "--no-deps", "--document-private-items", "--keep-going"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )
    });
    steps.run("deny", || deny::check(workspace));
    steps.run("advisories", || deny::advisories(workspace, advisories));
    steps.finish()
}

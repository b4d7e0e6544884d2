//! Developer commands: `cargo xtask --help`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its user")]

mod audit;
mod bench;
mod ci;
mod command;
mod conformance;
mod deny;
mod dependencies;
mod fuzz;
mod graph;
mod layers;
mod object_store;
mod postgresql;
mod python;
mod replay;
mod requirements;
mod scale;
mod screenshots;
mod steps;
mod test;
mod tools;
mod wheel;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The one entry point for developers: tests, checks, fuzzing and benchmarks of this workspace.
///
/// Needs Rust, Python 3.10 or newer with venv, and PostgreSQL 14 or newer, which it installs with apt where it can; whatever
/// else a command needs, it installs once under target/.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask test                        every test, with real pip, uv, twine, python-tuf and PostgreSQL
  cargo xtask test -- rollback            only the tests with 'rollback' in their names
  cargo xtask test -p sealdex-tuf         only one crate's tests
  cargo xtask ci                          everything a change must pass
  cargo xtask wheel                       wheels for pip and uv, for old systems and for musl
  eval \"$(cargo xtask environment)\"       then plain `cargo nextest run` finds the Python tools
  cargo xtask postgresql -- cargo nextest run -p sealdex-repository
                                          the same, over PostgreSQL";

#[derive(Subcommand)]
enum Subcommands {
    /// Install what the tests need, then run all of them.
    Test(test::Arguments),
    /// Run everything a change must pass: tests, lints, documentation, dependencies, layers.
    Ci(ci::Arguments),
    /// Run the benchmarks, with python-tuf beside Sealdex.
    Bench(bench::Arguments),
    /// Build a repository as large as PyPI, and print what it takes.
    Scale(scale::Arguments),
    /// Replay uploads at several rates, and print how long a client waits for them.
    Replay(replay::Arguments),
    /// Run the TUF conformance tests of conformance/ against our client, and against python-tuf and tuf-js.
    Conformance(conformance::Arguments),
    /// Run the fuzz targets.
    Fuzz(fuzz::Arguments),
    /// Check that crates depend only on layers below, and the core on no I/O.
    Layers,
    /// Check that each dependency is declared once, used, and explained.
    Dependencies,
    /// Make the Python environments and print their variables for `eval`.
    Environment,
    /// Run a command with a throwaway PostgreSQL, over which tests then run.
    Postgresql(postgresql::Arguments),
    /// Build the wheels that `pip install sealdex` takes, with maturin, into target/wheels.
    Wheel(wheel::Arguments),
    /// Draw docs/images/ anew: terminals of real runs in which something is refused.
    Screenshots(screenshots::Arguments),
    /// Lock the Python requirements anew, after a change to their .in files.
    Requirements,
}

fn main() -> ExitCode {
    let result = Workspace::locate().and_then(|workspace| match Arguments::parse().command {
        Subcommands::Test(arguments) => test::run(&workspace, &arguments).map(|_| ()),
        Subcommands::Ci(arguments) => ci::run(&workspace, &arguments),
        Subcommands::Bench(arguments) => bench::run(&workspace, &arguments),
        Subcommands::Scale(arguments) => scale::run(&workspace, &arguments),
        Subcommands::Replay(arguments) => replay::run(&workspace, &arguments),
        Subcommands::Conformance(arguments) => conformance::run(&workspace, &arguments),
        Subcommands::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Subcommands::Layers => layers::run(&workspace),
        Subcommands::Dependencies => dependencies::run(&workspace),
        Subcommands::Environment => python::print_environment(&workspace),
        Subcommands::Postgresql(arguments) => postgresql::run(&arguments),
        Subcommands::Wheel(arguments) => wheel::run(&workspace, &arguments),
        Subcommands::Screenshots(arguments) => screenshots::run(&workspace, &arguments),
        Subcommands::Requirements => requirements::run(&workspace),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! A throwaway PostgreSQL for the tests, and for whatever else is to be run with one.

use std::process::Command;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use sealdex_testdatabase::{PostgresServer, Synchronise, VARIABLE, is_installed};

use crate::command::{self, InstallError};

/// What to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The command; it finds the server's address in SEALDEX_TEST_DATABASE.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs a command with a server that is gone when it has ended.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure()?;
    let server = start()?;
    let [program, rest @ ..] = arguments.command.as_slice() else { bail!("no command is given") };
    command::run(Command::new(program).args(rest).env(VARIABLE, server.url()))
}

/// Starts a server; dropping it stops it.
pub(crate) fn start() -> Result<PostgresServer> {
    PostgresServer::start(Synchronise::No).map_err(|reason| anyhow!(reason))
}

/// Installs PostgreSQL where it is missing and that can be done.
pub(crate) fn ensure() -> Result<()> {
    if is_installed() {
        return Ok(());
    }
    let hint = "hint: `apt-get install postgresql` on Debian and Ubuntu, or put the bin folder of PostgreSQL 14 or newer \
                on PATH; the tests run over it and are never skipped";
    if !has_apt() {
        bail!("PostgreSQL is not installed\n{hint}");
    }
    eprintln!("installing PostgreSQL, once");
    for words in [
        &["update", "--quiet"][..],
        &["install", "--quiet", "--yes", "--no-install-recommends", "postgresql"],
    ] {
        let mut apt = Command::new("apt-get");
        apt.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        match command::install(&mut apt)? {
            Ok(()) => {}
            Err(InstallError::Unreachable) => {
                bail!("the package index of this machine cannot be reached\n{hint}")
            }
            Err(InstallError::Other(message)) => {
                bail!("PostgreSQL could not be installed: {message}\n{hint}")
            }
        }
    }
    if is_installed() { Ok(()) } else { bail!("PostgreSQL was installed and is not found\n{hint}") }
}

/// Whether packages can be installed: this is root, on a machine that has apt.
fn has_apt() -> bool {
    let answers = |program: &str, argument: &str| Command::new(program).arg(argument).output();
    let root = answers("id", "-u").is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    root && answers("apt-get", "--version").is_ok_and(|output| output.status.success())
}

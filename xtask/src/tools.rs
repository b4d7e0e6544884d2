//! Cargo's subcommands that the checks need: the machine's own, or built once into target/tools.

use std::process::Stdio;

use anyhow::{Result, bail};

use crate::command::{self, InstallError};
use crate::workspace::Workspace;

/// A cargo subcommand from the crate registry.
pub(crate) struct Tool {
    crate_name: &'static str,
    subcommand: &'static str,
    version: &'static str,
}

/// The test runner.
pub(crate) const NEXTEST: Tool =
    Tool { crate_name: "cargo-nextest", subcommand: "nextest", version: "0.9.143" };
/// The dependency checker.
pub(crate) const DENY: Tool = Tool { crate_name: "cargo-deny", subcommand: "deny", version: "0.20.2" };
/// The runner of fuzz targets.
pub(crate) const FUZZ: Tool = Tool { crate_name: "cargo-fuzz", subcommand: "fuzz", version: "0.13.2" };

impl Tool {
    /// Builds the tool if neither the machine nor target/tools has it.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Result<()> {
        let Self { crate_name, subcommand, version } = self;
        let mut probe = workspace.cargo()?;
        probe.args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        if probe.status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        eprintln!("installing {crate_name} {version} into target/tools, once; this takes some minutes");
        let mut install = workspace.cargo()?;
        // A debug build takes half the time to make and is fast enough.
        install.args(["install", "--locked", "--debug", crate_name, "--version", version, "--root"]);
        install.arg(workspace.tools());
        match command::install(&mut install)? {
            Ok(()) => Ok(()),
            Err(InstallError::Unreachable) => bail!(
                "the crate registry cannot be reached, and {crate_name} is not installed\n\
                 hint: connect this machine to the network, or name your mirror as `[source.crates-io]` in Cargo's \
                 configuration, or install {crate_name} {version} by hand"
            ),
            Err(InstallError::Other(message)) => bail!(
                "{crate_name} could not be installed: {message}\n\
                 hint: the reason is above; `cargo install --locked {crate_name}` by hand does as well"
            ),
        }
    }
}

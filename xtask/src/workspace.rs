//! Where the workspace and its target folder are, and Cargo as these commands call it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Variables that `cargo run` sets for this program. A build started from here must not see them, or build scripts
/// that look at them would run again after every change of command.
const SET_BY_CARGO_RUN: [&str; 6] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

/// The workspace this program was built from.
pub(crate) struct Workspace {
    /// Folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// What `cargo metadata` says, dependencies resolved.
    pub(crate) metadata: Value,
}

impl Workspace {
    pub(crate) fn locate() -> Result<Self> {
        let manifest = env!("CARGO_MANIFEST_DIR");
        let root = Path::new(manifest).parent().context("xtask lies in the workspace's folder")?.to_owned();
        let output = bare_cargo(&root)
            .args(["metadata", "--format-version", "1"])
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("cargo metadata failed; its message is above");
        }
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
        let target =
            metadata["target_directory"].as_str().context("cargo metadata names no target folder")?.into();
        Ok(Self { root, target, metadata })
    }

    /// Cargo, started at the root, with the tools installed by xtask on its path.
    pub(crate) fn cargo(&self) -> Result<Command> {
        let mut command = bare_cargo(&self.root);
        command.env("PATH", self.path_with_tools()?);
        Ok(command)
    }

    /// Another program that starts Cargo, likewise; programs in `folders` come before those of the machine.
    pub(crate) fn program(&self, program: &Path, folders: &[PathBuf]) -> Result<Command> {
        let mut command = bare(program.as_os_str(), &self.root);
        let path = self.path_with_tools()?;
        let all = folders.iter().cloned().chain(env::split_paths(&path));
        command.env("PATH", env::join_paths(all).context("a folder's name cannot be part of a PATH")?);
        Ok(command)
    }

    /// Folder that `cargo install --root` is given.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The development build of the `sealdex` binary.
    pub(crate) fn sealdex(&self) -> PathBuf {
        self.target.join("debug").join(format!("sealdex{}", env::consts::EXE_SUFFIX))
    }

    fn path_with_tools(&self) -> Result<std::ffi::OsString> {
        let ambient = env::var_os("PATH").unwrap_or_default();
        // Last, so that a tool the machine has comes first.
        let folders = env::split_paths(&ambient).chain([self.tools().join("bin")]);
        env::join_paths(folders).context("PATH or the target folder's name cannot be part of a PATH")
    }
}

fn bare_cargo(root: &Path) -> Command {
    bare(&env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root)
}

fn bare(program: &OsStr, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if SET_BY_CARGO_RUN.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command
}

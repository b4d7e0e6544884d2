//! Fresh virtual environments and the unmodified pip in them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;
use tokio::time::timeout;

/// No step of the demo takes longer than this.
const PATIENCE: Duration = Duration::from_secs(180);

/// A virtual environment with its own pip.
pub(super) struct VirtualEnvironment {
    directory: PathBuf,
}

impl VirtualEnvironment {
    /// Makes one in `directory` with `python -m venv`.
    pub(super) async fn create(python: &Path, directory: PathBuf) -> anyhow::Result<Self> {
        let mut command = Command::new(python);
        command.args(["-m", "venv"]).arg(&directory);
        let output = run(command).await?;
        ensure!(
            output.status.success(),
            "`{} -m venv` failed: {}{}",
            python.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(Self { directory })
    }

    /// The environment's Python.
    pub(super) fn python(&self) -> PathBuf {
        let (folder, name) = if cfg!(windows) { ("Scripts", "python.exe") } else { ("bin", "python") };
        self.directory.join(folder).join(name)
    }

    /// Runs Python code in the environment; gives what it printed.
    pub(super) async fn evaluate(&self, code: &str) -> anyhow::Result<String> {
        let mut command = Command::new(self.python());
        command.args(["-c", code]);
        let output = run(command).await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "Python failed in the fresh environment: {errors}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The version of the environment's pip.
    pub(super) async fn pip_version(&self) -> anyhow::Result<String> {
        self.evaluate("import importlib.metadata; print(importlib.metadata.version('pip'))").await
    }

    /// A command that runs the environment's pip, which asks nothing and keeps nothing.
    pub(super) fn pip(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(self.python());
        command.args(["-m", "pip"]).args(arguments);
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_NO_INPUT", "1");
        command
    }
}

/// Runs a command to its end, in bounded time, and keeps what it prints.
pub(super) async fn run(mut command: Command) -> anyhow::Result<std::process::Output> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output =
        timeout(PATIENCE, command.output()).await.with_context(|| format!("{name} took too long"))?;
    output.with_context(|| format!("{name} could not be started"))
}

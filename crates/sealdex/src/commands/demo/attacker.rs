//! An attacker who owns the server's disk. A program of its own, as an attacker's is: it uses nothing of ours.

use std::path::Path;

use anyhow::ensure;
use tokio::process::Command;

use super::python::run;

const SCRIPT: &str = include_str!("attacker.py");

/// Replaces the wheel of `project` in the repository by one with `payload` in its module, and makes page, sidecar and
/// database agree with it. The server must not be running. Gives the wheel's file name.
pub(super) async fn replace_wheel(
    python: &Path,
    repository: &Path,
    project: &str,
    payload: &str,
) -> anyhow::Result<String> {
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).arg(repository).args([project, &format!("{project}.py"), payload]);
    let output = run(command).await?;
    ensure!(output.status.success(), "the attack failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

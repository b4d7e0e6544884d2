//! The packages of the demo: real ones by the machine's own pip, or, without a network, small ones made here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::Command;
use tokio::time::timeout;

use super::wheels::{self, Package};

/// What is downloaded, dependencies included.
const REQUIREMENTS: [&str; 3] = ["six==1.16.0", "idna", "requests"];

/// What the demo does with its packages.
pub(super) struct Packages {
    /// The distributions, in file name order.
    pub(super) files: Vec<PathBuf>,
    /// What is installed.
    pub(super) requirements: Vec<String>,
    /// The project whose wheel the attacker replaces; its module has the same name.
    pub(super) victim: &'static str,
    /// How they were come by, for the story.
    pub(super) origin: String,
}

/// Downloads real packages into `directory` with `python -m pip download`, as anyone would.
pub(super) async fn download(
    python: &Path,
    directory: &Path,
    patience: Duration,
) -> anyhow::Result<Packages> {
    let mut command = Command::new(python);
    command
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--only-binary",
            ":all:",
            "--retries",
            "1",
            "--timeout",
            "15",
        ])
        .args(["--disable-pip-version-check", "--no-input", "--dest"])
        .arg(directory)
        .args(REQUIREMENTS)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(patience, command.output()).await.context("pip download took too long")??;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let reason =
            text.lines().rev().find(|line| line.contains("ERROR")).unwrap_or("it gave no reason").trim();
        bail!("pip could not download: {reason}");
    }
    let requirements = REQUIREMENTS.map(str::to_owned).to_vec();
    let origin = "downloaded with this machine's own pip".to_owned();
    Ok(Packages { files: distributions(directory)?, requirements, victim: "six", origin })
}

/// Builds small packages in `directory`.
pub(super) fn build(directory: &Path) -> anyhow::Result<Packages> {
    let packages = [
        Package {
            name: "seashell",
            version: "1.0",
            requires: &["pebble>=1"],
            source: "import pebble\n\ndef hello():\n    return 'seashell says hello, ' + pebble.hello()\n",
        },
        Package {
            name: "pebble",
            version: "1.2",
            requires: &[],
            source: "def hello():\n    return 'pebble says hello'\n",
        },
        Package {
            name: "driftwood",
            version: "0.3",
            requires: &[],
            source: "def hello():\n    return 'driftwood'\n",
        },
    ];
    for package in &packages {
        wheels::build(directory, package)?;
    }
    let requirements = vec!["seashell".to_owned(), "driftwood".to_owned()];
    let origin = "small wheels built on this machine".to_owned();
    Ok(Packages { files: distributions(directory)?, requirements, victim: "pebble", origin })
}

fn distributions(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    files.sort();
    Ok(files)
}

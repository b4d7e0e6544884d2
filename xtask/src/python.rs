//! The Python environments tests run against: made once under target/test-env, named after a hash of what is in them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{self, InstallError};
use crate::object_store::CREDENTIALS;
use crate::workspace::Workspace;

/// The variable that tells test processes where the environments are.
pub(crate) const VARIABLE: &str = "SEALDEX_TEST_ENV";

const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Each environment's name and its locked requirements.
const ENVIRONMENTS: [(&str, &str); 10] = [
    ("pip", include_str!("../requirements/pip.txt")),
    ("tuf", include_str!("../requirements/tuf.txt")),
    ("uv", include_str!("../requirements/uv.txt")),
    ("poetry", include_str!("../requirements/poetry.txt")),
    ("pdm", include_str!("../requirements/pdm.txt")),
    ("pipenv", include_str!("../requirements/pipenv.txt")),
    ("twine", include_str!("../requirements/twine.txt")),
    ("maturin", include_str!("../requirements/maturin.txt")),
    ("s3", include_str!("../requirements/s3.txt")),
    ("callers", include_str!("../requirements/callers.txt")),
];

/// The one that no test needs, and its locked requirements: made when wheels for other machines are.
const ZIG: (&str, &str) = ("zig", include_str!("../requirements/zig.txt"));

/// Another one: made when pictures of terminals are.
const PICTURES: (&str, &str) = ("pictures", include_str!("../requirements/pictures.txt"));

/// Makes the environments that are missing and returns their folder.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    ensure_all(workspace, &ENVIRONMENTS)
}

/// The same, and the environment with zig.
pub(crate) fn ensure_with_zig(workspace: &Workspace) -> Result<PathBuf> {
    ensure_all(workspace, &[&ENVIRONMENTS[..], &[ZIG]].concat())
}

/// The same, and the environment that draws pictures.
pub(crate) fn ensure_with_pictures(workspace: &Workspace) -> Result<PathBuf> {
    ensure_all(workspace, &[&ENVIRONMENTS[..], &[PICTURES]].concat())
}

fn ensure_all(workspace: &Workspace, environments: &[(&str, &str)]) -> Result<PathBuf> {
    let python = Python::find()?;
    let parent = workspace.target.join("test-env");
    let folder = parent.join(key(&python));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    // Another `cargo xtask` may be making the same environments: one makes them, the other waits.
    let lock = File::create(parent.join("lock")).context("cannot make the lock file of target/test-env")?;
    lock.lock().context("cannot lock target/test-env")?;
    for (name, requirements) in environments {
        ensure_environment(&python, &folder, name, requirements)?;
    }
    ensure_wheels(&folder)?;
    Ok(folder)
}

/// Prints what a shell has to evaluate so that tests started in it find the environments and the binary.
pub(crate) fn print_environment(workspace: &Workspace) -> Result<()> {
    let folder = ensure(workspace)?;
    println!("export {VARIABLE}='{}'", folder.display());
    for (name, value) in CREDENTIALS {
        println!("export {name}='{value}'");
    }
    println!("export SEALDEX_BIN='{}'", workspace.sealdex().display());
    Ok(())
}

/// The machine's Python.
struct Python {
    version: String,
}

impl Python {
    fn find() -> Result<Self> {
        let output = Command::new("python3")
            .args(["-c", "import sys; print(sys.version); sys.exit(sys.version_info < (3, 10))"])
            .output()
            .context("cannot start python3\nhint: install Python 3.10 or newer, with venv and pip")?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            let (major, minor) = OLDEST_PYTHON;
            bail!(
                "python3 is too old for the tests: {version}\nhint: put Python {major}.{minor} or newer first on PATH"
            );
        }
        Ok(Self { version })
    }
}

fn ensure_environment(python: &Python, parent: &Path, name: &str, requirements: &str) -> Result<()> {
    let folder = parent.join(name);
    let made = folder.join("made-by-xtask");
    if made.exists() {
        return Ok(());
    }
    eprintln!("making the Python environment `{name}` in target/test-env, once");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    let status = venv.status().context("cannot start python3")?;
    if !status.success() {
        bail!(
            "python3 cannot make a virtual environment; its message is above\n\
             hint: some systems package venv apart: `apt install python3-venv` on Debian and Ubuntu"
        );
    }
    let file = folder.join("requirements.txt");
    fs::write(&file, requirements).with_context(|| format!("cannot write {}", file.display()))?;
    let mut install = pip(&folder);
    install.args(["install", "--quiet", "--require-hashes", "--requirement"]).arg(&file);
    installed(name, &mut install)?;
    // Last: an environment without this file is made anew.
    fs::write(&made, &python.version).with_context(|| format!("cannot write {}", made.display()))
}

/// Keeps the pinned pip as a wheel too, so that tests can install it into fresh environments without a network.
fn ensure_wheels(parent: &Path) -> Result<()> {
    let folder = parent.join("wheels");
    if folder.exists() {
        return Ok(());
    }
    let environment = parent.join("pip");
    let partial = parent.join("wheels.partial");
    let mut download = pip(&environment);
    download.args(["download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]);
    download.arg("--requirement").arg(environment.join("requirements.txt")).arg("--dest").arg(&partial);
    installed("wheels", &mut download)?;
    fs::rename(&partial, &folder).with_context(|| format!("cannot rename {}", partial.display()))
}

/// The environment's own pip. It follows the user's settings (index, proxy, certificates), as any pip would.
fn pip(environment: &Path) -> Command {
    let mut command = Command::new(environment.join("bin/python"));
    command.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
    command
}

fn installed(name: &str, command: &mut Command) -> Result<()> {
    match command::install(command)? {
        Ok(()) => Ok(()),
        Err(InstallError::Unreachable) => bail!(
            "the Python package index cannot be reached, and the environment `{name}` is not made yet\n\
             hint: connect this machine to the network, or name your mirror: `pip config set global.index-url URL` \
             (or PIP_INDEX_URL); the tests run real pip, uv, twine and python-tuf and are never skipped"
        ),
        Err(InstallError::Other(message)) => bail!(
            "the Python environment `{name}` could not be made: {message}\n\
             hint: pip's message is above; the pins are in xtask/requirements/"
        ),
    }
}

/// A name for exactly these requirements on exactly this Python: FNV-1a, which is stable and needs no dependency.
/// Nothing rests on its strength: pip checks the SHA-256 of each file.
fn key(python: &Python) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let texts = ENVIRONMENTS.iter().flat_map(|(name, requirements)| [*name, *requirements]);
    for byte in texts.chain([python.version.as_str()]).flat_map(|text| text.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_follows_the_python_version() {
        let key = |version: &str| key(&Python { version: version.to_owned() });
        assert_eq!(key("3.11.7"), key("3.11.7"));
        assert_ne!(key("3.11.7"), key("3.12.0"));
    }

    #[test]
    fn every_requirement_is_pinned_with_hashes() {
        for (name, requirements) in ENVIRONMENTS.into_iter().chain([ZIG, PICTURES]) {
            for line in
                requirements.lines().filter(|line| line.starts_with(|first: char| first.is_alphanumeric()))
            {
                assert!(line.contains("=="), "{name}: {line}");
                assert!(line.ends_with('\\'), "{name}: no hash follows {line}");
            }
        }
    }
}

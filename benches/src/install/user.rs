//! A repository that the binary makes and serves, and a user who trusts it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use sealdex_testkit::process::{self, Process};
use tempfile::TempDir;

use super::empty;

const PATIENCE: Duration = Duration::from_secs(300);

pub(super) struct User {
    binary: PathBuf,
    url: String,
    served: Process,
    place: TempDir,
}

impl User {
    /// A repository without files, served, below `parent`, that takes in files of up to 4 GB.
    pub(super) fn new(parent: &Path) -> anyhow::Result<Self> {
        let (binary, place) = (binary()?, TempDir::new_in(parent)?);
        done(command(&binary, place.path(), &["init", "--dev", "repository"]))?;
        let file = place.path().join("repository/sealdex.toml");
        let own = std::fs::read_to_string(&file)?;
        let settings = own.lines().map(|line| match line.split_once(" = ") {
            Some(("max_file_bytes", _)) => "max_file_bytes = 4000000000\n".to_owned(),
            _ => format!("{line}\n"),
        });
        std::fs::write(&file, settings.collect::<String>())?;
        let arguments = ["serve", "--repository", "repository", "--listen", "127.0.0.1:0"];
        let served = Process::start(&mut command(&binary, place.path(), &arguments));
        let line = served.wait_for_line("serving http://", PATIENCE);
        let url =
            line.split_whitespace().find(|word| word.starts_with("http://")).context("no url is told")?;
        let url = url.trim_end_matches("simple/").to_owned();
        Ok(Self { binary, url, served, place })
    }

    /// The repository's base URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A folder with nothing in it.
    pub(super) fn emptied(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        empty(&path)?;
        Ok(path)
    }

    /// The command `sealdex ARGUMENTS` of this user.
    pub(super) fn sealdex(&self, arguments: &[&str]) -> Command {
        command(&self.binary, self.place.path(), arguments)
    }

    /// Seals distributions.
    pub(super) fn add(&self, files: &[PathBuf]) -> anyhow::Result<()> {
        let mut add = self.sealdex(&["add", "--repository", "repository"]);
        add.args(files);
        done(add)
    }

    /// Trusts the repository from now on.
    pub(super) fn trust(&self) -> anyhow::Result<()> {
        ensure!(self.served.is_running(), "the server has ended:\n{}", self.served.log());
        let root = self.path("repository/public/metadata/1.root.json");
        let mut trust = self.sealdex(&["trust", "add", "measured", &self.url, "--root"]);
        trust.arg(root);
        done(trust)
    }

    /// Forgets all that was fetched since the repository was trusted.
    pub(super) fn forget(&self) -> anyhow::Result<()> {
        empty(&self.path("cache"))?;
        done(self.sealdex(&["trust", "remove", "measured"]))?;
        self.trust()
    }
}

/// The binary beside this one.
fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.parent().context("this program is in no folder")?.join("sealdex");
    ensure!(binary.is_file(), "{} is missing: cargo xtask bench builds it", binary.display());
    Ok(binary)
}

fn command(binary: &Path, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(directory);
    command
        .env("SEALDEX_TRUST_DIR", directory.join("trust"))
        .env("SEALDEX_CACHE_DIR", directory.join("cache"));
    command.env("XDG_CONFIG_HOME", directory.join("config"));
    command
}

fn done(mut command: Command) -> anyhow::Result<()> {
    let output = process::run(&mut command, PATIENCE);
    ensure!(output.succeeded(), "{}", output.report());
    Ok(())
}

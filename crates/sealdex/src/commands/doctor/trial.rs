//! Trying a tool: whether all it asks for goes through a run's proxy.
//!
//! A small repository on loopback stands for an index under a name that no host can have. A tool that gets the project
//! there got it from the proxy, and nothing else; one that asks another such index must be seen, and refused, there.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use sealdex_client::{InitialTrust, OfflineUse, RepositoryName, RepositoryUrl, TrustStore};
use serde::Serialize;
use tempfile::TempDir;
use tokio::process::Command;

use super::tools::{PROJECT, Tool};
use crate::cli::{ConnectionArguments, LimitArguments};
use crate::commands::demo::{Operator, Package, Running, build_wheel};
use crate::commands::trusted::{Chosen, client, refused};
use crate::commands::watch::Watch;
use crate::commands::{run, uv_settings};
use crate::failure::Failure;

/// Names that are never given away (RFC 6761, section 6.4).
const INDEX: &str = "https://index.invalid/simple/";
const OTHER: &str = "https://other.invalid/simple/";

/// The folder for temporary files in that of a trial.
const TEMPORARY: &str = "tmp";

/// Poetry and pipenv make an environment first.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a trial showed.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
pub(super) enum Verdict {
    /// What it got was verified, and what was not verified it did not get.
    Protected,
    /// It does not come to the proxy with all it asks for.
    NotProtected(String),
    /// Nobody knows: the tool does not work here.
    NotTried(String),
}

/// The repository of the trials, and the folder in which everything happens.
pub(super) struct Laboratory {
    folder: TempDir,
    server: Running,
    chosen: Chosen,
}

impl Laboratory {
    pub(super) async fn open() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sealdex-doctor-").tempdir()?;
        let operator = Operator::init(&folder.path().join("repository")).await?;
        let server = operator.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let name = PROJECT.replace('-', "_");
        let package = Package { name: &name, version: "1.0", requires: &[], source: "" };
        server.publish(&[build_wheel(folder.path(), &package)?]).await?;

        let cache = folder.path().join("cache");
        let client = client(Some(cache), ConnectionArguments::default(), &LimitArguments::default())
            .map_err(Failure::into_error)?;
        let store = TrustStore::open(folder.path().join("trust"))?;
        let initial = InitialTrust::Root(std::fs::read(operator.root_file())?);
        let url = RepositoryUrl::parse(&format!("http://{}/", server.address))?;
        let repository = store.add(&client, &RepositoryName::parse("doctor")?, &url, &initial).await?;
        let repositories = (&repository).into();
        let chosen = Chosen { client, repository, repositories, offline: OfflineUse::Never };
        Ok(Self { folder, server, chosen })
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.folder.close()?;
        Ok(())
    }

    /// Tries a tool, twice: with the index that the repository stands for, and with another one.
    pub(super) async fn examine(&self, tool: Tool, program: &Path) -> Verdict {
        if tool == Tool::Uv
            && let Err(failure) = uv_settings::refuse_other_proxy(&[])
        {
            return Verdict::NotProtected(format!("{:#}", failure.into_error()));
        }
        let (answered, other) =
            tokio::join!(self.run(tool, program, INDEX, "index"), self.run(tool, program, OTHER, "other"));
        match (answered, other) {
            (Ok(answered), Ok(other)) => judge(&answered, &other),
            (Err(error), _) | (_, Err(error)) => Verdict::NotTried(format!("{error:#}")),
        }
    }

    /// Runs the tool as `sealdex run` does, with a proxy of its own.
    async fn run(&self, tool: Tool, program: &Path, index: &str, name: &str) -> anyhow::Result<Trial> {
        let place = self.folder.path().join(tool.name()).join(name);
        std::fs::create_dir_all(place.join(TEMPORARY))?;
        let mut words: Vec<_> = vec![program.as_os_str().to_owned()];
        words.extend(tool.trial(&place, index)?.into_iter().map(Into::into));
        let mut command = run::bound_to_this_process(&words).map_err(Failure::into_error)?;
        let stands_for = vec![RepositoryUrl::parse(INDEX).map_err(refused).map_err(Failure::into_error)?];
        let running = run::start(&self.chosen, &Watch::unlogged(), stands_for, Vec::new(), &mut command)
            .await
            .map_err(Failure::into_error)?;
        leave_nothing_behind(&mut command, &place);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let refused = running.stop().await.into_iter().map(|refusal| refusal.message).collect();
        let output = output.context("it took too long")?.context("it could not be started")?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let last_line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        Ok(Trial { succeeded: output.status.success(), last_line: last_line.to_owned(), refused })
    }
}

/// How a trial ended.
struct Trial {
    succeeded: bool,
    last_line: String,
    /// What was refused, in words.
    refused: Vec<String>,
}

fn judge(answered: &Trial, other: &Trial) -> Verdict {
    let was_seen = other.refused.iter().any(|refused| refused.contains("other.invalid"));
    if other.succeeded {
        return Verdict::NotProtected("it got what is not verified from somewhere else".to_owned());
    }
    match (answered.succeeded, answered.refused.first()) {
        (true, _) if was_seen => Verdict::Protected,
        (true, _) => Verdict::NotProtected("it asked for another index without the proxy".to_owned()),
        // Its own settings name more than the index of the trial.
        (false, Some(refusal)) => Verdict::NotTried(format!("refused: {refusal}")),
        (false, None) if was_seen => Verdict::NotTried(answered.last_line.clone()),
        (false, None) => {
            Verdict::NotProtected(format!("it did not come to the proxy: {}", answered.last_line))
        }
    }
}

/// The tool's settings are the user's own; what it keeps goes into the folder of the trial.
fn leave_nothing_behind(command: &mut Command, place: &Path) {
    let below = |name: &str| -> PathBuf { place.join(name) };
    for (name, folder) in [
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
        ("WORKON_HOME", "environments"),
        ("PDM_LOG_DIR", "log"),
        ("UV_TOOL_DIR", "tools"),
        // pipenv leaves files there.
        ("TMPDIR", TEMPORARY),
    ] {
        command.env(name, below(folder));
    }
    for (name, value) in [
        ("POETRY_VIRTUALENVS_IN_PROJECT", "1"),
        ("PIPENV_VENV_IN_PROJECT", "1"),
        ("PIPENV_IGNORE_VIRTUALENVS", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("NO_COLOR", "1"),
    ] {
        command.env(name, value);
    }
    for name in ["VIRTUAL_ENV", "PIPENV_PIPFILE", "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET"] {
        command.env_remove(name);
    }
    command.current_dir(place).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(succeeded: bool, refused: &[&str]) -> Trial {
        let refused = refused.iter().map(|message| (*message).to_owned()).collect();
        Trial { succeeded, last_line: "last".to_owned(), refused }
    }

    #[test]
    fn protected_is_who_got_what_is_verified_and_was_refused_the_rest() {
        let seen = || trial(false, &["https://other.invalid/simple/ is not verified"]);
        assert_eq!(judge(&trial(true, &[]), &seen()), Verdict::Protected);
        assert!(matches!(judge(&trial(true, &[]), &trial(true, &[])), Verdict::NotProtected(_)));
        assert!(matches!(judge(&trial(true, &[]), &trial(false, &[])), Verdict::NotProtected(_)));
        assert!(matches!(judge(&trial(false, &[]), &trial(false, &[])), Verdict::NotProtected(_)));
        assert!(matches!(judge(&trial(false, &[]), &seen()), Verdict::NotTried(_)));
        assert!(matches!(judge(&trial(false, &["another"]), &seen()), Verdict::NotTried(_)));
    }
}

//! cargo-deny: bans, licences and sources always; advisories where their database can be had.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command;
use crate::steps::Outcome;
use crate::tools::DENY;
use crate::workspace::Workspace;

/// How long the advisory database may take to arrive.
const FETCH_LIMIT: Duration = Duration::from_secs(120);

/// Whether advisories must be checked.
#[derive(Clone, Copy)]
pub(crate) enum Advisories {
    /// A database that cannot be fetched is said, and nothing more.
    IfReachable,
    /// A database that cannot be fetched is a failure.
    Required,
}

/// The workspaces, each with a lock file.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Bans, licences and sources, as deny.toml wants them.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    DENY.ensure(workspace)?;
    for manifest in MANIFESTS {
        let mut deny = workspace.cargo()?;
        deny.args(["deny", "--manifest-path", manifest, "--config", "deny.toml", "--log-level", "error"]);
        deny.args(["check", "bans", "licenses", "sources"]);
        command::run(&mut deny)?;
    }
    Ok(Outcome::Passed)
}

/// Known vulnerabilities, from a database fetched now.
pub(crate) fn advisories(workspace: &Workspace, wanted: Advisories) -> Result<Outcome> {
    DENY.ensure(workspace)?;
    let mut fetch = workspace.cargo()?;
    fetch.args(["deny", "fetch", "db"]);
    if let Some(reason) = failure(&mut fetch)? {
        return match wanted {
            Advisories::IfReachable => {
                println!("advisories were NOT checked: {reason}");
                Ok(Outcome::NotChecked(reason))
            }
            Advisories::Required => bail!("advisories were NOT checked: {reason}"),
        };
    }
    for manifest in MANIFESTS {
        let mut deny = workspace.cargo()?;
        deny.args(["deny", "--manifest-path", manifest, "--config", "deny.toml", "check"]);
        command::run(deny.args(["--disable-fetch", "advisories"]))?;
    }
    Ok(Outcome::Passed)
}

/// Runs the fetch and says why it failed, if it did.
fn failure(fetch: &mut Command) -> Result<Option<String>> {
    let mut child = fetch
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo deny")?;
    let deadline = Instant::now() + FETCH_LIMIT;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for cargo deny")? {
            return Ok((!status.success()).then(|| reason(&mut child)));
        }
        if Instant::now() > deadline {
            child.kill().context("cannot stop cargo deny")?;
            child.wait().context("cannot wait for cargo deny")?;
            return Ok(Some(format!("the advisory database did not arrive within {FETCH_LIMIT:?}")));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The line in which git, or else cargo-deny, says what went wrong.
fn reason(child: &mut Child) -> String {
    let mut message = String::new();
    if let Some(stderr) = &mut child.stderr {
        // What cannot be read cannot be told; the failure itself is.
        drop(stderr.read_to_string(&mut message));
    }
    let line = message.lines().find(|line| line.starts_with("fatal:")).or(message.lines().last());
    format!("the advisory database could not be fetched: {}", line.unwrap_or("cargo deny says no more"))
}

//! `sealdex doctor`: which tools are protected, found out by trying each.

mod alone;
mod tools;
mod trial;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use sealdex_client::TrustStore;
use serde::Serialize;
use tokio::process::Command;
use tokio::time::timeout;

use super::programs;
use super::setup::start_command;
use super::trusted::refused;
use crate::cli::Format;
use crate::environment;
use crate::failure::{Failure, Kind};
use crate::output::{BAD, FAINT, GOOD, WARNING, result, say, spinner, styled, table};
use crate::shutdown;
use alone::Alone;
use tools::Tool;
use trial::{Laboratory, Verdict};

/// What is told of each tool.
pub(super) const HEADS: [&str; 4] = ["tool", "version", "in sealdex run", "alone"];
/// The last line.
pub(super) const ADVICE: &str =
    "`sealdex run -- TOOL` protects it for a run; `sealdex setup` leads it to a verifying proxy for good.";

/// What was found out about a tool.
#[derive(Serialize)]
struct Finding {
    tool: Tool,
    program: PathBuf,
    version: String,
    in_a_run: Verdict,
    alone: Alone,
}

#[derive(Serialize)]
struct Report {
    all_protected: bool,
    /// The repositories that are trusted: without one, there is nothing to verify with.
    repositories: Vec<String>,
    tools: Vec<Finding>,
}

pub(super) async fn run(format: Format) -> Result<ExitCode, Failure> {
    // Stopped halfway, it takes its folder away all the same.
    tokio::select! {
        report = examine() => {
            let report = report?;
            result(format, &report, || show(&report))?;
            Ok(if report.all_protected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        () = shutdown::requested() => Err(Failure::message(Kind::Failed, "stopped before every tool was tried")),
    }
}

async fn examine() -> Result<Report, Failure> {
    let found = Tool::ALL.into_iter().filter_map(|tool| Some((tool, programs::on_path(tool.name())?)));
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(Failure::message(Kind::Failed, "none of pip, uv, poetry, pdm and pipenv is on PATH"));
    }
    let folder = std::env::current_dir()?;
    let waiting = spinner("trying each tool");
    let laboratory = Laboratory::open().await?;
    let tools = join_all(found.into_iter().map(async |(tool, program)| {
        let (version, in_a_run, alone) = tokio::join!(
            version(&program),
            laboratory.examine(tool, &program),
            alone::look(tool, &program, &folder)
        );
        Finding { tool, program, version, in_a_run, alone }
    }))
    .await;
    laboratory.close().await?;
    waiting.finish_and_clear();
    let all_protected = tools.iter().all(|finding| finding.in_a_run == Verdict::Protected);
    Ok(Report { all_protected, repositories: trusted()?, tools })
}

/// The names of the repositories that are trusted. Makes no folder.
fn trusted() -> Result<Vec<String>, Failure> {
    let named = environment::value(environment::TRUST_DIR).map(PathBuf::from);
    let folder = named.map_or_else(TrustStore::default_directory, Ok).map_err(refused)?;
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let trusted = TrustStore::open(folder).and_then(|store| store.list()).map_err(refused)?;
    Ok(trusted.iter().map(|own| own.name().to_string()).collect())
}

/// The first word that begins with a digit of what `--version` prints.
async fn version(program: &PathBuf) -> String {
    const PATIENCE: Duration = Duration::from_secs(30);
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1").kill_on_drop(true);
    let text = match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout).into_owned(),
        _ => String::new(),
    };
    let word = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    word.map_or_else(|| "?".to_owned(), |word| word.trim_end_matches([')', ',']).to_owned())
}

fn show(report: &Report) {
    let rows = report.tools.iter().map(|finding| {
        let in_a_run = match &finding.in_a_run {
            Verdict::Protected => styled(GOOD, "protected"),
            Verdict::NotProtected(_) => styled(BAD, "NOT protected"),
            Verdict::NotTried(_) => styled(WARNING, "could not be tried"),
        };
        let indexes: Vec<&str> = finding.alone.indexes.iter().map(String::as_str).collect();
        let alone = match &finding.alone {
            Alone { verified: true, .. } => styled(GOOD, format!("verified: {}", indexes.join(", "))),
            Alone { silent, .. } if silent.len() == indexes.len() => {
                styled(WARNING, format!("nobody listens: {}", indexes.join(", ")))
            }
            _ => format!("unverified: {}", indexes.join(", ")),
        };
        [finding.tool.name().to_owned(), finding.version.clone(), in_a_run, alone]
    });
    say(table(HEADS, rows));
    for finding in &report.tools {
        if let Verdict::NotProtected(reason) | Verdict::NotTried(reason) = &finding.in_a_run {
            say(format!("{}: {reason}", finding.program.display()));
        }
    }
    let silent: BTreeSet<&String> = report.tools.iter().flat_map(|finding| &finding.alone.silent).collect();
    if !silent.is_empty() {
        let silent: Vec<&str> = silent.into_iter().map(String::as_str).collect();
        say(format!(
            "{} nobody listens at {}, so what asks there by itself fails. Start the service of `sealdex setup`:",
            styled(WARNING, "but"),
            silent.join(", ")
        ));
        say(format!("  {}", start_command()));
        say("  or, without systemd, keep `sealdex proxy` running (docs/install.md)");
    }
    if report.repositories.is_empty() {
        say(format!(
            "{} no repository is trusted yet, so there is nothing to install from:",
            styled(WARNING, "but")
        ));
        say("  sealdex trust add NAME URL --root root.json");
    }
    say(styled(FAINT, ADVICE));
}

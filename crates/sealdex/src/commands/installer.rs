//! An installer that runs behind a proxy of its own: what `sealdex pip` and `sealdex run` have in common.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use jiff::Timestamp;
use sealdex_client::{
    Decision, Policies, ProxyOptions, Refusal, Setting, VerifyingProxy, is_another_spelling,
};
use tokio::process::Command;

use super::refused::{explain, explain_left_out};
use super::report::{Outcome, Report};
use super::tool_caches;
use super::trusted::{Chosen, hint, kind, looks_like, refused, warn_of_clock};
use super::unverified::UnverifiedRun;
use super::watch::Watch;
use crate::failure::Failure;
use crate::output::{WARNING, count, styled, tell};

/// The exit code when the installer succeeded although something was refused.
const REFUSED: u8 = 3;

/// Whether hosts that are not verified are let through in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Refused,
    LetThrough,
}

/// Starts a proxy on a free loopback port, pinned to one snapshot of each repository.
pub(super) async fn start(
    chosen: &Chosen,
    options: ProxyOptions,
    watch: &Watch,
) -> Result<VerifyingProxy, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = watch.over(options.offline(chosen.offline));
    let proxy = VerifyingProxy::start(&chosen.client, &chosen.repositories, address, options)
        .await
        .map_err(refused)?;
    // What is wrong with a repository itself is said before the installer starts.
    let sessions = proxy.sessions().await;
    let (several, any) = (sessions.len() > 1, sessions.iter().any(|(_, session)| session.is_ok()));
    for (name, session) in sessions {
        match session {
            Ok(session) => warn_of_clock(&session),
            Err(error) => {
                watch.refuse_at_start(&name, &error);
                if !(several && any) {
                    let of = if several { format!("{name}: ") } else { String::new() };
                    let message = format!("{of}{}", with_attack(&error));
                    return Err(Failure::message(kind(&error), message).hint(hint(&error)));
                }
                // Its projects are refused, should any be asked for; those of the others can be had.
                tell(format!(
                    "{} nothing can be had from {name}: {}",
                    styled(WARNING, "warning:"),
                    with_attack(&error)
                ));
            }
        }
    }
    Ok(proxy)
}

fn with_attack(error: &sealdex_client::Error) -> String {
    let looks = error.attack().map(|attack| format!("{}: ", looks_like(attack))).unwrap_or_default();
    format!("{looks}{}", error.report())
}

/// Where installers keep what they got from these repositories, under these bindings. What came from other hosts is kept
/// apart: a later run that refuses them would find it there.
pub(super) fn cache_directory(chosen: &Chosen, others: Others) -> PathBuf {
    let folder = tool_caches::folder(&chosen.client.settings().cache_directory);
    // No repository can have a name with a plus sign.
    let others = match others {
        Others::Refused => "",
        Others::LetThrough => "+others",
    };
    // Nor is what was installed under another policy to be found by one that forbids it.
    let policy = chosen.client.settings().policies.fingerprint();
    let policy = policy.map(|digest| format!("+policy-{:.16}", digest.to_string())).unwrap_or_default();
    let own = folder.join(format!("{}{others}{policy}", chosen.repositories.folder_name()));
    tool_caches::mark(&own);
    own
}

/// Sets and takes away variables for an installer.
pub(super) fn apply(command: &mut Command, settings: Vec<Setting>) {
    for (name, _) in std::env::vars_os() {
        if is_another_spelling(&name, &settings) {
            command.env_remove(name);
        }
    }
    for setting in settings {
        match setting.value {
            Some(value) => command.env(setting.name, value),
            None => command.env_remove(setting.name),
        };
    }
}

/// What a run was begun with.
pub(super) enum Begun {
    Verified(Box<Chosen>),
    Unverified(UnverifiedRun),
}

/// A run that is over before there was anything to run with: that is in the log and in the report as well.
pub(super) fn give_up(watch: &Watch, report: Option<&Report>, failure: Failure) -> Failure {
    let refusal = failure.refusal(Timestamp::now());
    watch.hear(&Decision::refused(&refusal));
    let is_attack = refusal.attack.is_some();
    let refusals = [refusal];
    if is_attack {
        explain(watch, &refusals);
    }
    if let Some(report) = report {
        let (exit_code, error) = (failure.code(), Some(failure.line()));
        let policies = &Policies::default();
        let outcome =
            Outcome { exit_code, verified: true, error, repositories: &[], policies, refusals: &refusals };
        if let Err(unwritten) = report.write(watch, &outcome) {
            unwritten.report();
        }
    }
    if is_attack { failure.told() } else { failure }
}

/// How an installer's run ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Why the installer did not even begin.
    pub(super) not_begun: Option<String>,
    pub(super) refusals: Vec<Refusal>,
}

/// The last words on a run: tells what was refused, writes the report, gives the exit code.
pub(super) fn conclude(
    chosen: &Chosen,
    watch: &Watch,
    report: Option<&Report>,
    outcome: Result<Ended, Failure>,
) -> Result<ExitCode, Failure> {
    let at_start = watch.seen().refused_at_start.clone();
    // A repository that merely cannot be reached is a fault, and told as one.
    let (attacks, faults): (Vec<_>, Vec<_>) =
        at_start.into_iter().partition(|refusal| refusal.attack.is_some());
    let is_told = outcome.is_ok() || !attacks.is_empty();
    let mut refusals = attacks;
    refusals.extend(outcome.iter().flat_map(|ended| ended.refusals.iter().cloned()));
    let mut exit_code = match &outcome {
        Ok(ended) => exit_code(ended.status, &refusals),
        Err(failure) => failure.code(),
    };
    if is_told {
        explain(watch, &refusals);
    }
    refusals.extend(faults);
    if exit_code != 0 {
        explain_left_out(&watch.seen().left_out);
    }
    if outcome.is_ok() {
        say_what_was_verified(watch);
    }
    if let Some(report) = report {
        let error = why_not_begun(&outcome);
        let policies = &chosen.client.settings().policies;
        let repositories = chosen.repositories.as_slice();
        let written = report.write(
            watch,
            &Outcome { exit_code, verified: true, error, repositories, policies, refusals: &refusals },
        );
        if let Err(failure) = written {
            failure.report();
            // Who asked for a report goes by it.
            exit_code = exit_code.max(failure.code());
        }
    }
    match outcome {
        Ok(_) => Ok(ExitCode::from(exit_code)),
        Err(failure) if is_told => Err(failure.told()),
        Err(failure) => Err(failure),
    }
}

/// Why the installer did not run, or not to its end, as the report says it.
pub(super) fn why_not_begun(outcome: &Result<Ended, Failure>) -> Option<String> {
    match outcome {
        Ok(ended) => ended.not_begun.clone(),
        Err(failure) => Some(failure.line()),
    }
}

/// With `-v`, one line; without, nothing: all is well.
fn say_what_was_verified(watch: &Watch) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let seen = watch.seen();
    let left_out = match seen.left_out.len() {
        0 => String::new(),
        number => format!("; policy left out {}", count(number, "file", "files")),
    };
    let from = seen.from.iter().map(|(repository, snapshot)| format!("{repository}, snapshot {snapshot}"));
    let from = match from.collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        from => format!(" from {}", from.join(", and ")),
    };
    let files = count(seen.file_count, "file", "files");
    tell(format!("verified {files}{from}{left_out}"));
}

/// The installer's own exit code; another one when it succeeded although something was refused.
fn exit_code(status: ExitStatus, refusals: &[Refusal]) -> u8 {
    match installers_code(status) {
        0 if !refusals.is_empty() => REFUSED,
        code => code,
    }
}

/// The installer's own exit code.
pub(super) fn installers_code(status: ExitStatus) -> u8 {
    status.code().map_or_else(|| signal(status), |code| u8::try_from(code).unwrap_or(u8::MAX))
}

/// As shells report a process that a signal ended: 128 and the signal's number.
fn signal(status: ExitStatus) -> u8 {
    const INTERRUPT: i32 = 2;
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = {
        let _no_signals = status;
        None
    };
    u8::try_from(128 + signal.unwrap_or(INTERRUPT)).unwrap_or(u8::MAX)
}

//! An installer that runs behind a proxy of its own: what `sealdex pip` and `sealdex run` have in common.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use sealdex_client::{ProxyOptions, Refusal, Setting, VerifyingProxy};
use tokio::process::Command;

use super::trusted::{Chosen, hint, kind, looks_like, refused, warn_of_clock};
use crate::failure::Failure;
use crate::output::{BAD, FAINT, HINT, WARNING, styled, tell};

/// The exit code when the installer succeeded although something was refused.
const REFUSED: u8 = 3;

/// Whether hosts that are not verified are let through in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Refused,
    LetThrough,
}

/// Starts a proxy on a free loopback port, pinned to one snapshot of each repository.
pub(super) async fn start(chosen: &Chosen, options: ProxyOptions) -> Result<VerifyingProxy, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = options.offline(chosen.offline);
    let proxy = VerifyingProxy::start(&chosen.client, &chosen.repositories, address, options)
        .await
        .map_err(refused)?;
    // What is wrong with a repository itself is said before the installer starts.
    let sessions = proxy.sessions().await;
    let (several, any) = (sessions.len() > 1, sessions.iter().any(|(_, session)| session.is_ok()));
    for (name, session) in sessions {
        match session {
            Ok(session) => warn_of_clock(&session),
            // Its projects are refused, should any be asked for; those of the others can be had.
            Err(error) if several && any => tell(format!(
                "{} nothing can be had from {name}: {}",
                styled(WARNING, "warning:"),
                with_attack(&error)
            )),
            Err(error) => {
                let of = if several { format!("{name}: ") } else { String::new() };
                let message = format!("{of}{}", with_attack(&error));
                return Err(Failure::message(kind(&error), message).hint(hint(&error)));
            }
        }
    }
    Ok(proxy)
}

fn with_attack(error: &sealdex_client::Error) -> String {
    let looks = error.attack().map(|attack| format!("{}: ", looks_like(attack))).unwrap_or_default();
    format!("{looks}{}", error.report())
}

/// Where installers keep what they got from these repositories, under these bindings. What came from other hosts is kept apart: a later run that
/// refuses them would find it there.
pub(super) fn cache_directory(chosen: &Chosen, others: Others) -> PathBuf {
    let folder = chosen.client.settings().cache_directory.join("installers");
    let name = chosen.repositories.folder_name();
    match others {
        Others::Refused => folder.join(name),
        // No repository can have a name with a plus sign.
        Others::LetThrough => folder.join(format!("{name}+others")),
    }
}

/// Sets and takes away variables for an installer.
pub(super) fn apply(command: &mut Command, settings: Vec<Setting>) {
    for setting in settings {
        match setting.value {
            Some(value) => command.env(setting.name, value),
            None => command.env_remove(setting.name),
        };
    }
}

/// The installer's own exit code; another one when it succeeded although something was refused.
pub(super) fn exit_code(status: ExitStatus, refusals: &[Refusal]) -> ExitCode {
    ExitCode::from(match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) if !refusals.is_empty() => REFUSED,
        Some(code) => code,
        None => signal(status),
    })
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

/// Says what was refused, once for each reason, after the installer has said it in its own way.
pub(super) fn explain(refusals: &[Refusal]) {
    let mut told: Vec<&str> = Vec::new();
    for refusal in refusals {
        if told.contains(&refusal.message.as_str()) {
            continue;
        }
        told.push(&refusal.message);
        for line in boxed(refusal) {
            tell(line);
        }
    }
}

/// A refusal as a short box.
fn boxed(refusal: &Refusal) -> Vec<String> {
    let what = match (&refusal.file, &refusal.project) {
        (Some(file), _) => file.clone(),
        (None, Some(project)) => format!("the index page of {}", project.as_str()),
        (None, None) => "a request".to_owned(),
    };
    let bar = styled(BAD, "│");
    let mut lines =
        vec![format!("{} {}", styled(BAD, "┌ sealdex refused"), what), format!("{bar} {}", refusal.message)];
    if let Some(attack) = &refusal.attack {
        lines.push(format!("{bar} it looks like: {attack}"));
    }
    lines.push(format!("{bar} {} {}", styled(HINT, "what to do:"), refusal.hint));
    lines.push(format!(
        "{} {}",
        styled(BAD, "└"),
        styled(FAINT, "nothing of it was handed to the installer")
    ));
    lines
}

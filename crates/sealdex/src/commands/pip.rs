//! `sealdex pip`: the user's own pip, with everything it installs verified.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use sealdex_client::{ProxyOptions, Refusal, VerifyingProxy, pip_environment};
use tokio::process::Command;

use super::trusted::{Chosen, choose, hint, kind, looks_like, refused, warn_of_clock};
use crate::cli::InstallerArguments;
use crate::failure::{Failure, Kind};
use crate::output::{BAD, FAINT, HINT, styled, tell};

/// The exit code when pip succeeded although something was refused.
const REFUSED: u8 = 3;

pub(super) async fn run(arguments: InstallerArguments) -> Result<ExitCode, Failure> {
    refuse_other_proxy(&arguments.arguments)?;
    let chosen = choose(&arguments.store)?;
    let python = arguments.python.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip"]).args(&arguments.arguments);
    let outcome = run_through_proxy(&chosen, pip, &python).await?;
    explain(&outcome.refusals);
    Ok(match outcome.status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) if !outcome.refusals.is_empty() => ExitCode::from(REFUSED),
        Some(code) => ExitCode::from(code),
        // A signal ended pip; shells report 128 and the signal's number.
        None => ExitCode::from(130),
    })
}

/// pip's option `--proxy` counts more than the variables that lead pip to the verifying proxy: everything would come
/// from elsewhere, unverified, and nobody would notice. pip takes abbreviated options, so the abbreviations count too.
fn refuse_other_proxy(arguments: &[OsString]) -> Result<(), Failure> {
    let leads_away = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        let name = argument.split('=').next().unwrap_or_default();
        name.len() > "--".len() && "--proxy".starts_with(name)
    };
    match arguments.iter().find(|argument| leads_away(argument)) {
        None => Ok(()),
        Some(_) => Err(Failure::message(
            Kind::Usage,
            "pip's option --proxy would lead around the verification",
        )
        .hint("to reach the repository through a proxy, set HTTPS_PROXY or HTTP_PROXY for sealdex itself")),
    }
}

/// How an installer's run ended.
struct Outcome {
    status: ExitStatus,
    refusals: Vec<Refusal>,
}

/// Runs `pip` with a proxy of its own, pinned to one snapshot of the repository.
async fn run_through_proxy(chosen: &Chosen, mut pip: Command, python: &Path) -> Result<Outcome, Failure> {
    let proxy = start_proxy(chosen, &mut pip).await?;
    let status = pip.status().await.map_err(|error| {
        Failure::message(Kind::Failed, format!("{} could not be started: {error}", python.display()))
            .hint("name a Python that has pip with --python")
    })?;
    let refusals = proxy.refusals();
    proxy.shutdown().await;
    Ok(Outcome { status, refusals })
}

/// Starts a proxy on a free loopback port, and gives `pip` the environment that leads there and nowhere else.
pub(super) async fn start_proxy(chosen: &Chosen, pip: &mut Command) -> Result<VerifyingProxy, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = ProxyOptions::default().offline(chosen.offline);
    let proxy =
        VerifyingProxy::start(&chosen.client, &chosen.repository, address, options).await.map_err(refused)?;
    // What is wrong with the repository itself is said before pip starts.
    match proxy.session().await {
        Ok(session) => warn_of_clock(&session),
        Err(error) => {
            let looks = error.attack().map(|attack| format!("{}: ", looks_like(attack))).unwrap_or_default();
            let message = format!("{looks}{}", error.report());
            return Err(Failure::message(kind(&error), message).hint(hint(&error)));
        }
    }
    let settings = chosen.client.settings();
    let cache = settings.cache_directory.join("installers").join(chosen.repository.name().as_str());
    for setting in pip_environment(proxy.address(), &cache, settings.patience()) {
        match setting.value {
            Some(value) => pip.env(setting.name, value),
            None => pip.env_remove(setting.name),
        };
    }
    Ok(proxy)
}

/// Says what was refused, once for each reason, after pip has said it in its own way.
fn explain(refusals: &[Refusal]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_leads_pip_to_another_proxy() {
        for (arguments, refused) in [
            (&["install", "six"][..], false),
            (&["install", "--pre", "--progress-bar", "off", "--prefix=/x", "-p", "--", "six"], false),
            (&["install", "--proxy", "http://other:1", "six"], true),
            (&["--proxy=http://other:1", "install", "six"], true),
            (&["install", "--prox=", "six"], true),
            (&["--p", "http://other:1", "install", "six"], true),
        ] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(refuse_other_proxy(&arguments).is_err(), refused, "{arguments:?}");
        }
    }
}

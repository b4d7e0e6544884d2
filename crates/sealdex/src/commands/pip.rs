//! `sealdex pip`: the user's own pip, with everything it installs verified.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealdex_client::{ProxyOptions, VerifyingProxy, pip_environment};
use tokio::process::Command;

use super::installer::{self, Begun, Ended, Others};
use super::programs;
use super::report::Report;
use super::run::bound_to_this_process;
use super::trusted::{Chosen, choose};
use super::unverified::UnverifiedRun;
use super::watch::{Remember, Watch};
use crate::cli::InstallerArguments;
use crate::failure::{Failure, Kind};

pub(super) async fn run(arguments: InstallerArguments) -> Result<ExitCode, Failure> {
    let report = Report::of("pip", arguments.oversight.report.as_deref())?;
    let watch = Watch::begin(if report.is_some() { Remember::Files } else { Remember::Count });
    let python = arguments.python.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let words: Vec<OsString> = [python.clone().into_os_string(), "-m".into(), "pip".into()]
        .into_iter()
        .chain(arguments.arguments.iter().cloned())
        .collect();
    // It would go on without its proxy, and whoever takes that port could hand it anything.
    let mut pip = bound_to_this_process(&words)?;
    let begun = begin(&arguments, &watch, &python).await;
    match begun.map_err(|failure| installer::give_up(&watch, report.as_ref(), failure))? {
        Begun::Unverified(run) => {
            let status = pip.status().await.map_err(|error| not_started(&python, &error));
            let ended = status.map(|status| Ended { status, not_begun: None, refusals: Vec::new() });
            run.end(&watch, report.as_ref(), ended)
        }
        Begun::Verified(chosen) => {
            let outcome = run_through_proxy(&chosen, &watch, pip, &python).await;
            installer::conclude(&chosen, &watch, report.as_ref(), outcome)
        }
    }
}

async fn begin(arguments: &InstallerArguments, watch: &Watch, python: &Path) -> Result<Begun, Failure> {
    if !programs::can_run(python) {
        return Err(not_started(python, &io::ErrorKind::NotFound.into()));
    }
    if arguments.oversight.unsafely_disable_package_verification {
        let run = UnverifiedRun::begin(watch, Path::new("pip"), &arguments.store).await?;
        return Ok(Begun::Unverified(run));
    }
    refuse_other_proxy(&arguments.arguments)?;
    choose(&arguments.store).await.map(|chosen| Begun::Verified(Box::new(chosen)))
}

/// pip's option `--proxy` counts more than the variables that lead pip to the verifying proxy: everything would come
/// from elsewhere, unverified, and nobody would notice. pip takes abbreviated options, so the abbreviations count too.
pub(super) fn refuse_other_proxy(arguments: &[OsString]) -> Result<(), Failure> {
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

/// Runs `pip` with a proxy of its own, pinned to one snapshot of the repository.
async fn run_through_proxy(
    chosen: &Chosen,
    watch: &Watch,
    mut pip: Command,
    python: &Path,
) -> Result<Ended, Failure> {
    let proxy = start_proxy(chosen, watch, &mut pip).await?;
    let status = pip.status().await.map_err(|error| not_started(python, &error))?;
    let refusals = proxy.refusals();
    proxy.shutdown().await;
    Ok(Ended { status, not_begun: None, refusals })
}

fn not_started(python: &Path, error: &io::Error) -> Failure {
    Failure::message(Kind::Failed, format!("{} could not be started: {error}", python.display()))
        .hint("name a Python that has pip with --python")
}

/// Starts a proxy, and gives `pip` the environment that leads there and nowhere else.
pub(super) async fn start_proxy(
    chosen: &Chosen,
    watch: &Watch,
    pip: &mut Command,
) -> Result<VerifyingProxy, Failure> {
    let proxy = installer::start(chosen, ProxyOptions::default(), watch).await?;
    let patience = chosen.client.settings().patience();
    let cache = installer::cache_directory(chosen, Others::Refused);
    installer::apply(pip, pip_environment(proxy.address(), &cache, patience));
    Ok(proxy)
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

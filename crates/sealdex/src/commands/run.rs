//! `sealdex run`: any command, with everything that it installs verified.
//!
//! The command keeps its index. It runs with a proxy that answers for that index, and trusts, for this run, an authority
//! whose key is in this process alone.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use sealdex_client::{
    AllowedHost, Decision, Interposition, ProxyOptions, Refusal, RepositoryUrl, VerifyingProxy,
    run_environment,
};
use tempfile::TempDir;
use tokio::process::Command;

use super::installer::{self, Begun, Ended, Others};
use super::pip::refuse_other_proxy;
use super::poetry_settings;
use super::programs;
use super::report::Report;
use super::trust::indexes;
use super::trusted::{Chosen, choose, refused};
use super::unverified::{UnverifiedRun, forbid_unverified};
use super::uv_settings;
use super::watch::{Remember, Watch};
use crate::cli::{ChildArguments, InterpositionArguments};
use crate::failure::{Failure, Kind};
use crate::output::{BAD, plain, styled, tell};
use crate::shutdown::Signals;

/// The exit codes that shells have for commands that do not begin.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// Runs the command of these words, for `sealdex OWN`.
pub(super) async fn run(
    own: &'static str,
    arguments: &InterpositionArguments,
    words: &[OsString],
) -> Result<ExitCode, Failure> {
    let oversight = &arguments.oversight;
    let report = Report::of(own, oversight.report.as_deref())?;
    let watch = Watch::begin(if report.is_some() { Remember::Files } else { Remember::Count });
    let begun = begin(arguments, &watch, words).await;
    match begun.map_err(|failure| installer::give_up(&watch, report.as_ref(), failure))? {
        Begun::Unverified(run) => {
            let outcome = run_alone(words).await;
            run.end(&watch, report.as_ref(), outcome)
        }
        Begun::Verified(chosen) => {
            let outcome = run_through_proxy(&chosen, &watch, arguments, words).await;
            installer::conclude(&chosen, &watch, report.as_ref(), outcome)
        }
    }
}

async fn begin(
    arguments: &InterpositionArguments,
    watch: &Watch,
    words: &[OsString],
) -> Result<Begun, Failure> {
    if arguments.oversight.unsafely_disable_package_verification {
        let run = UnverifiedRun::begin(watch, program(words), &arguments.store).await?;
        return Ok(Begun::Unverified(run));
    }
    if is_pip(words) {
        refuse_other_proxy(words)?;
    }
    uv_settings::refuse_other_proxy(words)?;
    uv_settings::refuse_other_cache(words)?;
    let chosen = choose(&arguments.store).await?;
    if !arguments.allowed.is_empty() {
        forbid_unverified(&chosen.client.settings().policies, "--allow-host")?;
    }
    Ok(Begun::Verified(Box::new(chosen)))
}

async fn run_alone(words: &[OsString]) -> Result<Ended, Failure> {
    let mut command = bound_to_this_process(words)?;
    let status = supervise(&mut command, words).await?;
    Ok(Ended { status, not_begun: not_begun(status, program(words)), refusals: Vec::new() })
}

fn program(words: &[OsString]) -> &Path {
    words.first().map(Path::new).unwrap_or(Path::new(""))
}

async fn run_through_proxy(
    chosen: &Chosen,
    watch: &Watch,
    arguments: &InterpositionArguments,
    words: &[OsString],
) -> Result<Ended, Failure> {
    let mut stands_for = chosen.repositories.indexes();
    stands_for.extend(indexes(&arguments.indexes)?);
    let allowed: Vec<AllowedHost> =
        arguments.allowed.iter().map(|host| host.parse().map_err(refused)).collect::<Result<_, _>>()?;
    for repository in chosen.repositories.as_slice() {
        let indexes: Vec<_> = repository.indexes().iter().map(ToString::to_string).collect();
        tracing::info!("{} answers for {}", repository.name(), indexes.join(", "));
    }
    if !arguments.indexes.is_empty() {
        let rest = chosen.repositories.rest().map_or("nobody", |rest| rest.name().as_str());
        tracing::info!("{rest} answers for {}, named with --for", arguments.indexes.join(", "));
    }
    let mut command = bound_to_this_process(words)?;
    let running = start(chosen, watch, stands_for, allowed, &mut command).await?;
    let status = supervise(&mut command, words).await?;
    let misplaced = if status.success() { Vec::new() } else { running.proxy.misplaced() };
    misplaced.iter().for_each(|refusal| watch.hear(&Decision::refused(refusal)));
    let mut refusals = running.stop().await;
    refusals.extend(misplaced);
    let not_begun = not_begun(status, program(words));
    Ok(Ended { status, not_begun, refusals })
}

/// Why the command did not begin, if it did not: it is run by a child, which has said so itself, and whose exit code is
/// that of a command that does not begin.
fn not_begun(status: ExitStatus, program: &Path) -> Option<String> {
    let ended_so = matches!(status.code(), Some(NOT_FOUND | NOT_EXECUTABLE));
    (ended_so && !programs::can_run(program)).then(|| format!("{} could not be started", program.display()))
}

/// What a run needs until its end.
pub(super) struct Running {
    proxy: VerifyingProxy,
    certificates: TempDir,
}

impl Running {
    /// Ends it, and says what was refused.
    pub(super) async fn stop(self) -> Vec<Refusal> {
        let refusals = self.proxy.refusals();
        self.proxy.shutdown().await;
        // Removed before the last word, whatever becomes of that.
        drop(self.certificates);
        refusals
    }
}

/// Starts the proxy, and gives `command` the environment that leads there.
pub(super) async fn start(
    chosen: &Chosen,
    watch: &Watch,
    stands_for: Vec<RepositoryUrl>,
    allowed: Vec<AllowedHost>,
    command: &mut Command,
) -> Result<Running, Failure> {
    let others = if allowed.is_empty() { Others::Refused } else { Others::LetThrough };
    let interposition = Interposition::new(chosen.client.now(), stands_for, allowed).map_err(refused)?;

    let certificates = tempfile::Builder::new().prefix("sealdex-run-").tempdir()?;
    let file = certificates.path().join("authority.pem");
    std::fs::write(&file, interposition.certificates_pem())?;

    let proxy = installer::start(chosen, ProxyOptions::default().interpose(interposition), watch).await?;
    let patience = chosen.client.settings().patience();
    let caches = installer::cache_directory(chosen, others);
    installer::apply(command, run_environment(&proxy.proxy_url(), &file, &caches, patience));
    if let Some(folder) = poetry_settings::environments() {
        command.env(poetry_settings::VARIABLE, folder);
    }
    Ok(Running { proxy, certificates })
}

/// Runs the command to its end; signals meanwhile are for it.
async fn supervise(command: &mut Command, words: &[OsString]) -> Result<ExitStatus, Failure> {
    let mut signals = Signals::new()?;
    // From the main thread, which lives as long as the process: the kernel tells a child of that thread's death.
    let mut child = command.kill_on_drop(true).spawn().map_err(|error| {
        let program = words.first().map(PathBuf::from).unwrap_or_default();
        Failure::message(Kind::Failed, format!("{} could not be started: {error}", program.display()))
    })?;
    let process = child.id();
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            () = signals.forward_next(process) => {}
        }
    }
}

/// The command, as a child that does not outlive this process, not even when that is killed: without its proxy it could do
/// no harm, but nothing of use either. On systems that cannot tell a child of its parent's death, it is left to see that.
pub(super) fn bound_to_this_process(words: &[OsString]) -> Result<Command, Failure> {
    let (program, arguments) = words.split_first().ok_or_else(no_command)?;
    if cfg!(target_os = "linux")
        && let Ok(own) = std::env::current_exe()
    {
        let mut command = Command::new(own);
        command.arg("run-child").arg(std::process::id().to_string()).arg("--").args(words);
        return Ok(command);
    }
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn no_command() -> Failure {
    Failure::message(Kind::Usage, "no command is given")
}

/// `sealdex run-child`: becomes the command, after it has asked to be killed with its parent.
pub(crate) fn child(arguments: &ChildArguments) -> Result<ExitCode, Failure> {
    let (program, rest) = arguments.command.split_first().ok_or_else(no_command)?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let parent = getppid().map(|parent| parent.as_raw_nonzero().get().unsigned_abs());
        if parent != Some(arguments.parent) {
            // It has died before it could be asked for.
            return Ok(ExitCode::FAILURE);
        }
    }
    let mut command = std::process::Command::new(program);
    command.args(rest);
    Ok(become_command(command, program))
}

/// Comes back only when it has failed, with the exit code that shells have for that.
#[cfg(unix)]
fn become_command(mut command: std::process::Command, program: &OsStr) -> ExitCode {
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    let program = plain(&program.to_string_lossy());
    tell(format!("{} {program} could not be started: {error}", styled(BAD, "error:")));
    let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

#[cfg(not(unix))]
fn become_command(mut command: std::process::Command, _program: &OsStr) -> ExitCode {
    let code = command.status().ok().and_then(|status| status.code());
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Whether the command is pip, whose option `--proxy` counts more than any variable.
fn is_pip(words: &[OsString]) -> bool {
    let name = words.first().and_then(|program| Path::new(program).file_stem()).unwrap_or_default();
    let name = name.to_string_lossy();
    let is_pip = name
        .strip_prefix("pip")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    is_pip || words.windows(2).any(|pair| pair[0] == "-m" && pair[1] == "pip")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pip_is_known_by_its_names() {
        for (words, expected) in [
            (&["pip", "install"][..], true),
            (&["/venv/bin/pip3.11", "install"], true),
            (&["python", "-I", "-m", "pip"], true),
            (&["pipenv", "install"], false),
            (&["uv", "pip", "install"], false),
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(is_pip(&words), expected, "{words:?}");
        }
    }
}

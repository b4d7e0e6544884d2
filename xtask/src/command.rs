//! Runs commands and says plainly what went wrong.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// What cargo, pip and git write when a host cannot be reached.
const SIGNS_OF_NO_NETWORK: [&str; 16] = [
    "Could not resolve host",
    "Couldn't resolve host",
    "Temporary failure in name resolution",
    "failed to lookup address",
    "Name or service not known",
    "Network is unreachable",
    "Connection refused",
    "Connection timed out",
    "Could not connect",
    "Couldn't connect",
    "Failed to connect",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ProxyError",
    "(from versions: none)",
    "spurious network error",
];

/// Shows the command and runs it; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("\n$ {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if status.success() { Ok(()) } else { bail!("`{shown}` failed ({status})") }
}

/// How an installation failed.
pub(crate) enum InstallError {
    /// The registry could not be reached.
    Unreachable,
    /// Anything else; the tool's own message has been shown.
    Other(String),
}

/// Runs a command that downloads something. Its standard error is shown as it comes and searched for signs that
/// there is no network.
pub(crate) fn install(command: &mut Command) -> Result<Result<(), InstallError>> {
    let shown = show(command);
    let mut child =
        command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let mut unreachable = false;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            eprintln!("    {line}");
            unreachable |= says_no_network(&line);
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{shown}`"))?;
    Ok(match status.success() {
        true => Ok(()),
        false if unreachable => Err(InstallError::Unreachable),
        false => Err(InstallError::Other(format!("`{shown}` failed ({status})"))),
    })
}

/// Whether a tool's message says that a host could not be reached.
pub(crate) fn says_no_network(message: &str) -> bool {
    SIGNS_OF_NO_NETWORK.iter().any(|sign| message.contains(sign))
}

/// The command as a shell would be given it, without its environment.
pub(crate) fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

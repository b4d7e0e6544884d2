//! Which policies are in force: the administrator's, the user's own, and those that are named.
//!
//! All of them together: none can allow what another forbids. So it does no harm that a user chooses some of the files,
//! and there is no way to choose the administrator's.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sealdex_client::{ClientSettings, Policies, Policy};

use crate::cli::PolicyArguments;
use crate::commands::refused;
use crate::environment;
use crate::failure::{Failure, Kind};

/// The administrator's policy. Not from a variable: its user could change that.
pub(crate) const SYSTEM: &str = if cfg!(windows) {
    r"C:\ProgramData\sealdex\policy.toml"
} else if cfg!(target_os = "macos") {
    "/Library/Application Support/sealdex/policy.toml"
} else {
    "/etc/sealdex/policy.toml"
};

/// Reads all policies. One that is there and cannot be read is an error: nobody knows what it forbids.
pub(crate) fn load(arguments: &PolicyArguments) -> Result<Policies, Failure> {
    let mut policies = Vec::new();
    policies.extend(read_if_there(Path::new(SYSTEM))?);
    // Without a home there is no policy of the user's either.
    if let Ok(own) = ClientSettings::default_policy_file() {
        policies.extend(read_if_there(&own)?);
    }
    let variable = env::var_os(environment::POLICY).unwrap_or_default().into_string();
    let variable = variable
        .map_err(|_| Failure::message(Kind::Usage, format!("{} is not valid UTF-8", environment::POLICY)))?;
    let from_variable = variable.split(',').filter(|path| !path.is_empty()).map(Path::new);
    for named in from_variable.chain(arguments.policies.iter().map(PathBuf::as_path)) {
        policies.push(read(named)?);
    }
    Ok(Policies::new(policies))
}

fn read_if_there(path: &Path) -> Result<Option<Policy>, Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(path).map(Some),
    }
}

fn read(path: &Path) -> Result<Policy, Failure> {
    let text = read_bounded(path).map_err(|error| {
        let message = format!("the policy {} cannot be read: {error}", path.display());
        Failure::message(Kind::Failed, message).hint("nobody knows what it forbids; mend it, or take it away")
    })?;
    Policy::parse(&path.display().to_string(), &text).map_err(refused)
}

fn read_bounded(path: &Path) -> io::Result<String> {
    // What is no file may never end, or never begin.
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if found.len() > Policy::MAX_BYTES {
        return Err(io::Error::other(format!("it has more than {} bytes", Policy::MAX_BYTES)));
    }
    fs::read_to_string(path)
}

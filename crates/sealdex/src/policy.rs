//! Which policies are in force: the administrator's, the user's own, those that are named, and what they include.
//!
//! All of them together: none can allow what another forbids. So it does no harm that a user chooses some of them, and
//! there is no way to choose the administrator's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sealdex_client::{ClientSettings, Policy, PolicyTarget};

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

/// Policies in force, as far as this machine's files say.
#[derive(Default)]
pub(crate) struct Found {
    /// Those of files.
    pub(crate) policies: Vec<Policy>,
    /// Those that repositories sign, and that are to be got from there.
    pub(crate) signed: Vec<PolicyTarget>,
}

/// Reads all policies. One that is there and cannot be read is an error: nobody knows what it forbids.
pub(crate) fn find(arguments: &PolicyArguments) -> Result<Found, Failure> {
    let mut found = Found::default();
    found.add_if_there(Path::new(SYSTEM))?;
    // Without a home there is no policy of the user's either.
    if let Ok(own) = ClientSettings::default_policy_file() {
        found.add_if_there(&own)?;
    }
    let variable = environment::value(environment::POLICY).unwrap_or_default().into_string();
    let variable = variable
        .map_err(|_| Failure::message(Kind::Usage, format!("{} is not valid UTF-8", environment::POLICY)))?;
    let from_variable = variable.split(',').filter(|path| !path.is_empty()).map(Path::new);
    for named in from_variable.chain(arguments.policies.iter().map(PathBuf::as_path)) {
        match named.to_str().and_then(PolicyTarget::parse) {
            Some(signed) => found.signed.push(signed),
            None => found.add(named)?,
        }
    }
    Ok(found)
}

impl Found {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.signed.is_empty()
    }

    fn add_if_there(&mut self, path: &Path) -> Result<(), Failure> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            _ => self.add(path),
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let text = read_bounded(path).map_err(|error| {
            let message = format!("the policy {} cannot be read: {error}", path.display());
            Failure::message(Kind::Failed, message)
                .hint("nobody knows what it forbids; mend it, or take it away")
        })?;
        let policy = Policy::parse(&path.display().to_string(), &text).map_err(refused)?;
        self.signed.extend_from_slice(policy.includes());
        self.policies.push(policy);
        Ok(())
    }
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

//! `--report FILE`: what a run came to, as JSON for CI. The schema is in docs/report.md.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sealdex_client::{Policies, Refusal, RepositoryName, RuleInForce, TrustedRepository, file_to_write};
use sealdex_simple::ProjectName;
use serde::Serialize;

use super::refused::Since;
use super::watch::{Excluded, RepositoryFile, Watch};
use crate::failure::{Failure, Kind};

/// Counts up with every change that a reader could stumble over.
const VERSION: u32 = 1;

/// Where a report is to be written.
pub(super) struct Report {
    /// As it was named.
    path: PathBuf,
    to: Destination,
    command: &'static str,
}

enum Destination {
    /// A file, there or not: replaced in one step.
    File(PathBuf),
    /// A device or a pipe that was named as such: written to.
    Stream,
}

/// What a run came to.
pub(super) struct Outcome<'a> {
    pub(super) exit_code: u8,
    /// Whether all that it handed out, if anything, was verified.
    pub(super) verified: bool,
    /// Why it was over before the installer could run to its end.
    pub(super) error: Option<String>,
    /// None in a run without verification.
    pub(super) repositories: &'a [TrustedRepository],
    pub(super) policies: &'a Policies,
    pub(super) refusals: &'a [Refusal],
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    sealdex: &'static str,
    command: &'static str,
    begun: Timestamp,
    ended: Timestamp,
    exit_code: u8,
    verified: bool,
    error: Option<&'a str>,
    repositories: Vec<Repository<'a>>,
    files: &'a [RepositoryFile],
    refusals: Vec<Refused<'a>>,
    left_out: &'a [Excluded],
    policy: Vec<RuleInForce>,
    truncated: bool,
}

#[derive(Serialize)]
struct Repository<'a> {
    name: &'a str,
    url: String,
}

#[derive(Serialize)]
struct Refused<'a> {
    when: Timestamp,
    repository: Option<&'a RepositoryName>,
    project: Option<&'a ProjectName>,
    file: Option<&'a str>,
    attack: Option<String>,
    rule: Option<&'a str>,
    message: &'a str,
    hint: &'a str,
    refused_since: Option<Timestamp>,
    last_good: Option<Timestamp>,
}

impl Report {
    /// A report of this command. Whether it can be written is looked at before anything is installed; an earlier report in
    /// its place goes away, so that nobody takes it for that of a run which did not come so far.
    pub(super) fn of(command: &'static str, path: Option<&Path>) -> Result<Option<Self>, Failure> {
        let Some(path) = path else { return Ok(None) };
        let unusable = |reason: &str| {
            let message = format!("no report can be written to {}{reason}", path.display());
            Failure::message(Kind::Usage, message).hint("name a file in a folder that is there")
        };
        let to = Destination::of(path).map_err(|error| unusable(&format!(": {error}")))?;
        if let Destination::File(file) = &to {
            if !folder(file).is_dir() {
                return Err(unusable(""));
            }
            if file.is_file() {
                fs::remove_file(file).map_err(|error| {
                    let message = format!("the earlier report {} cannot be removed: {error}", path.display());
                    Failure::message(Kind::Failed, message)
                })?;
            }
        }
        Ok(Some(Self { path: path.to_owned(), to, command }))
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self, watch: &Watch, outcome: &Outcome<'_>) -> Result<(), Failure> {
        let document = self.document(watch, outcome)?;
        let written = match &self.to {
            Destination::File(file) => write_whole(file, &document),
            Destination::Stream => File::options()
                .append(true)
                .open(&self.path)
                .and_then(|mut stream| stream.write_all(&document)),
        };
        written.map_err(|error| {
            let message = format!("the report {} could not be written: {error}", self.path.display());
            Failure::message(Kind::Failed, message)
        })
    }

    fn document(&self, watch: &Watch, outcome: &Outcome<'_>) -> Result<Vec<u8>, Failure> {
        let seen = watch.seen();
        let since = Since::new(watch, !outcome.refusals.is_empty());
        let refused = |refusal| {
            let history = since.history(refusal);
            let Refusal { when, repository, project, file, attack, rule, message, hint, .. } = refusal;
            Refused {
                when: *when,
                repository: repository.as_ref(),
                project: project.as_ref(),
                file: file.as_deref(),
                attack: attack.map(|attack| attack.to_string()),
                rule: rule.as_deref(),
                message,
                hint,
                refused_since: history.refused_since,
                last_good: history.last_good,
            }
        };
        let document = Document {
            version: VERSION,
            sealdex: env!("CARGO_PKG_VERSION"),
            command: self.command,
            begun: watch.begun(),
            ended: Timestamp::now(),
            exit_code: outcome.exit_code,
            verified: outcome.verified,
            error: outcome.error.as_deref(),
            repositories: outcome
                .repositories
                .iter()
                .map(|own| Repository { name: own.name().as_str(), url: own.record().url.to_string() })
                .collect(),
            files: &seen.files,
            refusals: outcome.refusals.iter().map(refused).collect(),
            left_out: &seen.left_out,
            policy: outcome.policies.rules(),
            truncated: seen.truncated,
        };
        let mut text = serde_json::to_vec_pretty(&document)?;
        text.push(b'\n');
        Ok(text)
    }
}

impl Destination {
    fn of(path: &Path) -> io::Result<Self> {
        // /dev/stdout is a link as well. One elsewhere leads to a file, and never to a device.
        let folder = path.parent().unwrap_or(Path::new(""));
        let is_systems = ["/dev", "/dev/fd", "/proc/self/fd"].iter().any(|own| folder == Path::new(own));
        let is_stream = |found: &fs::Metadata| match found.is_symlink() {
            true => is_systems,
            false => !found.is_file() && !found.is_dir(),
        };
        match fs::symlink_metadata(path) {
            Ok(found) if is_stream(&found) => Ok(Self::Stream),
            _ => file_to_write(path).map(Self::File),
        }
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".sealdex-report-").tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    // Private until it has its name; then as any file that a command is told to write.
    #[cfg(unix)]
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

//! `sealdex status`: each role, its version, expiry, signatures and keys; what is pending, who publishes, what is away.

use std::process::ExitCode;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sealdex_repository::{
    BinsStatus, Counts, ImportState, KeyStatus, Part, Publishing, RepositoryDirectory, RoleStatus, Status,
    TrustedKeys, UnfinishedImport, WriterStatus,
};
use serde::Serialize;

use super::publish::{database_named, not_opened};
use crate::cli::{Format, StatusArguments};
use crate::failure::{AWAY, Failure};
use crate::output::{BAD, FAINT, GOOD, WARNING, result, say, styled, table};

/// From this near on, an expiry is shown as a warning.
const SOON: SignedDuration = SignedDuration::from_hours(4);

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    status: Status,
    /// Counted if that was asked for, and can be done.
    #[serde(flatten)]
    counts: Option<Counts>,
}

pub(super) async fn run(arguments: StatusArguments, format: Format) -> Result<ExitCode, Failure> {
    let directory = RepositoryDirectory::new(arguments.repository.repository);
    let clock = Arc::new(Timestamp::now);
    let (status, repository) = Status::of(directory, clock, database_named()?).await.map_err(not_opened)?;
    let repository = repository.filter(|_| arguments.count && status.away(Part::Database).is_none());
    let counts = match repository {
        Some(repository) => Some(repository.counts().await?),
        None => None,
    };
    let report = Report { status, counts };
    result(format, &report, || tell_people(&report, Timestamp::now()))?;
    Ok(if report.status.away.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(AWAY) })
}

fn tell_people(report: &Report, now: Timestamp) {
    let status = &report.status;
    if status.development == Some(true) {
        say(styled(WARNING, "DEVELOPMENT KEYS: this repository protects nobody"));
    }
    for away in &status.away {
        let what = match away.part {
            Part::Database => "the database",
            Part::Public => "what is public",
        };
        say(format!("{} {what}, {}: {}", styled(BAD, "away:"), away.place, away.reason));
    }
    let number = |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let counts = report.counts.map(|counts| {
        let (projects, files) = (number(counts.projects, "project"), number(counts.files, "file"));
        format!("{projects}, {files}, {}", number(counts.targets, "target"))
    });
    let layout = status.layout.as_ref().map(|layout| format!("layout {layout}"));
    let what: Vec<String> = counts.into_iter().chain(layout).collect();
    if !what.is_empty() {
        say(what.join(", "));
    }
    if let Some(layout) = &status.waiting_layout {
        say(styled(WARNING, format!("a change of the layout waits to be published: {layout}")));
    }
    if let Some(import) = &status.import {
        say(self::import(import, now));
    }
    if let Some(fingerprint) = &status.root_fingerprint {
        say(format!("root fingerprint {fingerprint}"));
    }
    say(format!("database {}", status.database));
    say(publishing(status, now));
    if status.roles.is_empty() {
        return;
    }
    say("");
    let roles = status.roles.iter().map(|role| role_line(role, now));
    let bins = status.bins.iter().map(|bins| bins_line(bins, now));
    say(table(["role", "version", "expires", "signatures", "keys"], roles.chain(bins)));
}

/// What is pending, and what becomes of it.
fn publishing(status: &Status, now: Timestamp) -> String {
    let pending = match status.pending_transactions {
        None => "what is pending is not known".to_owned(),
        Some(0) => "nothing pending".to_owned(),
        Some(pending) => {
            let since = status.pending_since.map(|since| {
                let waited = now.duration_since(since).max(SignedDuration::ZERO);
                format!(", the oldest for {}", duration(waited))
            });
            styled(WARNING, format!("{pending} transactions pending{}", since.unwrap_or_default()))
        }
    };
    let writer = match (&status.writer, status.publishing) {
        (_, Publishing::Paused) if !status.away.is_empty() => styled(
            WARNING,
            "publishing pauses until everything is back, and goes on by itself; nothing is lost",
        ),
        (Some(writer), Publishing::Paused) => {
            let why = "is to publish and does not: its log and /healthz say why";
            format!("{} {}", named(writer), styled(WARNING, why))
        }
        (Some(writer), _) => {
            let since = writer.since.map(|since| format!(" since {since:.0}"));
            format!("{} publishes{}", named(writer), since.unwrap_or_default())
        }
        // A server that runs tries to become the writer again and again, and cannot: there is none between its attempts.
        (None, _) if !status.away.is_empty() => styled(
            WARNING,
            "no process publishes just now, and none can until everything is back; a server that runs begins by itself",
        ),
        (None, _) => "no process publishes (start one: sealdex serve)".to_owned(),
    };
    format!("{pending}; {writer}")
}

fn import(import: &UnfinishedImport, now: Timestamp) -> String {
    // What they are of; the rest of a name tells imports apart.
    let kinds = import.names.iter().map(|name| match name.split_once(':') {
        Some((kind, _)) => format!("a {kind}"),
        None => name.clone(),
    });
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let named = if kinds.is_empty() { "an import".to_owned() } else { format!("an import of {kinds}") };
    let last = import.last_entered.map(|last| {
        let ago = now.duration_since(last).max(SignedDuration::ZERO);
        format!(", the last files entered {} ago", duration(ago))
    });
    let last = last.unwrap_or_default();
    match import.state {
        ImportState::Running => format!("{named} is running{last}"),
        ImportState::Complete => format!("{named} is complete, and waits to be published"),
        ImportState::Interrupted => styled(
            WARNING,
            format!(
                "{named} is not finished{last}: nothing of it is public; run the same command again to go on, or \
                 give it up: sealdex import --abandon"
            ),
        ),
        ImportState::Abandoned => styled(
            WARNING,
            "an import was given up, and not all of it is dropped; go on: sealdex import --abandon",
        ),
    }
}

fn named(writer: &WriterStatus) -> String {
    let mut text = match writer.process_id {
        Some(id) => format!("process {id}"),
        None => "a process".to_owned(),
    };
    text.extend(writer.host.iter().map(|host| format!(" on {host}")));
    text
}

fn role_line(role: &RoleStatus, now: Timestamp) -> [String; 5] {
    let (signed, keys) = match &role.signatures {
        None => ("unknown".to_owned(), String::new()),
        Some(signatures) => {
            let TrustedKeys { threshold, keys } = &signatures.trusted;
            let signed = format!("{}, needs {threshold}", signatures.signed_by.len());
            let complete = signatures.signed_by.len() as u64 >= *threshold;
            (if complete { styled(GOOD, signed) } else { styled(BAD, signed) }, self::keys(keys))
        }
    };
    [role.name.clone(), role.version.to_string(), expiry(role.expires, now), signed, keys]
}

fn bins_line(bins: &BinsStatus, now: Timestamp) -> [String; 5] {
    let name = format!("{}-* ({} {} bins)", bins.name_prefix, bins.count, bins.style);
    let version = format!("<= {}", bins.highest_version);
    let (needs, keys) = match &bins.trusted {
        None => ("unknown".to_owned(), String::new()),
        Some(trusted) => (format!("needs {}", trusted.threshold), keys(&trusted.keys)),
    };
    [name, version, expiry(bins.earliest_expiry, now), needs, keys]
}

fn expiry(expires: Timestamp, now: Timestamp) -> String {
    let left = expires.duration_since(now);
    match left {
        left if left.is_negative() => styled(BAD, format!("EXPIRED {} h ago", -left.as_hours())),
        left if left < SOON => styled(WARNING, format!("in {}", duration(left))),
        _ => format!("in {}", duration(left)),
    }
}

/// `3 days`, `5 h 12 min`, `40 s`
fn duration(duration: SignedDuration) -> String {
    match duration.as_hours() {
        0 if duration.as_mins() < 2 => format!("{} s", duration.as_secs()),
        hours if hours < 48 => format!("{hours} h {} min", duration.as_mins() % 60),
        hours => format!("{} days", hours / 24),
    }
}

fn keys(keys: &[KeyStatus]) -> String {
    let short =
        |key: &KeyStatus| format!("{} {}", key.scheme, styled(FAINT, key.id.get(..8).unwrap_or(&key.id)));
    keys.iter().map(short).collect::<Vec<_>>().join(", ")
}

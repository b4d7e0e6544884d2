//! `sealdex status`: each role, its version, expiry, signatures and keys.

use jiff::{SignedDuration, Timestamp};
use sealdex_repository::{KeyStatus, Status};

use super::publish::open;
use crate::cli::{Format, RepositoryArguments};
use crate::failure::Failure;
use crate::output::{BAD, FAINT, GOOD, WARNING, result, say, styled, table};

/// From this near on, an expiry is shown as a warning.
const SOON: SignedDuration = SignedDuration::from_hours(4);

pub(super) async fn run(arguments: RepositoryArguments, format: Format) -> Result<(), Failure> {
    let repository = open(&arguments.repository).await?;
    let status = repository.status().await?;
    result(format, &status, || tell_people(&status, Timestamp::now()))?;
    Ok(())
}

fn tell_people(status: &Status, now: Timestamp) {
    if status.development {
        say(styled(WARNING, "DEVELOPMENT KEYS: this repository protects nobody"));
    }
    let number = |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let (projects, files) = (number(status.projects, "project"), number(status.files, "file"));
    say(format!("{projects}, {files}, {}, layout {}", number(status.targets, "target"), status.layout));
    if let Some(layout) = &status.waiting_layout {
        say(styled(WARNING, format!("a change of the layout waits to be published: {layout}")));
    }
    say(format!("root fingerprint {}", status.root_fingerprint));
    say(format!("database {}", status.database));
    let pending = match status.pending_transactions {
        0 => "nothing pending".to_owned(),
        pending => styled(WARNING, format!("{pending} transactions pending")),
    };
    let writer = match &status.writer {
        None => "no process publishes (start one: sealdex serve)".to_owned(),
        Some(writer) => {
            let mut text = match writer.process_id {
                Some(id) => format!("process {id}"),
                None => "a process".to_owned(),
            };
            text.extend(writer.host.iter().map(|host| format!(" on {host}")));
            text.push_str(" publishes");
            text.extend(writer.since.iter().map(|since| format!(" since {since:.0}")));
            text
        }
    };
    say(format!("{pending}; {writer}"));
    say("");
    let roles = status.roles.iter().map(|role| {
        let signed = format!("{}, needs {}", role.signed_by.len(), role.threshold);
        let complete = role.signed_by.len() as u64 >= role.threshold;
        let signed = if complete { styled(GOOD, signed) } else { styled(BAD, signed) };
        [role.name.clone(), role.version.to_string(), expiry(role.expires, now), signed, keys(&role.keys)]
    });
    let bins = status.bins.iter().map(|bins| {
        let name = format!("{}-* ({} {} bins)", bins.name_prefix, bins.count, bins.style);
        let version = format!("<= {}", bins.highest_version);
        [
            name,
            version,
            expiry(bins.earliest_expiry, now),
            format!("needs {}", bins.threshold),
            keys(&bins.keys),
        ]
    });
    say(table(["role", "version", "expires", "signatures", "keys"], roles.chain(bins)));
}

fn expiry(expires: Timestamp, now: Timestamp) -> String {
    let left = expires.duration_since(now);
    let text = match left.as_hours() {
        hours if left.is_negative() => format!("{} h ago", -hours),
        hours if hours < 48 => format!("in {} h {} min", hours, left.as_mins() % 60),
        hours => format!("in {} days", hours / 24),
    };
    match left {
        left if left.is_negative() => styled(BAD, format!("EXPIRED {text}")),
        left if left < SOON => styled(WARNING, text),
        _ => text,
    }
}

fn keys(keys: &[KeyStatus]) -> String {
    let short =
        |key: &KeyStatus| format!("{} {}", key.scheme, styled(FAINT, key.id.get(..8).unwrap_or(&key.id)));
    keys.iter().map(short).collect::<Vec<_>>().join(", ")
}

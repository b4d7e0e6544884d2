//! `sealdex verify`: everything that is served, as a client would find it.

use std::sync::OnceLock;
use std::time::Duration;

use indicatif::ProgressBar;
use sealdex_repository::{Repository, Verification};

use super::publish::open;
use crate::cli::{Format, RepositoryArguments};
use crate::failure::{Failure, Kind};
use crate::output::{BAD, GOOD, bytes, count, progress, result, say, styled, tell};

pub(super) async fn run(arguments: RepositoryArguments, format: Format) -> Result<(), Failure> {
    let repository = open(&arguments.repository).await?;
    let found = verify(&repository).await?;
    result(format, &found, || tell_people(&found))?;
    if found.fault_count > 0 { Err(failure(&found)) } else { Ok(()) }
}

/// Verifies with a progress bar.
pub(super) async fn verify(repository: &Repository) -> Result<Verification, Failure> {
    let bar = progress("verifying", 0);
    bar.enable_steady_tick(Duration::from_millis(200));
    let (shown, known): (ProgressBar, OnceLock<()>) = (bar.clone(), OnceLock::new());
    let found = repository
        .verify(move |done, total| {
            known.get_or_init(|| shown.set_length(total));
            shown.set_position(done);
        })
        .await;
    bar.finish_and_clear();
    Ok(found?)
}

pub(super) fn tell_people(found: &Verification) {
    for fault in &found.faults {
        tell(format!("{} {fault}", styled(BAD, "fault")));
    }
    if found.fault_count == 0 {
        let elsewhere = match found.files_elsewhere {
            0 => String::new(),
            files => format!(" ({files} kept elsewhere)"),
        };
        say(format!(
            "{} {}, {}, {}{elsewhere}; {} read",
            styled(GOOD, "verified"),
            count(found.roles, "role", "roles"),
            count(found.pages, "page", "pages"),
            count(found.files, "file", "files"),
            bytes(found.bytes)
        ));
    }
}

pub(super) fn failure(found: &Verification) -> Failure {
    Failure::message(Kind::Refused, format!("{} found", count(found.fault_count, "fault was", "faults were")))
        .hint("clients refuse what is damaged; restore these files, or publish them again")
}

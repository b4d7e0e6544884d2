//! `sealdex collect`: remove what no client can want any more.

use std::time::Duration;

use sealdex_repository::{Collected, Sweep};
use serde::Serialize;

use super::publish::open;
use crate::cli::{CollectArguments, Format};
use crate::failure::Failure;
use crate::output::{GOOD, bytes, count, result, say, spinner, styled};

#[derive(Serialize)]
struct Summary {
    dry_run: bool,
    #[serde(flatten)]
    collected: Collected,
}

pub(super) async fn run(arguments: CollectArguments, format: Format) -> Result<(), Failure> {
    let repository = open(&arguments.repository.repository).await?;
    let sweep = if arguments.dry_run { Sweep::Count } else { Sweep::Remove };
    let grace = Duration::from_secs(u64::from(arguments.grace_hours) * 3600);
    let spinner = spinner("looking at files");
    let shown = spinner.clone();
    let progress = move |examined: u64| {
        if examined.is_multiple_of(1000) {
            shown.set_message(format!("{examined} files looked at"));
        }
    };
    let collected = repository.collect(grace, sweep, progress).await;
    spinner.finish_and_clear();
    let summary = Summary { dry_run: arguments.dry_run, collected: collected? };
    result(format, &summary, || tell_people(&summary))?;
    Ok(())
}

fn tell_people(summary: &Summary) {
    let Collected { metadata_files, pages, files, bytes: freed, examined } = summary.collected;
    let verb = if summary.dry_run { "would remove" } else { "removed" };
    say(format!(
        "{} {}, {}, {}: {} of {} looked at",
        styled(GOOD, verb),
        count(metadata_files, "metadata file", "metadata files"),
        count(pages, "page", "pages"),
        count(files, "file", "files"),
        bytes(freed),
        count(examined, "file", "files")
    ));
}

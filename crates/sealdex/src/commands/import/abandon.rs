//! `sealdex import --abandon`: an unfinished import is given up for good.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::running;
use crate::cli::Format;
use crate::commands::publish::open;
use crate::failure::{Failure, Kind};
use crate::output::{FAINT, GOOD, count, result, say, spinner, styled};

/// How long to wait until uploads are published to projects that the import is about too.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often to look whether they are.
const POLL: Duration = Duration::from_millis(100);

pub(super) async fn run(directory: &Path, format: Format) -> Result<(), Failure> {
    let repository = open(directory).await?;
    let Some(lock) = repository.begin_import().await? else { return Err(running()) };
    let wait = spinner("dropping what was imported");
    let began = Instant::now();
    let dropped = loop {
        let shown = wait.clone();
        let told = move |files| shown.set_message(format!("{files} files dropped"));
        let Some(abandoned) = repository.abandon_import(&lock, told).await? else { break None };
        let Some(project) = abandoned.waits_for else { break Some(abandoned.files) };
        if repository.writer().await?.is_none() || began.elapsed() > PATIENCE {
            wait.finish_and_clear();
            let message = format!(
                "{} dropped; an upload to {project} is to be published before the rest of its files can be",
                files(abandoned.files)
            );
            return Err(Failure::message(Kind::Failed, message)
                .hint("run the same command again once it is: sealdex serve publishes"));
        }
        tokio::time::sleep(POLL).await;
    };
    wait.finish_and_clear();
    result(
        format,
        &json!({"abandoned": dropped.is_some(), "files": dropped.unwrap_or(0)}),
        || match dropped {
            None => say("no import is unfinished"),
            Some(dropped) => {
                say(format!("{} the import: {} dropped", styled(GOOD, "abandoned"), files(dropped)));
                if dropped > 0 {
                    say(styled(FAINT, "sealdex collect removes copies that were made of them"));
                }
            }
        },
    )?;
    Ok(())
}

fn files(number: u64) -> String {
    count(number, "file", "files")
}

//! `sealdex import`: a whole index at once, published as one snapshot.
//!
//! A source reads and checks batches on a thread of its own, while the batch before is written into the repository's log.
//! With each batch the place is kept from where the source is to go on after a crash.

mod abandon;
mod batch;
mod directory;
mod manifest;
mod mirror;

use std::path::Path;
use std::time::{Duration, Instant};

use sealdex_repository::layout::Content;
use sealdex_repository::{Actor, ImportOutcome, Verification};
use serde::Serialize;
use tokio::sync::mpsc;

use super::publish::Publisher;
use crate::cli::{Format, ImportArguments};
use crate::failure::{Failure, Kind};
use crate::output::{
    BAD, FAINT, GOOD, count, progress_of_bytes, result, say, seconds, spinner, styled, tell,
};

use batch::{Batch, Feed, Place, Refused};
use directory::Directory;
use manifest::Manifest;
use mirror::Mirror;

/// Batches read ahead.
const READ_AHEAD: usize = 2;

/// Refusals that are told one by one; the others are counted.
const MAX_TOLD: usize = 1000;

/// How long to wait for another process that publishes: it may have millions of files to go through.
const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Serialize)]
struct Summary {
    added: u64,
    unchanged: u64,
    refused: u64,
    /// The first thousand of them.
    refusals: Vec<Refused>,
    /// Whether an import that was interrupted was gone on with.
    resumed: bool,
    snapshot: Option<u64>,
    /// Reading, checking and entering the files; making pages and signing; verifying; all of it.
    import_seconds: f64,
    publish_seconds: f64,
    verify_seconds: f64,
    seconds: f64,
    verification: Option<Verification>,
}

pub(super) async fn run(arguments: ImportArguments, format: Format) -> Result<(), Failure> {
    let Some(source) = &arguments.source else {
        return abandon::run(&arguments.repository.repository, format).await;
    };
    let began = Instant::now();
    let mut publisher = Publisher::open(&arguments.repository.repository, &arguments.online).await?;
    let repository = publisher.repository.clone();
    if repository.layout().content != Content::PythonIndex {
        let layout = repository.layout().name.clone();
        return Err(Failure::message(
            Kind::Usage,
            format!("the layout {layout} seals files, not a Python index"),
        )
        .hint("use sealdex add"));
    }
    let mut source = open(source, arguments.files_url.as_deref())?;
    let Some(lock) = repository.begin_import().await? else { return Err(running()) };
    let position = if source.can_resume() { repository.import_position(&source.name()).await? } else { None };
    let resumed = position.is_some();
    let mut summary = Summary {
        added: 0,
        unchanged: 0,
        refused: 0,
        refusals: Vec::new(),
        resumed,
        snapshot: None,
        import_seconds: 0.0,
        publish_seconds: 0.0,
        verify_seconds: 0.0,
        seconds: 0.0,
        verification: None,
    };
    if let Some(position) = position {
        summary.refused = source.go_on_from(&position)?;
        tell(format!("going on with the import that was interrupted, at {}", source.place()));
    }
    let bar = progress_of_bytes("importing", source.total_bytes());
    bar.set_position(source.position_bytes());
    bar.reset_eta();
    let name = source.name();
    let (sender, mut batches) = mpsc::channel(READ_AHEAD);
    let feed = Feed::new(repository.clone(), sender, arguments.strict);
    let reader = tokio::task::spawn_blocking(move || source.read(feed));
    while let Some(batch) = batches.recv().await {
        let Batch { checked, places, mut refused, position, read_bytes } = batch;
        let before = summary.refused + refused.len() as u64;
        let position = |outcome: &ImportOutcome| position.written(before + outcome.refused.len() as u64);
        lock.check()?;
        let outcome =
            repository.import(checked, &name, position, Actor::Local).await.map_err(not_imported)?;
        summary.added += outcome.added;
        summary.unchanged += outcome.unchanged;
        refused.extend(outcome.refused.into_iter().map(|(at, error)| Refused {
            place: places.get(at).cloned().unwrap_or(Place::Path(String::new())),
            reason: format!("{:#}", anyhow::Error::from(error)),
        }));
        refused.sort_by(|a, b| a.place.cmp(&b.place));
        summary.refused += refused.len() as u64;
        for one in refused {
            bar.suspend(|| {
                if summary.refusals.len() < MAX_TOLD {
                    tell(format!("{} {}: {}", styled(BAD, "refused"), one.place, one.reason));
                }
            });
            if summary.refusals.len() < MAX_TOLD {
                summary.refusals.push(one);
            }
        }
        bar.set_position(read_bytes);
        bar.set_message(format!("{} files", summary.added + summary.unchanged));
        if arguments.strict && summary.refused > 0 {
            break;
        }
    }
    drop(batches);
    let read = reader.await?;
    bar.finish_and_clear();
    if arguments.strict && summary.refused > 0 {
        result(format, &summary, || {})?;
        return Err(Failure::message(Kind::Failed, "stopped at the first refusal; nothing was published")
            .hint("correct it and run the same command again, leave out --strict, or give it up: sealdex import --abandon"));
    }
    read?;
    summary.import_seconds = began.elapsed().as_secs_f64();
    lock.check()?;
    publish(&mut publisher, &name, &mut summary).await?;
    summary.publish_seconds = began.elapsed().as_secs_f64() - summary.import_seconds;
    summary.verification = Some(super::verify::verify(&repository).await?);
    summary.seconds = began.elapsed().as_secs_f64();
    summary.verify_seconds = summary.seconds - summary.publish_seconds - summary.import_seconds;
    result(format, &summary, || tell_people(&summary))?;
    finish(&summary)
}

fn running() -> Failure {
    Failure::message(Kind::Failed, "another import into this repository is running")
        .hint("wait for it to end; if it was interrupted, the same command goes on with it")
}

fn not_imported(error: sealdex_repository::Error) -> Failure {
    match error {
        error @ sealdex_repository::Error::ImportAbandoned => {
            Failure::new(Kind::Failed, error).hint("drop the rest of them first: sealdex import --abandon")
        }
        other => other.into(),
    }
}

fn open(path: &Path, files_url: Option<&str>) -> Result<Box<dyn Source>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(Manifest::standard_input(files_url)?));
    }
    let kind = std::fs::metadata(path)
        .map_err(|error| Failure::message(Kind::Usage, format!("{}: {error}", path.display())))?;
    if kind.is_file() {
        return Ok(Box::new(Manifest::open(path, files_url)?));
    }
    if files_url.is_some() {
        return Err(Failure::message(Kind::Usage, "--files-url is for manifests: a directory has its files"));
    }
    Ok(match Mirror::find(path) {
        Some(mirror) => Box::new(mirror?),
        None => Box::new(Directory::open(path)?),
    })
}

/// Where files come from.
trait Source: Send {
    /// What this import is called in the repository's state: the same for the same source.
    fn name(&self) -> String;
    /// Whether it can go on in the middle.
    fn can_resume(&self) -> bool {
        true
    }
    /// Goes on from a kept position; gives the number of refusals before it.
    fn go_on_from(&mut self, position: &str) -> Result<u64, Failure>;
    /// Where it is, for people.
    fn place(&self) -> String;
    /// Bytes to read, as far as they are known.
    fn total_bytes(&self) -> Option<u64> {
        None
    }
    /// Bytes read before this run.
    fn position_bytes(&self) -> u64 {
        0
    }
    /// Reads to the end. Blocks.
    fn read(self: Box<Self>, feed: Feed) -> Result<(), Failure>;
}

async fn publish(publisher: &mut Publisher<'_>, name: &str, summary: &mut Summary) -> Result<(), Failure> {
    let wait = spinner("making pages and signing");
    let receipt = publisher.repository.finish_import(name).await.map_err(not_imported)?;
    let published = publisher.publish_within(receipt.as_slice(), PATIENCE).await?;
    wait.finish_and_clear();
    summary.snapshot = published.map(|published| published.snapshot_version.number());
    Ok(())
}

fn tell_people(summary: &Summary) {
    if summary.refusals.len() as u64 != summary.refused {
        tell(format!("{} were refused in all; the first {MAX_TOLD} of this run are above", summary.refused));
    }
    let files = |number: u64| count(number, "file", "files");
    if summary.unchanged > 0 {
        say(format!("{} {}", styled(FAINT, "there already"), files(summary.unchanged)));
    }
    let snapshot = summary.snapshot.map(|version| format!(", published in snapshot {version}"));
    let time = seconds(Duration::from_secs_f64(summary.seconds));
    say(format!(
        "{} {}, in {time}{}",
        styled(GOOD, "imported"),
        files(summary.added),
        snapshot.unwrap_or_default()
    ));
    if let Some(found) = &summary.verification {
        super::verify::tell_people(found);
    }
}

fn finish(summary: &Summary) -> Result<(), Failure> {
    if let Some(found) = &summary.verification
        && found.fault_count > 0
    {
        return Err(super::verify::failure(found));
    }
    if summary.refused > 0 {
        let refused = usize::try_from(summary.refused).unwrap_or(usize::MAX);
        return Err(Failure::message(
            Kind::Failed,
            format!("{} not imported", count(refused, "file was", "files were")),
        ));
    }
    Ok(())
}

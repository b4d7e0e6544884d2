//! `sealdex add`: seal distributions, or any files, and publish them as one snapshot.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sealdex_repository::layout::Content;
use sealdex_repository::{
    Actor, AddDistribution, AddTarget, Existing, Receipt, Received, Repository, Transaction,
};
use sealdex_simple::DistributionFilename;
use sealdex_simple::distribution::{ArchiveLimits, inspect};
use sealdex_tuf::TargetPath;
use serde::Serialize;

use super::publish::Publisher;
use crate::cli::{AddArguments, Format};
use crate::failure::{Failure, Kind};
use crate::output::{BAD, FAINT, GOOD, count, progress, result, say, styled, tell};

/// Directories are walked so deep and no deeper; symbolic links in them are not followed.
const MAX_DEPTH: usize = 32;

#[derive(Serialize)]
struct Summary {
    added: Vec<String>,
    unchanged: Vec<String>,
    refused: Vec<Refused>,
    snapshot: Option<u64>,
}

#[derive(Serialize)]
struct Refused {
    path: PathBuf,
    reason: String,
}

/// A file to add, and the target path it gets in a tree of files.
struct Candidate {
    file: PathBuf,
    target: String,
}

pub(super) async fn run(arguments: AddArguments, format: Format) -> Result<(), Failure> {
    let mut publisher = Publisher::open(&arguments.repository.repository, &arguments.online).await?;
    let repository = publisher.repository.clone();
    let content = repository.layout().content;
    let candidates = candidates(&arguments, content)?;
    let bar = progress("sealing", candidates.len() as u64);
    let mut summary =
        Summary { added: Vec::new(), unchanged: Vec::new(), refused: Vec::new(), snapshot: None };
    let mut receipts: Vec<Receipt> = Vec::new();
    for candidate in candidates {
        let name = candidate.file.display().to_string();
        bar.set_message(name.clone());
        match submit(&repository, content, &candidate).await {
            Ok(receipt) if receipt.is_unchanged() => {
                summary.unchanged.push(name);
                receipts.push(receipt);
            }
            Ok(receipt) => {
                summary.added.push(name);
                receipts.push(receipt);
            }
            Err(error) => {
                summary.refused.push(Refused { path: candidate.file, reason: format!("{error:#}") });
            }
        }
        bar.inc(1);
    }
    bar.set_message("publishing");
    summary.snapshot =
        publisher.publish(&receipts).await?.map(|published| published.snapshot_version.number());
    bar.finish_and_clear();
    result(format, &summary, || tell_people(&summary))?;
    if summary.refused.is_empty() {
        return Ok(());
    }
    Err(Failure::message(
        Kind::Failed,
        format!("{} not added", count(summary.refused.len(), "file was", "files were")),
    ))
}

/// The files that the arguments name, directories opened up.
fn candidates(arguments: &AddArguments, content: Content) -> Result<Vec<Candidate>, Failure> {
    if let Some(target) = &arguments.target {
        let [file] = arguments.paths.as_slice() else {
            return Err(Failure::message(
                Kind::Usage,
                "--as names the target path of one file; give one file",
            ));
        };
        if content == Content::PythonIndex {
            return Err(Failure::message(
                Kind::Usage,
                "--as is for the layout `tree`; an index names its files itself",
            ));
        }
        return Ok(vec![Candidate { file: file.clone(), target: target.clone() }]);
    }
    let mut found = Vec::new();
    for path in &arguments.paths {
        let kind = std::fs::metadata(path)
            .map_err(|error| Failure::message(Kind::Failed, format!("{}: {error}", path.display())))?;
        if kind.is_dir() {
            walk(path, path, content, MAX_DEPTH, &mut found)?;
        } else {
            let target = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            found.push(Candidate { file: path.clone(), target });
        }
    }
    if found.is_empty() {
        return Err(Failure::message(
            Kind::Usage,
            "nothing to add: no distribution (.whl, .tar.gz, .zip) was found",
        ));
    }
    Ok(found)
}

fn walk(
    top: &Path,
    directory: &Path,
    content: Content,
    depth: usize,
    found: &mut Vec<Candidate>,
) -> Result<(), Failure> {
    let unreadable = |error| Failure::message(Kind::Failed, format!("{}: {error}", directory.display()));
    if depth == 0 {
        return Err(Failure::message(
            Kind::Usage,
            format!("{} is more than {MAX_DEPTH} levels deep", directory.display()),
        ));
    }
    let mut entries: Vec<_> =
        std::fs::read_dir(directory).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        if kind.is_dir() {
            walk(top, &path, content, depth - 1, found)?;
        } else if kind.is_file() && (content == Content::Files || is_distribution(&path)) {
            let target = path.strip_prefix(top).unwrap_or(&path).iter();
            let target = target.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
            found.push(Candidate { file: path, target });
        }
    }
    Ok(())
}

/// In a directory, other files (signatures, checksums, notes) are passed over; named one by one they are refused.
fn is_distribution(path: &Path) -> bool {
    path.file_name().is_some_and(|name| DistributionFilename::parse(&name.to_string_lossy()).is_ok())
}

async fn submit(repository: &Repository, content: Content, candidate: &Candidate) -> anyhow::Result<Receipt> {
    let transaction = match content {
        Content::PythonIndex => {
            Transaction::AddDistribution(distribution(repository, &candidate.file).await?)
        }
        Content::Files => {
            let path = TargetPath::parse(candidate.target.as_str())?;
            let received = receive(repository, &candidate.file).await?;
            Transaction::AddTarget(AddTarget { path, received, existing: Existing::Replace })
        }
    };
    Ok(repository.submit(transaction, Actor::Local).await?)
}

/// Takes a distribution in: hashed, and its archive found to be what its name says.
pub(super) async fn distribution(repository: &Repository, file: &Path) -> anyhow::Result<AddDistribution> {
    let name = file.file_name().context("it has no file name")?.to_string_lossy();
    let filename = DistributionFilename::parse(&name)?;
    let received = receive(repository, file).await?;
    let metadata = inspect(received.open()?, &filename, &ArchiveLimits::default())?;
    Ok(AddDistribution { filename, received, metadata: Some(metadata), upload_time: None })
}

/// Copies a file into the repository's staging area, hashing it on the way.
async fn receive(repository: &Repository, file: &Path) -> anyhow::Result<Received> {
    let mut reader = File::open(file)?;
    let mut staged = repository.stage()?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            length => staged.write(&buffer[..length])?,
        }
    }
    Ok(staged.finish().await?)
}

fn tell_people(summary: &Summary) {
    for refused in &summary.refused {
        tell(format!("{} {}: {}", styled(BAD, "refused"), refused.path.display(), refused.reason));
    }
    for name in &summary.unchanged {
        say(format!("{} {name}", styled(FAINT, "there already")));
    }
    if summary.added.is_empty() {
        return;
    }
    let files = count(summary.added.len(), "file", "files");
    let snapshot =
        summary.snapshot.map(|version| format!(", published in snapshot {version}")).unwrap_or_default();
    say(format!("{} {files}{snapshot}", styled(GOOD, "sealed")));
}

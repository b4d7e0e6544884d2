//! The pages of a publication: those before, changed in a few files, and where that cannot be, pages made anew.
//!
//! What is uploaded goes mostly to projects that have many files already. Reading a thousand rows for each new file and
//! writing a page of them takes ten times what signing it does.

use std::sync::Arc;

use sealdex_simple::layout::index_page_target_path;
use sealdex_simple::{Amendment, FileName, ProjectName, amend_page};
use sealdex_tuf::TargetPath;
use sealdex_tuf::digest::HashAlgorithm;
use tokio::task::JoinHandle;

use super::bulk::in_lanes;
use super::gather::ProjectChange;
use super::lock::WriterLock;
use super::pages::{build_page, index_file};
use crate::blobs::{BlobName, Blobs};
use crate::disk;
use crate::error::Error;
use crate::repository::Repository;
use crate::store::{DistributionRow, PageRow};

/// Pages that are in memory at the same time.
const AT_ONCE: usize = 64;

/// A page that lies in its place, where nothing refers to it yet.
#[derive(Debug)]
pub(super) struct NewPage {
    pub(super) sha256: String,
    pub(super) length: u64,
    pub(super) serial: u64,
}

/// Its bytes, and where they belong.
type PageFile = (BlobName, Vec<u8>);

impl NewPage {
    fn of(project: &ProjectName, json: Vec<u8>, serial: u64) -> Result<(Self, PageFile), Error> {
        let sha256 = HashAlgorithm::Sha256.hex_digest(&json);
        let name = page_name(project, &sha256)?;
        Ok((Self { sha256, length: json.len() as u64, serial }, (name, json)))
    }

    /// The page made of all distributions of a project.
    pub(super) fn whole(
        project: &ProjectName,
        distributions: &[DistributionRow],
    ) -> Result<(Self, PageFile), Error> {
        let (page, serial) = build_page(project, distributions)?;
        Self::of(project, page.to_json(), serial)
    }

    /// The page that is published, with what changed. `None`: it is not one that can be changed.
    fn amended(
        blobs: &Blobs,
        change: &ProjectChange,
        published: &PageRow,
    ) -> Result<Option<(Self, PageFile)>, Error> {
        let ProjectChange { project, distributions, .. } = change;
        let name = page_name(project, &published.sha256)?;
        let Some(old) = blobs.find(&name)? else { return Ok(None) };
        if HashAlgorithm::Sha256.hex_digest(&old) != published.sha256 {
            tracing::warn!(page = %name, "a page is damaged, it is made anew from the database");
            return Ok(None);
        }
        let amendments = distributions.iter().map(|row| {
            Ok(if row.removed {
                Amendment::Remove(FileName::parse(&row.filename)?)
            } else {
                Amendment::Put(Box::new(index_file(project, row)?))
            })
        });
        let amendments = amendments.collect::<Result<Vec<_>, Error>>()?;
        let versions: Vec<&str> = distributions.iter().map(|row| row.version.as_str()).collect();
        let serial = distributions.iter().map(|row| row.changed_by).fold(published.serial, u64::max);
        let json = amend_page(&old, project, &amendments, &versions, serial);
        json.map(|json| Self::of(project, json, serial)).transpose()
    }
}

fn page_name(project: &ProjectName, sha256: &str) -> Result<BlobName, Error> {
    BlobName::target(&TargetPath::parse(index_page_target_path(project))?, sha256)
}

/// The pages of a publication.
pub(super) enum NewPages {
    /// They survive a crash once the last of them is written.
    Made(Vec<(ProjectChange, NewPage)>, LastPages),
    /// The pages of these projects cannot be amended: all their distributions are needed.
    Unreadable(Vec<String>),
}

/// Pages that are being written while what refers to them is signed.
pub(super) type LastPages = Option<JoinHandle<Result<(), Error>>>;

/// Waits until they are written.
pub(super) async fn written(pages: LastPages) -> Result<(), Error> {
    match pages {
        Some(pages) => pages.await.map_err(|_| Error::Interrupted)?,
        None => Ok(()),
    }
}

/// Makes and writes the page of each of these projects.
pub(super) async fn write(
    repository: &Repository,
    mut projects: Vec<ProjectChange>,
    lock: &Arc<WriterLock>,
) -> Result<NewPages, Error> {
    let (mut made, mut unreadable) = (Vec::with_capacity(projects.len()), Vec::new());
    let mut last = None;
    while !projects.is_empty() {
        let rest = projects.split_off(AT_ONCE.min(projects.len()));
        let chunk = std::mem::replace(&mut projects, rest);
        let (own, held) = (repository.clone(), Arc::clone(lock));
        let chunk = disk::blocking(move || {
            let _held = held;
            make_chunk(own.blobs(), chunk)
        })
        .await?;
        made.extend(chunk.made);
        unreadable.extend(chunk.unreadable);
        written(last).await?;
        let (own, held, files) = (repository.clone(), Arc::clone(lock), chunk.files);
        last = Some(tokio::spawn(disk::blocking(move || {
            let _held = held;
            let files: Vec<(BlobName, &[u8])> =
                files.iter().map(|(name, json)| (name.clone(), json.as_slice())).collect();
            own.blobs().put(&files)
        })));
    }
    if unreadable.is_empty() {
        return Ok(NewPages::Made(made, last));
    }
    written(last).await?;
    Ok(NewPages::Unreadable(unreadable))
}

#[derive(Default)]
struct Chunk {
    made: Vec<(ProjectChange, NewPage)>,
    files: Vec<PageFile>,
    unreadable: Vec<String>,
}

fn make_chunk(blobs: &Blobs, projects: Vec<ProjectChange>) -> Result<Chunk, Error> {
    let parts = in_lanes(projects, |part| {
        let made = part.into_iter().map(|change| Ok((make(blobs, &change)?, change)));
        made.collect::<Result<Vec<_>, Error>>()
    })?;
    let mut chunk = Chunk::default();
    for (made, change) in parts.into_iter().flatten() {
        match made {
            Some((page, file)) => {
                chunk.made.push((change, page));
                chunk.files.push(file);
            }
            None => chunk.unreadable.push(change.project.to_string()),
        }
    }
    Ok(chunk)
}

fn make(blobs: &Blobs, change: &ProjectChange) -> Result<Option<(NewPage, PageFile)>, Error> {
    match &change.published {
        Some(published) => NewPage::amended(blobs, change, published),
        None => NewPage::whole(&change.project, &change.distributions).map(Some),
    }
}

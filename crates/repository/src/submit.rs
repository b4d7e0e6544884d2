//! From a transaction to its receipt.
//!
//! Files go to their place below `public/targets` first, synchronised, under names with their digest in them: nothing
//! refers to them yet. Then the transaction is written into the log. Transactions that arrive while another one is
//! being committed are committed together with the next.

mod apply;
mod look;
mod queue;

use jiff::Timestamp;
use sealdex_simple::layout::{file_target_path, index_page_target_path};
use sealdex_simple::{DistributionFilename, DistributionMetadata, FileName, ProjectName};
use sealdex_tuf::TargetPath;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::pattern::PathPattern;

pub(crate) use look::Looks;
pub(crate) use queue::SubmitQueue;

use crate::blobs::{Beside, BlobName};
use crate::directory::check_target_path;
use crate::disk;
use crate::error::Error;
use crate::layout::{Content, Layout};
use crate::repository::Repository;
use crate::staging::Received;
use crate::store::{DistributionRow, PlainFileRow, rows};
use crate::transaction::{Actor, AddDistribution, AddTarget, Existing, Receipt, Transaction};

/// A transaction reduced to rows: what is left once its files are in their place.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// `changed_by` is filled in by the log.
    PutDistribution(DistributionRow),
    RemoveDistribution {
        project: ProjectName,
        filename: FileName,
    },
    /// `Some`: yanked, perhaps with a reason.
    SetYanked {
        project: ProjectName,
        filename: FileName,
        yanked: Option<Option<String>>,
    },
    PutFile(PlainFileRow, Existing),
    RemoveFile(TargetPath),
}

/// The longest reason of a yank, in bytes.
const MAX_REASON_BYTES: usize = 4096;

impl Repository {
    /// Makes a transaction durable. It is validated first: names, the layout's trust in the paths, and what is there
    /// already. It becomes public with the snapshot process's next publication, see [`Repository::published`].
    ///
    /// # Errors
    /// [`Error::FileExists`], [`Error::FileNameUsed`], [`Error::NotFound`], [`Error::UnsupportedPath`],
    /// [`Error::ReservedPath`], [`Error::InvalidPath`], [`Error::WrongMetadata`], [`Error::TooLarge`], [`Error::Simple`]
    /// for what no page can say: refused, nothing was changed. [`Error::Io`] and [`Error::Database`]: it failed and can
    /// be submitted again.
    pub async fn submit(&self, transaction: Transaction, actor: Actor) -> Result<Receipt, Error> {
        let change = match transaction {
            Transaction::AddDistribution(add) => self.prepare_distribution(add).await?,
            Transaction::AddTarget(add) => self.prepare_target(add).await?,
            Transaction::RemoveDistribution { project, filename } => {
                Change::RemoveDistribution { project, filename }
            }
            Transaction::Yank { project, filename, reason } => {
                if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON_BYTES) {
                    return Err(Error::TooLarge { what: "the reason", limit: MAX_REASON_BYTES as u64 });
                }
                Change::SetYanked { project, filename, yanked: Some(reason) }
            }
            Transaction::Unyank { project, filename } => {
                Change::SetYanked { project, filename, yanked: None }
            }
            Transaction::RemoveTarget { path } => Change::RemoveFile(path),
        };
        let now = self.clock().now();
        self.queue().submit(self.store(), change, actor.to_string(), now).await.inspect(|receipt| {
            if !receipt.is_unchanged() {
                self.announce_pending();
            }
        })
    }

    async fn prepare_distribution(&self, add: AddDistribution) -> Result<Change, Error> {
        let AddDistribution { filename, received, metadata, upload_time } = add;
        let project = filename.project().clone();
        // A first look, so that a refused file never comes near its place; the log looks again.
        let (layout, known) = self.look_at(project.as_str(), filename.as_str()).await?;
        check_distribution_paths(&layout, &project, filename.file_name())?;
        if let Some(metadata) = &metadata {
            self.check_metadata(&filename, metadata)?;
        }
        let sidecar = metadata.as_ref().filter(|metadata| metadata.may_be_served());
        let sidecar = sidecar.map(|metadata| metadata.metadata_bytes.clone());
        let row = DistributionRow {
            project: project.to_string(),
            filename: filename.as_str().to_owned(),
            version: filename.version().to_string(),
            sha256: received.sha256(),
            length: received.length(),
            sidecar_sha256: sidecar.as_ref().map(|bytes| HashAlgorithm::Sha256.hex_digest(bytes)),
            requires_python: metadata.and_then(|metadata| metadata.requires_python),
            uploaded_at: microseconds(upload_time.unwrap_or_else(|| self.clock().now())),
            yanked: None,
            removed: false,
            url: None,
            changed_by: 0,
        };
        if let Some(receipt) = apply::existing_distribution(known.as_ref(), &row)? {
            tracing::debug!(transaction = %receipt.transaction, file = %row.filename, "the file is there already");
            return Ok(Change::PutDistribution(row));
        }
        let place = BlobName::distribution(&project, filename.file_name(), &row.sha256);
        let beside = BlobName::sidecar(&project, filename.file_name(), &row.sha256);
        self.place(received, place, sidecar.map(|bytes| (beside, bytes))).await?;
        Ok(Change::PutDistribution(row))
    }

    async fn prepare_target(&self, add: AddTarget) -> Result<Change, Error> {
        let AddTarget { path, received, existing } = add;
        check_target_path(&path)?;
        let mut look = self.store().look().await?;
        let layout = self.read_layout(&mut look).await?;
        if layout.content == Content::PythonIndex && is_reserved(&path) {
            return Err(Error::ReservedPath { path: path.to_string() });
        }
        layout.role_of(&path)?;
        let row = PlainFileRow {
            path: path.as_str().to_owned(),
            sha256: received.sha256(),
            length: received.length(),
            removed: false,
            changed_by: 0,
        };
        let known = rows::plain_files(&mut look, &[&row.path]).await?;
        drop(look);
        let there = apply::existing_file(known.get(&row.path), &row, existing)?;
        if there.is_none() {
            self.place(received, BlobName::target(&path, &row.sha256)?, None).await?;
        }
        Ok(Change::PutFile(row, existing))
    }

    fn check_metadata(
        &self,
        filename: &DistributionFilename,
        metadata: &DistributionMetadata,
    ) -> Result<(), Error> {
        if metadata.project != *filename.project() || metadata.version != *filename.version() {
            let found = format!("{} {}", metadata.project, metadata.version);
            return Err(Error::WrongMetadata { filename: filename.to_string(), found });
        }
        let limit = self.settings().limits.max_core_metadata_bytes;
        if metadata.metadata_bytes.len() as u64 > limit {
            return Err(Error::TooLarge { what: "the core metadata", limit });
        }
        Ok(())
    }

    /// Brings a received file, and what lies beside it, to their places. They survive a crash when this returns.
    async fn place(&self, received: Received, place: BlobName, beside: Beside) -> Result<(), Error> {
        let blobs = self.blobs().clone();
        disk::blocking(move || blobs.put_received(&place, received, beside)).await
    }
}

/// The layout must have a role for the page, and may have one for the file.
fn check_distribution_paths(
    layout: &Layout,
    project: &ProjectName,
    filename: &FileName,
) -> Result<(), Error> {
    let file = TargetPath::parse(file_target_path(project, filename))?;
    check_target_path(&file)?;
    let page = TargetPath::parse(index_page_target_path(project))?;
    if layout.content != Content::PythonIndex {
        return Err(layout.unsupported(&file));
    }
    layout.role_of(&page)?;
    Ok(())
}

/// Whether the index layer makes the targets of this path.
fn is_reserved(path: &TargetPath) -> bool {
    ["simple/*/index.json", "files/*/*"]
        .iter()
        .any(|pattern| PathPattern::new(*pattern).matches(path.as_str()))
}

/// The database keeps microseconds.
fn microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// The target path of a distribution, for messages and the log.
pub(crate) fn distribution_path(project: &ProjectName, filename: &FileName) -> String {
    file_target_path(project, filename)
}

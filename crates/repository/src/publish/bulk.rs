//! Bulk publication: a whole import, however large, becomes public in one snapshot, and each bin is signed once.
//!
//! What a publication makes is too much here for memory, and for one database transaction. So the first step is taken in
//! parts, none of which anybody can see:
//!
//! 1. Pages are made, some hundred projects at a time: the files below `public/targets`, their rows among the prepared
//!    ones. *After a crash*: made anew; files that are there already are left alone.
//! 2. Each bin with prepared changes is given a version, and that is committed before anything is signed. *After a
//!    crash*: these versions are never used again, whatever had been signed with them.
//! 3. The bins are signed and written under these versions, where no snapshot refers to them. *After a crash*: what was
//!    written stays unseen.
//!
//! From here on it is a publication like any other, with the timestamp alone in the outbox. Bins that are renewed take
//! steps 2 and 3 as well.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp as Time;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use sealdex_tuf::metadata::Common;
use sealdex_tuf::{RoleName, Signer, Version};

use super::bin::sign_bin;
use super::build::{Changes, Presence, RoleChanges, Signed, SignedBulk, Signing};
use super::gather::ProjectChange;
use super::lock::WriterLock;
use super::new_pages::NewPage;
use super::state::State;
use crate::blobs::BlobName;
use crate::disk;
use crate::error::Error;
use crate::import::IMPORT_COMPLETE_FACT;
use crate::layout::Layout;
use crate::repository::Repository;
use crate::store::{
    self, DistributionRow, PreparedPage, PreparedTarget, RoleRow, TargetRow, Transaction, commit, log,
    prepared, publications, rows, targets,
};

/// Projects whose pages are made at once.
const PROJECTS: u32 = 500;

/// Rows that are prepared in one transaction, and those of one more chunk of projects. What is written makes SQLite read
/// everything anew, and waits for the disk.
const PREPARED: usize = 20_000;

/// Bins that are read and signed at once.
const BINS: usize = 256;

/// Bins that are written at once.
const WRITTEN: usize = 32;

/// Step 1 of a publication that renews these roles.
pub(super) async fn renew(
    repository: &Repository,
    state: State,
    roles: &[RoleName],
    online: Arc<dyn Signer>,
    lock: &Arc<WriterLock>,
) -> Result<(State, Signed), Error> {
    let at = repository.clock().now();
    let names: Vec<String> = roles.iter().map(|role| role.as_str().to_owned()).collect();
    let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
    let reserved = publications::reserve_versions(&mut write, &names).await?;
    commit(write).await?;
    let roles = sign_bins(repository, reserved, Held::Unchanged, at, &online, lock).await?;
    sign_top(repository, state, roles, None, 0, at, online, lock).await
}

/// The last transaction of a complete import that waits to be published.
pub(super) async fn waiting(transaction: &mut Transaction) -> Result<Option<u64>, Error> {
    let Some(fact) = store::fact(transaction, IMPORT_COMPLETE_FACT).await? else { return Ok(None) };
    let damaged = || Error::State { reason: format!("the last transaction of an import is {fact:?}") };
    fact.parse().map(Some).map_err(|_| damaged())
}

/// Step 1 of a publication, for everything imported up to `through`.
pub(super) async fn build(
    repository: &Repository,
    state: State,
    layout: &Arc<Layout>,
    through: u64,
    online: Arc<dyn Signer>,
    lock: &Arc<WriterLock>,
) -> Result<(State, Signed), Error> {
    let at = repository.clock().now();
    let projects = prepare_pages(repository, layout, through, at, lock).await?;
    let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
    let roles = prepared::roles(&mut write).await?;
    let roles = publications::reserve_versions(&mut write, &roles).await?;
    commit(write).await?;
    let roles = sign_bins(repository, roles, Held::Kept, at, &online, lock).await?;
    sign_top(repository, state, roles, Some(SignedBulk::Import(through)), projects, at, online, lock).await
}

/// The rest of step 1: a snapshot that lists these roles, and its timestamp.
#[expect(clippy::too_many_arguments, reason = "each is a part of the publication")]
pub(super) async fn sign_top(
    repository: &Repository,
    mut state: State,
    roles: Vec<RoleRow>,
    bulk: Option<SignedBulk>,
    transactions: usize,
    at: Time,
    online: Arc<dyn Signer>,
    lock: &Arc<WriterLock>,
) -> Result<(State, Signed), Error> {
    let (repository, lock) = (repository.clone(), Arc::clone(lock));
    disk::blocking(move || {
        let _lock = lock;
        let mut signing = Signing::begin(&repository, &mut state, online.as_ref(), at);
        signing.roles = roles;
        let snapshot_file = signing.sign_snapshot()?;
        let timestamp = signing.sign_timestamp(&snapshot_file)?;
        let Signing { roles, outbox, .. } = signing;
        let signed = Signed {
            at,
            through: None,
            bulk,
            transactions,
            roles,
            versions: (snapshot_file.version.number(), timestamp),
            targets: Vec::new(),
            removed: Vec::new(),
            pages: Vec::new(),
            outbox,
            snapshot_file,
        };
        Ok((state, signed))
    })
    .await
}

/// Makes every page, and gives their number. All of it survives a crash when this returns.
async fn prepare_pages(
    repository: &Repository,
    layout: &Arc<Layout>,
    through: u64,
    at: Time,
    lock: &Arc<WriterLock>,
) -> Result<usize, Error> {
    let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
    prepared::clear(&mut write).await?;
    let total = prepared::begin(&mut write, through).await?;
    commit(write).await?;
    let mut read = repository.store().read().await?;
    let oldest = oldest_unpublished(&mut read).await?;
    drop(read);

    let mut made = 0;
    let mut waiting = Prepared::default();
    let mut chunk = read_projects(repository, "").await?;
    while let Some(last) = chunk.last().map(|(project, _)| project.clone()) {
        made += chunk.len();
        let (own, layout, held) = (repository.clone(), Arc::clone(layout), Arc::clone(lock));
        let work = disk::blocking(move || {
            let _held = held;
            make_pages(&own, &layout, oldest, at, chunk)
        });
        let full = if waiting.rows() < PREPARED { Prepared::default() } else { std::mem::take(&mut waiting) };
        // The database reads what comes next, and writes what came before, while pages are made.
        let (prepared, next, put) =
            tokio::join!(work, read_projects(repository, &last), put(repository, full, lock));
        put?;
        waiting.add(prepared?);
        tracing::debug!(made, total, "pages made");
        chunk = next?;
    }
    put(repository, waiting, lock).await?;
    tracing::info!(projects = made, "pages of an import made");
    sync(repository).await?;
    Ok(made)
}

/// The oldest transaction that is not published: whatever is as it was before it is as it is published.
pub(super) async fn oldest_unpublished(transaction: &mut Transaction) -> Result<u64, Error> {
    let pending = log::pending(transaction, 1).await?;
    let imported = log::imported(transaction).await?.map(|(first, _)| first);
    Ok(imported.into_iter().chain(pending.iter().map(|first| first.id)).min().unwrap_or(u64::MAX))
}

/// The next projects after `last`, with their distributions.
async fn read_projects(
    repository: &Repository,
    last: &str,
) -> Result<Vec<(String, Vec<DistributionRow>)>, Error> {
    let mut read = repository.store().read().await?;
    let projects = prepared::projects_after(&mut read, last, PROJECTS).await?;
    rows::by_project(&mut read, projects).await
}

/// What becomes of projects whose pages are made.
#[derive(Default)]
struct Prepared {
    pages: Vec<PreparedPage>,
    targets: Vec<PreparedTarget>,
}

impl Prepared {
    fn rows(&self) -> usize {
        self.pages.len() + self.targets.len()
    }

    fn add(&mut self, more: Self) {
        self.pages.extend(more.pages);
        self.targets.extend(more.targets);
    }
}

async fn put(repository: &Repository, mut prepared: Prepared, lock: &WriterLock) -> Result<(), Error> {
    if prepared.rows() == 0 {
        return Ok(());
    }
    // In the order of the index they go into.
    prepared.targets.sort_unstable_by(|a, b| a.target.path.cmp(&b.target.path));
    let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
    prepared::put(&mut write, &prepared.pages, &prepared.targets).await?;
    commit(write).await
}

fn make_pages(
    repository: &Repository,
    layout: &Layout,
    oldest: u64,
    at: Time,
    projects: Vec<(String, Vec<DistributionRow>)>,
) -> Result<Prepared, Error> {
    let parts = in_lanes(projects, |part| {
        let mut changes = Changes::new(layout, at);
        let mut files = Vec::with_capacity(part.len());
        for (project, distributions) in part {
            let change = ProjectChange::since(layout, oldest, &project, None, distributions)?;
            let (page, file) = NewPage::whole(&change.project, &change.distributions)?;
            changes.add_project(&change, page)?;
            files.push(file);
        }
        let files: Vec<(BlobName, &[u8])> =
            files.iter().map(|(name, json)| (name.clone(), json.as_slice())).collect();
        repository.blobs().put_in_bulk(&files)?;
        Ok(changes)
    })?;
    let mut prepared = Prepared::default();
    for part in parts {
        prepared.pages.extend(part.pages.into_iter().map(|page| PreparedPage {
            project: page.project,
            sha256: page.sha256,
            serial: page.serial,
        }));
        for (role, changes) in part.targets {
            prepared.targets.extend(changes.into_values().map(|(target, presence)| PreparedTarget {
                role: role.as_str().to_owned(),
                target,
                removed: presence == Presence::Removed,
            }));
        }
    }
    Ok(prepared)
}

/// A bin, what it holds so far, and what changes.
struct Bin {
    role: RoleName,
    version: Version,
    held: Vec<TargetRow>,
    changes: RoleChanges,
}

/// What becomes of the targets that a role holds so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// They stay, but for what changes.
    Kept,
    /// What was prepared takes their place.
    Replaced,
    /// They stay, whatever was prepared.
    Unchanged,
}

/// Signs every role in the version reserved for it, and gives the roles as they are then. All of it survives a crash when
/// this returns.
pub(super) async fn sign_bins(
    repository: &Repository,
    reserved: Vec<RoleRow>,
    held: Held,
    at: Time,
    online: &Arc<dyn Signer>,
    lock: &Arc<WriterLock>,
) -> Result<Vec<RoleRow>, Error> {
    let mut chunks = reserved.chunks(BINS);
    let mut bins = read_bins(repository, chunks.next().unwrap_or_default(), held).await?;
    let mut signed = Vec::with_capacity(reserved.len());
    while !bins.is_empty() {
        let (own, online, lock) = (repository.clone(), Arc::clone(online), Arc::clone(lock));
        let work = disk::blocking(move || {
            let _lock = lock;
            in_lanes(bins, |part| write_bins(&own, &part, at, online.as_ref()))
        });
        let (parts, next) =
            tokio::join!(work, read_bins(repository, chunks.next().unwrap_or_default(), held));
        signed.extend(parts?.into_iter().flat_map(|part: Vec<RoleRow>| part));
        tracing::debug!(signed = signed.len(), total = reserved.len(), "bins signed");
        bins = next?;
    }
    sync(repository).await?;
    Ok(signed)
}

async fn read_bins(repository: &Repository, roles: &[RoleRow], held: Held) -> Result<Vec<Bin>, Error> {
    let mut read = repository.store().read().await?;
    let mut bins = Vec::with_capacity(roles.len());
    let names: Vec<&str> = roles.iter().map(|row| row.name.as_str()).collect();
    let mut changes = match held {
        Held::Kept | Held::Replaced => prepared::of_roles(&mut read, &names).await?,
        Held::Unchanged => HashMap::new(),
    };
    let mut held = match held {
        Held::Kept | Held::Unchanged => targets::of_roles(&mut read, &names).await?,
        Held::Replaced => HashMap::new(),
    };
    for row in roles {
        let version = Version::new(row.reserved)
            .ok_or_else(|| Error::State { reason: format!("{} has version 0 reserved", row.name) })?;
        let changes = changes.remove(&row.name).unwrap_or_default().into_iter().map(|change| {
            let presence = if change.removed { Presence::Removed } else { Presence::Present };
            (change.target.path.clone(), (change.target, presence))
        });
        bins.push(Bin {
            role: RoleName::parse(row.name.as_str())?,
            version,
            held: held.remove(&row.name).unwrap_or_default(),
            changes: changes.collect(),
        });
    }
    Ok(bins)
}

fn write_bins(
    repository: &Repository,
    bins: &[Bin],
    at: Time,
    online: &dyn Signer,
) -> Result<Vec<RoleRow>, Error> {
    let mut rows = Vec::with_capacity(bins.len());
    for bins in bins.chunks(WRITTEN) {
        let mut signed = Vec::with_capacity(bins.len());
        for bin in bins {
            let expires = repository.settings().expiry.bins.from(at);
            let common = Common::new(bin.version, expires);
            let content = sign_bin(&bin.role, &common, &bin.held, Some(&bin.changes), online)?;
            signed.push((BlobName::role(&bin.role, bin.version), content));
            let (name, version) = (bin.role.as_str().to_owned(), bin.version.number());
            rows.push(RoleRow { name, version, reserved: version, expires: common.expires });
        }
        let signed: Vec<(BlobName, &[u8])> =
            signed.iter().map(|(key, content)| (key.clone(), content.as_slice())).collect();
        repository.blobs().put_in_bulk(&signed)?;
    }
    Ok(rows)
}

pub(super) async fn sync(repository: &Repository) -> Result<(), Error> {
    let blobs = repository.blobs().clone();
    disk::blocking(move || blobs.settle()).await
}

/// Does the work on as many threads as there are cores, in parts of about the same number. They are always the same
/// threads: each has memory of its own, which large pages would be made in anew with each publication.
pub(super) fn in_lanes<T: Send, R: Send>(
    mut items: Vec<T>,
    work: impl Fn(Vec<T>) -> Result<R, Error> + Sync + Send,
) -> Result<Vec<R>, Error> {
    let lanes = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(items.len().max(1));
    let size = items.len().div_ceil(lanes).max(1);
    let mut parts = Vec::with_capacity(lanes);
    while !items.is_empty() {
        let rest = items.split_off(size.min(items.len()));
        parts.push(std::mem::replace(&mut items, rest));
    }
    parts.into_par_iter().map(work).collect()
}

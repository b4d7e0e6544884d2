//! Publication of another layout: all targets move to their new roles in one snapshot.
//!
//! The roles that delegate were signed offline when the change was submitted. The rest is made in parts as for an import
//! ([`super::bulk`]), and none of it can be seen before the timestamp:
//!
//! 1. Every target is entered among the prepared ones, under the role that will hold it. *After a crash*: done anew.
//! 2. Each role to be signed online is given a version, committed before anything is signed; a role whose name was used
//!    before goes on from its version. *After a crash*: these versions are never used again.
//! 3. These roles, and those signed offline, are written where no snapshot refers to them.
//!
//! The database transaction of the publication then makes the prepared targets all there are, and the layout the current
//! one. Roles that nothing delegates to any more stay in the snapshot, in their last version: see decision 16.

use std::sync::Arc;

use jiff::Timestamp;
use sealdex_simple::layout::{file_target_path, index_page_target_path};
use sealdex_simple::{FileName, IndexPage, PageLimits, ProjectName};
use sealdex_tuf::{RoleName, Signer, TargetPath, Version};

use super::build::{PreparedTargets, Signed, SignedBulk};
use super::bulk::{self, Held, in_lanes, oldest_unpublished, sign_bins};
use super::lock::WriterLock;
use super::state::State;
use crate::blobs::BlobName;
use crate::disk;
use crate::error::Error;
use crate::layout::{Content, Layout, is_distribution};
use crate::repository::Repository;
use crate::store::{
    DistributionRow, OfflineRole, PreparedTarget, TargetRow, WaitingRelayout, commit, prepared, publications,
    rows, targets,
};

/// Targets that are moved at once.
const TARGETS: u32 = 10_000;

/// Projects whose files become targets at once.
const PROJECTS: u32 = 500;

/// Step 1 of the publication of a layout.
pub(super) async fn build(
    repository: &Repository,
    state: State,
    before: &Layout,
    relayout: WaitingRelayout,
    offline: Vec<OfflineRole>,
    online: Arc<dyn Signer>,
    lock: &Arc<WriterLock>,
) -> Result<(State, Signed), Error> {
    let at = repository.clock().now();
    let layout = Arc::new(Layout::from_fact(&relayout.layout)?);
    check_offline(&offline, |role| state.version_of(role), at)?;
    let mut roles: Vec<_> = offline.iter().map(OfflineRole::row).collect();
    let prepared = if layout.holds_targets_as(before) {
        PreparedTargets::None
    } else {
        prepare_targets(repository, before, &layout, lock).await?;
        let names: Vec<String> =
            layout.online_roles()?.into_iter().map(|name| name.as_str().to_owned()).collect();
        let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
        let reserved = publications::reserve_versions(&mut write, &names).await?;
        commit(write).await?;
        roles.extend(sign_bins(repository, reserved, Held::Replaced, at, &online, lock).await?);
        PreparedTargets::All
    };
    write_offline(repository, offline, lock).await?;
    let bulk = SignedBulk::Relayout { id: relayout.id, layout: relayout.layout, targets: prepared };
    bulk::sign_top(repository, state, roles, Some(bulk), 0, at, online, lock).await
}

/// What was signed offline may have waited for long. It must still be newer than what is public, and not have expired.
fn check_offline(roles: &[OfflineRole], published: impl Fn(&str) -> u64, at: Timestamp) -> Result<(), Error> {
    for role in roles {
        let name = &role.name;
        let reason = if role.expires <= at {
            format!("what was signed for {name} has expired")
        } else if role.version <= published(name) {
            format!("{name} was signed for it in version {}, and a later one is public", role.version)
        } else {
            continue;
        };
        return Err(Error::RelayoutAbandoned { reason });
    }
    Ok(())
}

/// Writes the roles that were signed offline. They survive a crash when this returns.
async fn write_offline(
    repository: &Repository,
    roles: Vec<OfflineRole>,
    lock: &Arc<WriterLock>,
) -> Result<(), Error> {
    let (own, lock) = (repository.clone(), Arc::clone(lock));
    disk::blocking(move || {
        let _lock = lock;
        let named = roles.iter().map(|role| {
            let version = Version::new(role.version)
                .ok_or_else(|| Error::State { reason: format!("{} has version 0", role.name) })?;
            let name = BlobName::role(&RoleName::parse(role.name.as_str())?, version);
            Ok((name, role.content.as_slice()))
        });
        own.blobs().put_in_bulk(&named.collect::<Result<Vec<_>, Error>>()?)
    })
    .await?;
    bulk::sync(repository).await
}

/// Enters every target as it will be among the prepared ones.
async fn prepare_targets(
    repository: &Repository,
    before: &Layout,
    layout: &Arc<Layout>,
    lock: &Arc<WriterLock>,
) -> Result<(), Error> {
    let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
    prepared::clear(&mut write).await?;
    commit(write).await?;
    let mut moved = 0;
    let mut chunk = read_targets(repository, "").await?;
    while let Some(last) = chunk.last().map(|target| target.path.clone()) {
        moved += chunk.len();
        let (layout, held) = (Arc::clone(layout), Arc::clone(lock));
        let work = disk::blocking(move || {
            let _held = held;
            in_lanes(chunk, |part| place_targets(&layout, part))
        });
        // The database reads while roles are looked for.
        let (parts, next) = tokio::join!(work, read_targets(repository, &last));
        put(repository, parts?, lock).await?;
        tracing::debug!(moved, "targets moved");
        chunk = next?;
    }
    if layout.content == Content::PythonIndex && layout.may_hold_files() && !before.holds_all_files() {
        prepare_files(repository, layout, lock).await?;
    }
    Ok(())
}

async fn read_targets(repository: &Repository, last: &str) -> Result<Vec<TargetRow>, Error> {
    let mut read = repository.store().read().await?;
    targets::after(&mut read, last, TARGETS).await
}

fn place_targets(layout: &Layout, targets: Vec<TargetRow>) -> Result<Vec<PreparedTarget>, Error> {
    let mut placed = Vec::with_capacity(targets.len());
    for target in targets {
        if let Some(role) = role_for(layout, &target.path)? {
            placed.push(PreparedTarget { role: role.as_str().to_owned(), target, removed: false });
        }
    }
    Ok(placed)
}

/// The role that will hold a target; `None`: it is a distribution, and pages alone are targets.
pub(crate) fn role_for(layout: &Layout, path: &str) -> Result<Option<RoleName>, Error> {
    let target = TargetPath::parse(path)?;
    match layout.responsible(&target)? {
        None if layout.content == Content::PythonIndex && is_distribution(path) => Ok(None),
        None => Err(layout.unsupported(&target)),
        role => Ok(role),
    }
}

/// Enters targets among the prepared ones.
async fn put(
    repository: &Repository,
    parts: Vec<Vec<PreparedTarget>>,
    lock: &WriterLock,
) -> Result<(), Error> {
    let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
    for part in parts {
        prepared::put(&mut write, &[], &part).await?;
    }
    commit(write).await
}

/// Makes targets of the files on the pages that are published, where they were none before.
async fn prepare_files(
    repository: &Repository,
    layout: &Arc<Layout>,
    lock: &Arc<WriterLock>,
) -> Result<(), Error> {
    let mut last = String::new();
    loop {
        let mut read = repository.store().read().await?;
        let pages = rows::pages_after(&mut read, &last, PROJECTS).await?;
        let Some((project, _)) = pages.last() else { return Ok(()) };
        last.clone_from(project);
        let oldest = oldest_unpublished(&mut read).await?;
        let (projects, digests): (Vec<String>, Vec<String>) = pages.into_iter().unzip();
        let projects = rows::by_project(&mut read, projects).await?;
        drop(read);
        let listed: Vec<_> = projects.into_iter().zip(digests).collect();
        let (own, layout, held) = (repository.clone(), Arc::clone(layout), Arc::clone(lock));
        let parts = disk::blocking(move || {
            let _held = held;
            in_lanes(listed, |part| {
                let mut found = Vec::new();
                for ((project, distributions), page) in part {
                    let project = ProjectName::parse(&project)?;
                    let files = published_files(&own, &project, distributions, &page, oldest)?;
                    found.extend(place_targets(&layout, files)?);
                }
                Ok(found)
            })
        })
        .await?;
        put(repository, parts, lock).await?;
    }
}

/// The files on a project's published page.
///
/// The rows have what was submitted since as well. Where there may be such a row, the page itself is read.
fn published_files(
    repository: &Repository,
    project: &ProjectName,
    distributions: Vec<DistributionRow>,
    page: &str,
    oldest_unpublished: u64,
) -> Result<Vec<TargetRow>, Error> {
    if distributions.iter().all(|row| row.changed_by < oldest_unpublished) {
        let present = distributions.into_iter().filter(|row| !row.removed);
        return present
            .map(|row| {
                let path = file_target_path(project, &FileName::parse(&row.filename)?);
                Ok(TargetRow { path, length: row.length, sha256: row.sha256 })
            })
            .collect();
    }
    let target = TargetPath::parse(index_page_target_path(project))?;
    let json = repository.blobs().read(&BlobName::target(&target, page)?)?;
    let listed = IndexPage::from_json(&json, &PageLimits::default())?.files;
    listed
        .into_iter()
        .map(|file| {
            let path = file_target_path(project, &file.filename);
            let missing = || Error::State { reason: format!("{path} is listed without a sha256 or a size") };
            let sha256 = file.hashes.get("sha256").cloned().ok_or_else(missing)?;
            let length = file.size.ok_or_else(missing)?;
            Ok(TargetRow { path, length, sha256 })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::BinStyle;

    #[test]
    fn what_waited_for_too_long_is_not_published() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let role =
            OfflineRole { name: "index".to_owned(), version: 3, expires: at(100), content: Vec::new() };
        let roles = [role];
        assert!(check_offline(&roles, |_| 2, at(99)).is_ok());
        for (published, now) in [(2, 100), (3, 99), (4, 99)] {
            let refused = check_offline(&roles, |_| published, at(now));
            assert!(matches!(refused, Err(Error::RelayoutAbandoned { .. })), "{published} {now}");
        }
    }

    #[test]
    fn a_layout_without_files_drops_distributions_and_nothing_else() {
        let layout = Layout::index_only(BinStyle::Succinct, 4).unwrap();
        assert!(role_for(&layout, "simple/six/index.json").unwrap().is_some());
        assert!(role_for(&layout, "files/six/six-1.0.tar.gz").unwrap().is_none());
        assert!(matches!(role_for(&layout, "docs/index.html"), Err(Error::UnsupportedPath { .. })));
    }
}

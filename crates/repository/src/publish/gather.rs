//! What a publication is made of, read from the database at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sealdex_simple::layout::{file_target_path, index_page_target_path};
use sealdex_simple::{FileName, ProjectName};
use sealdex_tuf::{RoleName, TargetPath};

use super::bulk;
use crate::error::Error;
use crate::layout::Layout;
use crate::repository::Repository;
use crate::store::{
    DistributionRow, OfflineRole, PageRow, PlainFileRow, TargetRow, Transaction, WaitingRelayout, log,
    relayouts, rows, targets,
};

/// A publication that is made in parts.
#[derive(Debug)]
pub(crate) enum Bulk {
    /// A complete import, up to this transaction.
    Import(u64),
    /// A change of the layout, with the roles that were signed offline for it.
    Relayout(WaitingRelayout, Vec<OfflineRole>),
}

/// Everything that goes into one publication.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The layout that everything was read under.
    pub(crate) layout: Arc<Layout>,
    /// What is published before anything else, by itself.
    pub(crate) bulk: Option<Bulk>,
    /// The last pending transaction taken; all before it are too.
    pub(crate) through: Option<u64>,
    /// How many there are.
    pub(crate) transactions: usize,
    /// The projects whose pages change.
    pub(crate) projects: Vec<ProjectChange>,
    /// The files that change and are no distributions.
    pub(crate) files: Vec<(TargetPath, PlainFileRow)>,
    /// The roles to be signed, with the targets they hold so far.
    pub(crate) roles: BTreeMap<RoleName, Vec<TargetRow>>,
    /// Whether the snapshot is signed anew although no role changes.
    pub(crate) renew_snapshot: bool,
}

/// A project whose page changes.
#[derive(Debug)]
pub(crate) struct ProjectChange {
    pub(crate) project: ProjectName,
    /// The page that is to be amended. `None`: it is made of all distributions.
    pub(crate) published: Option<PageRow>,
    /// Those that changed since that page was made, and those that changed since the last publication; without a page,
    /// all.
    pub(crate) distributions: Vec<DistributionRow>,
    /// The target paths of the distributions that changed since the last publication, where files are targets.
    pub(crate) touched: BTreeSet<String>,
}

impl ProjectChange {
    /// What changed by transactions from `oldest` on, the oldest that is not published.
    ///
    /// Transactions that this publication does not take (beyond its limit, or an import that is not complete) stand in
    /// the rows, and so on the page, already. Their files are signed with it: else half of them would be published.
    pub(super) fn since(
        layout: &Layout,
        oldest: u64,
        project: &str,
        published: Option<PageRow>,
        distributions: Vec<DistributionRow>,
    ) -> Result<Self, Error> {
        let project = ProjectName::parse(project)?;
        let files = layout.may_hold_files();
        let touched = distributions
            .iter()
            .filter(|row| files && row.changed_by >= oldest)
            .map(|row| Ok(file_target_path(&project, &FileName::parse(&row.filename)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { project, published, distributions, touched })
    }
}

/// Reads up to `limit` pending transactions and what they touch. The pages of the projects in `anew` are not amended.
pub(crate) async fn gather(
    repository: &Repository,
    limit: u32,
    anew: &BTreeSet<String>,
) -> Result<Batch, Error> {
    let mut read = repository.store().read().await?;
    let layout = repository.read_layout(&mut read).await?;
    if limit > 0 {
        let bulk = waiting(&mut read).await?;
        if bulk.is_some() {
            return Ok(Batch { layout, bulk, ..Batch::default() });
        }
    }
    let pending = if limit > 0 { log::pending(&mut read, limit).await? } else { Vec::new() };
    let oldest = pending.first().map_or(u64::MAX, |first| first.id);
    let imported = if pending.is_empty() { None } else { log::imported(&mut read).await? };
    let oldest = oldest.min(imported.map_or(u64::MAX, |(first, _)| first));
    let mut batch = Batch {
        layout,
        through: pending.last().map(|last| last.id),
        transactions: pending.len(),
        ..Batch::default()
    };
    let mut roles: BTreeSet<RoleName> = BTreeSet::new();
    let mut projects = BTreeSet::new();
    let mut files = BTreeSet::new();
    for transaction in pending {
        match transaction.project {
            Some(project) => projects.insert(project),
            None => files.insert(transaction.path),
        };
    }
    let projects: Vec<String> = projects.into_iter().collect();
    let mut pages = rows::pages(&mut read, &projects).await?;
    pages.retain(|project, _| !anew.contains(project));
    let since = |project: &String| pages.get(project).map_or(0, |page| page.serial.min(oldest - 1));
    let projects = projects.into_iter().map(|project| (since(&project), project));
    let projects = projects.map(|(since, project)| (project, since)).collect();
    for (project, distributions) in rows::changed_by_project(&mut read, projects).await? {
        let change =
            ProjectChange::since(&batch.layout, oldest, &project, pages.remove(&project), distributions)?;
        let page = TargetPath::parse(index_page_target_path(&change.project))?;
        roles.insert(batch.layout.role_of(&page)?);
        for path in &change.touched {
            roles.extend(batch.layout.responsible(&TargetPath::parse(path.as_str())?)?);
        }
        batch.projects.push(change);
    }
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut rows = rows::plain_files(&mut read, &paths).await?;
    for path in files {
        let unknown = || Error::State { reason: format!("{path} is in the log and not known") };
        let row = rows.remove(&path).ok_or_else(unknown)?;
        let path = TargetPath::parse(path)?;
        roles.insert(batch.layout.role_of(&path)?);
        batch.files.push((path, row));
    }
    let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
    let mut held = targets::of_roles(&mut read, &names).await?;
    for role in roles {
        let targets = held.remove(role.as_str()).unwrap_or_default();
        batch.roles.insert(role, targets);
    }
    Ok(batch)
}

/// What waits to be published by itself: an import first, since it was completed under the layout that is now.
async fn waiting(transaction: &mut Transaction) -> Result<Option<Bulk>, Error> {
    if let Some(through) = bulk::waiting(transaction).await? {
        return Ok(Some(Bulk::Import(through)));
    }
    let Some(relayout) = relayouts::waiting(transaction).await? else { return Ok(None) };
    Ok(Some(Bulk::Relayout(relayout, relayouts::offline_roles(transaction).await?)))
}

//! Step 1: pages, bins, snapshot and timestamp made and signed.

use std::collections::BTreeMap;

use jiff::Timestamp as Time;
use sealdex_simple::FileName;
use sealdex_simple::layout::{file_target_path, index_page_target_path};
use sealdex_tuf::metadata::{Common, MetaFile, Timestamp};
use sealdex_tuf::sign::sign;
use sealdex_tuf::{RoleName, Signer, TargetPath};

use super::bin::sign_bin;
use super::deliver::TIMESTAMP_FILE;
use super::gather::{Batch, ProjectChange};
use super::new_pages::NewPage;
use super::state::State;
use crate::blobs::BlobName;
use crate::error::Error;
use crate::layout::Layout;
use crate::repository::Repository;
use crate::store::{OutboxFile, PageRow, RoleRow, TargetRow};

/// A publication, signed: what goes into the database, and from there to the disk.
pub(crate) struct Signed {
    pub(crate) at: Time,
    pub(crate) through: Option<u64>,
    /// What a bulk publication has prepared, and what becomes public with it.
    pub(crate) bulk: Option<SignedBulk>,
    pub(crate) transactions: usize,
    /// The roles that were signed, in their new versions.
    pub(crate) roles: Vec<RoleRow>,
    /// Versions of snapshot and timestamp.
    pub(crate) versions: (u64, u64),
    pub(crate) targets: Vec<(RoleName, TargetRow)>,
    pub(crate) removed: Vec<String>,
    pub(crate) pages: Vec<PageRow>,
    /// In the order in which they are to be written: the timestamp last.
    pub(crate) outbox: Vec<OutboxFile>,
    pub(crate) snapshot_file: MetaFile,
}

/// What a bulk publication is of.
pub(crate) enum SignedBulk {
    /// Everything imported up to this transaction.
    Import(u64),
    /// A change of the layout.
    Relayout { id: u64, layout: String, targets: PreparedTargets },
}

/// Whether targets were prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PreparedTargets {
    /// They take the place of all that there are.
    All,
    /// Those that there are stay.
    None,
}

/// A snapshot that lists roles before they are signed: what it says of them is their versions.
pub(crate) struct SnapshotAhead {
    at: Time,
    /// The targets roles, and the snapshot.
    roles: Vec<RoleRow>,
    file: MetaFile,
}

/// Signs the snapshot of a publication that signs `batch.roles`, and writes it. The state's snapshot then lists the new
/// versions already: unless they are committed, the state is worth nothing any more.
pub(crate) fn sign_snapshot_ahead(
    repository: &Repository,
    state: &mut State,
    batch: &Batch,
    online: &dyn Signer,
) -> Result<SnapshotAhead, Error> {
    let at = repository.clock().now();
    let mut signing = Signing::begin(repository, state, online, at);
    for role in batch.roles.keys() {
        let common = signing.next_targets(role)?;
        signing.note(role, &common);
    }
    let file = if signing.roles.is_empty() && !batch.renew_snapshot {
        signing.state.snapshot_file().clone()
    } else {
        signing.sign_snapshot()?
    };
    Ok(SnapshotAhead { at, roles: signing.roles, file })
}

/// Makes and signs everything but the pages and the snapshot, which are made already.
pub(crate) fn build(
    repository: &Repository,
    state: &mut State,
    batch: &Batch,
    pages: Vec<(ProjectChange, NewPage)>,
    snapshot: SnapshotAhead,
    online: &dyn Signer,
) -> Result<Signed, Error> {
    let SnapshotAhead { at, roles, file: snapshot_file } = snapshot;
    let mut changes = Changes::new(&batch.layout, at);
    for (project, page) in pages {
        changes.add_project(&project, page)?;
    }
    for (path, row) in &batch.files {
        let target = TargetRow { path: row.path.clone(), length: row.length, sha256: row.sha256.clone() };
        let role = batch.layout.role_of(path)?;
        changes.set(role, target, if row.removed { Presence::Removed } else { Presence::Present });
    }
    let mut signer = Signing::begin(repository, state, online, at);
    signer.roles = roles;
    for (role, held) in &batch.roles {
        signer.sign_targets(role, held, changes.targets.get(role))?;
    }
    let timestamp = signer.sign_timestamp(&snapshot_file)?;
    let Signing { roles, outbox, .. } = signer;
    let (targets, removed) = changes.rows();
    Ok(Signed {
        at,
        through: batch.through,
        bulk: None,
        transactions: batch.transactions,
        roles,
        versions: (snapshot_file.version.number(), timestamp),
        targets,
        removed,
        pages: changes.pages,
        outbox,
        snapshot_file,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Removed,
}

/// The changes of one role's targets, by path.
pub(super) type RoleChanges = BTreeMap<String, (TargetRow, Presence)>;

/// The changes of targets, by role and path.
pub(super) struct Changes<'a> {
    layout: &'a Layout,
    at: Time,
    pub(super) targets: BTreeMap<RoleName, RoleChanges>,
    pub(super) pages: Vec<PageRow>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(layout: &'a Layout, at: Time) -> Self {
        Self { layout, at, targets: BTreeMap::new(), pages: Vec::new() }
    }

    fn set(&mut self, role: RoleName, target: TargetRow, presence: Presence) {
        self.targets.entry(role).or_default().insert(target.path.clone(), (target, presence));
    }

    /// A project, and its new page.
    pub(super) fn add_project(&mut self, change: &ProjectChange, page: NewPage) -> Result<(), Error> {
        let ProjectChange { project, distributions, touched, .. } = change;
        let NewPage { sha256, length, serial } = page;
        let path = TargetPath::parse(index_page_target_path(project))?;
        let target = TargetRow { path: path.as_str().to_owned(), length, sha256: sha256.clone() };
        self.set(self.layout.role_of(&path)?, target, Presence::Present);
        let project_name = project.to_string();
        self.pages.push(PageRow { project: project_name, sha256, serial, published_at: self.at });
        if touched.is_empty() {
            return Ok(());
        }
        for row in distributions {
            let path = file_target_path(project, &FileName::parse(&row.filename)?);
            if !touched.contains(&path) {
                continue;
            }
            // A layout may leave the files out: their hashes are on the page.
            let target_path = TargetPath::parse(path.as_str())?;
            if let Some(role) = self.layout.responsible(&target_path)? {
                let target = TargetRow { path, length: row.length, sha256: row.sha256.clone() };
                self.set(role, target, if row.removed { Presence::Removed } else { Presence::Present });
            }
        }
        Ok(())
    }

    /// Rows to put and paths to remove.
    fn rows(&mut self) -> (Vec<(RoleName, TargetRow)>, Vec<String>) {
        let (mut put, mut removed) = (Vec::new(), Vec::new());
        for (role, targets) in std::mem::take(&mut self.targets) {
            for (path, (target, presence)) in targets {
                match presence {
                    Presence::Present => put.push((role.clone(), target)),
                    Presence::Removed => removed.push(path),
                }
            }
        }
        (put, removed)
    }
}

/// Signs one role after another, each in its next version.
pub(super) struct Signing<'a> {
    repository: &'a Repository,
    state: &'a mut State,
    online: &'a dyn Signer,
    at: Time,
    pub(super) roles: Vec<RoleRow>,
    pub(super) outbox: Vec<OutboxFile>,
}

impl<'a> Signing<'a> {
    pub(super) fn begin(
        repository: &'a Repository,
        state: &'a mut State,
        online: &'a dyn Signer,
        at: Time,
    ) -> Self {
        Self { repository, state, online, at, roles: Vec::new(), outbox: Vec::new() }
    }

    fn sign_targets(
        &mut self,
        role: &RoleName,
        held: &[TargetRow],
        changes: Option<&RoleChanges>,
    ) -> Result<(), Error> {
        let common = self.next_targets(role)?;
        let content = sign_bin(role, &common, held, changes, self.online)?;
        let name = role.versioned_file_name(common.version);
        self.outbox.push(OutboxFile { name, content });
        Ok(())
    }

    /// What a targets role's next metadata begins with.
    fn next_targets(&self, role: &RoleName) -> Result<Common, Error> {
        let expires = self.repository.settings().expiry.bins.from(self.at);
        Ok(Common::new(self.state.next_version(role.as_str())?, expires))
    }

    /// Signs a snapshot that lists `roles` as they are signed by now, and writes it. It is half a megabyte at PyPI's size,
    /// too much for the outbox of each publication.
    pub(super) fn sign_snapshot(&mut self) -> Result<MetaFile, Error> {
        self.state.list_in_snapshot(&self.roles)?;
        let role = RoleName::snapshot();
        let expires = self.repository.settings().expiry.snapshot.from(self.at);
        let common = Common::new(self.state.next_snapshot()?, expires);
        let content = self.state.snapshot().sign(&common, self.online)?;
        let file = MetaFile::of_bytes(common.version, &content);
        self.repository.blobs().put(&[(BlobName::role(&role, common.version), content.as_slice())])?;
        let version = common.version.number();
        let name = role.as_str().to_owned();
        self.roles.push(RoleRow { name, version, reserved: version + 1, expires: common.expires });
        Ok(file)
    }

    /// Gives its version.
    pub(super) fn sign_timestamp(&mut self, snapshot: &MetaFile) -> Result<u64, Error> {
        let role = RoleName::timestamp();
        let expires = self.repository.settings().expiry.timestamp.from(self.at);
        let common = Common::new(self.state.next_version(role.as_str())?, expires);
        let timestamp = Timestamp { common, snapshot: snapshot.clone() };
        let content = sign(&timestamp, &[self.online])?;
        self.outbox.push(OutboxFile { name: TIMESTAMP_FILE.to_owned(), content });
        self.note(&role, &timestamp.common);
        Ok(timestamp.common.version.number())
    }

    fn note(&mut self, role: &RoleName, common: &Common) {
        let (name, version) = (role.as_str().to_owned(), common.version.number());
        self.roles.push(RoleRow { name, version, reserved: version, expires: common.expires });
    }
}

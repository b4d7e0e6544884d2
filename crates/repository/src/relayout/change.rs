//! From one layout to another: which roles delegate otherwise, and who may sign them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sealdex_tuf::metadata::{
    Common, DelegatedRoles, Delegations, RoleKeys, Root, Snapshot, Targets, Unverified,
};
use sealdex_tuf::sign::sign;
use sealdex_tuf::{Key, RoleName, Signer, Version};

use crate::blobs::BlobName;
use crate::disk;
use crate::error::Error;
use crate::layout::{DelegationKeys, KeyHolder, Layout};
use crate::repository::Repository;
use crate::served::served_timestamp;
use crate::store::{OfflineRole, publications};

/// A change of the layout, and what it starts from.
pub(super) struct Change {
    pub(super) before: Arc<Layout>,
    pub(super) root: Root,
    /// The roles that the snapshot lists.
    pub(super) listed: BTreeSet<RoleName>,
    pub(super) snapshot_bytes: u64,
    /// The roles to be signed offline, as they will be but for their versions.
    pub(super) metadata: BTreeMap<RoleName, Targets>,
}

impl Change {
    pub(super) async fn read(repository: &Repository, layout: &Layout) -> Result<Self, Error> {
        layout.check()?;
        let mut read = repository.store().read().await?;
        let before = repository.read_layout(&mut read).await?;
        let rows = publications::roles(&mut read).await?;
        drop(read);
        if before.content != layout.content {
            return Err(Error::Layout {
                reason: format!(
                    "{} seals other things than {}: make a new repository for them",
                    layout.name.escape_debug(),
                    before.name.escape_debug()
                ),
            });
        }
        let root = Unverified::<Root>::parse(&repository.root_bytes().await?)?.unverified_metadata().clone();
        let keys = delegation_keys(&root)?;
        let now = repository.clock().now();
        let expiry = repository.settings().expiry;
        let (repository, layout, old) = (repository.clone(), layout.clone(), Arc::clone(&before));
        disk::blocking(move || {
            let versions: BTreeMap<&str, u64> =
                rows.iter().map(|row| (row.name.as_str(), row.version)).collect();
            let served = |role: &RoleName| served_targets(&repository, role, &versions);
            let mut metadata = BTreeMap::new();
            let targets = RoleName::targets();
            let top = served(&targets)?;
            let delegations = layout.delegations(&keys)?;
            if in_order(top.delegations.as_ref()) != in_order(Some(&delegations)) {
                let common = next(&top.common, expiry.targets.from(now));
                metadata.insert(targets, Targets { common, delegations: Some(delegations), ..top });
            }
            for role in layout.all_roles().into_iter().filter(|role| role.keys == KeyHolder::Offline) {
                let name = RoleName::parse(role.name.as_str())?;
                let delegations = role.delegations(&keys)?;
                let lifetime = if delegations.is_some() { expiry.delegations } else { expiry.bins };
                let was_offline = |own: &&crate::layout::Role| own.name == role.name && own.keys == role.keys;
                // A role that nothing delegates to now may have expired long ago.
                let held = match old.all_roles().into_iter().find(was_offline) {
                    Some(_) => Some(served(&name)?),
                    None => None,
                };
                let delegates_so =
                    |held: &Targets| in_order(held.delegations.as_ref()) == in_order(delegations.as_ref());
                if held.as_ref().is_some_and(delegates_so) {
                    continue;
                }
                let mut next = Targets::new(Common::new(Version::ONE, lifetime.from(now))).bound_to(&name);
                next.targets = held.map(|held| held.targets).unwrap_or_default();
                next.delegations = delegations;
                metadata.insert(name, next);
            }
            let (listed, snapshot_bytes) = snapshot(&repository)?;
            Ok(Self { before: old, root, listed, snapshot_bytes, metadata })
        })
        .await
    }
}

/// Delegations with the keys of each role in the order of their ids, which means nothing, to be compared.
fn in_order(delegations: Option<&Delegations>) -> Option<Delegations> {
    let mut delegations = delegations?.clone();
    match &mut delegations.roles {
        DelegatedRoles::Listed(roles) => roles.iter_mut().for_each(|role| role.keys.key_ids.sort_unstable()),
        DelegatedRoles::Succinct(bins) => bins.keys.key_ids.sort_unstable(),
    }
    Some(delegations)
}

/// The same, to be signed anew.
fn next(common: &Common, expires: jiff::Timestamp) -> Common {
    Common { expires, ..common.clone() }
}

fn served_targets(
    repository: &Repository,
    role: &RoleName,
    versions: &BTreeMap<&str, u64>,
) -> Result<Targets, Error> {
    let version = versions.get(role.as_str()).copied().and_then(Version::new);
    let version = version
        .ok_or_else(|| Error::State { reason: format!("the database does not know the role {role}") })?;
    let bytes = repository.blobs().read(&BlobName::role(role, version))?;
    Ok(Unverified::<Targets>::parse(&bytes)?.unverified_metadata().clone())
}

/// The roles that the snapshot lists, and its length in bytes.
fn snapshot(repository: &Repository) -> Result<(BTreeSet<RoleName>, u64), Error> {
    let version = served_timestamp(repository.blobs())?.snapshot.version;
    let bytes = repository.blobs().read(&BlobName::role(&RoleName::snapshot(), version))?;
    let snapshot = Unverified::<Snapshot>::parse(&bytes)?;
    Ok((snapshot.unverified_metadata().meta.keys().cloned().collect(), bytes.len() as u64))
}

/// The keys that root names: those of targets sign offline, the timestamp's online.
fn delegation_keys(root: &Root) -> Result<DelegationKeys, Error> {
    let of = |keys: &RoleKeys| -> Vec<Key> {
        keys.key_ids.iter().filter_map(|id| root.keys.get(id).cloned()).collect()
    };
    let online = of(&root.timestamp).into_iter().next();
    let online = online.ok_or_else(|| Error::State { reason: "root names no online key".to_owned() })?;
    Ok(DelegationKeys { offline: (of(&root.targets), root.targets.threshold), online })
}

/// As many distinct targets keys as must sign, and no others.
pub(super) fn check_keys(root: &Root, signers: &[Arc<dyn Signer>]) -> Result<Vec<Arc<dyn Signer>>, Error> {
    let mut found: BTreeMap<_, Arc<dyn Signer>> = BTreeMap::new();
    for signer in signers {
        let id = signer.key().id();
        if !root.targets.key_ids.contains(&id) {
            return Err(Error::Keys { reason: format!("{id} is no targets key of this repository") });
        }
        found.insert(id, Arc::clone(signer));
    }
    if (found.len() as u64) < root.targets.threshold {
        let reason =
            format!("{} distinct targets keys, but the threshold is {}", found.len(), root.targets.threshold);
        return Err(Error::Keys { reason });
    }
    Ok(found.into_values().collect())
}

pub(super) fn offline_role(
    name: &RoleName,
    mut metadata: Targets,
    version: Version,
    signers: &[&dyn Signer],
) -> Result<OfflineRole, Error> {
    metadata.common.version = version;
    let content = sign(&metadata, signers)?;
    let name = name.as_str().to_owned();
    Ok(OfflineRole { name, version: version.number(), expires: metadata.common.expires, content })
}

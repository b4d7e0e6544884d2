//! The chain of delegations that leads to a target: whose keys vouch for it, and by whose leave (TUF spec 5.6.7).

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::key::{Identity, Key, KeyId};
use crate::metadata::{DelegatedRoles, PathSet, RoleKeys, Root};
use crate::name::{RoleName, TargetPath};
use crate::pattern::PathPattern;
use crate::trusted::TrustedMetadata;

/// A role of the chain from `targets` to the role that lists a target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainedRole {
    /// Its name.
    pub role: RoleName,
    /// THRESHOLD: distinct keys needed.
    pub threshold: u64,
    /// The keys that may sign for it, as far as the delegator lists them.
    pub keys: Vec<ChainedKey>,
    /// How many distinct ones of them are timestamp's or snapshot's as well, which are online.
    pub online_keys: u64,
    /// Why it was asked about the target.
    pub grant: Grant,
}

/// A key that may sign for a role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainedKey {
    /// The identifier that metadata gives it: a name, which need not have to do with the key (TAP 12).
    pub key_id: KeyId,
    /// The identifier computed from the key (4.2.1): no other key has it.
    pub computed_id: KeyId,
    /// Whether its signature was counted.
    pub has_signed: bool,
}

/// Why a role is asked about a target's path (4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// It is `targets`, which speaks about all paths.
    TopLevel,
    /// These patterns match the path.
    Patterns(Vec<PathPattern>),
    /// The hash of the path is one of those given to the role: it is a bin.
    Hash,
}

impl ChainedRole {
    /// Whether who has the online keys, those of timestamp and snapshot, can sign for this role.
    #[must_use]
    pub fn can_be_signed_online(&self) -> bool {
        self.online_keys >= self.threshold
    }
}

/// The chain of these roles, `targets` first, each delegated to by the one before it and loaded through that one.
pub(crate) fn chain(
    trusted: &TrustedMetadata,
    roles: &[RoleName],
    path: &TargetPath,
) -> Result<Vec<ChainedRole>, Error> {
    let root = trusted.root();
    let online = online_keys(root);
    let top =
        Signers { role_keys: &root.targets, keys: &root.keys, signed_by: trusted.targets().signed_by() };
    let mut chain = vec![top.chained(&RoleName::targets(), Grant::TopLevel, &online)];
    for pair in roles.windows(2) {
        let [delegator, role] = pair else { continue };
        let missing = || Error::Missing { file: role.file_name() };
        let delegations = trusted.targets_of(delegator)?.delegations.as_ref().ok_or_else(missing)?;
        let signed_by = trusted.delegated(delegator, role).ok_or_else(missing)?.signed_by();
        let role_keys = delegations.role_keys(role).ok_or_else(missing)?;
        let signers = Signers { role_keys, keys: &delegations.keys, signed_by };
        chain.push(signers.chained(role, grant(&delegations.roles, role, path), &online));
    }
    Ok(chain)
}

/// Who may sign for a role, and who has.
struct Signers<'a> {
    role_keys: &'a RoleKeys,
    /// Those that the delegator lists.
    keys: &'a BTreeMap<KeyId, Key>,
    signed_by: &'a [KeyId],
}

impl Signers<'_> {
    fn chained(&self, role: &RoleName, grant: Grant, online: &BTreeSet<Identity<'_>>) -> ChainedRole {
        let ids = &self.role_keys.key_ids;
        let listed = || ids.iter().filter_map(|id| Some((id, self.keys.get(id)?)));
        // As thresholds do, this counts keys, whatever they are called.
        let shared: BTreeSet<Identity<'_>> =
            listed().map(|(_, key)| key.identity()).filter(|key| online.contains(key)).collect();
        let keys = listed().map(|(id, key)| ChainedKey {
            key_id: id.clone(),
            computed_id: key.id(),
            has_signed: self.signed_by.contains(id),
        });
        ChainedRole {
            role: role.clone(),
            threshold: self.role_keys.threshold,
            keys: keys.collect(),
            online_keys: shared.len() as u64,
            grant,
        }
    }
}

/// Who signs for the roles whose keys are online: timestamp and snapshot.
fn online_keys(root: &Root) -> BTreeSet<Identity<'_>> {
    let ids = root.timestamp.key_ids.iter().chain(&root.snapshot.key_ids);
    ids.filter_map(|id| root.keys.get(id)).map(Key::identity).collect()
}

fn grant(roles: &DelegatedRoles, role: &RoleName, path: &TargetPath) -> Grant {
    let DelegatedRoles::Listed(roles) = roles else { return Grant::Hash };
    match roles.iter().find(|own| own.name == *role).map(|own| &own.paths) {
        Some(PathSet::Patterns(patterns)) => {
            Grant::Patterns(patterns.iter().filter(|own| own.matches(path.as_str())).cloned().collect())
        }
        _ => Grant::Hash,
    }
}

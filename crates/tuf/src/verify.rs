//! The one place where signatures are counted, and where unverified metadata becomes verified.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use crate::error::Error;
use crate::key::{Key, KeyId};
use crate::metadata::{Delegations, Metadata, MetadataSignature, RoleKeys, Root, Targets, Unverified};
use crate::name::RoleName;

/// Metadata signed by a threshold of the keys that trusted metadata names for its role.
///
/// There is no other way to make one than verification. It keeps the bytes as received.
#[derive(Clone, Debug)]
pub struct Verified<M> {
    metadata: Arc<M>,
    bytes: Arc<[u8]>,
    signed_by: Arc<[KeyId]>,
}

impl<M> Verified<M> {
    /// The bytes as received: what may be written to disk.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The key ids whose signatures were counted: of the keys that trusted metadata names for the role, distinct ones
    /// alone.
    #[must_use]
    pub fn signed_by(&self) -> &Arc<[KeyId]> {
        &self.signed_by
    }
}

impl<M> Deref for Verified<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.metadata
    }
}

/// Who may sign for a role, and who says so.
#[derive(Clone, Copy)]
pub(crate) struct Delegator<'a> {
    pub(crate) name: &'a str,
    pub(crate) keys: &'a BTreeMap<KeyId, Key>,
}

impl Root {
    /// Verifies a top-level role's metadata against this root (5.3.4, 5.4.2, 5.5.3, 5.6.3).
    pub(crate) fn verify<M: Metadata>(&self, unverified: Unverified<M>) -> Result<Verified<M>, Error> {
        let role = RoleName::parse(M::TYPE)?;
        let role_keys = match M::TYPE {
            "root" => &self.root,
            "timestamp" => &self.timestamp,
            "snapshot" => &self.snapshot,
            _ => &self.targets,
        };
        verify(unverified, &role, role_keys, Delegator { name: "root", keys: &self.keys })
    }
}

impl Delegations {
    /// Verifies a delegated role's metadata against these delegations of `delegator` (5.6.3).
    pub(crate) fn verify(
        &self,
        delegator: &RoleName,
        role: &RoleName,
        unverified: Unverified<Targets>,
    ) -> Result<Verified<Targets>, Error> {
        let Some(role_keys) = self.role_keys(role) else {
            return Err(Error::Threshold {
                role: role.clone(),
                delegator: delegator.to_string(),
                valid: 0,
                threshold: 1,
            });
        };
        verify(unverified, role, role_keys, Delegator { name: delegator.as_str(), keys: &self.keys })
    }
}

fn verify<M: Metadata>(
    unverified: Unverified<M>,
    role: &RoleName,
    role_keys: &RoleKeys,
    delegator: Delegator<'_>,
) -> Result<Verified<M>, Error> {
    let signers = valid_signers(&unverified.canonical, &unverified.signatures, role_keys, delegator.keys);
    let valid = signers.len();
    if (valid as u64) < role_keys.threshold {
        let delegator = RoleName::parse(delegator.name)?.to_string();
        return Err(Error::Threshold {
            role: role.clone(),
            delegator,
            valid,
            threshold: role_keys.threshold,
        });
    }
    Ok(Verified {
        metadata: Arc::new(unverified.metadata),
        bytes: unverified.bytes,
        signed_by: signers.into(),
    })
}

/// The key ids of `role_keys` that made a valid signature over `message`, each key once.
///
/// A key counts once however many identifiers it goes by, and an identifier counts once however many signatures it
/// has (5.3.4): ids are unique in `signatures` by parsing, keys are told apart by what they verify with.
pub(crate) fn valid_signers(
    message: &[u8],
    signatures: &[MetadataSignature],
    role_keys: &RoleKeys,
    keys: &BTreeMap<KeyId, Key>,
) -> Vec<KeyId> {
    let mut counted = BTreeSet::new();
    let mut signers = Vec::new();
    for MetadataSignature { key_id, signature } in signatures {
        if !role_keys.key_ids.contains(key_id) || signers.contains(key_id) {
            continue;
        }
        let (Some(key), Ok(signature)) = (keys.get(key_id), hex::decode(signature)) else {
            continue;
        };
        if key.verifies(message, &signature) && counted.insert(key.identity()) {
            signers.push(key_id.clone());
        }
    }
    signers
}

/// How far a role's metadata is signed: for `status` displays and signing ceremonies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureStatus {
    /// The key ids that made a valid signature, distinct keys only.
    pub signed_by: Vec<KeyId>,
    /// The key ids named for the role that have not signed.
    pub missing: Vec<KeyId>,
    /// Distinct keys needed.
    pub threshold: u64,
}

impl SignatureStatus {
    /// Counts the signatures on `metadata` of the role that `role_keys` are for.
    #[must_use]
    pub fn of<M>(metadata: &Unverified<M>, role_keys: &RoleKeys, keys: &BTreeMap<KeyId, Key>) -> Self {
        let signed_by = valid_signers(&metadata.canonical, &metadata.signatures, role_keys, keys);
        let missing = role_keys.key_ids.iter().filter(|id| !signed_by.contains(id)).cloned().collect();
        Self { signed_by, missing, threshold: role_keys.threshold }
    }

    /// Whether the threshold is reached.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.signed_by.len() as u64 >= self.threshold
    }
}

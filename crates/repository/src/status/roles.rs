//! The roles as they are served, from root downwards; or what the database alone knows of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::metadata::{
    Delegations, Metadata, RoleKeys, Root, Snapshot, Targets, Timestamp as TimestampRole, Unverified,
};
use sealdex_tuf::{Key, KeyId, RoleName, SignatureStatus, Version};

use super::{BinsStatus, KeyStatus, RoleStatus, Signatures, TrustedKeys};
use crate::blobs::{BlobName, Blobs};
use crate::create::DEVELOPMENT_MARK;
use crate::error::Error;
use crate::layout::{Bins, Layout};
use crate::store::RoleRow;

/// Nothing that clients read comes near this.
const MAX_METADATA_BYTES: u64 = 256 * 1024 * 1024;

/// Roots are looked for up to this version where no database knows the latest: clients go no further at once.
const MAX_ROOTS: u64 = 1024;

/// What the database knows of the roles.
pub(super) struct Known {
    pub(super) layout: Arc<Layout>,
    pub(super) rows: BTreeMap<String, RoleRow>,
}

/// What was found of the roles.
#[derive(Default)]
pub(super) struct Roles {
    pub(super) development: Option<bool>,
    pub(super) root_fingerprint: Option<String>,
    pub(super) roles: Vec<RoleStatus>,
    pub(super) bins: Vec<BinsStatus>,
}

impl Roles {
    /// What the database alone knows: versions and expiries.
    pub(super) fn of_rows(known: &Known) -> Result<Self, Error> {
        let mut this = Self::default();
        let roles = known.layout.all_roles();
        let delegated = roles.iter().map(|role| role.name.as_str());
        for name in ["root", "timestamp", "snapshot", "targets"].into_iter().chain(delegated) {
            let row = known.row(name)?;
            let (version, expires) = (row.version, row.expires);
            this.roles.push(RoleStatus { name: name.to_owned(), version, expires, signatures: None });
        }
        for role in roles {
            if let Some(bins) = &role.bins {
                this.bins.push(bins_status(&role.name, bins, known, None)?);
            }
        }
        Ok(this)
    }

    /// Reads what is served: all of it, or without a database the top-level roles.
    pub(super) async fn read(&mut self, blobs: &Blobs, known: Option<&Known>) -> Result<(), Error> {
        let reader = Reader { blobs, known };
        let timestamp = reader.fetch(&BlobName::timestamp()).await?;
        let parsed = Unverified::<TimestampRole>::parse(&timestamp)?;
        // The database may be ahead of what is served, for a moment.
        let snapshot_version = parsed.unverified_metadata().snapshot.version;
        let snapshot = reader.fetch(&BlobName::role(&RoleName::snapshot(), snapshot_version)).await?;
        let root_bytes = reader.root().await?;
        let root = Unverified::<Root>::parse(&root_bytes)?.unverified_metadata().clone();
        self.root_fingerprint = Some(HashAlgorithm::Sha256.hex_digest(&root_bytes));
        self.development = Some(root.common.unrecognized.value(DEVELOPMENT_MARK).is_some());
        self.add::<Root>(&RoleName::root(), &root_bytes, &root.root, &root.keys)?;
        self.add::<TimestampRole>(&RoleName::timestamp(), &timestamp, &root.timestamp, &root.keys)?;
        let listed = self.add::<Snapshot>(&RoleName::snapshot(), &snapshot, &root.snapshot, &root.keys)?;
        let name = RoleName::targets();
        let version = match known {
            Some(known) => known.version(&name)?,
            None => listed.meta.get(&name).map(|file| file.version).ok_or_else(|| unlisted(&name))?,
        };
        let targets = reader.fetch(&BlobName::role(&name, version)).await?;
        let targets = self.add::<Targets>(&name, &targets, &root.targets, &root.keys)?;
        match known {
            Some(known) => self.read_delegated(&reader, known, targets).await,
            None => Ok(()),
        }
    }

    async fn read_delegated(
        &mut self,
        reader: &Reader<'_>,
        known: &Known,
        targets: Targets,
    ) -> Result<(), Error> {
        let mut delegators = vec![targets];
        for role in known.layout.all_roles() {
            let name = RoleName::parse(role.name.as_str())?;
            let found = delegators.iter().find_map(|targets| {
                let delegations = targets.delegations.as_ref()?;
                Some((delegations.role_keys(&name)?.clone(), delegations.keys.clone()))
            });
            let (role_keys, keys) =
                found.ok_or_else(|| Error::State { reason: format!("no metadata delegates to {name}") })?;
            let bytes = reader.fetch(&BlobName::role(&name, known.version(&name)?)).await?;
            let targets = self.add::<Targets>(&name, &bytes, &role_keys, &keys)?;
            if let (Some(bins), Some(delegations)) = (&role.bins, &targets.delegations) {
                let trusted = trusted_with_bins(&name, bins, delegations)?;
                self.bins.push(bins_status(name.as_str(), bins, known, Some(trusted))?);
            }
            delegators.push(targets);
        }
        Ok(())
    }

    /// Adds a role by its file, and gives what is in it.
    fn add<M: Metadata + Clone>(
        &mut self,
        name: &RoleName,
        bytes: &[u8],
        role_keys: &RoleKeys,
        keys: &BTreeMap<KeyId, Key>,
    ) -> Result<M, Error> {
        let unverified = Unverified::<M>::parse(bytes)?;
        let signatures = SignatureStatus::of(&unverified, role_keys, keys);
        let metadata = unverified.unverified_metadata().clone();
        self.roles.push(RoleStatus {
            name: name.as_str().to_owned(),
            version: metadata.common().version.number(),
            expires: metadata.common().expires,
            signatures: Some(Signatures {
                signed_by: signatures.signed_by.iter().map(|id| id.as_str().to_owned()).collect(),
                trusted: trusted_keys(role_keys, keys),
            }),
        });
        Ok(metadata)
    }
}

impl Known {
    fn row(&self, role: &str) -> Result<&RoleRow, Error> {
        let unknown = || Error::State { reason: format!("the database does not know the role {role}") };
        self.rows.get(role).ok_or_else(unknown)
    }

    fn version(&self, role: &RoleName) -> Result<Version, Error> {
        let damaged = || Error::State { reason: format!("{role} has version 0") };
        Version::new(self.row(role.as_str())?.version).ok_or_else(damaged)
    }
}

struct Reader<'a> {
    blobs: &'a Blobs,
    known: Option<&'a Known>,
}

impl Reader<'_> {
    async fn fetch(&self, name: &BlobName) -> Result<Vec<u8>, Error> {
        let bytes = self.blobs.fetch(name, MAX_METADATA_BYTES).await?;
        bytes.ok_or(Error::TooLarge { what: "a metadata file", limit: MAX_METADATA_BYTES })
    }

    /// The latest root.
    async fn root(&self) -> Result<Vec<u8>, Error> {
        let name = RoleName::root();
        if let Some(known) = self.known {
            return self.fetch(&BlobName::role(&name, known.version(&name)?)).await;
        }
        let mut latest = None;
        for version in (1..=MAX_ROOTS).filter_map(Version::new) {
            match self.fetch(&BlobName::role(&name, version)).await {
                Ok(bytes) => latest = Some(bytes),
                Err(error) if error.is_absent() && latest.is_some() => break,
                Err(error) => return Err(error),
            }
        }
        latest.ok_or_else(|| unlisted(&name))
    }
}

fn unlisted(role: &RoleName) -> Error {
    Error::State { reason: format!("what is served lists no {role}") }
}

fn bins_status(
    delegator: &str,
    bins: &Bins,
    known: &Known,
    trusted: Option<TrustedKeys>,
) -> Result<BinsStatus, Error> {
    let (mut highest_version, mut earliest_expiry) = (0, Timestamp::MAX);
    for name in bins.role_names()? {
        let row = known.row(name.as_str())?;
        highest_version = highest_version.max(row.version);
        earliest_expiry = earliest_expiry.min(row.expires);
    }
    Ok(BinsStatus {
        delegator: delegator.to_owned(),
        name_prefix: bins.name_prefix.clone(),
        style: bins.style.to_string(),
        count: bins.count(),
        highest_version,
        earliest_expiry,
        trusted,
    })
}

/// Who may sign the bins: the same for each.
fn trusted_with_bins(
    delegator: &RoleName,
    bins: &Bins,
    delegations: &Delegations,
) -> Result<TrustedKeys, Error> {
    let names = bins.role_names()?;
    let found = names.first().and_then(|name| delegations.role_keys(name));
    let role_keys = found.ok_or_else(|| Error::State {
        reason: format!("{delegator} does not delegate to the bins of the layout"),
    })?;
    Ok(trusted_keys(role_keys, &delegations.keys))
}

fn trusted_keys(role_keys: &RoleKeys, keys: &BTreeMap<KeyId, Key>) -> TrustedKeys {
    let known = role_keys.key_ids.iter().filter_map(|id| keys.get(id).map(|key| (id, key)));
    let status = |(id, key): (&KeyId, &Key)| KeyStatus {
        id: id.as_str().to_owned(),
        scheme: key.scheme().to_string(),
    };
    TrustedKeys { threshold: role_keys.threshold, keys: known.map(status).collect() }
}

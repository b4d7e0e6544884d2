//! How a repository is: every role, what is pending, who writes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::metadata::{
    Delegations, Metadata, RoleKeys, Root, Snapshot, Targets, Timestamp as TimestampRole, Unverified,
};
use sealdex_tuf::{Key, KeyId, RoleName, SignatureStatus, Version};
use serde::Serialize;

use crate::blobs::BlobName;
use crate::create::DEVELOPMENT_MARK;
use crate::disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::publish::current_writer;
use crate::repository::Repository;
use crate::served::served_timestamp;
use crate::store::{RoleRow, log, publications, relayouts, targets};

/// The state of a repository, for people and monitors.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Whether its keys are for development: nothing it serves deserves trust.
    pub development: bool,
    /// The layout's name.
    pub layout: String,
    /// The name of the layout that a change waits to be published for.
    pub waiting_layout: Option<String>,
    /// SHA-256 of the latest root metadata file: what a user is given to trust it.
    pub root_fingerprint: String,
    /// The top-level roles and those they delegate to, but for bins; parents before children.
    pub roles: Vec<RoleStatus>,
    /// The bins, together by the role that delegates to them.
    pub bins: Vec<BinsStatus>,
    /// Number of projects.
    pub projects: u64,
    /// Number of distributions on their pages.
    pub files: u64,
    /// Number of targets signed, pages included.
    pub targets: u64,
    /// Transactions that are durable and not published yet.
    pub pending_transactions: u64,
    /// Which database holds the state: `SQLite`, or the address of a PostgreSQL.
    pub database: String,
    /// The process that publishes, if one does.
    pub writer: Option<WriterStatus>,
}

/// The state of a role.
#[derive(Clone, Debug, Serialize)]
pub struct RoleStatus {
    /// Its name.
    pub name: String,
    /// The version served.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// Distinct keys that must sign.
    pub threshold: u64,
    /// The ids of the keys that signed the version served.
    pub signed_by: Vec<String>,
    /// The keys that may sign.
    pub keys: Vec<KeyStatus>,
}

/// A key that may sign for a role.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStatus {
    /// Its id.
    pub id: String,
    /// Its scheme, such as `ed25519`.
    pub scheme: String,
}

/// The state of the bins that a role delegates to.
#[derive(Clone, Debug, Serialize)]
pub struct BinsStatus {
    /// The delegating role.
    pub delegator: String,
    /// What their names start with.
    pub name_prefix: String,
    /// How the delegation is written: `succinct` or `explicit`.
    pub style: String,
    /// How many there are.
    pub count: u64,
    /// The greatest version among them.
    pub highest_version: u64,
    /// When the first of them expires.
    pub earliest_expiry: Timestamp,
    /// Distinct keys that must sign.
    pub threshold: u64,
    /// The keys that may sign.
    pub keys: Vec<KeyStatus>,
}

/// The process that publishes.
#[derive(Clone, Debug, Serialize)]
pub struct WriterStatus {
    /// Its process id; `None` where it could not be read.
    pub process_id: Option<u32>,
    /// Its machine; `None`: this one.
    pub host: Option<String>,
    /// Since when it publishes, where that is known.
    pub since: Option<Timestamp>,
}

impl Repository {
    /// The process that publishes; `None`: nobody does. Unlike [`Repository::status`], as fast in a large repository.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Database`].
    pub async fn writer(&self) -> Result<Option<WriterStatus>, Error> {
        if !self.store().has_locks() {
            let path = self.directory().writer_lock();
            return disk::blocking(move || current_writer(&path)).await;
        }
        Ok(self.store().writer().await?.map(|row| WriterStatus {
            process_id: u32::try_from(row.process).ok(),
            host: Some(row.host),
            since: Some(row.since),
        }))
    }

    /// How the repository is. Signatures are counted on the files that are served, bins excepted.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Io`], [`Error::Tuf`] for metadata that cannot be read, [`Error::State`].
    pub async fn status(&self) -> Result<Status, Error> {
        let mut read = self.store().read().await?;
        let [projects, files, targets] = targets::counts(&mut read).await?;
        let pending_transactions = log::pending_count(&mut read).await?;
        let rows = publications::roles(&mut read).await?;
        let layout = self.read_layout(&mut read).await?;
        let waiting = relayouts::waiting(&mut read).await?;
        drop(read);
        let waiting = waiting.map(|waiting| Layout::from_fact(&waiting.layout)).transpose()?;
        let (repository, writer) = (self.clone(), self.writer().await?);
        disk::blocking(move || {
            let rows = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
            let mut reader = Reader {
                repository: &repository,
                layout: &layout,
                rows,
                roles: Vec::new(),
                bins: Vec::new(),
            };
            let root_bytes = reader.read_top_level()?;
            let root = Unverified::<Root>::parse(&root_bytes)?;
            let mark = root.unverified_metadata().common.unrecognized.value(DEVELOPMENT_MARK);
            Ok(Status {
                development: mark.is_some(),
                layout: layout.name.clone(),
                waiting_layout: waiting.map(|layout| layout.name),
                root_fingerprint: HashAlgorithm::Sha256.hex_digest(&root_bytes),
                roles: reader.roles,
                bins: reader.bins,
                projects,
                files,
                targets,
                pending_transactions,
                database: repository.store().name(),
                writer,
            })
        })
        .await
    }
}

/// Reads the roles, from root downwards.
struct Reader<'a> {
    repository: &'a Repository,
    layout: &'a Layout,
    rows: BTreeMap<String, RoleRow>,
    roles: Vec<RoleStatus>,
    bins: Vec<BinsStatus>,
}

impl Reader<'_> {
    /// Gives the bytes of root.
    fn read_top_level(&mut self) -> Result<Vec<u8>, Error> {
        let bytes = self.bytes(&RoleName::root())?;
        let root = Unverified::<Root>::parse(&bytes)?.unverified_metadata().clone();
        let (_, status) = self.role::<Root>(&RoleName::root(), &root.root, &root.keys)?;
        self.roles.push(status);
        let (_, status) = self.role::<TimestampRole>(&RoleName::timestamp(), &root.timestamp, &root.keys)?;
        self.roles.push(status);
        let (_, status) = self.role::<Snapshot>(&RoleName::snapshot(), &root.snapshot, &root.keys)?;
        self.roles.push(status);
        let (targets, status) = self.role::<Targets>(&RoleName::targets(), &root.targets, &root.keys)?;
        self.roles.push(status);
        let mut delegators = vec![(RoleName::targets(), targets)];
        let layout = self.layout;
        for role in layout.all_roles() {
            let name = RoleName::parse(role.name.as_str())?;
            let found = delegators.iter().find_map(|(_, targets)| {
                let delegations = targets.delegations.as_ref()?;
                Some((delegations.role_keys(&name)?.clone(), delegations.keys.clone()))
            });
            let (role_keys, keys) =
                found.ok_or_else(|| Error::State { reason: format!("no metadata delegates to {name}") })?;
            let (targets, status) = self.role::<Targets>(&name, &role_keys, &keys)?;
            self.roles.push(status);
            if let (Some(bins), Some(delegations)) = (&role.bins, &targets.delegations) {
                let status = self.bins_status(&name, bins, delegations)?;
                self.bins.push(status);
            }
            delegators.push((name, targets));
        }
        Ok(bytes)
    }

    fn role<M: Metadata + Clone>(
        &self,
        name: &RoleName,
        role_keys: &RoleKeys,
        keys: &BTreeMap<KeyId, Key>,
    ) -> Result<(M, RoleStatus), Error> {
        let bytes = self.bytes(name)?;
        let unverified = Unverified::<M>::parse(&bytes)?;
        let signatures = SignatureStatus::of(&unverified, role_keys, keys);
        let metadata = unverified.unverified_metadata().clone();
        let status = RoleStatus {
            name: name.as_str().to_owned(),
            version: metadata.common().version.number(),
            expires: metadata.common().expires,
            threshold: role_keys.threshold,
            signed_by: signatures.signed_by.iter().map(|id| id.as_str().to_owned()).collect(),
            keys: key_statuses(role_keys, keys),
        };
        Ok((metadata, status))
    }

    fn bins_status(
        &self,
        delegator: &RoleName,
        bins: &crate::layout::Bins,
        delegations: &Delegations,
    ) -> Result<BinsStatus, Error> {
        let names = bins.role_names()?;
        let keys = names.first().and_then(|name| delegations.role_keys(name)).ok_or_else(|| {
            Error::State { reason: format!("{delegator} does not delegate to the bins of the layout") }
        })?;
        let rows = names.iter().map(|name| self.row(name)).collect::<Result<Vec<_>, Error>>()?;
        Ok(BinsStatus {
            delegator: delegator.as_str().to_owned(),
            name_prefix: bins.name_prefix.clone(),
            style: bins.style.to_string(),
            count: bins.count(),
            highest_version: rows.iter().map(|row| row.version).max().unwrap_or(0),
            earliest_expiry: rows.iter().map(|row| row.expires).min().unwrap_or(Timestamp::MAX),
            threshold: keys.threshold,
            keys: key_statuses(keys, &delegations.keys),
        })
    }

    fn row(&self, role: &RoleName) -> Result<&RoleRow, Error> {
        let unknown = || Error::State { reason: format!("the database does not know the role {role}") };
        self.rows.get(role.as_str()).ok_or_else(unknown)
    }

    fn bytes(&self, role: &RoleName) -> Result<Vec<u8>, Error> {
        let blobs = self.repository.blobs();
        let key = match role.as_str() {
            "timestamp" => BlobName::timestamp(),
            // The database may be ahead of what is served, for a moment.
            "snapshot" => BlobName::role(role, served_timestamp(blobs)?.snapshot.version),
            _ => {
                let version = Version::new(self.row(role)?.version);
                let damaged = || Error::State { reason: format!("{role} has version 0") };
                BlobName::role(role, version.ok_or_else(damaged)?)
            }
        };
        blobs.read(&key)
    }
}

fn key_statuses(role_keys: &RoleKeys, keys: &BTreeMap<KeyId, Key>) -> Vec<KeyStatus> {
    let known = role_keys.key_ids.iter().filter_map(|id| keys.get(id).map(|key| (id, key)));
    known
        .map(|(id, key)| KeyStatus { id: id.as_str().to_owned(), scheme: key.scheme().to_string() })
        .collect()
}

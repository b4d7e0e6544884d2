//! What the snapshot process knows while it runs, and how it comes to know it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp as Time;
use sealdex_tuf::metadata::{MetaFile, Root, Unverified};
use sealdex_tuf::{RoleName, Signer, Version};

use super::deliver;
use super::lock::WriterLock;
use super::snapshot::SnapshotIndex;
use crate::blobs::BlobName;
use crate::disk;
use crate::error::Error;
use crate::repository::Repository;
use crate::served::served_timestamp;
use crate::store::{RoleRow, commit, publications};
use crate::transaction::Publication;

/// Versions and expiries of all roles, as they are in the database and served.
#[derive(Debug)]
pub(crate) struct State {
    roles: HashMap<String, Current>,
    snapshot: SnapshotIndex,
    /// The latest snapshot, as the timestamp lists it.
    snapshot_file: MetaFile,
}

/// A role's latest metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) version: Version,
    /// The highest version that may have been written.
    pub(crate) reserved: Version,
    pub(crate) expires: Time,
}

impl State {
    pub(crate) fn current(&self, role: &str) -> Result<Current, Error> {
        let unknown = || Error::State { reason: format!("the database does not know the role {role}") };
        self.roles.get(role).copied().ok_or_else(unknown)
    }

    /// The version of a role as the database has it: 0 for one that was never published.
    pub(crate) fn version_of(&self, role: &str) -> u64 {
        self.roles.get(role).map_or(0, |current| current.version.number())
    }

    /// The version to sign next.
    pub(crate) fn next_version(&self, role: &str) -> Result<Version, Error> {
        let used = self.current(role)?.reserved;
        used.next().ok_or_else(|| Error::State { reason: format!("{role} has no versions left") })
    }

    /// The version of the next snapshot. It is reserved: its file is written before the database knows of it.
    pub(crate) fn next_snapshot(&self) -> Result<Version, Error> {
        let Current { version, reserved, .. } = self.current(RoleName::snapshot().as_str())?;
        let none = || Error::State { reason: "no version is reserved for the snapshot".to_owned() };
        (reserved > version).then_some(reserved).ok_or_else(none)
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = (&str, Current)> {
        self.roles.iter().map(|(name, current)| (name.as_str(), *current))
    }

    pub(crate) fn snapshot(&self) -> &SnapshotIndex {
        &self.snapshot
    }

    pub(crate) fn snapshot_file(&self) -> &MetaFile {
        &self.snapshot_file
    }

    /// Lists new versions of targets roles in the snapshot.
    pub(crate) fn list_in_snapshot(&mut self, roles: &[RoleRow]) -> Result<(), Error> {
        let listed =
            roles.iter().filter(|row| !matches!(row.name.as_str(), "root" | "snapshot" | "timestamp"));
        let listed = listed.map(|row| Ok((RoleName::parse(row.name.as_str())?, current(row)?.version)));
        self.snapshot.set(listed.collect::<Result<_, Error>>()?);
        Ok(())
    }

    /// Takes in what was published; the snapshot lists it already.
    pub(crate) fn advance(&mut self, roles: &[RoleRow], snapshot_file: MetaFile) -> Result<(), Error> {
        for row in roles {
            self.roles.insert(row.name.clone(), current(row)?);
        }
        self.snapshot_file = snapshot_file;
        Ok(())
    }

    /// What is served now.
    pub(crate) fn publication(&self) -> Result<Publication, Error> {
        Ok(Publication {
            snapshot_version: self.current("snapshot")?.version,
            timestamp_version: self.current("timestamp")?.version,
        })
    }
}

/// Writes what is in the outbox, in case the last writer did not get to it, and reads the state. The version of the next
/// snapshot is one that nobody has used, whatever the last writer has written.
pub(crate) async fn recover(repository: &Repository, lock: &Arc<WriterLock>) -> Result<State, Error> {
    // As a writer: a commit whose caller gave up comes to its end first.
    let mut write = repository.store().write_in_epoch(lock.epoch()).await?;
    publications::reserve_versions(&mut write, &[RoleName::snapshot().as_str().to_owned()]).await?;
    let mut rows = publications::roles(&mut write).await?;
    let outbox = publications::outbox(&mut write).await?;
    commit(write).await?;
    // Those for which versions are reserved and none was published.
    rows.retain(|row| row.version > 0);
    let (blobs, lock) = (repository.blobs().clone(), Arc::clone(lock));
    disk::blocking(move || {
        let known = |role: &str| {
            let row = rows.iter().find(|row| row.name == role);
            row.map(|row| row.version)
                .ok_or_else(|| Error::State { reason: format!("the database does not know the role {role}") })
        };
        let timestamp = known("timestamp")?;
        let served = match served_timestamp(&blobs) {
            Ok(served) => served.common.version.number(),
            // It is in the outbox, like everything of the last publication.
            Err(error) if error.is_absent() => 0,
            Err(error) => return Err(error),
        };
        if served > timestamp {
            let role = "timestamp".to_owned();
            return Err(Error::StateBehindServed { role, served, known: timestamp });
        }
        deliver::deliver(&blobs, &lock, timestamp, &outbox)?;
        let version = Version::new(known("snapshot")?)
            .ok_or_else(|| Error::State { reason: "the snapshot has version 0".to_owned() })?;
        let bytes = blobs.read(&BlobName::role(&RoleName::snapshot(), version))?;
        let snapshot_file = MetaFile::of_bytes(version, &bytes);
        let mut state = State {
            roles: HashMap::with_capacity(rows.len()),
            snapshot: SnapshotIndex::default(),
            snapshot_file: snapshot_file.clone(),
        };
        state.list_in_snapshot(&rows)?;
        state.advance(&rows, snapshot_file)?;
        Ok(state)
    })
    .await
}

/// The key handed in must be the one that root names for what is signed online.
pub(crate) async fn check_online_key(repository: &Repository, online: &dyn Signer) -> Result<(), Error> {
    let root = Unverified::<Root>::parse(&repository.root_bytes().await?)?;
    let named = &root.unverified_metadata().timestamp.key_ids;
    let found = online.key().id();
    if named.contains(&found) {
        return Ok(());
    }
    let expected = named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Error::WrongOnlineKey { expected, found: found.to_string() })
}

fn current(row: &RoleRow) -> Result<Current, Error> {
    let version = |number| {
        Version::new(number).ok_or_else(|| Error::State { reason: format!("{} has version 0", row.name) })
    };
    Ok(Current { version: version(row.version)?, reserved: version(row.reserved)?, expires: row.expires })
}

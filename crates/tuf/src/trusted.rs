//! The client workflow's checks (TUF spec 5.2 to 5.6), one type a stage.
//!
//! A stage can only be reached through the one before it: [`RootStage`], [`TimestampStage`], [`SnapshotStage`],
//! [`TargetsStage`], [`TrustedMetadata`]. Each takes bytes and says yes or no; none reads a clock, a file or a socket.
//! An error leaves the stage as it was, so that other bytes can be tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp as Time;

use crate::error::Error;
use crate::key::{Identity, Key};
use crate::limits::Limits;
use crate::metadata::{Common, MetaFile, Metadata, RoleKeys, Root, Snapshot, Targets, Timestamp, Unverified};
use crate::name::{RoleName, Version};
use crate::verify::Verified;

/// 5.2 and 5.3: a trusted root, walked forward version by version.
#[derive(Clone, Debug)]
pub struct RootStage {
    now: Time,
    limits: Limits,
    first: Version,
    root: Verified<Root>,
    rotation: KeyRotation,
}

/// What became of the keys between one root and a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRotation {
    /// Timestamp and snapshot are still signed by the same keys, or by more.
    None,
    /// A timestamp or snapshot key was taken away: trusted timestamp and snapshot must be deleted (5.3.11).
    TimestampOrSnapshot,
}

impl KeyRotation {
    fn between(before: &Root, after: &Root) -> Self {
        let rotated = key_removed(before, after, |root| &root.timestamp)
            || key_removed(before, after, |root| &root.snapshot);
        if rotated { Self::TimestampOrSnapshot } else { Self::None }
    }
}

impl RootStage {
    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// 5.1 and 5.2: fixes the start time and loads the trusted root. It must be signed by its own keys; its expiry does
    /// not matter yet.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Malformed`] or [`Error::Threshold`].
    pub fn start(trusted_root: &[u8], now: Time, limits: Limits) -> Result<Self, Error> {
        let unverified = parse::<Root>(&RoleName::root(), trusted_root, limits.max_root_bytes)?;
        let itself = unverified.metadata.clone();
        let root = itself.verify(unverified)?;
        Ok(Self { now, limits, first: root.common.version, root, rotation: KeyRotation::None })
    }

    /// The root trusted so far.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// The version to ask for next (5.3.3).
    ///
    /// # Errors
    /// [`Error::TooManyRoots`] once the limit of new versions is used up: go on with [`Self::finish`].
    pub fn next_version(&self) -> Result<Version, Error> {
        let limit = self.limits.max_root_versions;
        let version = self.root.common.version;
        let next = version.next().filter(|_| version.number() - self.first.number() < limit);
        next.ok_or(Error::TooManyRoots { limit })
    }

    /// 5.3.4 to 5.3.7: takes root version N+1, signed by thresholds of both version N's and its own keys.
    ///
    /// Says whether this version rotated keys away. If so, delete what is stored (5.3.11) *before* this root is
    /// persisted: an update cut short in between would begin at this root and never know of the rotation, and a client
    /// that holds fast-forwarded metadata could not recover any more.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Malformed`], [`Error::Threshold`], [`Error::Rollback`] or [`Error::WrongVersion`].
    pub fn update(&mut self, bytes: &[u8]) -> Result<KeyRotation, Error> {
        let unverified = parse::<Root>(&RoleName::root(), bytes, self.limits.max_root_bytes)?;
        let itself = unverified.metadata.clone();
        // 5.3.4: signed by the trusted root's keys and by its own.
        self.root.verify(unverified.clone())?;
        let root = itself.verify(unverified)?;
        // 5.3.5: exactly N+1.
        let (trusted, found) = (self.root.common.version.number(), root.common.version.number());
        if found < trusted {
            return Err(Error::Rollback { role: RoleName::root(), trusted, offered: found });
        }
        if self.root.common.version.next() != Some(root.common.version) {
            return Err(Error::WrongVersion {
                role: RoleName::root(),
                expected: trusted.saturating_add(1),
                found,
            });
        }
        let rotation = KeyRotation::between(&self.root, &root);
        if rotation != KeyRotation::None {
            self.rotation = rotation;
        }
        // 5.3.7
        self.root = root;
        Ok(rotation)
    }

    /// 5.3.10 and 5.3.11: the last root must not have expired; says whether any version on the way rotated keys away.
    ///
    /// # Errors
    /// [`Error::Expired`]
    pub fn finish(self) -> Result<(TimestampStage, KeyRotation), Error> {
        check_expiry(&RoleName::root(), &self.root.common, self.now)?;
        let stage = TimestampStage { now: self.now, limits: self.limits, root: self.root, trusted: None };
        Ok((stage, self.rotation))
    }
}

/// Whether a key that signed for a role before does so no longer.
fn key_removed(before: &Root, after: &Root, role: impl Fn(&Root) -> &RoleKeys) -> bool {
    !role_identities(before, role(before)).is_subset(&role_identities(after, role(after)))
}

fn role_identities<'a>(root: &'a Root, role: &RoleKeys) -> BTreeSet<Identity<'a>> {
    role.key_ids.iter().filter_map(|id| root.keys.get(id)).map(Key::identity).collect()
}

/// 5.4: the timestamp, read anew in every update.
#[derive(Clone, Debug)]
pub struct TimestampStage {
    now: Time,
    limits: Limits,
    root: Verified<Root>,
    trusted: Option<Verified<Timestamp>>,
}

/// Whether an update brought anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A newer version is trusted now and is to be persisted.
    New,
    /// It was the version trusted already.
    Unchanged,
}

impl TimestampStage {
    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The final root of this update.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// Takes the timestamp of an earlier update, from the client's own storage. It may have expired: it still guards
    /// against rollback.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Malformed`] or [`Error::Threshold`]; the file is then worth nothing.
    pub fn load_stored(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.trusted = Some(self.verify(bytes)?);
        Ok(())
    }

    /// 5.4.2 to 5.4.4: takes the repository's timestamp.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Malformed`], [`Error::Threshold`], [`Error::Rollback`] or [`Error::Expired`].
    pub fn update(&mut self, bytes: &[u8]) -> Result<Freshness, Error> {
        let new = self.verify(bytes)?;
        if let Some(trusted) = &self.trusted {
            // 5.4.3.1: the timestamp's own version.
            check_rollback(&RoleName::timestamp(), trusted.common.version, new.common.version)?;
            if new.common.version == trusted.common.version {
                return Ok(Freshness::Unchanged);
            }
            // 5.4.3.2: the snapshot's version.
            check_rollback(&RoleName::snapshot(), trusted.snapshot.version, new.snapshot.version)?;
        }
        // 5.4.4
        check_expiry(&RoleName::timestamp(), &new.common, self.now)?;
        self.trusted = Some(new);
        Ok(Freshness::New)
    }

    /// The timestamp trusted so far.
    #[must_use]
    pub fn timestamp(&self) -> Option<&Verified<Timestamp>> {
        self.trusted.as_ref()
    }

    /// 5.4.4 for a timestamp that was trusted already: it must not have expired either.
    ///
    /// # Errors
    /// [`Error::Expired`], or [`Error::Missing`] when there is no timestamp yet.
    pub fn finish(self) -> Result<SnapshotStage, Error> {
        let timestamp =
            self.trusted.ok_or_else(|| Error::Missing { file: RoleName::timestamp().file_name() })?;
        check_expiry(&RoleName::timestamp(), &timestamp.common, self.now)?;
        Ok(SnapshotStage { now: self.now, limits: self.limits, root: self.root, timestamp, trusted: None })
    }

    fn verify(&self, bytes: &[u8]) -> Result<Verified<Timestamp>, Error> {
        self.root.verify(parse(&RoleName::timestamp(), bytes, self.limits.max_timestamp_bytes)?)
    }
}

/// 5.5: the snapshot that the timestamp speaks of.
#[derive(Clone, Debug)]
pub struct SnapshotStage {
    now: Time,
    limits: Limits,
    root: Verified<Root>,
    timestamp: Verified<Timestamp>,
    trusted: Option<Verified<Snapshot>>,
}

impl SnapshotStage {
    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the trusted timestamp says of the snapshot.
    #[must_use]
    pub fn expected(&self) -> &MetaFile {
        &self.timestamp.snapshot
    }

    /// Whether the root asks for consistent snapshots (5.3.12).
    #[must_use]
    pub fn consistent_snapshot(&self) -> bool {
        self.root.consistent_snapshot
    }

    /// Takes the snapshot of an earlier update, from the client's own storage, as a guard against rollback. It may have
    /// expired or be older than the timestamp asks for.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Malformed`] or [`Error::Threshold`]; the file is then worth nothing.
    pub fn load_stored(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.trusted =
            Some(self.root.verify(parse(&RoleName::snapshot(), bytes, self.limits.max_snapshot_bytes)?)?);
        Ok(())
    }

    /// Whether the trusted snapshot is the one that the timestamp asks for, by version and by length and hashes where
    /// listed, and has not expired, so that none need be fetched.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let asked = &self.timestamp.snapshot;
        self.trusted.as_ref().is_some_and(|own| {
            own.common.version == asked.version
                && !own.common.is_expired(self.now)
                && asked.verify(&RoleName::snapshot().file_name(), own.bytes()).is_ok()
        })
    }

    /// 5.5.2 to 5.5.6: takes the repository's snapshot.
    ///
    /// # Errors
    /// [`Error::WrongLength`], [`Error::WrongHash`], [`Error::Malformed`], [`Error::Threshold`],
    /// [`Error::WrongVersion`], [`Error::Rollback`], [`Error::RemovedFromSnapshot`] or [`Error::Expired`].
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let role = RoleName::snapshot();
        check_length(&role, bytes, self.limits.max_snapshot_bytes)?;
        // 5.5.2
        self.timestamp.snapshot.verify(&role.file_name(), bytes)?;
        // 5.5.3
        let new = self.root.verify(Unverified::<Snapshot>::parse(bytes)?)?;
        // 5.5.4
        check_version(&role, self.timestamp.snapshot.version, new.common.version)?;
        // 5.5.5
        if let Some(trusted) = &self.trusted {
            // Not in the specification, which trusts 5.4.3.2 with it: that guards nothing once the stored timestamp is lost.
            check_rollback(&role, trusted.common.version, new.common.version)?;
            for (listed, file) in &trusted.meta {
                let Some(offered) = new.meta.get(listed) else {
                    return Err(Error::RemovedFromSnapshot { role: listed.clone() });
                };
                check_rollback(listed, file.version, offered.version)?;
            }
        }
        // 5.5.6
        check_expiry(&role, &new.common, self.now)?;
        self.trusted = Some(new);
        Ok(())
    }

    /// The snapshot trusted so far.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Verified<Snapshot>> {
        self.trusted.as_ref()
    }

    /// The snapshot must be the one the timestamp asks for and must not have expired (5.5.4, 5.5.6).
    ///
    /// # Errors
    /// [`Error::WrongVersion`], [`Error::Expired`] or, without a snapshot, [`Error::Missing`].
    pub fn finish(self) -> Result<TargetsStage, Error> {
        let snapshot =
            self.trusted.ok_or_else(|| Error::Missing { file: RoleName::snapshot().file_name() })?;
        check_version(&RoleName::snapshot(), self.timestamp.snapshot.version, snapshot.common.version)?;
        check_expiry(&RoleName::snapshot(), &snapshot.common, self.now)?;
        Ok(TargetsStage {
            now: self.now,
            limits: self.limits,
            root: self.root,
            timestamp: self.timestamp,
            snapshot,
        })
    }
}

/// 5.6.1 to 5.6.5: the top-level targets role.
#[derive(Clone, Debug)]
pub struct TargetsStage {
    now: Time,
    limits: Limits,
    root: Verified<Root>,
    timestamp: Verified<Timestamp>,
    snapshot: Verified<Snapshot>,
}

impl TargetsStage {
    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The snapshot that this update trusts.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// What the trusted snapshot says of `targets`.
    ///
    /// # Errors
    /// [`Error::NotInSnapshot`], which parsing a snapshot rules out.
    pub fn expected(&self) -> Result<&MetaFile, Error> {
        listed(&self.snapshot, &RoleName::targets())
    }

    /// Whether the root asks for consistent snapshots (5.3.12).
    #[must_use]
    pub fn consistent_snapshot(&self) -> bool {
        self.root.consistent_snapshot
    }

    /// 5.6.2 to 5.6.5: takes the top-level targets metadata, from the repository or from the client's own storage: the
    /// checks are the same.
    ///
    /// # Errors
    /// The stage itself comes back with the error, so that other bytes can be tried.
    pub fn update(self, bytes: &[u8]) -> Result<TrustedMetadata, Box<(Self, Error)>> {
        let verify = || {
            let unverified = check_targets(&RoleName::targets(), bytes, &self.snapshot, &self.limits)?;
            let targets = self.root.verify(unverified)?;
            check_targets_state(&RoleName::targets(), &targets, &self.snapshot, self.now)?;
            Ok(targets)
        };
        match verify() {
            Ok(targets) => Ok(TrustedMetadata {
                now: self.now,
                limits: self.limits,
                root: self.root,
                timestamp: self.timestamp,
                snapshot: self.snapshot,
                targets,
                delegated: BTreeMap::new(),
            }),
            Err(error) => Err(Box::new((self, error))),
        }
    }
}

/// A consistent, verified, unexpired set of top-level metadata, and the delegated roles loaded since.
#[derive(Clone, Debug)]
pub struct TrustedMetadata {
    now: Time,
    limits: Limits,
    root: Verified<Root>,
    timestamp: Verified<Timestamp>,
    snapshot: Verified<Snapshot>,
    targets: Verified<Targets>,
    /// By (delegator, role): who delegates decides whose keys count.
    delegated: BTreeMap<(RoleName, RoleName), Verified<Targets>>,
}

impl TrustedMetadata {
    /// The root.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// The top-level targets.
    #[must_use]
    pub fn targets(&self) -> &Verified<Targets> {
        &self.targets
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The fixed start time of the update (5.1).
    #[must_use]
    pub fn started_at(&self) -> Time {
        self.now
    }

    /// When the first of the four top-level roles expires: until then this set can be used offline.
    #[must_use]
    pub fn expires(&self) -> Time {
        let (root, targets) = (self.root.common.expires, self.targets.common.expires);
        root.min(targets).min(self.timestamp.common.expires).min(self.snapshot.common.expires)
    }

    /// What the snapshot says of `role`.
    ///
    /// # Errors
    /// [`Error::NotInSnapshot`]
    pub fn expected(&self, role: &RoleName) -> Result<&MetaFile, Error> {
        listed(&self.snapshot, role)
    }

    /// A delegated role's metadata, if it was loaded through this delegator before.
    #[must_use]
    pub fn delegated(&self, delegator: &RoleName, role: &RoleName) -> Option<&Verified<Targets>> {
        self.delegated.get(&(delegator.clone(), role.clone()))
    }

    /// The bytes of `role` if it was loaded through any delegator: in this update there can be no others.
    pub(crate) fn loaded_bytes(&self, role: &RoleName) -> Option<Arc<[u8]>> {
        self.loaded(role).map(|targets| targets.bytes().clone())
    }

    /// 5.6.2 to 5.6.5 for a role that `delegator` delegates to; from the repository or from the client's own storage:
    /// the checks are the same.
    ///
    /// A role that several delegate to is verified for each of them, and has one content for all: a snapshot names one
    /// version of it. Otherwise the keys of one delegator could name those that sign further down for another one.
    ///
    /// # Errors
    /// [`Error::NotInSnapshot`], [`Error::WrongLength`], [`Error::WrongHash`], [`Error::Malformed`],
    /// [`Error::Threshold`], [`Error::WrongRole`], [`Error::WrongVersion`], [`Error::Expired`] or
    /// [`Error::TwoContents`].
    pub fn load_delegated(
        &mut self,
        delegator: &RoleName,
        role: &RoleName,
        bytes: &[u8],
    ) -> Result<&Verified<Targets>, Error> {
        let unverified = check_targets(role, bytes, &self.snapshot, &self.limits)?;
        let parent = self.targets_of(delegator)?;
        let Some(delegations) = &parent.delegations else {
            return Err(Error::Threshold {
                role: role.clone(),
                delegator: delegator.to_string(),
                valid: 0,
                threshold: 1,
            });
        };
        let targets = delegations.verify(delegator, role, unverified)?;
        check_targets_state(role, &targets, &self.snapshot, self.now)?;
        if self.loaded(role).is_some_and(|known| known.bytes() != targets.bytes()) {
            return Err(Error::TwoContents { role: role.clone(), version: targets.common.version.number() });
        }
        Ok(self.delegated.entry((delegator.clone(), role.clone())).insert_entry(targets).into_mut())
    }

    /// Metadata of a loaded targets role: `targets` itself or any delegated one.
    pub(crate) fn targets_of(&self, role: &RoleName) -> Result<&Verified<Targets>, Error> {
        if *role == RoleName::targets() {
            return Ok(&self.targets);
        }
        self.loaded(role).ok_or_else(|| Error::Missing { file: role.file_name() })
    }

    /// A delegated role's metadata, whichever delegator it was loaded through: the content is the same.
    fn loaded(&self, role: &RoleName) -> Option<&Verified<Targets>> {
        self.delegated.iter().find(|((_, loaded), _)| loaded == role).map(|(_, targets)| targets)
    }
}

fn parse<M: Metadata>(role: &RoleName, bytes: &[u8], limit: u64) -> Result<Unverified<M>, Error> {
    check_length(role, bytes, limit)?;
    Unverified::parse(bytes)
}

fn check_length(role: &RoleName, bytes: &[u8], limit: u64) -> Result<(), Error> {
    if bytes.len() as u64 > limit {
        return Err(Error::TooLong { file: role.file_name(), limit });
    }
    Ok(())
}

fn check_version(role: &RoleName, expected: Version, found: Version) -> Result<(), Error> {
    if expected != found {
        return Err(Error::WrongVersion {
            role: role.clone(),
            expected: expected.number(),
            found: found.number(),
        });
    }
    Ok(())
}

fn check_rollback(role: &RoleName, trusted: Version, offered: Version) -> Result<(), Error> {
    if offered < trusted {
        return Err(Error::Rollback {
            role: role.clone(),
            trusted: trusted.number(),
            offered: offered.number(),
        });
    }
    Ok(())
}

fn check_expiry(role: &RoleName, common: &Common, now: Time) -> Result<(), Error> {
    if common.is_expired(now) {
        return Err(Error::Expired { role: role.clone(), expires: common.expires, now });
    }
    Ok(())
}

fn listed<'a>(snapshot: &'a Snapshot, role: &RoleName) -> Result<&'a MetaFile, Error> {
    snapshot.meta.get(role).ok_or_else(|| Error::NotInSnapshot { role: role.clone() })
}

/// 5.6.2 before the signatures: safe, because the hashes come from verified metadata.
fn check_targets(
    role: &RoleName,
    bytes: &[u8],
    snapshot: &Snapshot,
    limits: &Limits,
) -> Result<Unverified<Targets>, Error> {
    check_length(role, bytes, limits.max_targets_bytes)?;
    listed(snapshot, role)?.verify(&role.file_name(), bytes)?;
    Unverified::parse(bytes)
}

/// 5.6.4 and 5.6.5, and that the metadata is not another role's ([`Targets::bound_to`]).
fn check_targets_state(
    role: &RoleName,
    targets: &Targets,
    snapshot: &Snapshot,
    now: Time,
) -> Result<(), Error> {
    targets.check_role(role)?;
    check_version(role, listed(snapshot, role)?.version, targets.common.version)?;
    check_expiry(role, &targets.common, now)
}

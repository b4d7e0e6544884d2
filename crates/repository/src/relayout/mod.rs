//! Another layout for a live repository: what it would change, and the signatures of those who may change it.
//!
//! The roles that delegate are signed offline, with the targets keys, and entered into the state together with the layout.
//! Whoever is the writer then publishes it as one snapshot ([`crate::publish`]): until that moment everything is as it
//! was, and the change can be abandoned.

mod change;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sealdex_tuf::metadata::Targets;
use sealdex_tuf::sign::sign;
use sealdex_tuf::{RoleName, Signer, Version};
use serde::Serialize;

use crate::disk;
use crate::error::Error;
use crate::layout::Layout;
use crate::publish::role_for;
use crate::repository::Repository;
use crate::store::{commit, publications, relayouts, targets};
use crate::transaction::{Actor, Publication};
use change::{Change, check_keys, offline_role};

/// Targets read at once.
const TARGETS: u32 = 10_000;

/// How often a waiting caller looks whether the change is public.
const POLL: Duration = Duration::from_millis(50);

/// What a target takes in the metadata of its role beside its path, in bytes.
const TARGET_BYTES: u64 = 108;

/// What the signatures and the rest of a bin take, in bytes.
const BIN_BYTES: u64 = 370;

/// What a path of a distribution has in the middle, in bytes.
const MEDIUM_PATH_BYTES: u64 = 60;

/// The number of a change of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RelayoutId(u64);

/// A change of the layout that is entered and not published yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRelayout {
    /// Its number.
    pub id: RelayoutId,
    /// The layout to come.
    pub layout: Layout,
}

/// What a change of the layout does. Bytes are those of files as they are signed; on the wire they are packed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RelayoutPlan {
    /// The roles that are to be signed offline: those that delegate otherwise than now.
    pub offline_roles: Vec<String>,
    /// Roles to be signed online: all, or none where every target stays where it is.
    pub online_roles: u64,
    /// Roles that nothing will delegate to any more. Snapshots list them as long as the snapshot's key is the same.
    pub roles_left: u64,
    /// Targets there are.
    pub targets: u64,
    /// Distributions among them that will be no targets of their own any more: pages bind them still.
    pub targets_dropped: u64,
    /// Distributions that will be targets of their own from then on.
    pub targets_added: u64,
    /// What every client fetches once: the delegating roles,
    pub delegating_bytes: u64,
    /// and the snapshot, which lists all roles.
    pub snapshot_bytes: u64,
    /// What a client fetches for each page or file that it looks up: a bin of medium length.
    pub bin_bytes: u64,
}

impl Repository {
    /// What a change to `layout` would do. Reads all targets: `progress` is told how many.
    ///
    /// # Errors
    /// [`Error::Layout`] for a layout that is not valid or seals something else. [`Error::UnsupportedPath`] when it has no
    /// role for a target that there is. [`Error::Database`], [`Error::Io`].
    pub async fn plan_relayout(
        &self,
        layout: &Layout,
        progress: impl Fn(u64) + Send + Sync,
    ) -> Result<RelayoutPlan, Error> {
        let change = Change::read(self, layout).await?;
        let mut plan = RelayoutPlan::default();
        for (name, metadata) in &change.metadata {
            plan.offline_roles.push(name.as_str().to_owned());
            plan.delegating_bytes += sign(metadata, &[])?.len() as u64;
        }
        let mut target_bytes = 0;
        let mut last = String::new();
        loop {
            let mut read = self.store().read().await?;
            let chunk = targets::after(&mut read, &last, TARGETS).await?;
            drop(read);
            let Some(target) = chunk.last() else { break };
            last.clone_from(&target.path);
            plan.targets += chunk.len() as u64;
            for target in chunk {
                if role_for(layout, &target.path)?.is_some() {
                    target_bytes += target.path.len() as u64 + TARGET_BYTES;
                } else {
                    plan.targets_dropped += 1;
                }
            }
            progress(plan.targets);
        }
        let mut read = self.store().read().await?;
        if layout.may_hold_files() && !change.before.holds_all_files() {
            let [_, files, _] = targets::counts(&mut read).await?;
            plan.targets_added = files;
            target_bytes += files * (TARGET_BYTES + MEDIUM_PATH_BYTES);
        }
        drop(read);
        let online = layout.online_roles()?;
        let bins = online.len() as u64;
        plan.bin_bytes = BIN_BYTES + (target_bytes / bins.max(1));
        let moved = !layout.holds_targets_as(&change.before);
        plan.online_roles = if moved { bins } else { 0 };
        plan.roles_left = change.listed.iter().filter(|role| !layout.has_role(role.as_str())).count() as u64;
        let new = change.metadata.keys().chain(&online).filter(|role| !change.listed.contains(*role));
        plan.snapshot_bytes =
            change.snapshot_bytes + new.map(|role| role.meta_path().len() as u64 + 17).sum::<u64>();
        Ok(plan)
    }

    /// Signs what delegates in `layout` with the targets keys, and enters the change. It becomes public with the snapshot
    /// process's next publication ([`Repository::relayout_published`]); every other process notices by itself.
    ///
    /// # Errors
    /// [`Error::Layout`] for a layout that is not valid, seals something else, or is the current one. [`Error::Keys`] when
    /// `targets_keys` are too few or others than root names. [`Error::RelayoutWaiting`], [`Error::Tuf`] from a signer,
    /// [`Error::Database`], [`Error::Io`].
    pub async fn relayout(
        &self,
        layout: &Layout,
        targets_keys: &[Arc<dyn Signer>],
        actor: Actor,
    ) -> Result<RelayoutId, Error> {
        let change = Change::read(self, layout).await?;
        if change.before.as_ref() == layout {
            return Err(Error::Layout { reason: "it is the layout that there is".to_owned() });
        }
        let signers = check_keys(&change.root, targets_keys)?;
        if let Some(waiting) = self.waiting_relayout().await? {
            return Err(Error::RelayoutWaiting { layout: waiting.layout.name });
        }
        let fact = layout.to_fact()?;
        // These versions are used up, whatever comes of them.
        let names: Vec<String> = change.metadata.keys().map(|name| name.as_str().to_owned()).collect();
        let mut write = self.store().write().await?;
        let reserved = publications::reserve_versions(&mut write, &names).await?;
        commit(write).await?;
        let roles = disk::blocking({
            let metadata = change.metadata;
            let reserved: HashMap<String, u64> =
                reserved.into_iter().map(|row| (row.name, row.reserved)).collect();
            move || {
                let signers: Vec<&dyn Signer> = signers.iter().map(AsRef::as_ref).collect();
                let sign = |(name, metadata): (RoleName, Targets)| {
                    let version = reserved.get(name.as_str()).copied().and_then(Version::new);
                    let unknown = || Error::State { reason: format!("no version is reserved for {name}") };
                    offline_role(&name, metadata, version.ok_or_else(unknown)?, &signers)
                };
                metadata.into_iter().map(sign).collect::<Result<Vec<_>, Error>>()
            }
        })
        .await?;
        let mut write = self.store().write().await?;
        if self.read_layout(&mut write).await? != change.before {
            let reason = "it was changed by another process just now".to_owned();
            return Err(Error::Layout { reason });
        }
        let now = self.clock().now();
        let id = relayouts::submit(&mut write, now, &actor.to_string(), &fact, &roles).await?;
        let Some(id) = id else {
            drop(write);
            let layout = self.waiting_relayout().await?.map(|waiting| waiting.layout.name);
            return Err(Error::RelayoutWaiting { layout: layout.unwrap_or_default() });
        };
        commit(write).await?;
        self.announce_pending();
        Ok(RelayoutId(id))
    }

    /// The change of the layout that waits to be published, if there is one.
    ///
    /// # Errors
    /// [`Error::Database`]
    pub async fn waiting_relayout(&self) -> Result<Option<WaitingRelayout>, Error> {
        let mut read = self.store().read().await?;
        let waiting = relayouts::waiting(&mut read).await?;
        waiting
            .map(|row| {
                Ok(WaitingRelayout { id: RelayoutId(row.id), layout: Layout::from_fact(&row.layout)? })
            })
            .transpose()
    }

    /// Waits until a change of the layout is served.
    ///
    /// # Errors
    /// [`Error::RelayoutNotPublishedYet`] after `timeout`; it stays entered. [`Error::RelayoutAbandoned`],
    /// [`Error::Database`], [`Error::Io`].
    pub async fn relayout_published(&self, id: RelayoutId, timeout: Duration) -> Result<Publication, Error> {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let mut read = self.store().read().await?;
            let outcome = relayouts::outcome(&mut read, id.0).await?;
            drop(read);
            match outcome {
                relayouts::Outcome::Abandoned(reason) => return Err(Error::RelayoutAbandoned { reason }),
                relayouts::Outcome::Published(found) => {
                    // In the database it is before it is on the disk.
                    if let Some(publication) = self.if_served(found).await? {
                        return Ok(publication);
                    }
                }
                relayouts::Outcome::Waiting => {}
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(Error::RelayoutNotPublishedYet { waited: timeout });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Abandons the change of the layout that waits: nothing of it was public, nothing will be. Whether there was one.
    ///
    /// # Errors
    /// [`Error::Database`]
    pub async fn abandon_relayout(&self) -> Result<bool, Error> {
        let mut write = self.store().write().await?;
        let Some(waiting) = relayouts::waiting(&mut write).await? else { return Ok(false) };
        relayouts::abandon(&mut write, waiting.id, "by an operator").await?;
        commit(write).await?;
        Ok(true)
    }
}

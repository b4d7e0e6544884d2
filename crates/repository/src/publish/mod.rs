//! The snapshot process: one writer that turns pending transactions into consistent snapshots (PEP 458, "Producing
//! Consistent Snapshots"; TUF spec 6.2).
//!
//! A publication has four steps. A crash between any two of them is made good by whoever is the writer next.
//!
//! 1. Everything pending is read at one moment. Pages and touched bins are made and signed, the snapshot beside them,
//!    then the timestamp. Pages are written below `public/targets`, where nothing refers to them yet, and the snapshot,
//!    which is large, below `public/metadata`, in a version that was reserved for it. *After a crash*: nothing of it was
//!    seen; it is made again, with a snapshot of another version.
//! 2. One database transaction marks the transactions as published, moves the versions on, and puts bins and timestamp
//!    into the outbox. *After a crash*: the outbox is written again, the same bytes under the same versions.
//! 3. The outbox is written below `public/metadata`: bins first. *After a crash*: no client can see them, since the
//!    timestamp still names the snapshot before.
//! 4. `timestamp.json` is replaced in one step. *After a crash*: everything is served; writing the outbox again changes
//!    nothing.
//!
//! The outbox is emptied by the next publication's database transaction, which saves a commit, so a new writer always
//! writes the last publication once more.

mod bin;
mod build;
mod bulk;
mod deliver;
mod gather;
mod lock;
mod new_pages;
mod pages;
mod relayout;
mod renewal;
mod run;
mod snapshot;
mod standby;
mod state;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use sealdex_tuf::Signer;

pub(crate) use lock::current_writer;
pub(crate) use pages::check_readable;
pub(crate) use relayout::role_for;
pub(crate) use snapshot::SnapshotIndex;
pub use standby::Turn;

use crate::create::LAYOUT_FACT;
use crate::disk;
use crate::error::Error;
use crate::import::IMPORT_COMPLETE_FACT;
use crate::layout::Layout;
use crate::repository::Repository;
use crate::store::{
    self, OfflineRole, RoleRow, WaitingRelayout, commit, log, prepared, publications, relayouts, rows,
    targets,
};
use crate::transaction::Publication;
use build::{PreparedTargets, Signed, SignedBulk, SnapshotAhead, build, sign_snapshot_ahead};
use gather::{Batch, Bulk, ProjectChange, gather};
use lock::WriterLock;
use new_pages::{LastPages, NewPage, NewPages};
use state::State;

/// Transactions taken into one snapshot. More of them wait for the next one, some milliseconds later.
const MAX_TRANSACTIONS: u32 = 1000;

/// Why a change of the layout was abandoned that is found to be so at the last moment: whoever did has said why.
const ABANDONED_MEANWHILE: &str = "while it was being prepared";

/// The one writer of a repository's signed metadata. Dropping it, or the end of its process however it comes, lets
/// another one be acquired.
pub struct SnapshotProcess {
    repository: Repository,
    online: Arc<dyn Signer>,
    /// The versions as they are in the database and served; `None` while that is not known, after a failure.
    state: Option<State>,
    /// Held by everything that signs and writes, too: what a caller that gave up has left behind comes to its end before
    /// there can be another writer.
    lock: Arc<WriterLock>,
}

impl SnapshotProcess {
    /// Becomes the writer, and finishes what the last one left unfinished. `None`: another process is the writer.
    ///
    /// # Errors
    /// [`Error::WrongOnlineKey`], [`Error::StateBehindServed`], [`Error::Database`], [`Error::Io`].
    pub async fn acquire(repository: &Repository, online: Arc<dyn Signer>) -> Result<Option<Self>, Error> {
        state::check_online_key(repository, online.as_ref()).await?;
        let Some(lock) = WriterLock::acquire(repository).await? else { return Ok(None) };
        let staging = repository.directory().staging();
        let removed = disk::blocking(move || disk::clean_staging(&staging)).await?;
        if removed > 0 {
            tracing::info!(files = removed, "removed files that were never submitted");
        }
        let mut this = Self { repository: repository.clone(), online, state: None, lock: Arc::new(lock) };
        let state = this.take_state().await?;
        this.state = Some(state);
        Ok(Some(this))
    }

    /// Publishes everything pending (up to 1,000 transactions, or a complete import of any size, or another layout) as one
    /// consistent snapshot; it is served when this returns. `None`: nothing was pending.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Database`], [`Error::Tuf`] from the signer: call it again, nothing is lost.
    /// [`Error::Fenced`], [`Error::NoLongerWriter`], [`Error::StateBehindServed`]: this process must not go on.
    pub async fn publish_pending(&mut self) -> Result<Option<Publication>, Error> {
        let mut state = self.take_state().await?;
        let mut anew = BTreeSet::new();
        loop {
            let mut batch = gather(&self.repository, MAX_TRANSACTIONS, &anew).await?;
            match batch.bulk.take() {
                Some(Bulk::Import(through)) => {
                    let (layout, online) = (&batch.layout, Arc::clone(&self.online));
                    let (state, signed) =
                        bulk::build(&self.repository, state, layout, through, online, &self.lock).await?;
                    return self.serve(state, signed).await.map(Some);
                }
                Some(Bulk::Relayout(relayout, offline)) => {
                    return self.publish_relayout(state, &batch.layout, relayout, offline).await;
                }
                None => {}
            }
            if batch.through.is_none() {
                self.state = Some(state);
                return Ok(None);
            }
            let projects = std::mem::take(&mut batch.projects);
            // The snapshot takes as long as everything else, and does not wait for it.
            let pages = new_pages::write(&self.repository, projects, &self.lock);
            let (pages, snapshot) = tokio::join!(pages, self.sign_snapshot_ahead(state, batch));
            match pages? {
                NewPages::Made(pages, last) => {
                    return self.publish(snapshot?, pages, last).await.map(Some);
                }
                NewPages::Unreadable(projects) => {
                    tracing::warn!(?projects, "pages are made anew from the database");
                    anew.extend(projects);
                }
            }
            // That snapshot has a version that no other one gets.
            drop(snapshot);
            state = self.take_state().await?;
        }
    }

    /// Signs anew what would expire before long: at most a hundred bins at a time, so that nothing waits long for it.
    /// `None`: nothing would.
    ///
    /// # Errors
    /// As [`SnapshotProcess::publish_pending`].
    pub async fn renew(&mut self) -> Result<Option<Publication>, Error> {
        let state = self.take_state().await?;
        let now = self.repository.clock().now();
        // Roles that nothing delegates to any more are let expire: no client asks for them.
        let layout = self.repository.current_layout().await?;
        let online = |role: &str| layout.signs_online(role);
        let due = renewal::due(&state, &online, &self.repository.settings().expiry, now);
        if due.is_empty() {
            self.state = Some(state);
            return Ok(None);
        }
        if !due.roles.is_empty() {
            let online = Arc::clone(&self.online);
            let (state, signed) =
                bulk::renew(&self.repository, state, &due.roles, online, &self.lock).await?;
            return self.serve(state, signed).await.map(Some);
        }
        let mut batch = gather(&self.repository, 0, &BTreeSet::new()).await?;
        batch.renew_snapshot = due.snapshot;
        let snapshot = self.sign_snapshot_ahead(state, batch).await?;
        self.publish(snapshot, Vec::new(), None).await.map(Some)
    }

    /// Publishes another layout. `None`: it was abandoned.
    async fn publish_relayout(
        &mut self,
        state: State,
        before: &Layout,
        relayout: WaitingRelayout,
        offline: Vec<OfflineRole>,
    ) -> Result<Option<Publication>, Error> {
        let (id, online) = (relayout.id, Arc::clone(&self.online));
        let (repository, lock) = (&self.repository, &self.lock);
        let done = match relayout::build(repository, state, before, relayout, offline, online, lock).await {
            Ok((state, signed)) => self.serve(state, signed).await,
            Err(error) => Err(error),
        };
        let reason = match done {
            Ok(publication) => {
                // Whoever asks this process for the layout is told the new one.
                self.repository.current_layout().await?;
                // What was replaced lies there.
                let mut write = self.repository.store().write_in_epoch(self.lock.epoch()).await?;
                prepared::clear(&mut write).await?;
                commit(write).await?;
                return Ok(Some(publication));
            }
            Err(Error::RelayoutAbandoned { reason }) => reason,
            // It would be the same each time, and nothing else could be published.
            Err(error @ (Error::UnsupportedPath { .. } | Error::Layout { .. })) => error.to_string(),
            Err(error) => return Err(error),
        };
        let mut write = self.repository.store().write_in_epoch(self.lock.epoch()).await?;
        relayouts::abandon(&mut write, id, &reason).await?;
        commit(write).await?;
        tracing::warn!(reason, "a change of the layout is abandoned");
        Ok(None)
    }

    /// The state, read and made good again if it is not known.
    async fn take_state(&mut self) -> Result<State, Error> {
        self.lock.check()?;
        match self.state.take() {
            Some(state) => Ok(state),
            None => state::recover(&self.repository, &self.lock).await,
        }
    }

    /// The part of step 1 that waits for nothing. The state comes back only if everything else was done, too.
    async fn sign_snapshot_ahead(
        &self,
        mut state: State,
        batch: Batch,
    ) -> Result<(State, Batch, SnapshotAhead), Error> {
        let (repository, online) = (self.repository.clone(), Arc::clone(&self.online));
        let lock = Arc::clone(&self.lock);
        disk::blocking(move || {
            let _lock = lock;
            let snapshot = sign_snapshot_ahead(&repository, &mut state, &batch, online.as_ref())?;
            Ok((state, batch, snapshot))
        })
        .await
    }

    /// The rest of the four steps.
    async fn publish(
        &mut self,
        (mut state, batch, snapshot): (State, Batch, SnapshotAhead),
        pages: Vec<(ProjectChange, NewPage)>,
        last_pages: LastPages,
    ) -> Result<Publication, Error> {
        let (repository, online) = (self.repository.clone(), Arc::clone(&self.online));
        let lock = Arc::clone(&self.lock);
        let (signed, state) = disk::blocking(move || {
            let _lock = lock;
            let signed = build(&repository, &mut state, &batch, pages, snapshot, online.as_ref())?;
            Ok((signed, state))
        })
        .await?;
        new_pages::written(last_pages).await?;
        self.serve(state, signed).await
    }

    /// Steps 2 to 4.
    async fn serve(&mut self, mut state: State, signed: Signed) -> Result<Publication, Error> {
        self.commit(&state, &signed).await?;
        let (blobs, outbox) = (self.repository.blobs().clone(), signed.outbox);
        let (lock, (_, timestamp)) = (Arc::clone(&self.lock), signed.versions);
        disk::blocking(move || deliver::deliver(&blobs, &lock, timestamp, &outbox)).await?;
        state.advance(&signed.roles, signed.snapshot_file)?;
        let publication = state.publication()?;
        self.state = Some(state);
        self.repository.announce_publication(signed.through, publication);
        tracing::info!(
            snapshot = %publication.snapshot_version,
            timestamp = %publication.timestamp_version,
            transactions = signed.transactions,
            "published"
        );
        Ok(publication)
    }

    /// Step 2.
    async fn commit(&self, state: &State, signed: &Signed) -> Result<(), Error> {
        let mut write = self.repository.store().write_in_epoch(self.lock.epoch()).await?;
        let roles: Vec<(&RoleRow, u64)> =
            signed.roles.iter().map(|role| (role, state.version_of(&role.name))).collect();
        publications::advance_roles(&mut write, &roles).await?;
        let (snapshot, timestamp) = signed.versions;
        let publication = publications::add_publication(&mut write, snapshot, timestamp, signed.at).await?;
        if let Some(through) = signed.through {
            log::mark_published(&mut write, through, publication).await?;
        }
        match &signed.bulk {
            None => {}
            Some(SignedBulk::Import(through)) => {
                log::mark_imported(&mut write, *through, publication).await?;
                prepared::publish(&mut write, signed.at).await?;
                // A later import may have been completed meanwhile: that one stays.
                store::remove_fact_with(&mut write, IMPORT_COMPLETE_FACT, &through.to_string()).await?;
            }
            Some(SignedBulk::Relayout { id, layout, targets }) => {
                if !relayouts::publish(&mut write, *id, publication).await? {
                    return Err(Error::RelayoutAbandoned { reason: ABANDONED_MEANWHILE.to_owned() });
                }
                store::put_fact(&mut write, LAYOUT_FACT, layout).await?;
                if *targets == PreparedTargets::All {
                    prepared::replace_targets(&mut write).await?;
                }
            }
        }
        targets::put(&mut write, &signed.targets).await?;
        targets::remove(&mut write, &signed.removed).await?;
        rows::put_pages(&mut write, &signed.pages).await?;
        publications::put_outbox(&mut write, &signed.outbox).await?;
        commit(write).await
    }
}

impl fmt::Debug for SnapshotProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SnapshotProcess")
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}

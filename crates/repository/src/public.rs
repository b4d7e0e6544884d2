//! Waiting until a transaction is public.
//!
//! Hundreds of uploads may wait at the same time. What this process publishes it tells them; what others publish, one of
//! them looks for and tells the rest. Processes that share PostgreSQL tell each other when it is time to look.

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::Error;
use crate::repository::Repository;
use crate::store::log;
use crate::transaction::{Publication, Receipt, TransactionId};

/// How often somebody who waits looks whether another process has published.
const POLL: Duration = Duration::from_millis(20);

/// What is known to be public.
#[derive(Debug, Default)]
pub(crate) struct Public {
    known: watch::Sender<Known>,
    /// When the database was looked at, by whoever looks.
    looked: Mutex<Option<Instant>>,
}

/// What was published so far.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// How many times this process has published.
    own_publications: u64,
    /// How often it was told that a process has.
    told: u64,
    /// Every transaction up to this number is public, those of imports excepted, with the publication.
    through: Option<(u64, Publication)>,
}

impl Public {
    /// Tells those who wait that this process has published everything up to `through`, imports excepted.
    pub(crate) fn announce(&self, through: Option<u64>, publication: Publication) {
        self.known.send_modify(|known| {
            known.own_publications += 1;
            known.reach(through.map(|through| (through, publication)));
        });
    }

    /// Tells those who wait that another process has published.
    pub(crate) fn tell(&self) {
        // Whoever looks right now may see what was before; it is looked at once more before long.
        if let Ok(mut looked) = self.looked.try_lock() {
            *looked = None;
        }
        self.known.send_modify(|known| known.told += 1);
    }

    pub(crate) fn own_publications(&self) -> u64 {
        self.known.borrow().own_publications
    }
}

impl Known {
    fn reach(&mut self, through: Option<(u64, Publication)>) {
        if through.map(|(id, _)| id) > self.through.map(|(id, _)| id) {
            self.through = through;
        }
    }
}

impl Repository {
    /// Waits until a transaction is public: until the timestamp of a snapshot that includes it is served.
    ///
    /// # Errors
    /// [`Error::NotPublishedYet`] after `timeout`; the transaction stays durable. [`Error::Database`], [`Error::Io`].
    pub async fn published(&self, receipt: &Receipt, timeout: Duration) -> Result<Publication, Error> {
        let deadline = Instant::now() + timeout;
        self.listen();
        let mut known = self.public().known.subscribe();
        loop {
            let known_now = *known.borrow_and_update();
            if let Some(publication) = self.is_published(receipt, known_now).await? {
                return Ok(publication);
            }
            let wait = async {
                tokio::select! {
                    _ = known.changed() => {}
                    () = sleep(POLL) => {}
                }
            };
            if timeout_at(deadline, wait).await.is_err() {
                return Err(Error::NotPublishedYet { transaction: receipt.transaction, waited: timeout });
            }
        }
    }

    async fn is_published(&self, receipt: &Receipt, known: Known) -> Result<Option<Publication>, Error> {
        if receipt.may_be_import {
            return self.publication_of(receipt.transaction).await;
        }
        let is_through = |known: Known| {
            known
                .through
                .filter(|(through, _)| *through >= receipt.transaction.number())
                .map(|(_, publication)| publication)
        };
        if let Some(publication) = is_through(known) {
            return Ok(Some(publication));
        }
        self.look().await?;
        Ok(is_through(*self.public().known.borrow()))
    }

    /// Looks at what any process has published, unless somebody does or has just done that.
    async fn look(&self) -> Result<(), Error> {
        let Ok(mut looked) = self.public().looked.try_lock() else { return Ok(()) };
        if looked.is_some_and(|at| at.elapsed() < POLL) {
            return Ok(());
        }
        let mut look = self.store().look().await?;
        let found = log::published_through(&mut look).await?;
        drop(look);
        *looked = Some(Instant::now());
        let Some((through, versions)) = found else { return Ok(()) };
        if let Some(publication) = self.if_served(versions).await? {
            self.public().known.send_if_modified(|known| {
                let before = known.through;
                known.reach(Some((through, publication)));
                before != known.through
            });
        }
        Ok(())
    }

    /// The publication that includes a transaction, if it is served already.
    async fn publication_of(&self, transaction: TransactionId) -> Result<Option<Publication>, Error> {
        let mut look = self.store().look().await?;
        let Some(versions) = log::published_in(&mut look, transaction).await? else { return Ok(None) };
        drop(look);
        self.if_served(versions).await
    }

    /// The publication of these versions, if it is served: the database is ahead for the moment in which the files are
    /// being written.
    pub(crate) async fn if_served(&self, versions: log::Versions) -> Result<Option<Publication>, Error> {
        match self.blobs().serves(versions.timestamp).await {
            Ok(true) => Publication::of(&versions).map(Some),
            Ok(false) => Ok(None),
            Err(error) if error.is_bucket_failing() => {
                tracing::warn!(error = %error.with_cause(), "cannot see whether a transaction is published");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

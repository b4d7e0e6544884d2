//! Giving up an unfinished import: what it entered and was never public is dropped.
//!
//! That goes on in parts, each a database transaction. A fact is written with the first and removed with the last: it holds
//! how far it is, and nothing can be imported meanwhile. *After a crash*: the next one goes on.
//!
//! Uploads are published meanwhile, each with the whole page of its project. So files of the import may be public already,
//! by an upload to their project: those stay. The serial of the page that is published tells: it is the number of
//! the last transaction on it. While something else of a project is pending, a writer may be making a page of
//! what is there now; then its files are left until that is published.

use std::collections::{BTreeMap, BTreeSet};

use super::{IMPORT_COMPLETE_FACT, ImportLock, POSITION_FACT};
use crate::error::Error;
use crate::repository::Repository;
use crate::store::imports::{self, Entered};
use crate::store::{self, Transaction, commit, log};

/// Under which the state keeps how far the import is dropped that is given up.
pub(super) const ABANDONED_FACT: &str = "import-abandoned";

/// Transactions that are dropped at once: each has the files of one project, in one batch of the import.
const TRANSACTIONS: u32 = 200;

/// What became of an import that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbandonedImport {
    /// Files that were dropped: by this call, and by those before it that did not come to their end.
    pub files: u64,
    /// A project whose files could not be dropped yet: something else of it is to be published first. `None`: everything is
    /// done.
    pub waits_for: Option<String>,
}

/// How far an import is dropped.
#[derive(Clone, Copy)]
struct Progress {
    /// Its last transaction.
    through: u64,
    files: u64,
}

/// What one part came to.
struct Part {
    /// The last transaction that was looked at.
    last: u64,
    waits_for: Option<String>,
}

impl Repository {
    /// Drops what unfinished imports entered and was never public; `progress` is told how many files. Their bytes are left to
    /// [`Repository::collect`]. `None`: no import is unfinished.
    ///
    /// # Errors
    /// [`Error::ImportComplete`], [`Error::ImportInterrupted`], [`Error::Database`]: call it again, what was dropped so far
    /// is.
    pub async fn abandon_import(
        &self,
        lock: &ImportLock,
        progress: impl Fn(u64),
    ) -> Result<Option<AbandonedImport>, Error> {
        lock.check()?;
        let Some(mut now) = self.begin_abandoning().await? else { return Ok(None) };
        let (mut after, mut waits_for) = (0, None);
        loop {
            lock.check()?;
            let mut write = self.store().write().await?;
            let Some(part) = drop_part(&mut write, after, &mut now).await? else {
                if waits_for.is_none() {
                    store::remove_fact(&mut write, ABANDONED_FACT).await?;
                }
                commit(write).await?;
                return Ok(Some(AbandonedImport { files: now.files, waits_for }));
            };
            store::put_fact(&mut write, ABANDONED_FACT, &now.written()).await?;
            commit(write).await?;
            progress(now.files);
            after = part.last;
            waits_for = waits_for.or(part.waits_for);
        }
    }

    /// Makes it durable that unfinished imports are given up. `None`: there are none.
    async fn begin_abandoning(&self) -> Result<Option<Progress>, Error> {
        let mut write = self.store().write().await?;
        if let Some(fact) = store::fact(&mut write, ABANDONED_FACT).await? {
            return Progress::read(&fact).map(Some);
        }
        if store::fact(&mut write, IMPORT_COMPLETE_FACT).await?.is_some() {
            return Err(Error::ImportComplete);
        }
        let names = store::facts_below(&mut write, POSITION_FACT).await?;
        let entered = log::imported(&mut write).await?;
        if names.is_empty() && entered.is_none() {
            return Ok(None);
        }
        for name in names {
            store::remove_fact(&mut write, &super::position_fact(&name)).await?;
        }
        let now = Progress { through: entered.map_or(0, |(_, last)| last), files: 0 };
        store::put_fact(&mut write, ABANDONED_FACT, &now.written()).await?;
        commit(write).await?;
        Ok(Some(now))
    }
}

/// # Errors
/// [`Error::ImportAbandoned`] while an import is given up and not dropped as a whole.
pub(super) async fn check_none(transaction: &mut Transaction) -> Result<(), Error> {
    match store::fact(transaction, ABANDONED_FACT).await? {
        None => Ok(()),
        Some(_) => Err(Error::ImportAbandoned),
    }
}

/// Drops what the next transactions after `after` entered. `None`: there are no more of them.
async fn drop_part(write: &mut Transaction, after: u64, now: &mut Progress) -> Result<Option<Part>, Error> {
    let entered = imports::entered(write, after, now.through, TRANSACTIONS).await?;
    let Some(last) = entered.last().map(|entered| entered.id) else { return Ok(None) };
    let projects: BTreeSet<&str> = entered.iter().map(|entered| entered.project.as_str()).collect();
    let projects: Vec<&str> = projects.into_iter().collect();
    let pending = imports::with_pending(write, &projects).await?;
    let serials: BTreeMap<String, u64> = imports::serials(write, &projects).await?;
    let is_public =
        |entered: &&Entered| serials.get(&entered.project).is_some_and(|serial| *serial >= entered.id);
    let (public, unseen): (Vec<&Entered>, Vec<&Entered>) = entered.iter().partition(is_public);
    let (waiting, unseen): (Vec<&Entered>, Vec<&Entered>) =
        unseen.into_iter().partition(|entered| pending.contains(&entered.project));
    imports::keep(write, &public).await?;
    now.files += imports::abandon(write, &unseen).await?;
    Ok(Some(Part { last, waits_for: waiting.first().map(|entered| entered.project.clone()) }))
}

impl Progress {
    /// As it is kept.
    fn written(self) -> String {
        format!("{} {}", self.through, self.files)
    }

    fn read(fact: &str) -> Result<Self, Error> {
        let numbers = fact.split_once(' ').and_then(|(through, files)| {
            Some(Self { through: through.parse().ok()?, files: files.parse().ok()? })
        });
        numbers.ok_or_else(|| Error::State { reason: format!("an import is abandoned as far as {fact:?}") })
    }
}

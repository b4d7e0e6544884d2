//! Cleaning up: what no client can want any more is removed from `public/`, by mark and sweep.
//!
//! What the state refers to stays, and so does every root. Everything else goes once it has been superseded for the time of
//! grace: clients that hold an earlier timestamp fetch from earlier snapshots, and differences are made from what
//! clients have. No lock is needed: what is being uploaded or published is younger than any grace, and a file that turns
//! out to have been written anew at the moment of its removal is put back.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealdex_tuf::RoleName;
use serde::Serialize;

use crate::blobs::{Blobs, Entry, METADATA, TARGETS};
use crate::error::Error;
use crate::repository::Repository;
use crate::store::{garbage, publications, relayouts};

/// The shortest time of grace: longer than any publication takes.
pub const MIN_GRACE: Duration = Duration::from_secs(3600);

/// What was removed, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Metadata files of earlier versions.
    pub metadata_files: u64,
    /// Index pages of earlier versions.
    pub pages: u64,
    /// Distributions and other files that were removed from the index, replaced, or never came into it.
    pub files: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
    /// Files looked at.
    pub examined: u64,
}

/// Whether anything is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Files are only counted.
    Count,
    /// Files are removed.
    Remove,
}

impl Repository {
    /// Removes what has been superseded for longer than `grace`, which is at least [`MIN_GRACE`]. Safe beside servers,
    /// clients and the writer. `progress` is told how many files were looked at. Blocks for as long as the disk takes: not
    /// for a thread that serves.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Database`]; what was removed by then is gone, and nothing else.
    pub async fn collect(
        &self,
        grace: Duration,
        sweep: Sweep,
        progress: impl Fn(u64) + Send + Sync,
    ) -> Result<Collected, Error> {
        let grace = SignedDuration::try_from(grace.max(MIN_GRACE)).unwrap_or(SignedDuration::MAX);
        let before = self.clock().now().checked_sub(grace).unwrap_or(Timestamp::MIN);
        let blobs = self.blobs();
        let mut broom = Broom { blobs, before, sweep, found: Collected::default(), progress: &progress };
        self.collect_metadata(&mut broom).await?;
        let mut walk = self.blobs().walk(TARGETS);
        while let Some((folder, files)) = walk.next().await? {
            self.collect_folder(&folder, files, &mut broom).await?;
        }
        Ok(broom.found)
    }

    async fn collect_metadata<P: Fn(u64)>(&self, broom: &mut Broom<'_, P>) -> Result<(), Error> {
        let mut read = self.store().read().await?;
        let current: HashMap<String, u64> =
            publications::roles(&mut read).await?.into_iter().map(|row| (row.name, row.version)).collect();
        let layout = self.read_layout(&mut read).await?;
        let changed = relayouts::last_published_at(&mut read).await?;
        drop(read);
        // Roles that nothing has delegated to for the time of grace: no client asks for them.
        let before = broom.before;
        let is_left = |role: &str| changed.is_some_and(|at| at < before) && !layout.has_role(role);
        let mut versions: HashMap<String, BTreeMap<u64, Entry>> = HashMap::new();
        let mut walk = self.blobs().walk(METADATA);
        while let Some((folder, files)) = walk.next().await? {
            for entry in files.into_iter().filter(|_| folder == METADATA) {
                broom.examine();
                if entry.is_going() {
                    broom.finish(&entry)?;
                } else if let Some((version, role)) = versioned(entry.name.name())
                    && role != RoleName::root().as_str()
                {
                    versions.entry(role).or_default().insert(version, entry);
                }
            }
        }
        let mut superseded = Vec::new();
        for (role, files) in versions {
            let Some(current) = current.get(&role) else { continue };
            let left = is_left(&role);
            let mut newer: Option<Timestamp> = None;
            for (version, entry) in files.into_iter().rev() {
                let written = entry.written;
                // A version is superseded when the next one is written.
                let is_superseded = version < *current && newer.is_some_and(|since| since < before);
                if is_superseded || (left && written < before) {
                    superseded.push(entry);
                }
                newer = Some(written);
            }
        }
        broom.remove(&superseded, |found| &mut found.metadata_files).await
    }

    async fn collect_folder<P: Fn(u64)>(
        &self,
        folder: &str,
        mut files: Vec<Entry>,
        broom: &mut Broom<'_, P>,
    ) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let below = folder.strip_prefix(TARGETS).unwrap_or_default().trim_start_matches('/');
        let kind = Kind::of(below);
        let mut read = self.store().read().await?;
        let live = match kind {
            // Its page is being made.
            Kind::Page(project) if garbage::is_prepared(&mut read, project).await? => return Ok(()),
            Kind::Page(project) => garbage::live_pages(&mut read, project).await?,
            Kind::Distribution(project) => {
                garbage::live_distributions(&mut read, project, broom.before).await?
            }
            Kind::Plain => garbage::live_files(&mut read, below, broom.before).await?,
        };
        drop(read);
        // Newest first: a file is superseded when the next one of its name is written. When it left the index without one
        // is in the log, and `live` knows.
        files.sort_by_key(|entry| std::cmp::Reverse(entry.written));
        let mut newer: HashMap<String, Timestamp> = HashMap::new();
        let mut superseded = Vec::new();
        for entry in files {
            broom.examine();
            if entry.is_going() {
                broom.finish(&entry)?;
                continue;
            }
            let name = entry.name.name();
            let Some(plain) = consistent(name) else { continue };
            let since = newer.insert(plain.to_owned(), entry.written).unwrap_or(entry.written);
            let is_live = live.contains(name)
                || name.strip_suffix(".metadata").is_some_and(|owner| live.contains(owner));
            if !is_live && since < broom.before {
                superseded.push(entry);
            }
        }
        let is_page = matches!(kind, Kind::Page(_));
        broom.remove(&superseded, |found| if is_page { &mut found.pages } else { &mut found.files }).await
    }
}

/// What lies in a folder below `public/targets`.
#[derive(Clone, Copy)]
enum Kind<'a> {
    /// `simple/<project>`
    Page(&'a str),
    /// `files/<project>`
    Distribution(&'a str),
    Plain,
}

impl<'a> Kind<'a> {
    fn of(below: &'a str) -> Self {
        match below.split_once('/') {
            Some(("simple", project)) if !project.contains('/') => Self::Page(project),
            Some(("files", project)) if !project.contains('/') => Self::Distribution(project),
            _ => Self::Plain,
        }
    }
}

struct Broom<'a, P> {
    blobs: &'a Blobs,
    /// What was superseded by then goes.
    before: Timestamp,
    sweep: Sweep,
    found: Collected,
    progress: &'a P,
}

impl<P: Fn(u64)> Broom<'_, P> {
    fn examine(&mut self) {
        self.found.examined += 1;
        (self.progress)(self.found.examined);
    }

    /// Removes what was not written anew since it was looked at.
    async fn remove(
        &mut self,
        entries: &[Entry],
        count: impl Fn(&mut Collected) -> &mut u64,
    ) -> Result<(), Error> {
        let gone = match self.sweep {
            Sweep::Count => vec![true; entries.len()],
            Sweep::Remove => self.blobs.remove(entries, self.before).await?,
        };
        for (entry, _) in entries.iter().zip(gone).filter(|(_, gone)| *gone) {
            *count(&mut self.found) += 1;
            self.found.bytes += entry.length;
        }
        Ok(())
    }

    /// Finishes what a process left behind that was killed while it removed a file.
    fn finish(&self, entry: &Entry) -> Result<(), Error> {
        match self.sweep {
            Sweep::Count => Ok(()),
            Sweep::Remove => self.blobs.finish_removal(entry, self.before),
        }
    }
}

/// `VERSION.ROLE.json`
fn versioned(name: &str) -> Option<(u64, String)> {
    let (version, role) = name.strip_suffix(".json")?.split_once('.')?;
    Some((version.parse().ok()?, role.to_owned()))
}

/// NAME of `SHA256.NAME`; nothing else is a target's file.
fn consistent(name: &str) -> Option<&str> {
    let (sha256, plain) = name.split_once('.')?;
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_digest && !plain.is_empty()).then_some(plain)
}

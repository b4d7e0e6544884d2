//! Cleaning up: what no client can want any more is removed from `public/`, by mark and sweep.
//!
//! What the state refers to stays, and so does every root. Everything else goes once it has been superseded for the time of
//! grace: clients that hold an earlier timestamp fetch from earlier snapshots, and differences are made from what
//! clients have. No lock is needed: what is being uploaded or published is younger than any grace, and a file that turns
//! out to have been written anew at the moment of its removal is put back.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealdex_tuf::RoleName;
use serde::Serialize;

use crate::error::Error;
use crate::repository::Repository;
use crate::store::{garbage, publications, relayouts};

/// The shortest time of grace: longer than any publication takes.
pub const MIN_GRACE: Duration = Duration::from_secs(3600);

/// What the name of a file begins with while it is being removed. Nobody is served such a file.
const GOING: &str = ".collected-";

/// Directories below `public/targets` are walked so deep.
const MAX_DEPTH: usize = 64;

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
        let mut broom = Broom { before, sweep, found: Collected::default(), progress: &progress };
        self.collect_metadata(&mut broom).await?;
        let mut open = vec![(self.directory().targets(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let (files, folders) = list(&folder)?;
            if depth < MAX_DEPTH {
                open.extend(folders.into_iter().map(|folder| (folder, depth + 1)));
            }
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
        let mut versions: HashMap<String, BTreeMap<u64, DirEntry>> = HashMap::new();
        for entry in list(&self.directory().metadata())?.0 {
            broom.examine();
            if entry.file_name().to_string_lossy().starts_with(GOING) {
                broom.finish(&entry.path())?;
            } else if let Some((version, role)) = versioned(&entry.file_name().to_string_lossy())
                && role != RoleName::root().as_str()
            {
                versions.entry(role).or_default().insert(version, entry);
            }
        }
        for (role, files) in versions {
            let Some(current) = current.get(&role) else { continue };
            let left = is_left(&role);
            let mut newer: Option<Timestamp> = None;
            for (version, entry) in files.into_iter().rev() {
                let written = modified(&entry)?;
                // A version is superseded when the next one is written.
                let superseded = version < *current && newer.is_some_and(|since| since < broom.before);
                if superseded || (left && written < broom.before) {
                    broom.remove(&entry, |found| &mut found.metadata_files)?;
                }
                newer = Some(written);
            }
        }
        Ok(())
    }

    async fn collect_folder<P: Fn(u64)>(
        &self,
        folder: &Path,
        files: Vec<DirEntry>,
        broom: &mut Broom<'_, P>,
    ) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let targets = self.directory().targets();
        let Some(below) = folder.strip_prefix(&targets).ok().and_then(Path::to_str) else { return Ok(()) };
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
        let mut files: Vec<(Timestamp, DirEntry)> =
            files.into_iter().map(|entry| Ok((modified(&entry)?, entry))).collect::<Result<_, Error>>()?;
        files.sort_by_key(|(written, _)| std::cmp::Reverse(*written));
        let mut newer: HashMap<String, Timestamp> = HashMap::new();
        for (written, entry) in files {
            broom.examine();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(GOING) {
                broom.finish(&entry.path())?;
                continue;
            }
            let Some(plain) = consistent(&name) else { continue };
            let since = newer.insert(plain.to_owned(), written).unwrap_or(written);
            let is_live = live.contains(&name)
                || name.strip_suffix(".metadata").is_some_and(|owner| live.contains(owner));
            if !is_live && since < broom.before {
                let is_page = matches!(kind, Kind::Page(_));
                broom.remove(&entry, |found| if is_page { &mut found.pages } else { &mut found.files })?;
            }
        }
        Ok(())
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

    fn remove(
        &mut self,
        entry: &DirEntry,
        count: impl FnOnce(&mut Collected) -> &mut u64,
    ) -> Result<(), Error> {
        let path = entry.path();
        let length = entry.metadata().map_err(Error::io("look at", &path))?.len();
        if self.sweep == Sweep::Remove {
            // Out of the way first: if it is not the file that was looked at, because somebody has just uploaded the same
            // again, it goes back to its place.
            let going = path.with_file_name(format!("{GOING}{}", entry.file_name().to_string_lossy()));
            match fs::rename(&path, &going) {
                Ok(()) => {}
                // Another process cleans up too.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(Error::io("remove", &path)(error)),
            }
            if !self.finish(&going)? {
                return Ok(());
            }
        }
        *count(&mut self.found) += 1;
        self.found.bytes += length;
        Ok(())
    }

    /// Removes a file that is out of the way, or puts it back if it was written since: also what a process left behind
    /// that was killed in between. Whether it is gone.
    fn finish(&self, going: &Path) -> Result<bool, Error> {
        let name = going.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = name.strip_prefix(GOING).filter(|_| self.sweep == Sweep::Remove) else {
            return Ok(false);
        };
        let written = match fs::metadata(going).and_then(|found| found.modified()) {
            Ok(written) => written,
            // Another process was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("look at", going)(error)),
        };
        if Timestamp::try_from(written).is_ok_and(|written| written < self.before) {
            fs::remove_file(going).map_err(Error::io("remove", going))?;
            return Ok(true);
        }
        fs::rename(going, going.with_file_name(name)).map_err(Error::io("put back", going))?;
        Ok(false)
    }
}

/// Files and folders in a folder; what vanishes meanwhile is neither.
fn list(folder: &Path) -> Result<(Vec<DirEntry>, Vec<PathBuf>), Error> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folders.push(entry.path()),
            Ok(kind) if kind.is_file() => files.push(entry),
            _ => {}
        }
    }
    Ok((files, folders))
}

fn modified(entry: &DirEntry) -> Result<Timestamp, Error> {
    let path = entry.path();
    let time =
        entry.metadata().and_then(|metadata| metadata.modified()).map_err(Error::io("look at", &path))?;
    Ok(Timestamp::try_from(time).unwrap_or(Timestamp::MAX))
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

//! Imports: very many distributions at once, whose bytes lie in their places already or are kept elsewhere.
//!
//! An import is submitted in batches, each durable with the place the caller has come to, so that it can go on after a
//! crash. Nothing of it is published before [`Repository::finish_import`]; then all of it is, in one snapshot
//! ([`crate::publish`]).

mod abandon;
mod unfinished;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sealdex_simple::layout::{file_target_path, index_page_target_path};
use sealdex_simple::{DistributionFilename, ProjectName, Yanked};
use sealdex_tuf::TargetPath;
use sealdex_tuf::digest::HashAlgorithm;

use crate::blobs::BlobName;
use crate::directory::check_target_path;
use crate::error::Error;
use crate::layout::Content;
use crate::publish::check_readable;
use crate::repository::Repository;
use crate::staging::Received;
use crate::store::imports::KnownFiles;
use crate::store::{
    self, DistributionRow, NewEntry, Purpose, SessionLock, Signal, Transaction, announce, commit, imports,
    log, rows,
};
use crate::transaction::{Actor, Outcome, Receipt, TransactionId};

pub use abandon::AbandonedImport;
pub use unfinished::{ImportState, UnfinishedImport};

/// Under which the state keeps the last transaction of an import that is complete and not published yet.
pub(crate) const IMPORT_COMPLETE_FACT: &str = "import-complete";

/// What the names begin with under which the state keeps how far imports have come.
const POSITION_FACT: &str = "import:";

/// Who looks whether an import is running holds its lock for a moment.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);

/// A distribution as an import describes it.
#[derive(Clone, Debug)]
pub struct ImportedFile {
    /// The distribution.
    pub filename: DistributionFilename,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub length: u64,
    /// When it was uploaded first.
    pub upload_time: Timestamp,
    /// `Requires-Python` of its core metadata.
    pub requires_python: Option<String>,
    /// Whether it is yanked (PEP 592).
    pub yanked: Yanked,
    /// SHA-256 of the core metadata that is served beside it (PEP 658), in lower-case hexadecimal.
    pub core_metadata_sha256: Option<String>,
    /// Where it is kept, `http` or `https`; `None`: it lies in its place below `public/targets`.
    pub url: Option<String>,
}

/// A distribution that was copied to its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFile {
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of the core metadata beside it, in lower-case hexadecimal.
    pub core_metadata_sha256: Option<String>,
}

/// Bytes copied at once.
const COPY_BYTES: usize = 256 * 1024;

/// Files that a page can list, and those that it cannot. Made without the repository's state, on any thread.
#[derive(Debug, Default)]
pub struct CheckedImport {
    projects: BTreeMap<ProjectName, ProjectFiles>,
    refused: Vec<(usize, Error)>,
}

/// The files of one project, and the position of each in the batch.
#[derive(Debug, Default)]
struct ProjectFiles {
    positions: Vec<usize>,
    rows: Vec<DistributionRow>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct ImportOutcome {
    /// Files that were added.
    pub added: u64,
    /// Files that were there already, with the same bytes. What else is said of them stays as it was.
    pub unchanged: u64,
    /// Files that were refused, by their position in the batch, in order.
    pub refused: Vec<(usize, Error)>,
}

/// The right to import. It is given back when the process ends, however it ends.
#[derive(Debug)]
pub struct ImportLock(Held);

#[derive(Debug)]
enum Held {
    File { _file: File },
    Session(SessionLock),
}

impl ImportLock {
    /// Looks whether it is held still: in PostgreSQL it ends with a session. To be asked before each batch.
    ///
    /// # Errors
    /// [`Error::ImportInterrupted`]: begin again, and go on from [`Repository::import_position`].
    pub fn check(&self) -> Result<(), Error> {
        match &self.0 {
            Held::Session(lock) if lock.is_lost() => Err(Error::ImportInterrupted),
            Held::File { .. } | Held::Session(_) => Ok(()),
        }
    }
}

impl Repository {
    /// Takes the right to import: what one import completes is everything imported, and so there is one at a time.
    /// `None`: another process has it.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Database`].
    pub async fn begin_import(&self) -> Result<Option<ImportLock>, Error> {
        if let Some(lock) = self.store().lock(Purpose::Import).await {
            return Ok(lock?.map(|lock| ImportLock(Held::Session(lock))));
        }
        let path = self.directory().import_lock();
        let mut options = File::options();
        let file =
            options.write(true).create(true).truncate(false).open(&path).map_err(Error::io("open", &path))?;
        for _ in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(Some(ImportLock(Held::File { _file: file }))),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(BETWEEN_ATTEMPTS).await,
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
        }
        Ok(None)
    }

    /// Checks a batch of files: names, digests, and that clients can read pages that list them.
    #[must_use]
    pub fn check_import(&self, files: Vec<ImportedFile>) -> CheckedImport {
        let mut checked = CheckedImport::default();
        for (position, file) in files.into_iter().enumerate() {
            let project = file.filename.project().clone();
            let row = imported_row(file).and_then(|row| check_readable(&project, &row).map(|()| row));
            match row {
                Ok(row) => {
                    let files = checked.projects.entry(project).or_default();
                    files.positions.push(position);
                    files.rows.push(row);
                }
                Err(error) => checked.refused.push((position, error)),
            }
        }
        let CheckedImport { projects, refused } = &mut checked;
        projects.retain(|project, files| {
            let placed = self.check_page_path(project).is_ok();
            if !placed {
                let misplaced = |position: &usize| Some((*position, self.check_page_path(project).err()?));
                refused.extend(files.positions.iter().filter_map(misplaced));
            }
            placed
        });
        checked
    }

    /// Makes a batch durable, together with the position from where the import `name` is to go on after a crash;
    /// `position` makes it of the outcome. It is not published before [`Repository::finish_import`].
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::State`], [`Error::ImportAbandoned`]: nothing of the batch was kept. What is wrong with
    /// single files is in the outcome.
    pub async fn import(
        &self,
        checked: CheckedImport,
        name: &str,
        position: impl FnOnce(&ImportOutcome) -> String + Send,
        actor: Actor,
    ) -> Result<ImportOutcome, Error> {
        let mut outcome = ImportOutcome { refused: checked.refused, ..ImportOutcome::default() };
        let mut write = self.store().write().await?;
        abandon::check_none(&mut write).await?;
        let projects: Vec<&str> = checked.projects.keys().map(ProjectName::as_str).collect();
        let known = imports::known(&mut write, &projects).await?;
        let mut new: Vec<DistributionRow> =
            Vec::with_capacity(checked.projects.values().map(|files| files.rows.len()).sum());
        let mut returning: Vec<DistributionRow> = Vec::new();
        let mut changed: Vec<ProjectName> = Vec::new();
        for (project, files) in checked.projects {
            let before = new.len();
            let mut names = Names::new(known.get(project.as_str()));
            let places: Vec<_> = files.rows.iter().map(|row| names.place(row)).collect();
            for ((position, row), place) in files.positions.into_iter().zip(files.rows).zip(places) {
                match place {
                    Ok(Place::New) => new.push(row),
                    Ok(Place::Returning) => returning.push(row),
                    Ok(Place::There) => outcome.unchanged += 1,
                    Err(error) => outcome.refused.push((position, error)),
                }
            }
            if new.len() > before {
                changed.push(project);
            }
        }
        self.enter(&mut write, &changed, &mut new, &mut returning, &actor.to_string()).await?;
        outcome.added = (new.len() + returning.len()) as u64;
        outcome.refused.sort_by_key(|(position, _)| *position);
        store::put_fact(&mut write, &position_fact(name), &position(&outcome)).await?;
        commit(write).await?;
        Ok(outcome)
    }

    /// Enters files into the log, those that come back one by one, the others together by their project.
    async fn enter(
        &self,
        write: &mut Transaction,
        changed: &[ProjectName],
        new: &mut [DistributionRow],
        returning: &mut [DistributionRow],
        actor: &str,
    ) -> Result<(), Error> {
        let submitted_at = self.clock().now();
        let entry = |project, path| NewEntry {
            submitted_at,
            actor,
            action: "import",
            project: Some(project),
            path: Cow::Owned(path),
            sha256: None,
        };
        let entries: Vec<NewEntry<'_>> =
            changed.iter().map(|project| entry(project.as_str(), format!("files/{project}/*"))).collect();
        let first = log::append(write, &entries).await?;
        let numbers: HashMap<&str, u64> = changed.iter().map(ProjectName::as_str).zip(first..).collect();
        for row in new.iter_mut() {
            row.changed_by = numbers.get(row.project.as_str()).copied().unwrap_or(first);
        }
        let path = |row: &DistributionRow| format!("files/{}/{}", row.project, row.filename);
        let entries: Vec<NewEntry<'_>> =
            returning.iter().map(|row| entry(row.project.as_str(), path(row))).collect();
        let first = log::append(write, &entries).await?;
        for (row, number) in returning.iter_mut().zip(first..) {
            row.changed_by = number;
        }
        rows::add_distributions(write, new).await?;
        rows::put_distributions(write, returning).await
    }

    /// From where the import `name` is to go on; `None` where it was never begun, or is complete.
    ///
    /// # Errors
    /// [`Error::Database`]
    pub async fn import_position(&self, name: &str) -> Result<Option<String>, Error> {
        let mut read = self.store().read().await?;
        store::fact(&mut read, &position_fact(name)).await
    }

    /// Copies a distribution to its place, or finds it there, and hashes it. It survives a crash once
    /// [`Repository::sync_imported_files`] was called, which comes before [`Repository::import`]. Blocks.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Io`], and what `look` says of the file, which is removed then.
    /// [`Error::FileExists`] when there is other core metadata beside the same file: a page may promise it. What goes to a
    /// bucket goes on there, and what fails then is told by [`Repository::sync_imported_files`].
    pub fn place_imported_file<E: From<Error>>(
        &self,
        filename: &DistributionFilename,
        mut bytes: impl Read,
        look: impl FnOnce(&Received) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<PlacedFile, E> {
        let mut staged = self.stage()?;
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            match bytes.read(&mut buffer).map_err(Error::io("read", Path::new(filename.as_str())))? {
                0 => break,
                length => staged.write(&buffer[..length])?,
            }
        }
        let received = staged.finish_unsynchronised()?;
        let core_metadata = look(&received)?;
        let (project, sha256, length) = (filename.project(), received.sha256(), received.length());
        let place = BlobName::distribution(project, filename.file_name(), &sha256);
        let beside =
            core_metadata.map(|bytes| (BlobName::sidecar(project, filename.file_name(), &sha256), bytes));
        let mut core_metadata_sha256 = None;
        if let Some((key, metadata)) = &beside {
            if let Some(there) = self.blobs().find(key)?
                && there != *metadata
            {
                let path = format!("{}.metadata", file_target_path(project, filename.file_name()));
                let (existing, offered) = (&there[..], &metadata[..]);
                let [existing, offered] =
                    [existing, offered].map(|bytes| HashAlgorithm::Sha256.hex_digest(bytes));
                return Err(Error::FileExists { path, existing, offered }.into());
            }
            core_metadata_sha256 = Some(HashAlgorithm::Sha256.hex_digest(metadata));
        }
        self.blobs().put_received_in_bulk(&place, received, beside)?;
        Ok(PlacedFile { sha256, length, core_metadata_sha256 })
    }

    /// Makes every file that was placed survive a crash. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Bucket`]: some of them may not be in their places.
    pub fn sync_imported_files(&self) -> Result<(), Error> {
        self.blobs().settle()
    }

    /// Completes the import `name`: everything imported and not public yet is published as one snapshot by whoever is the
    /// writer. `None`: there is nothing to publish.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::ImportAbandoned`]
    pub async fn finish_import(&self, name: &str) -> Result<Option<Receipt>, Error> {
        let mut write = self.store().write().await?;
        abandon::check_none(&mut write).await?;
        let last = log::imported(&mut write).await?.map(|(_, last)| last);
        if let Some(last) = last {
            store::put_fact(&mut write, IMPORT_COMPLETE_FACT, &last.to_string()).await?;
        }
        store::remove_fact(&mut write, &position_fact(name)).await?;
        announce(&mut write, Signal::Pending).await?;
        commit(write).await?;
        self.announce_pending();
        Ok(last.map(|last| Receipt {
            transaction: TransactionId(last),
            outcome: Outcome::Accepted,
            may_be_import: true,
        }))
    }

    /// The layout must have a role for the project's page.
    fn check_page_path(&self, project: &ProjectName) -> Result<(), Error> {
        let layout = self.layout();
        let page = TargetPath::parse(index_page_target_path(project))?;
        if layout.content != Content::PythonIndex {
            return Err(layout.unsupported(&page));
        }
        layout.role_of(&page).map(|_| ())
    }
}

/// What there is under a name.
enum Place {
    /// Nothing.
    New,
    /// The same file, removed once.
    Returning,
    /// The same file.
    There,
}

/// The names of one project: those in the state, and those of the batch so far with their digests.
struct Names<'a> {
    known: Option<&'a KnownFiles>,
    seen: HashMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    fn new(known: Option<&'a KnownFiles>) -> Self {
        Self { known, seen: HashMap::new() }
    }

    fn place(&mut self, row: &'a DistributionRow) -> Result<Place, Error> {
        let filename = row.filename.as_str();
        let (existing, removed, place) = match self.known.and_then(|known| known.get(filename)) {
            Some((sha256, true)) if !self.seen.contains_key(filename) => {
                (sha256.as_str(), true, Place::Returning)
            }
            Some((sha256, _)) => (sha256.as_str(), false, Place::There),
            None => match self.seen.get(filename) {
                Some(sha256) => (*sha256, false, Place::There),
                None => (row.sha256.as_str(), false, Place::New),
            },
        };
        if existing != row.sha256 {
            let path = format!("files/{}/{filename}", row.project);
            let (existing, offered) = (existing.to_owned(), row.sha256.clone());
            return Err(if removed {
                Error::FileNameUsed { path, existing, offered }
            } else {
                Error::FileExists { path, existing, offered }
            });
        }
        if !matches!(place, Place::There) {
            self.seen.insert(filename, &row.sha256);
        }
        Ok(place)
    }
}

fn imported_row(file: ImportedFile) -> Result<DistributionRow, Error> {
    let filename = &file.filename;
    let invalid = |reason| Error::InvalidImport { filename: filename.to_string(), reason };
    check_target_path(&TargetPath::parse(file_target_path(filename.project(), filename.file_name()))?)?;
    for sha256 in std::iter::once(&file.sha256).chain(&file.core_metadata_sha256) {
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(invalid("a sha256 is not 64 digits of lower-case hexadecimal"));
        }
    }
    if i64::try_from(file.length).is_err() {
        return Err(invalid("its length is no file's"));
    }
    if let Some(url) = &file.url
        && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
    {
        return Err(invalid("its URL is neither http nor https"));
    }
    let microseconds = file.upload_time.as_microsecond();
    Ok(DistributionRow {
        project: filename.project().to_string(),
        filename: filename.as_str().to_owned(),
        version: filename.version().to_string(),
        sha256: file.sha256,
        length: file.length,
        sidecar_sha256: file.core_metadata_sha256,
        requires_python: file.requires_python,
        uploaded_at: Timestamp::from_microsecond(microseconds).unwrap_or(file.upload_time),
        yanked: match file.yanked {
            Yanked::No => None,
            Yanked::Yes => Some(None),
            Yanked::Reason(reason) => Some(Some(reason)),
        },
        removed: false,
        url: file.url,
        changed_by: 0,
    })
}

fn position_fact(name: &str) -> String {
    format!("{POSITION_FACT}{name}")
}

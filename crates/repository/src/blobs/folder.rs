//! `public/` as a folder of the repository's directory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Beside, BlobName, Entry, PIECE_BYTES, TARGETS};
use crate::directory::RepositoryDirectory;
use crate::disk::{self, DurableDirectories};
use crate::error::Error;
use crate::staging::Received;

/// What the name of a file begins with while it is being removed. Nobody is served such a file.
const GOING: &str = ".collected-";

/// Folders are walked so deep.
const MAX_DEPTH: usize = 64;

#[derive(Debug)]
pub(super) struct Folder {
    directory: RepositoryDirectory,
    public: PathBuf,
    timestamp: PathBuf,
    durable: DurableDirectories,
}

impl Folder {
    pub(super) fn new(directory: RepositoryDirectory) -> Self {
        let (public, timestamp) = (directory.public(), directory.timestamp_file());
        Self { directory, public, timestamp, durable: DurableDirectories::default() }
    }

    pub(super) fn public(&self) -> &Path {
        &self.public
    }

    pub(super) fn path(&self, name: &BlobName) -> PathBuf {
        self.public.join(name.as_str())
    }

    /// Looked at for each request that is served.
    pub(super) fn timestamp(&self) -> &Path {
        &self.timestamp
    }

    pub(super) fn put(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), Error> {
        let files: Vec<(PathBuf, &[u8])> =
            blobs.iter().map(|(name, bytes)| (self.path(name), *bytes)).collect();
        let folders: BTreeSet<&Path> = files.iter().map(|(path, _)| disk::parent(path)).collect();
        self.make_folders(folders.iter().copied())?;
        disk::write_files(&self.directory.staging(), &files)?;
        disk::sync_directories(folders)
    }

    pub(super) fn put_timestamp(&self, bytes: &[u8], gate: Option<&Path>) -> Result<(), Error> {
        let staging = self.directory.staging();
        disk::write_file(gate.unwrap_or(&staging), &self.timestamp, bytes)?;
        disk::sync_directories([disk::parent(&self.timestamp)])
    }

    pub(super) fn put_in_bulk(&self, name: &BlobName, bytes: &[u8]) -> Result<(), Error> {
        disk::write_unsynchronised(&self.directory.staging(), &self.path(name), bytes)
    }

    pub(super) fn settle(&self) -> Result<(), Error> {
        disk::sync_file_system(&self.public)
    }

    pub(super) fn put_received(
        &self,
        name: &BlobName,
        received: Received,
        beside: Beside,
    ) -> Result<(), Error> {
        let place = self.path(name);
        let folder = disk::parent(&place);
        self.make_folders([folder])?;
        if let Some((name, bytes)) = beside {
            disk::write_file(&self.directory.staging(), &self.path(&name), &bytes)?;
        }
        received.move_to(&place)?;
        disk::sync_directories([folder])
    }

    pub(super) fn put_received_in_bulk(
        &self,
        name: &BlobName,
        received: Received,
        beside: Beside,
    ) -> Result<(), Error> {
        let place = self.path(name);
        let folder = disk::parent(&place);
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        if let Some((name, bytes)) = beside {
            self.put_in_bulk(&name, &bytes)?;
        }
        received.move_to(&place)
    }

    pub(super) fn read(&self, name: &BlobName) -> Result<Vec<u8>, Error> {
        let path = self.path(name);
        fs::read(&path).map_err(Error::io("read", &path))
    }

    /// All of it; `None` where it is longer than `max_bytes`.
    pub(super) fn fetch(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        let found = fs::metadata(&path).map_err(Error::io("look at", &path))?;
        if !found.is_file() {
            return Err(Error::io("read", &path)(io::ErrorKind::NotFound.into()));
        }
        if found.len() > max_bytes {
            return Ok(None);
        }
        fs::read(&path).map(Some).map_err(Error::io("read", &path))
    }

    pub(super) fn length(&self, name: &BlobName) -> Result<u64, Error> {
        let path = self.path(name);
        Ok(fs::metadata(&path).map_err(Error::io("look at", &path))?.len())
    }

    pub(super) fn read_pieces(&self, name: &BlobName, mut piece: impl FnMut(&[u8])) -> Result<(), Error> {
        let path = self.path(name);
        let failed = |error| Error::io("read", &path)(error);
        let mut file = File::open(&path).map_err(failed)?;
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => return Ok(()),
                count => piece(&buffer[..count]),
            }
        }
    }

    pub(super) fn walk(&self, folder: &str) -> FolderWalk {
        FolderWalk { public: self.public.clone(), open: vec![(folder.to_owned(), 0)] }
    }

    /// Removes a file, unless it was written since `before`. Whether it is gone because of this.
    ///
    /// It is renamed out of the way first: if it is not the file that was looked at, because somebody has just put the
    /// same again, it goes back to its place.
    pub(super) fn remove(&self, entry: &Entry, before: Timestamp) -> Result<bool, Error> {
        let path = self.path(&entry.name);
        let going = path.with_file_name(format!("{GOING}{}", entry.name.name()));
        match fs::rename(&path, &going) {
            Ok(()) => {}
            // Another process cleans up too.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("remove", &path)(error)),
        }
        finish_removal(&going, entry.name.name(), before)
    }

    /// Finishes what a process left behind that was killed while it removed a file.
    pub(super) fn finish_removal(&self, entry: &Entry, before: Timestamp) -> Result<(), Error> {
        if let Some(name) = entry.name.name().strip_prefix(GOING) {
            finish_removal(&self.path(&entry.name), name, before)?;
        }
        Ok(())
    }

    /// Makes folders below `public/targets` that survive a crash; the others are there from the beginning.
    fn make_folders<'a>(&self, folders: impl IntoIterator<Item = &'a Path>) -> Result<(), Error> {
        let targets = self.public.join(TARGETS);
        let below = folders.into_iter().filter(|folder| folder.starts_with(&targets));
        self.durable.make(&targets, below)
    }
}

impl Entry {
    /// Whether a process was killed while it removed this file.
    pub(crate) fn is_going(&self) -> bool {
        self.name.name().starts_with(GOING)
    }
}

/// Removes a file that is out of the way, or puts it back if it was written since.
fn finish_removal(going: &Path, name: &str, before: Timestamp) -> Result<bool, Error> {
    let written = match fs::metadata(going).and_then(|found| found.modified()) {
        Ok(written) => written,
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("look at", going)(error)),
    };
    if Timestamp::try_from(written).is_ok_and(|written| written < before) {
        fs::remove_file(going).map_err(Error::io("remove", going))?;
        return Ok(true);
    }
    fs::rename(going, going.with_file_name(name)).map_err(Error::io("put back", going))?;
    Ok(false)
}

/// Folders yet to be read, with their depth.
pub(crate) struct FolderWalk {
    public: PathBuf,
    open: Vec<(String, usize)>,
}

impl FolderWalk {
    /// A folder and the files in it; what vanishes meanwhile is none of them.
    pub(super) fn next(&mut self) -> Result<Option<(String, Vec<Entry>)>, Error> {
        let Some((folder, depth)) = self.open.pop() else { return Ok(None) };
        let mut files = Vec::new();
        let path = self.public.join(&folder);
        for entry in fs::read_dir(&path).map_err(Error::io("read", &path))? {
            let entry = entry.map_err(Error::io("read", &path))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => {
                    self.open.push((format!("{folder}/{name}"), depth + 1));
                }
                Ok(kind) if kind.is_file() => {
                    let found = match entry.metadata() {
                        Ok(found) => found,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        Err(error) => return Err(Error::io("look at", entry.path())(error)),
                    };
                    let written = found.modified().map_err(Error::io("look at", entry.path()))?;
                    files.push(Entry {
                        name: BlobName::found(&folder, &name),
                        length: found.len(),
                        written: Timestamp::try_from(written).unwrap_or(Timestamp::MAX),
                    });
                }
                _ => {}
            }
        }
        Ok(Some((folder, files)))
    }
}

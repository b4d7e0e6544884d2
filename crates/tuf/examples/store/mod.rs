//! What both client examples keep on disk: the latest trusted metadata, and verified downloads.
//!
//! ```text
//! DIRECTORY/lock                  held by the client that is running
//! DIRECTORY/metadata/ROLE.json    trusted metadata, byte for byte as received
//! DIRECTORY/downloads/NAME        targets, each written whole and verified
//! ```
//!
//! One directory belongs to one repository: the root in it decides whom the client believes.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use sealdex_tuf::{Answer, Limits, Request, RoleName, TargetCheck, Updater, VerifiedTarget};
use tempfile::NamedTempFile;

pub(crate) struct Store {
    directory: PathBuf,
    /// Held until the process ends: two clients at once could each write what it took for the latest version.
    _lock: File,
}

impl Store {
    /// Opens the store, and waits until no other process uses it.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let open = || {
            fs::create_dir_all(directory.join("metadata"))?;
            fs::create_dir_all(directory.join("downloads"))?;
            let lock = File::create(directory.join("lock"))?;
            lock.lock()?;
            Ok::<_, std::io::Error>(lock)
        };
        let lock = open().with_context(|| format!("{} cannot be used", directory.display()))?;
        Ok(Self { directory: directory.to_owned(), _lock: lock })
    }

    /// An update from the latest trusted root, or from `shipped`, the one that came with the software. A stored root is
    /// damaged if the updater does not take it; the way from the shipped one is then walked again.
    pub(crate) fn updater(&self, shipped: &Path) -> Result<Updater> {
        let now = Timestamp::now();
        if let Some(stored) = self.read(&RoleName::root())? {
            match Updater::new(&stored, now, Limits::default()) {
                Ok(updater) => return Ok(updater),
                Err(error) => println!("the stored root is damaged, beginning anew: {error}"),
            }
        }
        let root = fs::read(shipped).with_context(|| format!("{} cannot be read", shipped.display()))?;
        Updater::new(&root, now, Limits::default())
            .with_context(|| format!("{} is no root to begin with", shipped.display()))
    }

    /// A role's metadata; `None` where there is none. Any other failure is one: with a timestamp or snapshot that is
    /// taken for absent, its protection against rollback is gone.
    pub(crate) fn read(&self, role: &RoleName) -> Result<Option<Vec<u8>>> {
        let path = self.path(role);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Replaces a role's metadata: there is the old file or the new one, even if the machine stops in between.
    pub(crate) fn write(&self, role: &RoleName, bytes: &[u8]) -> Result<()> {
        let path = self.path(role);
        let write = || {
            let mut file = self.temporary("metadata")?;
            file.write_all(bytes)?;
            persist(file, &path)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Deletes a role's metadata. Like a write, it must have reached the disk when this returns: the updater deletes
    /// before it writes the root that makes the deletion necessary.
    pub(crate) fn delete(&self, role: &RoleName) -> Result<()> {
        let path = self.path(role);
        let gone = match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| sync_directory(&path)),
        };
        gone.with_context(|| format!("{} cannot be deleted", path.display()))
    }

    /// The answer to a fetch where there is no network: no newer root, the stored timestamp as the latest. What was
    /// trusted goes on to be until it expires.
    pub(crate) fn fetch_offline(&self, request: &Request) -> Result<Answer> {
        match request.role.as_str() {
            "root" => Ok(Answer::Absent),
            "timestamp" => match self.read(&request.role)? {
                Some(bytes) => Ok(Answer::Bytes(bytes)),
                None => bail!("offline, and there is no trusted timestamp yet"),
            },
            _ => bail!("offline, and {} is not stored", request.path),
        }
    }

    /// Where the target is, if it was downloaded before and still is what the metadata says.
    pub(crate) fn downloaded(&self, target: &VerifiedTarget) -> Result<Option<PathBuf>> {
        let path = self.download_path(target);
        let Ok(mut file) = File::open(&path) else { return Ok(None) };
        let (mut check, mut buffer) = (target.check()?, [0; 1 << 16]);
        loop {
            let read =
                file.read(&mut buffer).with_context(|| format!("{} cannot be read", path.display()))?;
            if read == 0 {
                return Ok(check.finish().is_ok().then_some(path));
            }
            if check.update(&buffer[..read]).is_err() {
                return Ok(None);
            }
        }
    }

    /// Begins a download.
    pub(crate) fn download(&self, target: &VerifiedTarget) -> Result<Download> {
        let file = self.temporary("downloads").context("no file can be made for the download")?;
        Ok(Download { path: self.download_path(target), file, check: target.check()? })
    }

    /// Role names come from the repository: [`RoleName::stored_file_name`] makes one file name of any of them.
    fn path(&self, role: &RoleName) -> PathBuf {
        self.directory.join("metadata").join(role.stored_file_name())
    }

    /// The same for target paths, which may hold `..` or begin with `/`.
    fn download_path(&self, target: &VerifiedTarget) -> PathBuf {
        self.directory.join("downloads").join(target.path().file_name())
    }

    /// In the directory it is for: only there is the rename at the end one step.
    fn temporary(&self, directory: &str) -> std::io::Result<NamedTempFile> {
        NamedTempFile::new_in(self.directory.join(directory))
    }
}

/// A target on its way: under a name of no meaning until the last byte is verified, and gone if that never happens.
pub(crate) struct Download {
    path: PathBuf,
    file: NamedTempFile,
    check: TargetCheck,
}

impl Download {
    /// Adds bytes. One more than the metadata says is an error: an endless file ends here.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.check.update(bytes)?;
        self.file.write_all(bytes).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Verifies length and hashes, then gives the file its name.
    pub(crate) fn finish(self) -> Result<PathBuf> {
        self.check.finish()?;
        persist(self.file, &self.path)
            .with_context(|| format!("{} cannot be written", self.path.display()))?;
        Ok(self.path)
    }
}

fn persist(file: NamedTempFile, path: &Path) -> std::io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_directory(path)
}

/// A rename or a deletion lasts once the directory has been written too. Elsewhere directories cannot be opened.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

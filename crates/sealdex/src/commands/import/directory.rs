//! A directory of distributions, copied into the repository; each is looked into, as `sealdex add` does.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use sealdex_repository::{ImportedFile, Repository};
use sealdex_simple::distribution::{ArchiveLimits, inspect};
use sealdex_simple::{DistributionFilename, Yanked};
use sealdex_tuf::digest::{HashAlgorithm, Hasher};

use super::Source;
use super::batch::{Feed, Go, Place, Position};
use crate::failure::{Failure, Kind};

/// Directories are walked so deep and no deeper; symbolic links in them are not followed.
const MAX_DEPTH: usize = 32;

/// A directory being read.
pub(super) struct Directory {
    path: PathBuf,
    position: Position,
    read_bytes: u64,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let path = std::path::absolute(path)?;
        Ok(Self { path, position: Position::default(), read_bytes: 0 })
    }

    /// Takes in the distributions below `folder`, in the order of their names.
    fn walk(&mut self, folder: &Path, depth: usize, feed: &mut Feed) -> Result<Go, Failure> {
        for entry in sorted(folder)? {
            let (path, kind) = (entry.path(), entry.file_type()?);
            let below = path.strip_prefix(&self.path).unwrap_or(&path);
            if self.position.is_behind(below) {
                continue;
            }
            if kind.is_dir() {
                if depth == 0 {
                    feed.add(Place::Path(shown(below)), Err(format!("more than {MAX_DEPTH} levels deep")));
                } else if self.walk(&path, depth - 1, feed)? == Go::Home {
                    return Ok(Go::Home);
                }
                continue;
            }
            let name = entry.file_name();
            let Some(filename) = name.to_str().and_then(|name| DistributionFilename::parse(name).ok()) else {
                continue;
            };
            if kind.is_file() {
                let file = imported(feed.repository(), &path, filename)
                    .map_or_else(go_on_with_others, |file| Ok(Ok(file)))?;
                self.read_bytes += file.as_ref().map_or(0, |file| file.length);
                feed.add(Place::Path(shown(below)), file);
                self.position.after = Some(shown(below));
            }
            if feed.is_due() && flush(feed, &self.position, self.read_bytes)? == Go::Home {
                return Ok(Go::Home);
            }
        }
        Ok(Go::On)
    }
}

impl Source for Directory {
    fn name(&self) -> String {
        name_of("directory", &self.path)
    }

    fn go_on_from(&mut self, position: &str) -> Result<u64, Failure> {
        self.position = Position::read(position)?;
        Ok(self.position.refused)
    }

    fn place(&self) -> String {
        self.position.after.clone().unwrap_or_default()
    }

    fn read(mut self: Box<Self>, mut feed: Feed) -> Result<(), Failure> {
        let top = self.path.clone();
        if self.walk(&top, MAX_DEPTH, &mut feed)? == Go::On {
            flush(&mut feed, &self.position, self.read_bytes)?;
        }
        Ok(())
    }
}

/// What is wrong with one file; what is wrong with the object store ends the import, which goes on from there later.
pub(super) fn go_on_with_others<T>(error: anyhow::Error) -> Result<Result<T, String>, Failure> {
    let is_failing = error
        .downcast_ref::<sealdex_repository::Error>()
        .is_some_and(sealdex_repository::Error::is_bucket_failing);
    if is_failing { Err(error.into()) } else { Ok(Err(format!("{error:#}"))) }
}

/// Copies a distribution to its place and looks into it.
fn imported(
    repository: &Repository,
    path: &Path,
    filename: DistributionFilename,
) -> anyhow::Result<ImportedFile> {
    let file = File::open(path)?;
    let modified = file.metadata()?.modified()?;
    let mut requires_python = None;
    let placed = repository.place_imported_file(&filename, file, |received| {
        let metadata = inspect(received.open()?, &filename, &ArchiveLimits::default())?;
        let served = metadata.may_be_served().then(|| metadata.metadata_bytes.clone());
        requires_python = metadata.requires_python;
        anyhow::Ok(served)
    })?;
    Ok(ImportedFile {
        sha256: placed.sha256,
        length: placed.length,
        upload_time: Timestamp::try_from(modified).context("its modification time")?,
        requires_python,
        yanked: Yanked::No,
        core_metadata_sha256: placed.core_metadata_sha256,
        url: None,
        filename,
    })
}

/// Hands on what there is, once its files survive a crash.
pub(super) fn flush(feed: &mut Feed, position: &Position, read_bytes: u64) -> Result<Go, Failure> {
    feed.repository().sync_imported_files()?;
    Ok(feed.flush(position.clone(), read_bytes))
}

/// The entries of a folder in the order of their names.
pub(super) fn sorted(folder: &Path) -> Result<Vec<std::fs::DirEntry>, Failure> {
    let unreadable = |error| Failure::message(Kind::Failed, format!("{}: {error}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    Ok(entries)
}

/// What an import of this directory is called in the repository's state.
pub(super) fn name_of(kind: &str, path: &Path) -> String {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    hasher.update(path.as_os_str().as_encoded_bytes());
    format!("{kind}:{}", &hasher.finish()[..16])
}

/// A path for people and for the position.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().replace(char::is_control, "\u{fffd}")
}

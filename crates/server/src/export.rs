//! What is public, written to a folder that any web server can serve: with packed forms beside the files, which nginx and
//! others send to who takes them, and with no logic.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealdex_repository::{BlobName, Blobs, Entry};
use tokio::task::spawn_blocking;

use crate::error::Error;
use crate::packing;

/// Files above this are not packed.
const MAX_PACKED_BYTES: u64 = 64 * 1024 * 1024;
const TIMESTAMP: &str = "timestamp.json";
/// Temporary files begin so; nothing public does.
const TEMPORARY: &str = ".export-";

/// What an export did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files that were written, packed forms not counted.
    pub written: u64,
    /// Files that were there already.
    pub kept: u64,
    /// Packed forms that were written.
    pub packed: u64,
    /// Bytes of all that was written.
    pub bytes: u64,
}

/// Brings `destination` up to date: `metadata/` and `targets/` as the repository has them, and beside each text that is
/// worth it `.gz` and `.zst`. Each file appears whole. The timestamp is written last, and it is the one that was public
/// before anything else was read: so whoever reads the folder meanwhile finds all that it leads to. Run it again after a
/// publication; only what is new is written. Nothing is removed.
///
/// # Errors
/// [`Error::Export`], naming the file, or [`Error::Repository`].
pub async fn export(blobs: &Blobs, destination: &Path) -> Result<Exported, Error> {
    let export = Arc::new(Export {
        blobs: blobs.clone(),
        destination: destination.to_owned(),
        done: Mutex::default(),
    });
    let timestamp = blobs.fetch(&BlobName::timestamp(), MAX_TIMESTAMP_BYTES).await?;
    for folder in ["targets", "metadata"] {
        let mut walk = blobs.walk(folder);
        let mut batch = Vec::new();
        while let Some((folder, entries)) = walk.next().await? {
            let path = destination.join(folder);
            fs::create_dir_all(&path).map_err(failed("make", &path))?;
            batch.extend(entries);
            if batch.len() >= BATCH {
                export.files(std::mem::take(&mut batch)).await?;
            }
        }
        export.files(batch).await?;
    }
    let path = destination.join("metadata").join(TIMESTAMP);
    match timestamp {
        Some(timestamp) if !fs::read(&path).is_ok_and(|there| there == timestamp) => {
            export.write(&path, &timestamp)?;
            export.count().written += 1;
        }
        _ => export.count().kept += 1,
    }
    let done = *export.count();
    Ok(done)
}

/// Files that are brought over before more are listed, and at the same time.
const BATCH: usize = 256;
const LANES: usize = 16;

/// No timestamp comes near this.
const MAX_TIMESTAMP_BYTES: u64 = 16 * 1024 * 1024;

struct Export {
    blobs: Blobs,
    destination: PathBuf,
    done: Mutex<Exported>,
}

impl Export {
    async fn files(self: &Arc<Self>, batch: Vec<Entry>) -> Result<(), Error> {
        let public = |entry: &Entry| entry.name.name() != TIMESTAMP && !is_temporary(entry.name.name());
        let batch: Vec<Entry> = batch.into_iter().filter(public).collect();
        // A disk is no faster for being asked by many.
        let in_bucket = self.blobs.file(&BlobName::timestamp()).is_none();
        let lanes = if in_bucket { LANES } else { 1 };
        let work = batch.chunks(batch.len().div_ceil(lanes).max(1)).map(|part| {
            let (export, part) = (Arc::clone(self), part.to_vec());
            spawn_blocking(move || part.iter().try_for_each(|entry| export.file(entry)))
        });
        for lane in work.collect::<Vec<_>>() {
            lane.await.map_err(|_| sealdex_repository::Error::Interrupted)??;
        }
        Ok(())
    }

    /// A file that never changes: if it is there, with its length, it is right.
    fn file(&self, entry: &Entry) -> Result<(), Error> {
        let to = self.destination.join(entry.name.as_str());
        if fs::metadata(&to).is_ok_and(|there| there.is_file() && there.len() == entry.length) {
            self.count().kept += 1;
        } else {
            let bytes = replace(&to, |file| self.copy(entry, file))?;
            let mut done = self.count();
            done.bytes += bytes;
            done.written += 1;
        }
        if is_text(&to) && entry.length <= MAX_PACKED_BYTES {
            self.packed(&to, ".gz", packing::gzip)?;
            self.packed(&to, ".zst", packing::zstd_kept)?;
        }
        Ok(())
    }

    fn copy(&self, entry: &Entry, file: &mut File) -> io::Result<u64> {
        let (mut written, mut fault) = (0, None);
        let read = self.blobs.read_pieces(&entry.name, |piece| {
            if fault.is_none() {
                written += piece.len() as u64;
                fault = file.write_all(piece).err();
            }
        });
        read.map_err(io::Error::other)?;
        fault.map_or(Ok(written), Err)
    }

    /// Packs what was exported.
    fn packed(
        &self,
        to: &Path,
        suffix: &str,
        pack: fn(&[u8]) -> io::Result<bytes::Bytes>,
    ) -> Result<(), Error> {
        let mut beside = to.as_os_str().to_owned();
        beside.push(suffix);
        let beside = PathBuf::from(beside);
        if beside.is_file() {
            return Ok(());
        }
        let bytes = fs::read(to).map_err(failed("read", to))?;
        // Web servers send it whenever it is there: so also where little is saved.
        let packed = pack(&bytes).map_err(failed("pack", to))?;
        if packed.len() < bytes.len() {
            self.write(&beside, &packed)?;
            self.count().packed += 1;
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let written = replace(path, |file| file.write_all(bytes).map(|()| bytes.len() as u64))?;
        self.count().bytes += written;
        Ok(())
    }

    fn count(&self) -> MutexGuard<'_, Exported> {
        // Counts are complete at each moment.
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the file is JSON, or core metadata: distributions are packed already.
fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json" || extension == "metadata")
}

fn is_temporary(name: &str) -> bool {
    name.starts_with('.')
}

/// Writes a file beside its place and renames it there; gives the bytes written.
fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<u64>) -> Result<u64, Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = folder.join(format!("{TEMPORARY}{name}"));
    let written = File::create(&temporary).and_then(|mut file| {
        let written = write(&mut file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok(written)
    });
    written.map_err(|error| {
        drop(fs::remove_file(&temporary));
        failed("write", path)(error)
    })
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Export { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use sealdex_repository::RepositoryDirectory;

    use super::*;

    async fn run(directory: &RepositoryDirectory, destination: &Path) -> Result<Exported, Error> {
        export(&Blobs::in_directory(directory.clone()), destination).await
    }

    fn repository() -> (tempfile::TempDir, RepositoryDirectory) {
        let folder = tempfile::tempdir().unwrap();
        let directory = RepositoryDirectory::new(folder.path().join("repository"));
        let text = "a line of metadata, again and again; ".repeat(100);
        for (path, content) in [
            ("metadata/1.root.json", text.as_str()),
            ("metadata/1.snapshot.json", &text),
            ("metadata/timestamp.json", "{}"),
            ("metadata/.2.snapshot.json.tmp", "half"),
            ("targets/simple/six/ab.index.json", &text),
            ("targets/files/six/ab.six-1.0.whl", "PK"),
            ("targets/files/six/ab.six-1.0.whl.metadata", &text),
        ] {
            let path = directory.public().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        (folder, directory)
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }

    #[tokio::test]
    async fn what_is_public_with_packed_forms_beside_it() {
        let (folder, directory) = repository();
        let destination = folder.path().join("static");
        let done = run(&directory, &destination).await.unwrap();
        assert_eq!((done.written, done.kept, done.packed), (6, 0, 8));
        assert_eq!(
            files(&destination),
            [
                "metadata/1.root.json",
                "metadata/1.root.json.gz",
                "metadata/1.root.json.zst",
                "metadata/1.snapshot.json",
                "metadata/1.snapshot.json.gz",
                "metadata/1.snapshot.json.zst",
                "metadata/timestamp.json",
                "targets/files/six/ab.six-1.0.whl",
                "targets/files/six/ab.six-1.0.whl.metadata",
                "targets/files/six/ab.six-1.0.whl.metadata.gz",
                "targets/files/six/ab.six-1.0.whl.metadata.zst",
                "targets/simple/six/ab.index.json",
                "targets/simple/six/ab.index.json.gz",
                "targets/simple/six/ab.index.json.zst",
            ]
        );
        let plain = fs::read(destination.join("metadata/1.root.json")).unwrap();
        assert_eq!(plain, fs::read(directory.public().join("metadata/1.root.json")).unwrap());
        let packed = fs::read(destination.join("metadata/1.root.json.zst")).unwrap();
        assert_eq!(zstd::decode_all(&packed[..]).unwrap(), plain);
    }

    #[tokio::test]
    async fn only_what_is_new_is_written_and_what_was_cut_off_is_finished() {
        let (folder, directory) = repository();
        let destination = folder.path().join("static");
        run(&directory, &destination).await.unwrap();
        assert_eq!(run(&directory, &destination).await.unwrap(), Exported { kept: 6, ..Exported::default() });
        fs::write(directory.public().join("metadata/2.snapshot.json"), "{\"x\":1}").unwrap();
        fs::write(directory.timestamp_file(), "{\"y\":2}").unwrap();
        fs::write(destination.join("metadata/1.root.json"), "cut").unwrap();
        fs::remove_file(destination.join("targets/simple/six/ab.index.json.gz")).unwrap();
        let done = run(&directory, &destination).await.unwrap();
        assert_eq!((done.written, done.kept, done.packed), (3, 4, 1));
        assert_eq!(fs::read(destination.join("metadata/timestamp.json")).unwrap(), b"{\"y\":2}");
    }

    #[tokio::test]
    async fn without_the_rest_there_is_no_new_timestamp() {
        let (folder, directory) = repository();
        let destination = folder.path().join("static");
        // A folder stands where a file is to be.
        fs::create_dir_all(destination.join("metadata/1.root.json/in-the-way")).unwrap();
        let error = run(&directory, &destination).await.unwrap_err();
        assert!(error.to_string().contains("1.root.json"), "{error}");
        assert!(!destination.join("metadata/timestamp.json").exists());
        assert!(files(&destination).iter().all(|path| !path.contains(TEMPORARY)));
    }
}

//! What is public, written to a folder that any web server can serve: with packed forms beside the files, which nginx and
//! others send to who takes them, and with no logic.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sealdex_repository::RepositoryDirectory;

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
/// [`Error::Export`], naming the file.
pub fn export(directory: &RepositoryDirectory, destination: &Path) -> Result<Exported, Error> {
    let timestamp_file = directory.timestamp_file();
    let timestamp = fs::read(&timestamp_file).map_err(failed("read", &timestamp_file))?;
    let mut export = Export { done: Exported::default() };
    export.folder(&directory.targets(), &destination.join("targets"))?;
    export.folder(&directory.metadata(), &destination.join("metadata"))?;
    let path = destination.join("metadata").join(TIMESTAMP);
    if fs::read(&path).is_ok_and(|there| there == timestamp) {
        export.done.kept += 1;
    } else {
        export.write(&path, &timestamp)?;
        export.done.written += 1;
    }
    Ok(export.done)
}

struct Export {
    done: Exported,
}

impl Export {
    fn folder(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        let mut folders = vec![(from.to_owned(), to.to_owned())];
        while let Some((from, to)) = folders.pop() {
            fs::create_dir_all(&to).map_err(failed("make", &to))?;
            for entry in fs::read_dir(&from).map_err(failed("read", &from))? {
                let entry = entry.map_err(failed("read", &from))?;
                let (from, to) = (entry.path(), to.join(entry.file_name()));
                let found = entry.file_type().map_err(failed("read", &from))?;
                let name = entry.file_name();
                if found.is_dir() {
                    folders.push((from, to));
                } else if found.is_file() && name != TIMESTAMP && !is_temporary(&name.to_string_lossy()) {
                    self.file(&from, &to)?;
                }
            }
        }
        Ok(())
    }

    /// A file that never changes: if it is there, with its length, it is right.
    fn file(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        let length = fs::metadata(from).map_err(failed("read", from))?.len();
        if fs::metadata(to).is_ok_and(|there| there.is_file() && there.len() == length) {
            self.done.kept += 1;
        } else {
            let mut source = File::open(from).map_err(failed("read", from))?;
            self.done.bytes += replace(to, |file| io::copy(&mut source, file))?;
            self.done.written += 1;
        }
        if is_text(to) && length <= MAX_PACKED_BYTES {
            self.packed(from, to, ".gz", packing::gzip)?;
            self.packed(from, to, ".zst", packing::zstd)?;
        }
        Ok(())
    }

    fn packed(
        &mut self,
        from: &Path,
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
        let bytes = fs::read(from).map_err(failed("read", from))?;
        // Web servers send it whenever it is there: so also where little is saved.
        let packed = pack(&bytes).map_err(failed("pack", from))?;
        if packed.len() < bytes.len() {
            self.write(&beside, &packed)?;
            self.done.packed += 1;
        }
        Ok(())
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.done.bytes += replace(path, |file| file.write_all(bytes).map(|()| bytes.len() as u64))?;
        Ok(())
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
    use super::*;

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

    #[test]
    fn what_is_public_with_packed_forms_beside_it() {
        let (folder, directory) = repository();
        let destination = folder.path().join("static");
        let done = export(&directory, &destination).unwrap();
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

    #[test]
    fn only_what_is_new_is_written_and_what_was_cut_off_is_finished() {
        let (folder, directory) = repository();
        let destination = folder.path().join("static");
        export(&directory, &destination).unwrap();
        assert_eq!(export(&directory, &destination).unwrap(), Exported { kept: 6, ..Exported::default() });
        fs::write(directory.public().join("metadata/2.snapshot.json"), "{\"x\":1}").unwrap();
        fs::write(directory.timestamp_file(), "{\"y\":2}").unwrap();
        fs::write(destination.join("metadata/1.root.json"), "cut").unwrap();
        fs::remove_file(destination.join("targets/simple/six/ab.index.json.gz")).unwrap();
        let done = export(&directory, &destination).unwrap();
        assert_eq!((done.written, done.kept, done.packed), (3, 4, 1));
        assert_eq!(fs::read(destination.join("metadata/timestamp.json")).unwrap(), b"{\"y\":2}");
    }

    #[test]
    fn without_the_rest_there_is_no_new_timestamp() {
        let (folder, directory) = repository();
        let destination = folder.path().join("static");
        // A folder stands where a file is to be.
        fs::create_dir_all(destination.join("metadata/1.root.json/in-the-way")).unwrap();
        let error = export(&directory, &destination).unwrap_err();
        assert!(error.to_string().contains("1.root.json"), "{error}");
        assert!(!destination.join("metadata/timestamp.json").exists());
        assert!(files(&destination).iter().all(|path| !path.contains(TEMPORARY)));
    }
}

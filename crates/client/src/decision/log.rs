//! The log of decisions: one JSON object a line, in a folder that only its user can read.
//!
//! ```text
//! DIRECTORY/decisions.jsonl       the latest
//! DIRECTORY/decisions.1.jsonl     those before
//! DIRECTORY/decisions.lock        held while the one becomes the other
//! ```
//!
//! Any number of processes append at once, and any of them may be killed: a line is written by one call to the end of the
//! file, which no other process sees half done. A line that a full disk cut short is ended by the next one, and skipped
//! by readers.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::Decision;
use crate::error::Error;
use crate::store::{directories, files};

/// The log of decisions.
#[derive(Clone, Debug)]
pub struct DecisionLog {
    directory: PathBuf,
    max_bytes: u64,
}

impl DecisionLog {
    /// Bytes of each of the two files.
    pub const MAX_BYTES: u64 = 4 << 20;

    /// The user's folder: `$XDG_STATE_HOME/sealdex`, else `~/.local/state/sealdex`.
    ///
    /// # Errors
    /// [`Error::NoHome`]
    pub fn default_directory() -> Result<PathBuf, Error> {
        directories::user_folder("XDG_STATE_HOME", ".local/state")
    }

    /// The log in this folder, which is made when something is written.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), max_bytes: Self::MAX_BYTES }
    }

    /// The file with the latest decisions.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join("decisions.jsonl")
    }

    fn earlier_path(&self) -> PathBuf {
        self.directory.join("decisions.1.jsonl")
    }

    /// Appends a decision. Waits for the disk, but for no other process.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotADirectory`], [`Error::Exposed`]: what stands there is no log of this user.
    pub fn append(&self, decision: &Decision) -> Result<(), Error> {
        let path = self.path();
        let failed = |source| Error::io("write", &path, source);
        let line = serde_json::to_string(decision).map_err(|error| failed(error.into()))?;
        files::private_folder(&self.directory)?;
        only_plain(&path).map_err(failed)?;
        let mut file = open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() >= self.max_bytes {
            self.rotate().map_err(failed)?;
            file = open(&path).map_err(failed)?;
        }
        let torn = ends_torn(&mut file).map_err(failed)?;
        let line = format!("{}{line}\n", if torn { "\n" } else { "" });
        file.write_all(line.as_bytes()).map_err(failed)
    }

    /// All that is kept, oldest first. What cannot be read is left out.
    #[must_use]
    pub fn read(&self) -> Vec<Decision> {
        // A file is rotated by the first line beyond its bound, or beyond twice that: it is hardly longer.
        let max_bytes = self.max_bytes.saturating_mul(3);
        let kept = [self.earlier_path(), self.path()];
        let texts = kept.iter().filter_map(|path| files::read_bounded(path, max_bytes));
        texts.flat_map(|text| parse(&text)).collect()
    }

    /// Makes the latest file the earlier one, unless another process has done it already or is about to. One that is
    /// stuck over it is not waited for for ever.
    fn rotate(&self) -> io::Result<()> {
        let lock_path = self.directory.join("decisions.lock");
        only_plain(&lock_path)?;
        let lock = open(&lock_path)?;
        let limit = if lock.try_lock().is_ok() { self.max_bytes } else { self.max_bytes.saturating_mul(2) };
        let path = self.path();
        only_plain(&self.earlier_path())?;
        if fs::symlink_metadata(&path).is_ok_and(|found| found.len() >= limit) {
            fs::rename(&path, self.earlier_path())?;
        }
        Ok(())
    }
}

/// What is a link, a folder, a pipe or a device is not written to, and not replaced: who put it there has a reason.
fn only_plain(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is not a plain file")),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether the last line has no end. Appending goes to the end wherever this leaves the file's position.
fn ends_torn(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn parse(text: &[u8]) -> Vec<Decision> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::Outcome;
    use super::*;

    fn log(folder: &Path, max_bytes: u64) -> DecisionLog {
        DecisionLog { max_bytes, ..DecisionLog::new(folder.join("log")) }
    }

    fn decision(program: &str) -> Decision {
        Decision::unverified(Timestamp::UNIX_EPOCH, program)
    }

    fn programs(log: &DecisionLog) -> Vec<String> {
        let name = |decision: Decision| match decision.outcome {
            Outcome::Unverified(run) => run.program,
            other => panic!("{other:?}"),
        };
        log.read().into_iter().map(name).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 1000);
        assert_eq!(log.read(), []);
        for program in ["pip", "u\u{1b}v\n", "tox"] {
            log.append(&decision(program)).unwrap();
        }
        assert_eq!(programs(&log), ["pip", "u\\u{1b}v\\n", "tox"]);
        let text = fs::read_to_string(log.path()).unwrap();
        let first = r#"{"when":"1970-01-01T00:00:00Z","decision":"unverified","program":"pip"}"#;
        assert_eq!((text.lines().next(), text.lines().count()), (Some(first), 3));
    }

    #[test]
    fn it_is_bounded_and_the_latest_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 500);
        for number in 0..100 {
            log.append(&decision(&number.to_string())).unwrap();
        }
        let kept = programs(&log);
        assert_eq!(kept.last().unwrap(), "99");
        assert!((7..20).contains(&kept.len()), "{kept:?}");
        assert!(kept.is_sorted_by_key(|number| number.parse::<u32>().unwrap()), "{kept:?}");
        assert!(fs::metadata(log.path()).unwrap().len() < 600);
        // Another process that is stuck while it rotates does no harm.
        let lock = open(&folder.path().join("log/decisions.lock")).unwrap();
        lock.lock().unwrap();
        for number in 100..120 {
            log.append(&decision(&number.to_string())).unwrap();
        }
        assert_eq!(programs(&log).last().unwrap(), "119");
        assert!(fs::metadata(log.path()).unwrap().len() < 1100);
    }

    #[test]
    fn a_torn_line_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 10_000);
        log.append(&decision("before")).unwrap();
        let mut text = fs::read(log.path()).unwrap();
        text.extend_from_within(..20);
        text.extend([0xff, 0]);
        fs::write(log.path(), text).unwrap();
        log.append(&decision("after")).unwrap();
        log.append(&decision("later")).unwrap();
        assert_eq!(programs(&log), ["before", "after", "later"]);
    }

    #[test]
    fn many_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 1 << 20);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let log = &log;
                scope.spawn(move || {
                    for number in 0..100 {
                        log.append(&decision(&format!("{thread}-{number}"))).unwrap();
                    }
                });
            }
        });
        assert_eq!(programs(&log).len(), 800);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_log_is_left_alone() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 100);
        log.append(&decision("pip")).unwrap();
        assert_eq!(fs::metadata(log.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("log")).unwrap().permissions().mode() & 0o777, 0o700);
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "mine\n").unwrap();
        for what in ["a link", "a dangling link", "a folder"] {
            fs::remove_file(log.path()).unwrap();
            match what {
                "a link" => symlink(&elsewhere, log.path()).unwrap(),
                "a dangling link" => symlink(folder.path().join("none"), log.path()).unwrap(),
                _ => fs::create_dir(log.path()).unwrap(),
            }
            let error = log.append(&decision("pip")).unwrap_err();
            assert!(error.report().contains("it is not a plain file"), "{what}: {}", error.report());
            assert_eq!(log.read(), [], "{what}");
        }
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine\n");
        assert!(!folder.path().join("none").exists());
        fs::set_permissions(folder.path().join("log"), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(log.append(&decision("pip")), Err(Error::Exposed { .. })));
    }
}

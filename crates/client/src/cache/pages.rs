//! Which page of a project was fetched last: the newer one is asked for as a delta from it.
//!
//! ```text
//! ROOT/pages/XXX    the page's digest, and the target it is of; XXX are the first digits of the SHA-256 of the latter
//! ```
//!
//! Nothing is believed here: a digest names a file in the cache, which is verified when it is read. Of two projects that
//! share a place the later one keeps it, and so this folder never grows beyond 4,096 small files.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::name::Sha256Digest;
use crate::store::files;

/// A digest, a space, a URL with the longest path of a target, a line feed.
const MAX_BYTES: u64 = 16 * 1024;

/// The folder of places.
#[derive(Debug)]
pub(super) struct LatestPages(PathBuf);

impl LatestPages {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The page that was last fetched for `target`, a URL.
    pub(super) fn digest(&self, target: &str) -> Option<Sha256Digest> {
        let line = files::read_bounded(&self.place(target), MAX_BYTES)?;
        let (digest, of) = std::str::from_utf8(&line).ok()?.strip_suffix('\n')?.split_once(' ')?;
        (of == target).then(|| Sha256Digest::parse(digest).ok()).flatten()
    }

    /// Remembers a page, in one step; that it could not be remembered is no error.
    pub(super) fn remember(&self, target: &str, digest: Sha256Digest, temporary: &Path) {
        let remember = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new().tempfile_in(temporary)?;
            writeln!(file, "{digest} {target}")?;
            file.persist(self.place(target)).map(drop).map_err(|error| error.error)
        };
        if let Err(error) = fs::create_dir_all(&self.0).and_then(|()| remember()) {
            tracing::debug!(%error, "a page could not be remembered");
        }
    }

    /// Forgets all of them.
    pub(super) fn forget(&self) {
        drop(fs::remove_dir_all(&self.0));
    }

    fn place(&self, target: &str) -> PathBuf {
        let digits = Sha256Digest::of(target.as_bytes()).to_string();
        self.0.join(digits.get(..3).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_of_each_target() {
        let folder = tempfile::tempdir().unwrap();
        let pages = LatestPages::new(folder.path().join("pages"));
        let (one, two) = (Sha256Digest::of(b"one"), Sha256Digest::of(b"two"));
        assert_eq!(pages.digest("http://a/simple/six/index.json"), None);
        for digest in [one, two] {
            pages.remember("http://a/simple/six/index.json", digest, folder.path());
            assert_eq!(pages.digest("http://a/simple/six/index.json"), Some(digest));
        }
        assert_eq!(pages.digest("http://b/simple/six/index.json"), None);
        for damaged in ["", "abc http://a/simple/six/index.json\n", &format!("{one} http://a/x\n")] {
            fs::write(pages.place("http://a/simple/six/index.json"), damaged).unwrap();
            assert_eq!(pages.digest("http://a/simple/six/index.json"), None, "{damaged}");
        }
    }

    #[test]
    fn there_is_a_bounded_number_of_places() {
        let folder = tempfile::tempdir().unwrap();
        let pages = LatestPages::new(folder.path().join("pages"));
        for number in 0..300 {
            pages.remember(&format!("http://a/{number}"), Sha256Digest::of(b"one"), folder.path());
        }
        let places: Vec<_> = fs::read_dir(folder.path().join("pages")).unwrap().collect();
        assert!(places.len() <= 300);
        assert!(places.iter().all(|place| place.as_ref().unwrap().file_name().len() == 3));
    }
}

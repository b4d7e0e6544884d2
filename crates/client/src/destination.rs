//! Where a file is written that a user names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// As many as Linux follows.
const MAX_LINKS: usize = 40;

/// The file that a path leads to: itself, or what symbolic links end in, whether that is there already or not. So a file
/// can be replaced in one step, and the link to it stays.
///
/// # Errors
/// What it leads to is there and no file; a link is another user's, who could have it lead to any file of this one; or
/// links lead nowhere.
pub fn file_to_write(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..=MAX_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => {
                check_owner(&found)?;
                let next = fs::read_link(&target)?;
                target = target.parent().unwrap_or(Path::new("")).join(next);
            }
            Ok(found) if !found.is_file() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "there is something else than a file",
                ));
            }
            Ok(_) => return Ok(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(target),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("its symbolic links lead nowhere"))
}

/// The rule that Linux has for links in folders that everybody may write to.
#[cfg(unix)]
fn check_owner(link: &fs::Metadata) -> io::Result<()> {
    let owner = std::os::unix::fs::MetadataExt::uid(link);
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        let reason = format!("the symbolic link there belongs to another user (uid {owner})");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_link: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_a_file_and_to_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "").unwrap();
        fs::create_dir(path("below")).unwrap();
        for (link, to) in [
            ("one", Path::new("file")),
            ("two", &path("one")),
            ("below/up", Path::new("../two")),
            ("dangling", Path::new("below/none")),
            ("device", Path::new("/dev/null")),
            ("folder", Path::new("below")),
            ("round", Path::new("about")),
            ("about", Path::new("round")),
        ] {
            symlink(to, path(link)).unwrap();
        }
        for (name, expected) in [
            ("file", path("file")),
            ("none", path("none")),
            ("two", path("file")),
            ("below/up", path("file")),
            ("dangling", path("below/none")),
        ] {
            assert_eq!(file_to_write(&path(name)).unwrap(), expected, "{name}");
        }
        for (name, reason) in [
            ("device", "something else than a file"),
            ("folder", "something else than a file"),
            ("below", "something else than a file"),
            ("round", "lead nowhere"),
        ] {
            assert!(file_to_write(&path(name)).unwrap_err().to_string().contains(reason), "{name}");
        }
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(path("two"), Some(65534), Some(65534)).unwrap();
            let error = file_to_write(&path("two")).unwrap_err();
            assert!(error.to_string().contains("belongs to another user (uid 65534)"), "{error}");
        }
    }
}

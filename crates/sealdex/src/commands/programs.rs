//! Programs by name, as a shell finds them.

use std::env;
use std::path::{Path, PathBuf};

/// The first program of this name in a folder of `PATH`.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        // An empty entry is the current folder: whatever lies there is no installer of the user's choice.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&file))
        .find(|path| is_program(path))
}

/// Whether there is such a program, at this path or on `PATH`, and it may be run.
pub(super) fn can_run(program: &Path) -> bool {
    if program.components().count() > 1 {
        return is_program(program);
    }
    program.to_str().is_none_or(|name| on_path(name).is_some())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

//! Finds the Python environments that `cargo xtask test` made.

use std::env;
use std::path::{Path, PathBuf};

const VARIABLE: &str = "SEALDEX_TEST_ENV";

/// The pinned Python environments under `SEALDEX_TEST_ENV`. Each function panics when they have not been made, with
/// the command that makes them: a test that needs a tool fails without it and is never skipped.
#[derive(Clone, Copy, Debug)]
pub struct Environment;

impl Environment {
    /// Python with python-tuf, securesystemslib (with cryptography) and requests.
    pub fn tuf() -> PathBuf {
        executable("tuf", "python")
    }

    /// The pinned pip. Installs elsewhere with `pip --python PATH`; see also [`super::FreshEnvironment`].
    pub fn pip() -> PathBuf {
        executable("pip", "pip")
    }

    /// The pinned uv.
    pub fn uv() -> PathBuf {
        executable("uv", "uv")
    }

    /// The pinned poetry.
    pub fn poetry() -> PathBuf {
        executable("poetry", "poetry")
    }

    /// The pinned pdm.
    pub fn pdm() -> PathBuf {
        executable("pdm", "pdm")
    }

    /// The pinned pipenv.
    pub fn pipenv() -> PathBuf {
        executable("pipenv", "pipenv")
    }

    /// The pinned twine.
    pub fn twine() -> PathBuf {
        executable("twine", "twine")
    }

    /// The pinned maturin.
    pub fn maturin() -> PathBuf {
        executable("maturin", "maturin")
    }

    /// The pinned tox, which calls pip.
    pub fn tox() -> PathBuf {
        executable("callers", "tox")
    }

    /// The pinned nox, which calls pip or uv.
    pub fn nox() -> PathBuf {
        executable("callers", "nox")
    }

    /// The pinned pre-commit, which calls pip.
    pub fn pre_commit() -> PathBuf {
        executable("callers", "pre-commit")
    }

    /// The pinned build (`python -m build`), which calls pip or uv.
    pub fn build() -> PathBuf {
        executable("callers", "pyproject-build")
    }

    /// Python of the environment that holds the pinned pip and nothing else.
    pub fn python() -> PathBuf {
        executable("pip", "python")
    }

    /// moto's server, an object store.
    pub fn moto() -> PathBuf {
        executable("s3", "moto_server")
    }

    /// The folder with the pinned pip as a wheel, to install it offline.
    pub(super) fn wheels() -> PathBuf {
        let folder = root().join("wheels");
        require(&folder);
        folder
    }
}

fn executable(environment: &str, name: &str) -> PathBuf {
    let path = root().join(environment).join("bin").join(name);
    require(&path);
    path
}

fn root() -> PathBuf {
    match env::var_os(VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => panic!(
            "{VARIABLE} is not set: this test runs real Python tools. Run `cargo xtask test`, which installs them, or \
             `eval \"$(cargo xtask environment)\"` once in this shell"
        ),
    }
}

fn require(path: &Path) {
    assert!(path.exists(), "{} is missing: run `cargo xtask test`, which installs it", path.display());
}

//! A stage for end-to-end tests: a repository made, filled and served by the binary, and a user's own directories.
#![expect(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it, and a panic is a test's failure report"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::archive::Archive;
use sealdex_testkit::process::{self, Output, Process};
use sealdex_testkit::python::FreshEnvironment;
use sealdex_testkit::wheel::WheelBuilder;

/// No command of these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Stage {
    directory: tempfile::TempDir,
}

/// A running `sealdex serve`.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) process: Process,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// A stage with a development repository made by `sealdex init`.
    pub(crate) fn with_repository(flags: &[&str]) -> Self {
        let stage = Self::new();
        let database = sealdex_testdatabase::schema().unwrap();
        let database = database.iter().flat_map(|schema| ["--database", schema]).collect();
        let init = ["init", "--dev", "--bins", "16", "repository"].to_vec();
        stage.run(&[init, database, flags.to_vec()].concat()).expect_success();
        stage
    }

    /// Whether the repository's state is in PostgreSQL.
    pub(crate) fn is_on_postgresql(&self) -> bool {
        std::fs::read_to_string(self.path("repository/sealdex.toml")).unwrap().contains("[storage]")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The command `sealdex ARGUMENTS` in the stage's directory, with its own trust and cache directories.
    pub(crate) fn sealdex(&self, arguments: &[&str]) -> Command {
        let mut command = process::sealdex();
        command.args(arguments).current_dir(self.directory.path());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["PIP_", "UV_", "TWINE_", "SEALDEX_"].iter().any(|start| name.starts_with(start)) {
                command.env_remove(name);
            }
        }
        command.env("SEALDEX_TRUST_DIR", self.path("trust")).env("SEALDEX_CACHE_DIR", self.path("cache"));
        command.env("XDG_CONFIG_HOME", self.path("config")).env("XDG_STATE_HOME", self.path("state"));
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("NO_COLOR", "1");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        process::run(&mut self.sealdex(arguments), PATIENCE)
    }

    /// Writes a wheel into `dist/` and gives its path.
    pub(crate) fn wheel(&self, archive: &Archive) -> PathBuf {
        let dist = self.path("dist");
        std::fs::create_dir_all(&dist).unwrap();
        archive.write_to(&dist)
    }

    /// `alpha 1.0`, which needs `beta`, and `beta 2.0`, in `dist/`.
    pub(crate) fn two_wheels(&self) -> Vec<PathBuf> {
        let alpha = WheelBuilder::new("alpha", "1.0")
            .requires("beta>=1")
            .module("alpha.py", "NAME = 'alpha'\n")
            .build();
        let beta = WheelBuilder::new("beta", "2.0").module("beta.py", "NAME = 'beta'\n").build();
        vec![self.wheel(&alpha), self.wheel(&beta)]
    }

    pub(crate) fn add(&self, files: &[PathBuf]) {
        let mut command = self.sealdex(&["add", "--repository", "repository"]);
        process::run(command.args(files), PATIENCE).expect_success();
    }

    /// Starts `sealdex serve` on a free port.
    pub(crate) fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// Starts `sealdex serve` without its writer: nothing is signed anew.
    pub(crate) fn serve_only(&self) -> Served {
        self.serve_with(&["--no-writer"])
    }

    fn serve_with(&self, flags: &[&str]) -> Served {
        let arguments = ["serve", "--repository", "repository", "--listen", "127.0.0.1:0"];
        let process = Process::start(&mut self.sealdex(&[&arguments, flags].concat()));
        let line = process.wait_for_line("serving http://", PATIENCE);
        let start = line.find("http://").unwrap();
        let url = line[start..].trim_end().trim_end_matches("simple/").to_owned();
        Served { url, process }
    }

    pub(crate) fn root_file(&self) -> PathBuf {
        self.path("repository/public/metadata/1.root.json")
    }

    /// A repository with [`Stage::two_wheels`], served and trusted as `play`.
    pub(crate) fn with_trusted_wheels() -> (Self, Served) {
        let stage = Self::with_repository(&[]);
        stage.add(&stage.two_wheels());
        let served = stage.serve();
        stage.trust("play", &served.url);
        (stage, served)
    }

    /// A fresh environment with a pip of its own, and its Python as `--python` takes it.
    pub(crate) fn fresh(&self) -> (FreshEnvironment, String) {
        let fresh = FreshEnvironment::create_with_pip(&self.path("venv"));
        let python = fresh.python().to_str().unwrap().to_owned();
        (fresh, python)
    }

    /// `sealdex trust add NAME URL --root FILE`
    pub(crate) fn trust(&self, name: &str, url: &str) {
        let root = self.root_file();
        self.run(&["trust", "add", name, url, "--root", root.to_str().unwrap()]).expect_success();
    }
}

/// The text of `path`'s only file whose name ends so.
pub(crate) fn only_file(directory: &Path, ending: &str) -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// What a box says, in one line: where it is broken depends on paths of this machine.
pub(crate) fn unboxed(text: &str) -> String {
    text.replace(['│', '|'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

//! A new, empty virtual environment, as a user makes one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Environment, run};

const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A virtual environment made for one test.
#[derive(Clone, Debug)]
pub struct FreshEnvironment {
    folder: PathBuf,
}

impl FreshEnvironment {
    /// An environment at `folder` with Python alone: what uv, or `pip --python`, installs into. Takes a fraction of a
    /// second.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn create(folder: &Path) -> Self {
        let mut command = Command::new(Environment::python());
        command.args(["-m", "venv", "--without-pip"]).arg(folder);
        run(&mut command, TIME_LIMIT).expect_success();
        Self { folder: folder.to_owned() }
    }

    /// An environment at `folder` with the pinned pip inside, installed offline.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn create_with_pip(folder: &Path) -> Self {
        let environment = Self::create(folder);
        let mut command = environment.install();
        command.args(["--no-index", "--find-links"]).arg(Environment::wheels()).arg("pip");
        run(&mut command, TIME_LIMIT).expect_success();
        environment
    }

    /// The environment's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The environment's Python.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// The environment's own pip, where [`FreshEnvironment::create_with_pip`] put one.
    pub fn pip(&self) -> PathBuf {
        self.folder.join("bin/pip")
    }

    /// The command `pip install` by the pinned pip into this environment; the caller adds index and packages.
    pub fn install(&self) -> Command {
        let mut command = Command::new(Environment::pip());
        command.arg("--python").arg(self.python()).arg("install");
        command
    }

    /// Runs Python code in the environment and returns what it printed, without the last line end.
    ///
    /// # Panics
    /// When the code fails, with everything it wrote.
    #[track_caller]
    pub fn evaluate(&self, code: &str) -> String {
        let mut command = Command::new(self.python());
        command.args(["-c", code]);
        run(&mut command, TIME_LIMIT).expect_success().stdout.trim_end().to_owned()
    }
}

//! A project folder, the index that its tools know, the repository that stands for it, and an evil index.

use std::path::{Path, PathBuf};
use std::process::Command;

use sealdex_testkit::hostile::{HostileServer, Origin};
use sealdex_testkit::internet::Internet;
use sealdex_testkit::process::Output;
use sealdex_testkit::python::{self, Environment, FreshEnvironment};
use sealdex_testkit::wheel::WheelBuilder;

use crate::support::{PATIENCE, Served, Stage};

/// Where the tools believe their index to be.
pub(crate) const INDEX: &str = "https://index.example/simple/";
/// Another index, which offers an `alpha` that is newer and evil.
pub(crate) const EVIL: &str = "https://evil.example/simple/";
pub(crate) const EVIL_WHEEL: &str = "https://evil.example/files/alpha-9.0-py3-none-any.whl";

/// `alpha` (which needs `beta`) and `beta`, sealed; served at [`INDEX`] for who is not sealed; [`EVIL`] beside it.
pub(crate) struct Project {
    pub(crate) stage: Stage,
    pub(crate) internet: Internet,
    _served: Served,
    _evil: HostileServer,
}

impl Project {
    pub(crate) fn new() -> Self {
        let (stage, served) = Stage::with_trusted_wheels();
        Self::with(stage, served, &[])
    }

    /// A stage that trusts `play`, and further hosts, or others in place of those that are known.
    pub(crate) fn with(stage: Stage, served: Served, hosts: &[(&str, &str)]) -> Self {
        let evil = evil_index();
        let (index, evil_url) = (served.url.clone(), evil.url());
        let known = [("index.example", index.as_str()), ("evil.example", evil_url.as_str())];
        let internet = Internet::start(&[&known, hosts].concat());
        stage.run(&["trust", "stands-for", "play", INDEX]).expect_success();
        Self { stage, internet, _served: served, _evil: evil }
    }

    /// A file in the project's folder `folder`, which is made.
    pub(crate) fn write(&self, folder: &str, name: &str, text: &str) {
        std::fs::create_dir_all(self.stage.path(folder)).unwrap();
        std::fs::write(self.stage.path(folder).join(name), text).unwrap();
    }

    pub(crate) fn read(&self, folder: &str, name: &str) -> String {
        std::fs::read_to_string(self.stage.path(folder).join(name)).unwrap()
    }

    /// Runs a tool as it is, in `folder`.
    pub(crate) fn bare(&self, folder: &str, program: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments);
        python::run(self.settle(&mut command, folder), PATIENCE)
    }

    /// The command that runs a tool through `sealdex run`, in `folder`.
    pub(crate) fn sealed_command(
        &self,
        folder: &str,
        options: &[&str],
        program: &Path,
        arguments: &[&str],
    ) -> Command {
        let words = [&["run"], options, &["--", program.to_str().unwrap()], arguments].concat();
        self.sealdex_command(folder, &words)
    }

    /// The command `sealdex WORDS`, in `folder`.
    pub(crate) fn sealdex_command(&self, folder: &str, words: &[&str]) -> Command {
        let mut command = self.stage.sealdex(words);
        self.settle(&mut command, folder);
        command
    }

    /// Runs a tool through `sealdex run`, in `folder`.
    pub(crate) fn sealed(&self, folder: &str, program: &Path, arguments: &[&str]) -> Output {
        python::run(&mut self.sealed_command(folder, &[], program, arguments), PATIENCE)
    }

    /// A tool reads its project's settings, finds no others, and has the internet.
    pub(crate) fn settle<'a>(&self, command: &'a mut Command, folder: &str) -> &'a mut Command {
        let (folder, home) = (self.stage.path(folder), self.stage.path("home"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::create_dir_all(&home).unwrap();
        command.current_dir(folder).env_remove("UV_NO_CONFIG").env_remove("PIP_CONFIG_FILE");
        command.env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config"));
        for name in ["XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        command.env("UV_PYTHON", Environment::python()).env("PDM_CHECK_UPDATE", "0");
        command.env("POETRY_VIRTUALENVS_IN_PROJECT", "1").env("PIPENV_VENV_IN_PROJECT", "1");
        command.env("VIRTUALENV_NO_PERIODIC_UPDATE", "1");
        self.internet.lead(command)
    }

    /// That nobody has been at the evil index since the internet was last looked at.
    #[track_caller]
    pub(crate) fn assert_nobody_was_at_the_evil_index(&self, output: &Output) {
        let asked = self.internet.asked();
        assert!(!asked.iter().any(|host| host.starts_with("evil")), "{asked:?}\n{}", output.report());
        assert!(output.text().contains("sealdex refused"), "{}", output.report());
        assert!(output.text().contains("evil.example"), "{}", output.report());
    }
}

/// An environment of its own for one test, and its Python as arguments take it.
pub(crate) fn environment(project: &Project, name: &str) -> (FreshEnvironment, String) {
    let fresh = FreshEnvironment::create(&project.stage.path(name));
    let python = fresh.python().to_str().unwrap().to_owned();
    (fresh, python)
}

/// What is installed of `alpha`: its version, or `None`.
pub(crate) fn alpha(fresh: &FreshEnvironment) -> String {
    fresh.evaluate(
        "import importlib.metadata as m\ntry: print(m.version('alpha'))\nexcept m.PackageNotFoundError: print(None)",
    )
}

/// As [`alpha`], in a project's `.venv`.
pub(crate) fn alpha_in(folder: &Path) -> String {
    let code = "import importlib.metadata as m; print(m.version('alpha'), m.version('beta'))";
    let mut python = Command::new(folder.join(".venv/bin/python"));
    python::run(python.args(["-c", code]), PATIENCE).expect_success().stdout.trim().to_owned()
}

/// The version of `alpha` in a project's `.venv`.
pub(crate) fn alpha_version_in(folder: &Path) -> String {
    let mut python = Command::new(folder.join(".venv/bin/python"));
    let code = "import importlib.metadata as m; print(m.version('alpha'))";
    python::run(python.args(["-c", code]), PATIENCE).expect_success().stdout.trim().to_owned()
}

/// A project that needs `alpha`, for uv, poetry and pdm alike.
pub(crate) fn pyproject(more: &str) -> String {
    format!(
        "[project]\nname = \"app\"\nversion = \"0.1\"\nrequires-python = \">=3.10\"\ndependencies = [\"alpha\"]\n{more}"
    )
}

/// uv's way to know an index.
pub(crate) fn uv_index(url: &str) -> String {
    format!("[[tool.uv.index]]\nurl = \"{url}\"\ndefault = true\n")
}

fn evil_index() -> HostileServer {
    let wheel = WheelBuilder::new("alpha", "9.0").build();
    let page = format!("<a href=\"{EVIL_WHEEL}#sha256={}\">alpha-9.0-py3-none-any.whl</a>", wheel.sha256());
    HostileServer::start(Origin::files([
        ("/simple/alpha/", page.into_bytes()),
        ("/files/alpha-9.0-py3-none-any.whl", wheel.bytes.clone()),
    ]))
}

pub(crate) fn uv() -> PathBuf {
    Environment::uv()
}

pub(crate) fn pip() -> PathBuf {
    Environment::pip()
}

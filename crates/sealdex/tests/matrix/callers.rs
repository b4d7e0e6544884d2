//! Tools that call installers, each in environments that it makes: tox, nox, pre-commit, build.

use std::path::PathBuf;
use std::process::Command;

use sealdex_testkit::process::Output;
use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::wheel::WheelBuilder;

use crate::project::INDEX;
use crate::site::{Mode, Site};
use crate::support::{PATIENCE, unboxed};

/// A tool, and a project in which it installs `NEED` and shows which it got: `here is VERSION`.
struct Caller {
    program: PathBuf,
    words: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
}

const SHOW: &str = "import NEED; print('here is', NEED.VERSION)";

impl Caller {
    /// Installs what is sealed, and not what an attacker has changed; without us, that comes in.
    fn go(&self, mode: Mode) {
        let site = Site::with(mode, &[setuptools()]);
        let proxy = (mode == Mode::Index).then(|| site.proxy(&[]));
        let index = proxy.as_ref().map_or(INDEX, |(_, index)| index);

        let output = self.run(&site, "alpha", index, Through::Us).expect_success();
        assert!(output.text().contains("here is 2.0"), "{}", output.report());

        let output = self.run(&site, "omega", index, Through::Us).expect_failure();
        let log = proxy.as_ref().map_or_else(String::new, |(proxy, _)| proxy.log());
        let text = unboxed(&format!("{}{log}", output.text()));
        assert!(text.contains("wrong software attack") && !text.contains("here is "), "{text}");

        // That it is an attack need not be shown in both modes.
        if mode == Mode::Interposed {
            let output = self.run(&site, "omega", INDEX, Through::Nobody).expect_success();
            assert!(output.text().contains("here is evil"), "{}", output.report());
        }
    }

    fn run(&self, site: &Site, need: &str, index: &str, through: Through) -> Output {
        let folder = format!("{need}-{through:?}");
        for (name, text) in self.files {
            site.project.write(&folder, name, &text.replace("SHOW", SHOW).replace("NEED", need));
        }
        // pre-commit looks at what git knows.
        let mut shell = Command::new("sh");
        shell.args(["-c", "git init --quiet && git add --all"]).current_dir(site.path(&folder));
        python::run(&mut shell, PATIENCE).expect_success();

        let mut command = if through == Through::Us && site.mode == Mode::Interposed {
            site.project.sealed_command(&folder, &[], &self.program, self.words)
        } else {
            let mut command = Command::new(&self.program);
            site.project.settle(command.args(self.words), &folder);
            command
        };
        command.env("PIP_INDEX_URL", index);
        if site.mode == Mode::Index {
            command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        }
        python::run(&mut command, PATIENCE)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Through {
    Us,
    Nobody,
}

fn setuptools() -> WheelBuilder {
    let backend = include_str!("setuptools.py");
    WheelBuilder::new("setuptools", "999.0")
        .module("setuptools/__init__.py", "")
        .module("setuptools/build_meta.py", backend)
}

const TOX: &str = "
[tox]
no_package = true
env_list = one
[testenv]
deps = NEED
commands = python -c \"SHOW\"
";

const NOX: &str = "
import nox
@nox.session
def one(session):
    session.install('NEED')
    session.run('python', '-c', \"SHOW\")
";

const PRE_COMMIT: &str = "
repos:
  - repo: local
    hooks:
      - id: one
        name: one
        language: python
        entry: python -c \"SHOW\"
        additional_dependencies: [NEED]
        always_run: true
        pass_filenames: false
        verbose: true
";

const PROJECT: &str = "
[project]
name = \"app\"
version = \"0.1\"
[build-system]
requires = [\"NEED\", \"helper\"]
build-backend = \"backend\"
backend-path = [\".\"]
";

const BACKEND: &str = concat!(include_str!("backend.py"), "\n\nSHOW\n");

fn tox() -> Caller {
    Caller { program: Environment::tox(), words: &["run"], files: &[("tox.ini", TOX)] }
}

fn nox() -> Caller {
    Caller { program: Environment::nox(), words: &[], files: &[("noxfile.py", NOX)] }
}

fn pre_commit() -> Caller {
    let words = &["run", "--all-files"];
    Caller { program: Environment::pre_commit(), words, files: &[(".pre-commit-config.yaml", PRE_COMMIT)] }
}

/// Its backend shows what it got, while it builds.
fn build() -> Caller {
    let files = &[("pyproject.toml", PROJECT), ("backend.py", BACKEND)];
    Caller { program: Environment::build(), words: &["--wheel"], files }
}

#[test]
fn tox_in_index_mode() {
    tox().go(Mode::Index);
}

#[test]
fn tox_in_a_run() {
    tox().go(Mode::Interposed);
}

#[test]
fn nox_in_index_mode() {
    nox().go(Mode::Index);
}

#[test]
fn nox_in_a_run() {
    nox().go(Mode::Interposed);
}

#[test]
fn pre_commit_in_index_mode() {
    pre_commit().go(Mode::Index);
}

#[test]
fn pre_commit_in_a_run() {
    pre_commit().go(Mode::Interposed);
}

#[test]
fn builds_in_index_mode() {
    build().go(Mode::Index);
}

#[test]
fn builds_in_a_run() {
    build().go(Mode::Interposed);
}

/// git fetches nothing in a run, not even from this machine: its settings could lead it elsewhere.
#[test]
fn a_repository_of_hooks_is_not_fetched() {
    let site = Site::new(Mode::Interposed);
    let hook = "- id: one\n  name: one\n  entry: echo one\n  language: system\n";
    site.project.write("hooks", ".pre-commit-hooks.yaml", hook);
    let mut shell = Command::new("sh");
    let commit = "git init --quiet && git add --all && git -c user.name=a -c user.email=a@index.example commit -qm one && git rev-parse HEAD";
    shell.args(["-c", commit]).current_dir(site.path("hooks"));
    let revision = python::run(&mut shell, PATIENCE).expect_success().stdout;
    let text = format!(
        "repos:\n  - repo: {}\n    rev: {}\n    hooks: [{{id: one, always_run: true}}]\n",
        site.path("hooks").display(),
        revision.trim()
    );
    let hooks = Caller {
        program: Environment::pre_commit(),
        words: &["run", "--all-files"],
        files: &[("README", "a file")],
    };
    for folder in ["alpha-Us", "alpha-Nobody"] {
        site.project.write(folder, ".pre-commit-config.yaml", &text);
    }
    let output = hooks.run(&site, "alpha", INDEX, Through::Us).expect_failure();
    assert!(output.text().contains("transport 'file' not allowed"), "{}", output.report());
    hooks.run(&site, "alpha", INDEX, Through::Nobody).expect_success();
    // What it has fetched before is there in a run too.
    hooks.run(&site, "alpha", INDEX, Through::Us).expect_success();
}

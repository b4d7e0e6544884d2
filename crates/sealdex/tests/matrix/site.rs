//! What a tool meets: an index, a repository that stands for it, an attacker in front of both.

use std::path::{Path, PathBuf};

use sealdex_testkit::archive::sha256_hex;
use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths, Response};
use sealdex_testkit::process::Process;
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;

use crate::project::{INDEX, Project};
use crate::support::{PATIENCE, Stage};

/// How a tool gets to what is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is told of another index, which is ours: `sealdex pip`, `sealdex proxy`.
    Index,
    /// It asks the index it knows, and we answer: `sealdex run`.
    Interposed,
}

pub(crate) struct Site {
    pub(crate) project: Project,
    pub(crate) attacker: HostileServer,
    pub(crate) mode: Mode,
}

impl Site {
    pub(crate) fn new(mode: Mode) -> Self {
        Self::with(mode, &[])
    }

    /// The index has these wheels too.
    pub(crate) fn with(mode: Mode, more: &[WheelBuilder]) -> Self {
        let stage = Stage::with_repository(&[]);
        let alpha = |version: &str| {
            let builder = WheelBuilder::new("alpha", version).requires("beta>=1");
            stage.wheel(&builder.extra("fast", "gamma").build())
        };
        let wheel = |name: &str, version: &str| stage.wheel(&WheelBuilder::new(name, version).build());
        let delta = SdistBuilder::new("delta", "1.0").build_requires("helper").build();
        let mut files: Vec<_> = more.iter().map(|builder| stage.wheel(&builder.build())).collect();
        files.extend([
            alpha("1.0"),
            alpha("2.0"),
            wheel("beta", "2.0"),
            wheel("gamma", "1.0"),
            stage.wheel(&delta),
            wheel("helper", "1.0"),
            wheel("omega", "1.0"),
        ]);
        stage.add(&files);
        let served = stage.serve();
        let attacker = HostileServer::start(Origin::server(&served.url));
        attack(&attacker);
        stage.trust("play", &format!("{}/", attacker.url()));
        let project = Project::with(stage, served, &[("index.example", &attacker.url())]);
        Self { project, attacker, mode }
    }

    /// The index as it is without us.
    pub(crate) fn plain_index(&self) -> String {
        match self.mode {
            Mode::Index => format!("{}/simple/", self.attacker.url()),
            Mode::Interposed => INDEX.to_owned(),
        }
    }

    /// `sealdex proxy`, and its index.
    pub(crate) fn proxy(&self, options: &[&str]) -> (Process, String) {
        let words = [&["proxy", "--listen", "127.0.0.1:0"], options].concat();
        let proxy = Process::start(&mut self.project.sealdex_command("proxy", &words));
        let line = proxy.wait_for_line("http://", PATIENCE);
        let index = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        (proxy, index)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.project.stage.path(name)
    }

    /// A text with its placeholders filled in.
    pub(crate) fn filled(&self, text: &str, index: &str) -> String {
        let mut text = text.replace("INDEX", index);
        while let Some(start) = text.find("SHA256(") {
            let end = start + text[start..].find(')').unwrap();
            let file = self.path("dist").join(&text[start + "SHA256(".len()..end]);
            text.replace_range(start..=end, &sha256_hex(&std::fs::read(file).unwrap()));
        }
        text
    }

    /// The files that were verified and handed out so far, by the log.
    pub(crate) fn handed_out(&self) -> Vec<String> {
        let words = ["log", "--all", "--lines", "10000", "--format", "json"];
        let mut command = self.project.sealdex_command("log", &words);
        let output = sealdex_testkit::process::run(&mut command, PATIENCE).expect_success();
        let entries: Value = serde_json::from_str(&output.stdout).unwrap();
        let entries = entries.as_array().unwrap();
        entries.iter().filter_map(|entry| entry["filename"].as_str()).map(str::to_owned).collect()
    }
}

/// From now on, `omega` is another one: its page, as installers read it, and its file.
fn attack(attacker: &HostileServer) {
    let evil = WheelBuilder::new("omega", "1.0").module("omega.py", "VERSION = 'evil'\n").build();
    let page = format!(
        "<!DOCTYPE html><a href=\"/files/omega/{}#sha256={}\">{0}</a>",
        evil.file_name,
        evil.sha256()
    );
    let page = Behaviour::Respond(Response::ok("text/html", page));
    attacker.set(Paths::containing("/simple/omega/"), page);
    attacker.set(Paths::containing("/pypi/omega/"), Behaviour::Status(404));
    attacker.set(
        Paths::containing("omega-1.0-py3-none-any.whl"),
        Behaviour::Respond(Response::ok("application/octet-stream", evil.bytes)),
    );
}

/// Name and version of what is installed in a folder's `.venv`, in the order of the names.
pub(crate) fn installed(folder: &Path) -> Vec<(String, String)> {
    let code = "import importlib.metadata as m, json\n\
        own = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n\
        print(json.dumps(sorted([n, v] for n, v in own.items() if n not in ('pip', 'setuptools', 'wheel'))))";
    let mut python = std::process::Command::new(folder.join(".venv/bin/python"));
    let output = sealdex_testkit::python::run(python.args(["-c", code]), PATIENCE).expect_success();
    serde_json::from_str(&output.stdout).unwrap()
}

/// What `omega` says of itself in a folder's `.venv`: nothing where it is not installed.
pub(crate) fn omega(folder: &Path) -> String {
    let python = folder.join(".venv/bin/python");
    if !python.exists() {
        return String::new();
    }
    let code = "import importlib.util as u\nif u.find_spec('omega'): import omega; print(omega.VERSION)";
    let mut python = std::process::Command::new(python);
    let output = sealdex_testkit::python::run(python.args(["-c", code]), PATIENCE).expect_success();
    output.stdout.trim().to_owned()
}

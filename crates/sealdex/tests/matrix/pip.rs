//! pip: `sealdex pip`, and pip in `sealdex run`.

use sealdex_testkit::python::{self, Environment, FreshEnvironment};

use crate::row::Step::{self, Afresh, Keep, Offline, Refused, Run, SameWithoutUs};
use crate::row::{
    BUILD_SYSTEM, BUILT, Cell, EDITED, FAST, NEW, OLD, Row, backend, hashed_requirements, pyproject,
};
use crate::site::{Mode, Site};
use crate::support::PATIENCE;
use crate::tool::Tool;

/// pip's lock file has the URLs of files. Those of `sealdex pip` are good for that run alone, so what it makes to install
/// from again is what most people have: `pip freeze`.
fn lock(mode: Mode) -> Vec<Step> {
    match mode {
        Mode::Index => vec![
            Run(&["install", "alpha"]),
            Keep(&["freeze"], "requirements.txt"),
            SameWithoutUs("requirements.txt"),
            Afresh,
            Run(&["install", "--requirement", "requirements.txt"]),
        ],
        Mode::Interposed => vec![
            Run(&["lock", "alpha"]),
            SameWithoutUs("pylock.toml"),
            Run(&["install", "--requirement", "pylock.toml"]),
        ],
    }
}

fn pip(mode: Mode) -> Tool {
    let rows = vec![
        Row { cell: Cell::FreshInstall, steps: vec![Run(&["install", "alpha<2"])], installed: OLD },
        Row {
            cell: Cell::Upgrade,
            steps: vec![Run(&["install", "alpha<2"]), Run(&["install", "--upgrade", "alpha"])],
            installed: NEW,
        },
        Row { cell: Cell::LockAndSync, steps: lock(mode), installed: NEW },
        Row {
            cell: Cell::Hashes,
            steps: vec![
                hashed_requirements(),
                Run(&["install", "--require-hashes", "--requirement", "requirements.txt"]),
            ],
            installed: NEW,
        },
        Row { cell: Cell::Extras, steps: vec![Run(&["install", "alpha[fast]"])], installed: FAST },
        Row { cell: Cell::SourceDistribution, steps: vec![Run(&["install", "delta"])], installed: BUILT },
        Row {
            cell: Cell::Editable,
            steps: vec![
                pyproject("\"alpha\"", BUILD_SYSTEM),
                backend(),
                Run(&["install", "--editable", "."]),
            ],
            installed: EDITED,
        },
        Row {
            cell: Cell::Offline,
            steps: vec![Run(&["install", "alpha"]), Afresh, Offline, Run(&["install", "alpha"])],
            installed: NEW,
        },
        Row { cell: Cell::Attack, steps: vec![Refused(&["install", "omega"])], installed: &[] },
    ];
    Tool {
        program: Environment::pip(),
        index_variable: Some("PIP_INDEX_URL"),
        digest_of_files: None,
        always: &["--python", ".venv/bin/python"],
        needs_environment: true,
        rows,
    }
}

#[test]
fn pip_in_index_mode() {
    pip(Mode::Index).go_through(Mode::Index);
}

#[test]
fn pip_in_a_run() {
    pip(Mode::Interposed).go_through(Mode::Interposed);
}

/// pip keeps nothing that comes over plain http, but from a host that it is told to trust.
#[test]
fn sealdex_pip_gives_pip_a_cache() {
    let site = Site::new(Mode::Index);
    FreshEnvironment::create(&site.path("venv"));
    let (pip, python) = (Environment::python(), site.path("venv/bin/python"));
    let own = ["pip", "--python", pip.to_str().unwrap(), "--", "--python", python.to_str().unwrap()];
    let mut command = site.project.sealdex_command("app", &[&own[..], &["install", "alpha"]].concat());
    let cache = site.path("cache/installers/play/pip/http-v2");
    assert!(!cache.exists());
    python::run(command.env_remove("PIP_NO_CACHE_DIR"), PATIENCE).expect_success();
    assert!(std::fs::read_dir(&cache).unwrap().count() > 0);
}

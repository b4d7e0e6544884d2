//! uv, as `uv pip` and with projects.

use std::process::Command;

use sealdex_testkit::python::{self, Environment};

use crate::row::Step::{Afresh, Offline, Refused, Run, SameWithoutUs};
use crate::row::{
    BUILD_SYSTEM, BUILT, Cell, EDITED, FAST, NEW, OLD, Row, backend, hashed_requirements, pyproject,
};
use crate::site::{Mode, Site};
use crate::support::PATIENCE;
use crate::tool::Tool;

fn uv() -> Tool {
    let rows = vec![
        Row {
            cell: Cell::FreshInstall,
            steps: vec![Run(&["venv"]), Run(&["pip", "install", "--python", ".venv", "alpha<2"])],
            installed: OLD,
        },
        Row {
            cell: Cell::Upgrade,
            steps: vec![
                pyproject("\"alpha<2\"", ""),
                Run(&["sync"]),
                pyproject("\"alpha\"", ""),
                Run(&["sync", "--upgrade"]),
            ],
            installed: NEW,
        },
        Row {
            cell: Cell::LockAndSync,
            steps: vec![
                pyproject("\"alpha\"", ""),
                Run(&["lock"]),
                SameWithoutUs("uv.lock"),
                Run(&["sync", "--locked"]),
                Afresh,
                Run(&["sync", "--frozen"]),
                SameWithoutUs("uv.lock"),
            ],
            installed: NEW,
        },
        Row {
            cell: Cell::Hashes,
            steps: vec![
                hashed_requirements(),
                Run(&["venv"]),
                Run(&[
                    "pip",
                    "install",
                    "--python",
                    ".venv",
                    "--require-hashes",
                    "--requirement",
                    "requirements.txt",
                ]),
            ],
            installed: NEW,
        },
        Row {
            cell: Cell::Extras,
            steps: vec![pyproject("\"alpha[fast]\"", ""), Run(&["sync"])],
            installed: FAST,
        },
        Row {
            cell: Cell::SourceDistribution,
            steps: vec![pyproject("\"delta\"", ""), Run(&["sync"])],
            installed: BUILT,
        },
        Row {
            cell: Cell::Editable,
            steps: vec![pyproject("\"alpha\"", BUILD_SYSTEM), backend(), Run(&["sync"])],
            installed: EDITED,
        },
        Row {
            cell: Cell::Offline,
            steps: vec![
                Run(&["venv"]),
                Run(&["pip", "install", "--python", ".venv", "alpha"]),
                Afresh,
                Offline,
                Run(&["venv"]),
                Run(&["pip", "install", "--python", ".venv", "alpha"]),
            ],
            installed: NEW,
        },
        Row {
            cell: Cell::Attack,
            steps: vec![Run(&["venv"]), Refused(&["pip", "install", "--python", ".venv", "omega"])],
            installed: &[],
        },
    ];
    Tool {
        program: Environment::uv(),
        index_variable: Some("UV_DEFAULT_INDEX"),
        digest_of_files: None,
        always: &[],
        needs_environment: false,
        rows,
    }
}

#[test]
fn uv_in_index_mode() {
    uv().go_through(Mode::Index);
}

#[test]
fn uv_in_a_run() {
    uv().go_through(Mode::Interposed);
}

/// uv.lock names the index that was asked: where that is ours, at a port that stays the same.
#[test]
fn a_lock_of_index_mode_is_good_at_its_index_alone() {
    let site = Site::new(Mode::Index);
    let ((_one, one), (_other, other)) = (site.proxy(&[]), site.proxy(&[]));
    let text = "[project]\nname = \"app\"\nversion = \"0.1\"\nrequires-python = \">=3.10\"\ndependencies = [\"alpha\"]\n";
    site.project.write("app", "pyproject.toml", text);
    let run = |words: &[&str], index: &str| {
        let mut command = Command::new(Environment::uv());
        site.project.settle(command.args(words).env("UV_DEFAULT_INDEX", index), "app");
        python::run(command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1"), PATIENCE)
    };
    run(&["lock"], &one).expect_success();
    run(&["lock", "--check"], &one).expect_success();
    let output = run(&["lock", "--check"], &other).expect_failure();
    assert!(output.text().contains("needs to be updated"), "{}", output.report());
}

//! uv, as `uv pip` and with projects.

use sealdex_testkit::python::Environment;

use crate::row::Step::{Afresh, Offline, Refused, Run, SameWithoutUs};
use crate::row::{
    BUILD_SYSTEM, BUILT, Cell, EDITED, FAST, NEW, OLD, Row, backend, hashed_requirements, pyproject,
};
use crate::site::Mode;
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

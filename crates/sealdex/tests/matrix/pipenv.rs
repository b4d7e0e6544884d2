//! pipenv, with its index as the source of a Pipfile.

use sealdex_testkit::python::Environment;

use crate::row::Step::{self, Afresh, Has, Offline, Refused, Run, SameWithoutUs};
use crate::row::{
    BETA_DIGEST, BUILD_SYSTEM, BUILT, Cell, EDITED, FAST, NEW, OLD, Row, backend, pyproject, write,
};
use crate::site::Mode;
use crate::tool::Tool;

fn pipfile(packages: &str) -> Step {
    write(
        "Pipfile",
        format!("[[source]]\nname = \"main\"\nurl = \"INDEX\"\nverify_ssl = true\n[packages]\n{packages}\n"),
    )
}

fn pipenv() -> Tool {
    let rows = vec![
        Row {
            cell: Cell::FreshInstall,
            steps: vec![pipfile(""), Run(&["install", "alpha<2"])],
            installed: OLD,
        },
        Row {
            cell: Cell::Upgrade,
            steps: vec![
                pipfile("alpha = \"<2\""),
                Run(&["install"]),
                pipfile("alpha = \"*\""),
                Run(&["update"]),
            ],
            installed: NEW,
        },
        Row {
            cell: Cell::LockAndSync,
            steps: vec![
                pipfile("alpha = \"*\""),
                Run(&["lock"]),
                SameWithoutUs("Pipfile.lock"),
                Run(&["sync"]),
            ],
            installed: NEW,
        },
        // Its lock file has the hashes of all files, and it holds to them: the row above.
        Row {
            cell: Cell::Hashes,
            steps: vec![pipfile("beta = \"*\""), Run(&["lock"]), Has("Pipfile.lock", BETA_DIGEST)],
            installed: &[],
        },
        Row {
            cell: Cell::Extras,
            steps: vec![pipfile("alpha = {version = \"*\", extras = [\"fast\"]}"), Run(&["install"])],
            installed: FAST,
        },
        Row {
            cell: Cell::SourceDistribution,
            steps: vec![pipfile("delta = \"*\""), Run(&["install"])],
            installed: BUILT,
        },
        Row {
            cell: Cell::Editable,
            steps: vec![
                pipfile("app = {path = \".\", editable = true}"),
                pyproject("\"alpha\"", BUILD_SYSTEM),
                backend(),
                Run(&["install"]),
            ],
            installed: EDITED,
        },
        Row {
            cell: Cell::Offline,
            steps: vec![pipfile("beta = \"*\""), Run(&["install"]), Afresh, Offline, Run(&["sync"])],
            installed: &[("beta", "2.0")],
        },
        Row {
            cell: Cell::Attack,
            steps: vec![pipfile("omega = \"*\""), Refused(&["install"])],
            installed: &[],
        },
    ];
    Tool {
        program: Environment::pipenv(),
        index_variable: None,
        digest_of_files: Some("            \"sha256\": "),
        always: &[],
        needs_environment: false,
        rows,
    }
}

#[test]
fn pipenv_in_index_mode() {
    pipenv().go_through(Mode::Index);
}

#[test]
fn pipenv_in_a_run() {
    pipenv().go_through(Mode::Interposed);
}

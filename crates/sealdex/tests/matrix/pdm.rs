//! pdm, with its index as a variable.

use sealdex_testkit::python::Environment;

use crate::row::Step::{self, Afresh, Has, Offline, Refused, Run, SameWithoutUs};
use crate::row::{BETA_DIGEST, BUILD_SYSTEM, BUILT, Cell, EDITED, FAST, NEW, OLD, Row, backend, pyproject};
use crate::site::Mode;
use crate::tool::Tool;

/// A project that is a list of what it needs.
fn needs(dependencies: &str) -> Step {
    pyproject(dependencies, "[tool.pdm]\ndistribution = false\n")
}

fn pdm() -> Tool {
    let rows = vec![
        Row { cell: Cell::FreshInstall, steps: vec![needs(""), Run(&["add", "alpha<2"])], installed: OLD },
        Row {
            cell: Cell::Upgrade,
            steps: vec![
                needs("\"alpha<2\""),
                Run(&["install"]),
                needs("\"alpha\""),
                Run(&["update", "--update-all"]),
            ],
            installed: NEW,
        },
        Row {
            cell: Cell::LockAndSync,
            steps: vec![
                needs("\"alpha\""),
                Run(&["lock", "--static-urls"]),
                SameWithoutUs("pdm.lock"),
                Run(&["sync"]),
                SameWithoutUs("pdm.lock"),
            ],
            installed: NEW,
        },
        // Its lock file has the hashes of all files, and it holds to them: the row above.
        Row {
            cell: Cell::Hashes,
            steps: vec![needs("\"beta\""), Run(&["lock"]), Has("pdm.lock", BETA_DIGEST)],
            installed: &[],
        },
        Row { cell: Cell::Extras, steps: vec![needs("\"alpha[fast]\""), Run(&["install"])], installed: FAST },
        Row {
            cell: Cell::SourceDistribution,
            steps: vec![needs("\"delta\""), Run(&["install"])],
            installed: BUILT,
        },
        Row {
            cell: Cell::Editable,
            steps: vec![pyproject("\"alpha\"", BUILD_SYSTEM), backend(), Run(&["install"])],
            installed: EDITED,
        },
        Row {
            cell: Cell::Offline,
            steps: vec![needs("\"alpha\""), Run(&["install"]), Afresh, Offline, Run(&["install"])],
            installed: NEW,
        },
        Row { cell: Cell::Attack, steps: vec![needs("\"omega\""), Refused(&["install"])], installed: &[] },
    ];
    Tool {
        program: Environment::pdm(),
        index_variable: Some("PDM_PYPI_URL"),
        digest_of_files: None,
        always: &[],
        needs_environment: false,
        rows,
    }
}

#[test]
fn pdm_in_index_mode() {
    pdm().go_through(Mode::Index);
}

#[test]
fn pdm_in_a_run() {
    pdm().go_through(Mode::Interposed);
}

//! poetry, with its index as a project's source.

use sealdex_testkit::python::Environment;

use crate::row::Step::{self, Afresh, Has, Offline, Refused, Run, SameWithoutUs};
use crate::row::{BETA_DIGEST, BUILT, Cell, EDITED, FAST, NEW, OLD, Row, pyproject, write};
use crate::site::Mode;
use crate::tool::Tool;

const SOURCE: &str = "[[tool.poetry.source]]\nname = \"main\"\nurl = \"INDEX\"\n";

/// A project that is a list of what it needs.
fn needs(dependencies: &str) -> Step {
    pyproject(dependencies, &format!("[tool.poetry]\npackage-mode = false\n{SOURCE}"))
}

fn poetry() -> Tool {
    let rows = vec![
        Row { cell: Cell::FreshInstall, steps: vec![needs(""), Run(&["add", "alpha<2"])], installed: OLD },
        Row {
            cell: Cell::Upgrade,
            steps: vec![needs("\"alpha<2\""), Run(&["install"]), Run(&["add", "alpha>=2"])],
            installed: NEW,
        },
        Row {
            cell: Cell::LockAndSync,
            steps: vec![
                needs("\"alpha\""),
                Run(&["lock"]),
                SameWithoutUs("poetry.lock"),
                Run(&["sync"]),
                SameWithoutUs("poetry.lock"),
            ],
            installed: NEW,
        },
        // Its lock file has the hashes of all files, and it holds to them: the row above.
        Row {
            cell: Cell::Hashes,
            steps: vec![needs("\"beta\""), Run(&["lock"]), Has("poetry.lock", BETA_DIGEST)],
            installed: &[],
        },
        Row { cell: Cell::Extras, steps: vec![needs("\"alpha[fast]\""), Run(&["install"])], installed: FAST },
        Row {
            cell: Cell::SourceDistribution,
            steps: vec![needs("\"delta\""), Run(&["install"])],
            installed: BUILT,
        },
        // poetry builds what says so by itself; its own projects need nothing from an index for that.
        Row {
            cell: Cell::Editable,
            steps: vec![
                pyproject("\"alpha\"", &format!("{SOURCE}{OWN_BUILD_SYSTEM}")),
                write("app.py", ""),
                Run(&["install"]),
            ],
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
        program: Environment::poetry(),
        index_variable: None,
        digest_of_files: Some("content-hash = "),
        always: &["--no-interaction"],
        needs_environment: false,
        rows,
    }
}

const OWN_BUILD_SYSTEM: &str =
    "[build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n";

#[test]
fn poetry_in_index_mode() {
    poetry().go_through(Mode::Index);
}

#[test]
fn poetry_in_a_run() {
    poetry().go_through(Mode::Interposed);
}

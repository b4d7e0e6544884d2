//! A row of a tool's table: what somebody does with it, and what is installed then.

use std::fmt::{self, Display, Formatter};

/// What is done; the rows of docs/installers.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    FreshInstall,
    Upgrade,
    LockAndSync,
    Hashes,
    Extras,
    /// Built in an environment of its own, for which the installer gets what it needs from the index.
    SourceDistribution,
    /// The project itself, built and installed where it lies, and what it needs from the index.
    Editable,
    /// Into a new environment, while nothing may be asked.
    Offline,
    /// `omega`, whose page and file an attacker has changed to fit each other.
    Attack,
}

/// Every table has all of them.
pub(crate) const CELLS: [Cell; 9] = [
    Cell::FreshInstall,
    Cell::Upgrade,
    Cell::LockAndSync,
    Cell::Hashes,
    Cell::Extras,
    Cell::SourceDistribution,
    Cell::Editable,
    Cell::Offline,
    Cell::Attack,
];

impl Display for Cell {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}

pub(crate) enum Step {
    /// Runs the tool with these words, in the row's folder. `INDEX` in them is the index's URL.
    Run(&'static [&'static str]),
    /// The same, and what it prints is this file of the project.
    Keep(&'static [&'static str], &'static str),
    /// Writes a file of the project, in which `INDEX` is the index's URL, and `SHA256(FILE)` a file's digest.
    Write(&'static str, String),
    /// This file is, byte for byte, what the steps so far make of it without us.
    SameWithoutUs(&'static str),
    /// This file has that text in it, placeholders as for [`Step::Write`].
    Has(&'static str, &'static str),
    /// A new environment.
    Afresh,
    /// From here on, nothing may be asked: `--offline`.
    Offline,
    /// Must fail with our reason. The same words without us install what the attacker sends.
    Refused(&'static [&'static str]),
}

pub(crate) struct Row {
    pub(crate) cell: Cell,
    pub(crate) steps: Vec<Step>,
    /// Name and version of all that is installed at the end, in the order of the names.
    pub(crate) installed: &'static [(&'static str, &'static str)],
}

/// `alpha 1.0` and what it needs.
pub(crate) const OLD: &[(&str, &str)] = &[("alpha", "1.0"), ("beta", "2.0")];
/// `alpha 2.0` and what it needs.
pub(crate) const NEW: &[(&str, &str)] = &[("alpha", "2.0"), ("beta", "2.0")];
/// The same with the extra `fast`.
pub(crate) const FAST: &[(&str, &str)] = &[("alpha", "2.0"), ("beta", "2.0"), ("gamma", "1.0")];
/// What is there as source alone.
pub(crate) const BUILT: &[(&str, &str)] = &[("delta", "1.0")];
/// The project itself and what it needs.
pub(crate) const EDITED: &[(&str, &str)] = &[("alpha", "2.0"), ("app", "0.1"), ("beta", "2.0")];

/// For lock files that hold the digests of files.
pub(crate) const BETA_DIGEST: &str = "sha256:SHA256(beta-2.0-py3-none-any.whl)";

pub(crate) fn write(name: &'static str, text: impl Into<String>) -> Step {
    Step::Write(name, text.into())
}

/// A project that needs that, for uv, poetry and pdm alike.
pub(crate) fn pyproject(dependencies: &str, more: &str) -> Step {
    write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"app\"\nversion = \"0.1\"\nrequires-python = \">=3.10\"\ndependencies = [{dependencies}]\n{more}"
        ),
    )
}

/// For [`pyproject`]: how the project itself is built, by what lies in it and the index's `helper`.
pub(crate) const BUILD_SYSTEM: &str =
    "[build-system]\nrequires = [\"helper\"]\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";

/// The build backend of [`BUILD_SYSTEM`].
pub(crate) fn backend() -> Step {
    write("backend.py", include_str!("backend.py"))
}

/// alpha 2.0 and beta 2.0, with the digests of their files.
pub(crate) fn hashed_requirements() -> Step {
    let line = |name: &str, version: &str| {
        format!("{name}=={version} --hash=sha256:SHA256({name}-{version}-py3-none-any.whl)\n")
    };
    write("requirements.txt", line("alpha", "2.0") + &line("beta", "2.0"))
}

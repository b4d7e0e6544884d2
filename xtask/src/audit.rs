//! The audited list of docs/supply-chain.md: every crate the core is built with, at the version that was looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

const LIST: &str = "docs/supply-chain.md";
const CORE: &str = "sealdex-tuf";

/// The platform the list is for; others take a few crates more or less.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What a crate can do to us: be part of the program, or run while it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Linked,
    Build,
    LinkedAndBuild,
    ProcMacro,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Linked, Self::Build, Self::LinkedAndBuild, Self::ProcMacro];

    /// What a crate is that is found as both.
    fn and(self, other: Self) -> Self {
        if self == other || self == Self::ProcMacro { self } else { Self::LinkedAndBuild }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Linked => "linked",
            Self::Build => "build",
            Self::LinkedAndBuild => "linked, build",
            Self::ProcMacro => "proc-macro",
        })
    }
}

/// Crates by name and version. One name may be there in two versions.
type Crates = BTreeMap<(String, String), Kind>;

/// The number of crates below the core, and everything that is wrong with the list, a sentence each.
pub(crate) fn check(workspace: &Workspace) -> Result<(usize, Vec<String>)> {
    let text =
        fs::read_to_string(workspace.root.join(LIST)).with_context(|| format!("cannot read {LIST}"))?;
    let locked = locked(&tree(workspace)?);
    Ok((locked.len(), faults(&locked, &listed(&text)?)))
}

/// The crates below the core, with the features that the core alone turns on. `cargo metadata` cannot say that: it knows
/// the features of the whole workspace.
fn tree(workspace: &Workspace) -> Result<String> {
    let mut command = workspace.cargo()?;
    command.args(["tree", "--locked", "--package", CORE, "--target", TARGET, "--no-dedupe"]);
    output(command.args(["--edges", "normal,build", "--charset", "ascii", "--format", "{p}"]))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("cargo tree wrote something else than text")
}

/// Reads a tree of lines such as `|   |-- syn v2.0.119` and `|   [build-dependencies]`.
fn locked(tree: &str) -> Crates {
    let mut crates = Crates::new();
    // The column of a heading or of a procedural macro: what stands further right runs while something is built.
    let mut build: Option<usize> = None;
    for line in tree.lines() {
        let Some(column) = line.find(|character: char| !" |`-".contains(character)) else { continue };
        build = build.filter(|start| column > *start);
        let entry = &line[column..];
        if entry.starts_with("[build-dependencies]") {
            build = build.or(Some(column));
            continue;
        }
        let mut words = entry.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let Some(version) = version.strip_prefix('v').filter(|_| name != CORE) else { continue };
        let kind = match build {
            _ if words.next() == Some("(proc-macro)") => Kind::ProcMacro,
            Some(_) => Kind::Build,
            None => Kind::Linked,
        };
        if kind == Kind::ProcMacro {
            build = build.or(Some(column));
        }
        let known = crates.entry((name.to_owned(), version.to_owned())).or_insert(kind);
        *known = known.and(kind);
    }
    crates
}

/// Rows of the section "The list": `` | `name` | version | kind | ...``.
fn listed(text: &str) -> Result<Crates> {
    let (_, text) =
        text.split_once("\n## The list\n").with_context(|| format!("{LIST} has no section \"The list\""))?;
    let text = text.split_once("\n## ").map_or(text, |(section, _)| section);
    let mut crates = Crates::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, version, kind, ..] = cells.as_slice() else {
            bail!("{LIST}: a row has too few cells: {row}")
        };
        let kind = Kind::ALL.into_iter().find(|known| known.to_string() == *kind);
        let kind = kind.with_context(|| format!("{LIST}: {name} is neither linked, build nor proc-macro"))?;
        crates.insert((name.trim_matches('`').to_owned(), (*version).to_owned()), kind);
    }
    Ok(crates)
}

fn faults(locked: &Crates, listed: &Crates) -> Vec<String> {
    let mut faults = Vec::new();
    for ((name, version), kind) in locked {
        let others: Vec<&str> =
            listed.keys().filter(|(other, _)| other == name).map(|(_, version)| version.as_str()).collect();
        faults.extend(match listed.get(&(name.clone(), version.clone())) {
            Some(known) if known == kind => None,
            Some(known) => Some(format!("{name} {version} is {kind}, and {LIST} says {known}: correct the row")),
            None if others.is_empty() => Some(format!(
                "{name} {version} ({kind}) is new below {CORE}: can it be done without? If not, look at its source and \
                 give it a row in {LIST}"
            )),
            None => Some(format!(
                "{name} {version} is not the version in {LIST} ({}): look at what changed, then correct the row",
                others.join(", ")
            )),
        });
    }
    for (name, version) in listed.keys().filter(|key| !locked.contains_key(*key)) {
        // Another version without a row has said already that this row is to be corrected.
        if !locked.keys().any(|key| key.0 == *name && !listed.contains_key(key)) {
            faults.push(format!("{name} {version} is in {LIST}, and no longer below {CORE}: remove the row"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
sealdex-tuf v0.1.0 (/somewhere)
|-- aws v1.0.0
|   |-- both v1.0.0
|   [build-dependencies]
|   |-- both v1.0.0
|   `-- cc v1.0.0
|       `-- libc v1.0.0
|           [build-dependencies]
|           `-- probe v1.0.0
|-- some v1.0.0 (proc-macro)
|   `-- syn v1.0.0
`-- hex v0.4.3
";
    const ROWS: &str = "\
| crate | version | kind |
|---|---|---|
| `aws` | 1.0.0 | linked | x |
| `both` | 1.0.0 | linked, build | x |
| `cc` | 1.0.0 | build | y |
| `hex` | 0.4.3 | linked | y |
| `libc` | 1.0.0 | build | z |
| `probe` | 1.0.0 | build | z |
| `some` | 1.0.0 | proc-macro | z |
| `syn` | 1.0.0 | build | z |
";

    fn page(rows: &str) -> String {
        format!("# Title\n| `other` | 1 |\n\n## The list\n{rows}\n## Another\n| `other` | 1 |\n")
    }

    fn list(rows: &str) -> Vec<String> {
        faults(&locked(TREE), &listed(&page(rows)).unwrap())
    }

    #[test]
    fn a_list_of_what_there_is_has_no_faults() {
        assert_eq!(list(ROWS), [""; 0]);
    }

    #[test]
    fn each_fault_says_what_to_do() {
        for (before, after, expected) in [
            (
                "0.4.3",
                "0.4.2",
                "hex 0.4.3 is not the version in docs/supply-chain.md (0.4.2): look at what changed, then \
              correct the row",
            ),
            (
                "| `cc` | 1.0.0 | build",
                "| `cc` | 1.0.0 | linked",
                "cc 1.0.0 is build, and docs/supply-chain.md says linked: correct the row",
            ),
            (
                "linked, build",
                "linked",
                "both 1.0.0 is linked, build, and docs/supply-chain.md says linked: correct the row",
            ),
            (
                "| `some` | 1.0.0 | proc-macro | z |\n",
                "",
                "some 1.0.0 (proc-macro) is new below sealdex-tuf: can it be done without? If not, look at its source \
                 and give it a row in docs/supply-chain.md",
            ),
            (
                "| `syn`",
                "| `old` | 1.0.0 | build |\n| `syn`",
                "old 1.0.0 is in docs/supply-chain.md, and no longer below sealdex-tuf: remove the row",
            ),
            (
                "| `hex`",
                "| `hex` | 0.4.2 | linked |\n| `hex`",
                "hex 0.4.2 is in docs/supply-chain.md, and no longer below sealdex-tuf: remove the row",
            ),
        ] {
            assert!(ROWS.contains(before), "{before}");
            assert_eq!(list(&ROWS.replace(before, after)), [expected]);
        }
    }

    #[test]
    fn a_row_of_another_shape_is_refused() {
        assert!(listed(&page("| `hex` | 0.4.3 |\n")).is_err());
        assert!(listed(&page("| `hex` | 0.4.3 | perhaps |\n")).is_err());
        assert!(listed("# No list\n").is_err());
    }
}

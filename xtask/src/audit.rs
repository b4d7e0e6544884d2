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
    ProcMacro,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Linked => "linked",
            Self::Build => "build",
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
    let linked = tree(workspace, "normal")?;
    let all = tree(workspace, "normal,build")?;
    let locked = locked(&linked, &all);
    Ok((locked.len(), faults(&locked, &listed(&text)?)))
}

/// The crates below the core, with the features that the core alone turns on. `cargo metadata` cannot say that: it knows
/// the features of the whole workspace.
fn tree(workspace: &Workspace, edges: &str) -> Result<String> {
    let mut command = workspace.cargo()?;
    command.args(["tree", "--locked", "--package", CORE, "--target", TARGET, "--prefix", "none"]);
    output(command.args(["--edges", edges, "--format", "{p}"]))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("cargo tree wrote something else than text")
}

/// Lines of `cargo tree`, such as `syn v2.0.119` and `serde_derive v1.0.229 (proc-macro)`.
fn locked(linked: &str, all: &str) -> Crates {
    let crates = |text: &str| {
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
            let proc_macro = words.next() == Some("(proc-macro)");
            (name != CORE).then(|| ((name.to_owned(), version.to_owned()), proc_macro))
        });
        lines.collect::<BTreeMap<_, _>>()
    };
    let linked = crates(linked);
    let kind = |key: &(String, String), proc_macro| match proc_macro {
        true => Kind::ProcMacro,
        false if linked.contains_key(key) => Kind::Linked,
        false => Kind::Build,
    };
    crates(all).into_iter().map(|(key, proc_macro)| (key.clone(), kind(&key, proc_macro))).collect()
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
        let kind =
            [Kind::Linked, Kind::Build, Kind::ProcMacro].into_iter().find(|known| known.to_string() == *kind);
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
    for (name, version) in listed.keys() {
        if !locked.keys().any(|(other, _)| other == name) {
            faults.push(format!("{name} {version} is in {LIST}, and no longer below {CORE}: remove the row"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str =
        "sealdex-tuf v0.1.0 (/somewhere)\nhex v0.4.3\ncc v1.0.0\nhex v0.4.3 (*)\nsome v1.0.0 (proc-macro)\n";
    const LINKED: &str = "sealdex-tuf v0.1.0 (/somewhere)\nhex v0.4.3\nsome v1.0.0 (proc-macro)\n";

    fn page(rows: &str) -> String {
        format!("# Title\n| `other` | 1 |\n\n## The list\n{rows}\n## Another\n| `other` | 1 |\n")
    }

    fn list(rows: &str) -> Vec<String> {
        faults(&locked(LINKED, ALL), &listed(&page(rows)).unwrap())
    }

    #[test]
    fn a_list_of_what_there_is_has_no_faults() {
        let rows = "| crate | version | kind |\n|---|---|---|\n| `hex` | 0.4.3 | linked | x |\n\
                    | `cc` | 1.0.0 | build | y |\n| `some` | 1.0.0 | proc-macro | z |\n";
        assert_eq!(list(rows), [""; 0]);
    }

    #[test]
    fn each_fault_says_what_to_do() {
        let faults =
            list("| `hex` | 0.4.2 | linked |\n| `cc` | 1.0.0 | linked |\n| `old` | 1.0.0 | build |\n");
        let expected = [
            "cc 1.0.0 is build, and docs/supply-chain.md says linked: correct the row",
            "hex 0.4.3 is not the version in docs/supply-chain.md (0.4.2): look at what changed, then correct the row",
            "some 1.0.0 (proc-macro) is new below sealdex-tuf: can it be done without? If not, look at its source and \
             give it a row in docs/supply-chain.md",
            "old 1.0.0 is in docs/supply-chain.md, and no longer below sealdex-tuf: remove the row",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_row_of_another_shape_is_refused() {
        assert!(listed(&page("| `hex` | 0.4.3 |\n")).is_err());
        assert!(listed(&page("| `hex` | 0.4.3 | perhaps |\n")).is_err());
        assert!(listed("# No list\n").is_err());
    }
}

//! `cargo xtask dependencies`: each dependency declared at the root, used by a member, and explained; each crate below
//! the core audited.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use toml::Table;

use crate::audit;
use crate::graph::Graph;
use crate::workspace::Workspace;

const EXPLANATIONS: &str = "docs/dependencies.md";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let manifest = fs::read_to_string(workspace.root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let declared = declared(&manifest)?;
    let explanations = fs::read_to_string(workspace.root.join(EXPLANATIONS))
        .with_context(|| format!("cannot read {EXPLANATIONS}"))?;
    let graph = Graph::from_metadata(&workspace.metadata)?;
    let mut faults = faults(&declared, &explained(&explanations), &graph);
    let (below_core, not_audited) = audit::check(workspace)?;
    faults.extend(not_audited);
    if faults.is_empty() {
        println!("dependencies: {} declared, used and explained", declared.len());
        println!("supply chain: {below_core} crates below the core, as they were audited");
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    bail!("{} faults in the dependencies", faults.len());
}

/// External dependencies of the root manifest's `[workspace.dependencies]`.
fn declared(manifest: &str) -> Result<BTreeSet<String>> {
    let manifest: Table = manifest.parse().context("Cargo.toml is not TOML")?;
    let dependencies = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .context("Cargo.toml has no [workspace.dependencies]")?;
    Ok(dependencies
        .iter()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.clone())
        .collect())
}

/// Names at the beginnings of list items: ``- `name`: why it is here``. One item may name several.
fn explained(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in text.lines().filter_map(|line| line.strip_prefix("- ")) {
        let head = item.split_once(": ").map_or("", |(head, _)| head);
        names.extend(head.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    names
}

/// Everything that is wrong, a sentence each.
fn faults(declared: &BTreeSet<String>, explained: &BTreeSet<String>, graph: &Graph) -> Vec<String> {
    let used: BTreeSet<(&str, &str)> = graph
        .members
        .iter()
        .flat_map(|(member, dependencies)| {
            dependencies.iter().map(|dependency| (dependency.name.as_str(), member.as_str()))
        })
        .filter(|(name, _)| !graph.members.contains_key(*name))
        .collect();
    let mut faults = Vec::new();
    for name in declared.difference(explained) {
        faults.push(format!("{name} has no sentence in {EXPLANATIONS}"));
    }
    for name in explained.difference(declared) {
        faults.push(format!("{name} is explained in {EXPLANATIONS}, but is no dependency of the workspace"));
    }
    for name in declared {
        if !used.iter().any(|(used, _)| used == name) {
            faults.push(format!("{name} is declared in Cargo.toml, but no member uses it"));
        }
    }
    for (name, member) in used {
        if !declared.contains(name) {
            faults.push(format!("{name} is declared by {member} itself: declare it in the root Cargo.toml"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Dependency, Kind};

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn our_own_packages_are_not_external() {
        let manifest = "[workspace.dependencies]\nsealdex-tuf = { path = \"crates/tuf\" }\nserde = \"1\"\n";
        assert_eq!(declared(manifest).unwrap(), names(&["serde"]));
    }

    #[test]
    fn explanations_are_list_items_with_names_before_a_colon() {
        let text = "# Title `no`\n- `serde`, `toml`: settings, not `yaml`.\n- `hex` without a colon\n";
        assert_eq!(explained(text), names(&["serde", "toml"]));
    }

    #[test]
    fn each_fault_is_named() {
        let mut graph = Graph::default();
        let used = |name: &str| Dependency { name: name.to_owned(), kind: Kind::Dev };
        graph.members.insert("sealdex".to_owned(), vec![used("serde"), used("local"), used("sealdex")]);
        let faults = faults(&names(&["serde", "idle"]), &names(&["idle", "gone"]), &graph);
        assert_eq!(
            faults,
            [
                "serde has no sentence in docs/dependencies.md",
                "gone is explained in docs/dependencies.md, but is no dependency of the workspace",
                "idle is declared in Cargo.toml, but no member uses it",
                "local is declared by sealdex itself: declare it in the root Cargo.toml",
            ]
        );
    }
}

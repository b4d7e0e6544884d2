//! `cargo xtask conformance`: the tests of `conformance/` against our client, and against others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::command;
use crate::python;
use crate::workspace::Workspace;

const CLIENT: &str = "tuf-conformance-client";
const OUTCOMES: [&str; 4] = ["passed", "failed", "differs", "unsupported"];

/// Which clients to test.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Test python-tuf and tuf-js as well (minutes; tuf-js needs node and npm), and print a table of all three.
    #[arg(long)]
    judges: bool,

    /// Passed to pytest.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let python = python::ensure(workspace)?.join("tuf/bin/python");
    let suite = workspace.root.join("conformance");
    let results = workspace.target.join("conformance");
    fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;

    let mut build = workspace.cargo()?;
    build.args(["build", "--release", "--bin", CLIENT]);
    command::run(&mut build)?;
    let ours = workspace.target.join("release").join(CLIENT);
    let mut clients = vec![("Sealdex", quoted(&ours))];
    if arguments.judges {
        let mut npm = Command::new("npm");
        npm.current_dir(suite.join("clients")).args(["ci", "--no-audit", "--no-fund"]);
        command::run(&mut npm).context("tuf-js could not be installed")?;
        clients.push(("python-tuf", format!("{} clients/python_tuf.py", quoted(&python))));
        clients.push(("tuf-js", "clients/tuf_js.mjs".to_owned()));
    }

    let mut failed = Vec::new();
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, (name, entrypoint)) in clients.iter().enumerate() {
        let file = results.join(format!("{name}.json"));
        // What an earlier run left must not be taken for this one's.
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        let mut pytest = Command::new(&python);
        pytest.current_dir(&suite).args(["-m", "pytest", "--quiet"]).env("PYTHONDONTWRITEBYTECODE", "1");
        pytest.arg(format!("--entrypoint={entrypoint}")).arg(format!("--results={}", file.display()));
        if number == 0 {
            // The opinions are ours.
            pytest.arg("--strict-opinions");
        }
        if command::run(pytest.args(&arguments.arguments)).is_err() {
            failed.push(*name);
        }
        for (group, cell) in read(&file)? {
            let cells = table.entry(group).or_default();
            cells.resize(number, String::new());
            cells.push(cell);
        }
    }
    if arguments.judges {
        print_table(&clients, &table);
    }
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

/// A path as one word of the suite's `--entrypoint`, which is split as a shell would.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Each group's outcomes, as a cell of the table.
fn read(file: &Path) -> Result<Vec<(String, String)>> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let document: Value = serde_json::from_slice(&text).context("pytest wrote no JSON")?;
    let groups = document["groups"].as_object().context("pytest's results have no groups")?;
    Ok(groups.iter().map(|(group, counts)| (group.clone(), cell(counts))).collect())
}

/// The numbers in the order of [`OUTCOMES`].
fn cell(counts: &Value) -> String {
    OUTCOMES.map(|outcome| counts[outcome].as_u64().unwrap_or(0).to_string()).join(" / ")
}

fn print_table(clients: &[(&str, String)], table: &BTreeMap<String, Vec<String>>) {
    let names: Vec<&str> = clients.iter().map(|(name, _)| *name).collect();
    println!("\n{}, each\n", OUTCOMES.join(" / "));
    println!("| group | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(names.len()));
    for (group, cells) in table {
        println!("| {group} | {} |", cells.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }

    #[test]
    fn what_is_not_counted_is_zero() {
        assert_eq!(cell(&serde_json::json!({"passed": 7, "differs": 2})), "7 / 0 / 2 / 0");
    }
}

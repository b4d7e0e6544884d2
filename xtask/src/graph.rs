//! Who depends on whom, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result};
use serde_json::Value;

/// The workspace's members and everything they stand on.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Declared dependencies of each workspace member.
    pub(crate) members: BTreeMap<String, Vec<Dependency>>,
    /// What each package, ours or not, is built with: normal and build dependencies, by name.
    pub(crate) built_with: BTreeMap<String, BTreeSet<String>>,
}

/// A dependency as a member's Cargo.toml declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The name it is declared under.
    pub(crate) name: String,
    /// Which of the member's targets it is for.
    pub(crate) kind: Kind,
}

/// Cargo's three tables of dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `[dependencies]`
    Normal,
    /// `[build-dependencies]`
    Build,
    /// `[dev-dependencies]`
    Dev,
}

impl Graph {
    pub(crate) fn from_metadata(metadata: &Value) -> Result<Self> {
        let members: BTreeSet<&str> = strings(&metadata["workspace_members"]).collect();
        let mut graph = Self::default();
        let mut names = BTreeMap::new();
        for package in array(&metadata["packages"]) {
            let id = package["id"].as_str().context("a package without an id")?;
            let name = package["name"].as_str().context("a package without a name")?;
            names.insert(id, name);
            if members.contains(id) {
                let dependencies = array(&package["dependencies"]).map(declared).collect::<Result<_>>()?;
                graph.members.insert(name.to_owned(), dependencies);
            }
        }
        for node in array(&metadata["resolve"]["nodes"]) {
            let name = names[node["id"].as_str().context("a node without an id")?];
            let built_with = graph.built_with.entry(name.to_owned()).or_default();
            for dependency in array(&node["deps"]) {
                if array(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev") {
                    let id = dependency["pkg"].as_str().context("a dependency without an id")?;
                    built_with.insert(names[id].to_owned());
                }
            }
        }
        Ok(graph)
    }

    /// The shortest way from `start` to `end` through normal and build dependencies, both included.
    pub(crate) fn way(&self, start: &str, end: &str) -> Option<Vec<String>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(package) = queue.pop_front() {
            if package == end {
                let back = std::iter::successors(Some(end), |step| came_from.get(step).copied());
                let mut way: Vec<String> = back.map(str::to_owned).collect();
                way.reverse();
                return Some(way);
            }
            for next in self.built_with.get(package).into_iter().flatten() {
                if next != start && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, package);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

fn declared(dependency: &Value) -> Result<Dependency> {
    let name = dependency["rename"].as_str().or(dependency["name"].as_str());
    let kind = match dependency["kind"].as_str() {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    Ok(Dependency { name: name.context("a dependency without a name")?.to_owned(), kind })
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    array(value).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_read_with_kinds_and_new_names() {
        let metadata = json!({
            "workspace_members": ["a"],
            "packages": [
                { "id": "a", "name": "first", "dependencies": [
                    { "name": "second", "kind": null, "rename": null },
                    { "name": "third", "kind": "dev", "rename": "other" },
                ]},
                { "id": "b", "name": "second", "dependencies": [] },
                { "id": "c", "name": "third", "dependencies": [] },
            ],
            "resolve": { "nodes": [
                { "id": "a", "deps": [
                    { "pkg": "b", "dep_kinds": [{ "kind": null }] },
                    { "pkg": "c", "dep_kinds": [{ "kind": "dev" }] },
                ]},
                { "id": "b", "deps": [] },
                { "id": "c", "deps": [] },
            ]},
        });
        let graph = Graph::from_metadata(&metadata).unwrap();
        assert_eq!(
            graph.members["first"],
            [
                Dependency { name: "second".to_owned(), kind: Kind::Normal },
                Dependency { name: "other".to_owned(), kind: Kind::Dev },
            ]
        );
        assert_eq!(graph.way("first", "second"), Some(vec!["first".to_owned(), "second".to_owned()]));
        assert_eq!(graph.way("first", "third"), None, "dev-dependencies are not built with");
    }
}

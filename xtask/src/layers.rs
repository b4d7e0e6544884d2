//! `cargo xtask layers`: arrows between our crates point down only, and the core does no I/O.

use anyhow::{Result, bail};

use crate::graph::{Graph, Kind};
use crate::workspace::Workspace;

const TEST_KIT: &str = "sealdex-testkit";
const TEST_DATABASE: &str = "sealdex-testdatabase";
const CORE: &str = "sealdex-tuf";

/// Each of our packages and those of ours it may be built with. docs/ARCHITECTURE.md draws the same picture.
const LAYERS: [(&str, &[&str]); 16] = [
    (CORE, &[]),
    ("sealdex-simple", &[]),
    ("sealdex-keys", &[CORE]),
    ("sealdex-repository", &[CORE, "sealdex-keys", "sealdex-simple"]),
    ("sealdex-server", &["sealdex-repository", "sealdex-simple", CORE, "sealdex-keys"]),
    ("sealdex-client", &[CORE, "sealdex-simple"]),
    (
        "sealdex",
        &[CORE, "sealdex-simple", "sealdex-keys", "sealdex-repository", "sealdex-server", "sealdex-client"],
    ),
    (TEST_KIT, &[CORE, "sealdex-simple", "sealdex-keys"]),
    // Data alone: whoever measures anything reads it.
    ("sealdex-workload", &[]),
    // A tool of tests and of this program.
    (TEST_DATABASE, &[]),
    ("sealdex-wire", &[CORE, "sealdex-simple", "sealdex-workload"]),
    // A user with a stopwatch: the server is another process.
    ("sealdex-replay", &["sealdex-client", "sealdex-simple", "sealdex-workload", TEST_KIT]),
    // The core alone behind a command line, so that the suite's verdict is about the core.
    ("sealdex-conformance", &[CORE]),
    // Never shipped, so these may be built with the test kit.
    ("sealdex-differential", &[CORE, TEST_KIT]),
    (
        "sealdex-benches",
        &[
            CORE,
            "sealdex-simple",
            "sealdex-keys",
            "sealdex-repository",
            "sealdex-server",
            "sealdex-client",
            "sealdex-workload",
            TEST_KIT,
            TEST_DATABASE,
        ],
    ),
    ("xtask", &[TEST_DATABASE]),
];

/// What the core must not stand on, however far down: sockets, runtimes, databases.
const NOT_IN_CORE: [&str; 8] = ["tokio", "reqwest", "hyper", "sqlx", "sqlx-core", "async-std", "smol", "mio"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let graph = Graph::from_metadata(&workspace.metadata)?;
    let violations = violations(&graph);
    if violations.is_empty() {
        println!("layers: {} packages, every arrow points down", graph.members.len());
        return Ok(());
    }
    for violation in &violations {
        eprintln!("{violation}");
    }
    bail!(
        "{} violations of the layers; docs/ARCHITECTURE.md says why they are as they are",
        violations.len()
    );
}

/// Everything that is wrong, a sentence each.
fn violations(graph: &Graph) -> Vec<String> {
    let mut violations = Vec::new();
    for (package, dependencies) in &graph.members {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| name == package) else {
            violations.push(format!("{package} has no layer: give it one in xtask/src/layers.rs"));
            continue;
        };
        for dependency in dependencies {
            let target = dependency.name.as_str();
            let ours = graph.members.contains_key(target);
            match dependency.kind {
                Kind::Dev if package == "xtask" && ours => {
                    violations.push(format!("{package} must not depend on {target}, not even in its tests"));
                }
                Kind::Dev => {}
                Kind::Normal | Kind::Build if !ours || allowed.contains(&target) => {}
                Kind::Normal | Kind::Build if target == TEST_KIT => {
                    violations.push(format!("{package} may use {target} as a dev-dependency only"));
                }
                Kind::Normal | Kind::Build => {
                    violations.push(format!("{package} must not depend on {target}"));
                }
            }
        }
    }
    for forbidden in NOT_IN_CORE {
        if let Some(way) = graph.way(CORE, forbidden) {
            violations.push(format!("{CORE} must do no I/O, but reaches {forbidden}: {}", way.join(" -> ")));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Dependency;

    /// A graph of members that are built with exactly what they declare.
    fn graph(edges: &[(&str, &str, Kind)]) -> Graph {
        let mut graph = Graph::default();
        for (package, dependency, kind) in edges {
            let declared = Dependency { name: (*dependency).to_owned(), kind: *kind };
            graph.members.entry((*package).to_owned()).or_default().push(declared);
            if dependency.starts_with("sealdex") {
                graph.members.entry((*dependency).to_owned()).or_default();
            }
            if *kind != Kind::Dev {
                graph.built_with.entry((*package).to_owned()).or_default().insert((*dependency).to_owned());
            }
        }
        graph
    }

    #[test]
    fn arrows_that_point_down_are_fine() {
        let graph = graph(&[
            ("sealdex", "sealdex-server", Kind::Normal),
            ("sealdex-server", "sealdex-repository", Kind::Normal),
            ("sealdex-server", "tokio", Kind::Normal),
            ("sealdex-repository", "sealdex-tuf", Kind::Normal),
            ("sealdex-tuf", "sealdex-testkit", Kind::Dev),
            ("sealdex-testkit", "sealdex-tuf", Kind::Normal),
            ("sealdex-testkit", "tokio", Kind::Normal),
        ]);
        assert_eq!(violations(&graph), Vec::<String>::new());
    }

    #[test]
    fn each_wrong_arrow_is_named() {
        let cases = [
            (
                ("sealdex-tuf", "sealdex-simple", Kind::Normal),
                "sealdex-tuf must not depend on sealdex-simple",
            ),
            (
                ("sealdex-client", "sealdex-keys", Kind::Normal),
                "sealdex-client must not depend on sealdex-keys",
            ),
            (("sealdex-tuf", "sealdex-keys", Kind::Build), "sealdex-tuf must not depend on sealdex-keys"),
            (
                ("sealdex-server", "sealdex-testkit", Kind::Normal),
                "sealdex-server may use sealdex-testkit as a dev-dependency only",
            ),
            (
                ("xtask", "sealdex-testkit", Kind::Dev),
                "xtask must not depend on sealdex-testkit, not even in its tests",
            ),
            (
                ("sealdex-surprise", "serde", Kind::Normal),
                "sealdex-surprise has no layer: give it one in xtask/src/layers.rs",
            ),
        ];
        for (edge, expected) in cases {
            assert_eq!(violations(&graph(&[edge])), [expected]);
        }
    }

    #[test]
    fn io_in_the_core_is_found_however_far_down() {
        let mut graph = graph(&[("sealdex-tuf", "harmless", Kind::Normal)]);
        graph.built_with.insert("harmless".to_owned(), ["tokio".to_owned()].into());
        graph.built_with.insert("tokio".to_owned(), ["mio".to_owned(), "harmless".to_owned()].into());
        assert_eq!(
            violations(&graph),
            [
                "sealdex-tuf must do no I/O, but reaches tokio: sealdex-tuf -> harmless -> tokio",
                "sealdex-tuf must do no I/O, but reaches mio: sealdex-tuf -> harmless -> tokio -> mio",
            ]
        );
    }
}

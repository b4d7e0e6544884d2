//! 5.6.7: the order in which delegated roles are visited; the tables of python-tuf's and tuf-conformance's tests.

use sealdex_tuf::metadata::DelegatedRole;

use crate::{NOW, SimulatedClient, Simulator, refreshed, role};

/// A delegation: by whom, to whom, for which paths, terminating or not.
struct Edge(&'static str, &'static str, &'static [&'static str], bool);

const ALL: &[&str] = &["*"];
const PYTHON: &[&str] = &["*.py"];

fn edge(delegator: &'static str, delegated: &'static str) -> Edge {
    Edge(delegator, delegated, ALL, false)
}

fn terminating(delegator: &'static str, delegated: &'static str) -> Edge {
    Edge(delegator, delegated, ALL, true)
}

fn for_python(delegator: &'static str, delegated: &'static str) -> Edge {
    Edge(delegator, delegated, PYTHON, false)
}

fn publish(edges: &[Edge], files: &[(&str, &str)]) -> (Simulator, SimulatedClient) {
    let (mut simulator, client) = refreshed();
    let mut roles = vec!["targets"];
    for Edge(delegator, delegated, patterns, terminating) in edges {
        simulator
            .delegate(delegator, DelegatedRole { terminating: *terminating, ..role(delegated, patterns) });
        roles.extend([*delegator, *delegated]);
    }
    for (owner, path) in files {
        simulator.add_target(owner, path, format!("{path} by {owner}").as_bytes());
    }
    roles.sort_unstable();
    roles.dedup();
    simulator.publish_targets(&roles);
    (simulator, client)
}

/// The delegated roles that were fetched.
fn visited(simulator: &Simulator) -> Vec<String> {
    let log = simulator.take_log();
    let delegated = log.iter().skip_while(|path| !path.ends_with(".targets.json")).skip(1);
    delegated.map(|path| path.trim_start_matches("1.").trim_end_matches(".json").to_owned()).collect()
}

#[test]
fn delegations_are_visited_depth_first_in_order_of_appearance() {
    let table: &[(&str, &[Edge], &[&str])] = &[
        ("one", &[edge("targets", "A")], &["A"]),
        ("one level", &[edge("targets", "A"), edge("targets", "B")], &["A", "B"]),
        ("two levels", &[edge("targets", "A"), edge("targets", "B"), edge("B", "C")], &["A", "B", "C"]),
        (
            "two levels, depth first",
            &[edge("targets", "A"), edge("targets", "B"), edge("A", "C"), edge("A", "D")],
            &["A", "C", "D", "B"],
        ),
        (
            "three levels, depth first",
            &[edge("targets", "A"), edge("targets", "B"), edge("A", "C"), edge("C", "D")],
            &["A", "C", "D", "B"],
        ),
        (
            "terminating: nothing after it but its own",
            &[edge("targets", "A"), edge("targets", "B"), terminating("A", "C"), edge("A", "D")],
            &["A", "C"],
        ),
        (
            "terminating: its descendants are visited",
            &[edge("targets", "A"), edge("targets", "B"), terminating("A", "C"), edge("C", "D")],
            &["A", "C", "D"],
        ),
        (
            "terminating at the top",
            &[terminating("targets", "A"), edge("targets", "B"), edge("A", "C")],
            &["A", "C"],
        ),
        ("terminating for other paths", &[Edge("targets", "A", PYTHON, true), edge("targets", "B")], &["B"]),
        ("not for this path", &[for_python("targets", "A"), edge("targets", "B"), edge("A", "C")], &["B"]),
        (
            "not for this path, further down",
            &[edge("targets", "A"), edge("targets", "B"), for_python("A", "C"), edge("C", "D")],
            &["A", "B"],
        ),
        (
            "cycle",
            &[edge("targets", "A"), edge("targets", "B"), edge("B", "C"), edge("C", "D"), edge("D", "B")],
            &["A", "B", "C", "D"],
        ),
        ("cycle of itself", &[edge("targets", "A"), edge("A", "A"), edge("A", "B")], &["A", "B"]),
        (
            "two delegate to a third",
            &[edge("targets", "A"), edge("targets", "B"), edge("B", "C"), edge("A", "C")],
            &["A", "C", "B"],
        ),
        (
            "two delegate to a third, for other paths",
            &[edge("targets", "A"), edge("targets", "B"), edge("B", "C"), for_python("A", "C")],
            &["A", "B", "C"],
        ),
    ];
    for (name, edges, expected) in table {
        let (simulator, mut client) = publish(edges, &[]);
        assert_eq!(client.refresh_and_find(&simulator, NOW, "missingpath"), Ok(None), "{name}");
        assert_eq!(visited(&simulator), *expected, "{name}");
    }
}

#[test]
fn targets_are_found_where_every_delegation_on_the_way_is_trusted_with_them() {
    let edges = [
        Edge("targets", "A", &["*.doc", "*.md", "foo-?.tgz"], false),
        Edge("targets", "B", &["releases/*/*"], false),
        Edge("B", "C", &["releases/x/*"], false),
        Edge("B", "D", &["releases/y/*.zip"], false),
    ];
    let files = [
        ("targets", "targetfile"),
        ("A", "README.md"),
        ("A", "releases/README.md"),
        ("A", "foo-1.tgz"),
        ("A", "foo-alpha.tgz"),
        ("C", "releases/x/x_v1"),
        ("D", "releases/y/y_v1.zip"),
        ("D", "releases/z/z_v1.zip"),
    ];
    let table: [(&str, Option<&str>, &[&str]); 9] = [
        ("targetfile", Some("targets"), &[]),
        ("README.md", Some("A"), &["A"]),
        ("releases/x/x_v1", Some("C"), &["B", "C"]),
        ("releases/y/y_v1.zip", Some("D"), &["B", "D"]),
        ("releases/z/z_v1.zip", None, &["B"]),
        ("releases/README.md", None, &[]),
        ("foo-1.tgz", Some("A"), &["A"]),
        ("foo-alpha.tgz", None, &[]),
        ("README.MD", None, &[]),
    ];
    for (path, owner, expected) in table {
        let (simulator, mut client) = publish(&edges, &files);
        let found = client.refresh_and_find(&simulator, NOW, path).unwrap();
        assert_eq!(found.as_ref().map(|target| target.role().as_str()), owner, "{path}");
        if let Some(found) = found {
            found.verify(&simulator.target_files[&found.url_path()]).unwrap();
        }
        assert_eq!(visited(&simulator), expected, "{path}");
    }
}

#[test]
fn the_first_role_in_order_that_lists_a_target_wins() {
    let edges = [edge("targets", "A"), edge("targets", "B"), edge("A", "C")];
    for (owners, winner) in [
        (&["targets", "A", "B", "C"][..], "targets"),
        (&["A", "B", "C"], "A"),
        (&["B", "C"], "C"),
        (&["B"], "B"),
    ] {
        let files: Vec<_> = owners.iter().map(|owner| (*owner, "file")).collect();
        let (simulator, mut client) = publish(&edges, &files);
        let found = client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
        assert_eq!(found.role().as_str(), winner);
    }
}

#[test]
fn a_terminating_delegation_hides_those_after_it() {
    let edges = [terminating("targets", "A"), edge("targets", "B")];
    let (simulator, mut client) = publish(&edges, &[("B", "file")]);
    assert_eq!(client.refresh_and_find(&simulator, NOW, "file"), Ok(None));
}

#[test]
fn roles_are_fetched_once_in_many_searches_and_read_from_the_store_after_that() {
    let edges = [edge("targets", "A"), edge("A", "B")];
    let (simulator, mut client) = publish(&edges, &[("B", "one"), ("B", "two")]);
    client.refresh_and_find(&simulator, NOW, "one").unwrap().unwrap();
    client.find(&simulator, "two").unwrap().unwrap();
    assert_eq!(client.find(&simulator, "three"), Ok(None));
    assert_eq!(visited(&simulator), ["A", "B"]);
    client.refresh_and_find(&simulator, NOW, "two").unwrap().unwrap();
    assert_eq!(simulator.take_log(), ["2.root.json", "timestamp.json"]);
}

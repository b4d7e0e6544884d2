//! Unusual role names and target paths: text for the repository, one safe name for URLs and disks.

use crate::{NOW, refreshed, role};

const ROLE_NAMES: [(&str, &str); 12] = [
    ("?", "%3F"),
    ("#", "%23"),
    ("/delegatedrole", "%2Fdelegatedrole"),
    ("../delegatedrole", "..%2Fdelegatedrole"),
    ("..", ".."),
    ("%2F", "%252F"),
    ("a b", "a%20b"),
    ("\u{e9}", "%C3%A9"),
    ("e\u{301}", "e%CC%81"),
    ("1.root", "1.root"),
    ("\u{1f600}", "%F0%9F%98%80"),
    ("x\\y\"z\n", "x%5Cy%22z%0A"),
];

#[test]
fn role_names_are_asked_for_quoted_and_stored() {
    for (name, quoted) in ROLE_NAMES {
        let (mut simulator, mut client) = refreshed();
        simulator.delegate("targets", role(name, &["*"]));
        simulator.add_target(name, "file", b"content");
        simulator.publish_targets(&[name, "targets"]);
        let found = client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
        assert_eq!(found.role().as_str(), name);
        assert!(simulator.take_log().contains(&format!("1.{quoted}.json")), "{name}");
        assert_eq!(client.version(name), Some(1));
        assert_eq!(client.store.len(), 5);
    }
}

#[test]
fn composed_and_decomposed_names_are_two_roles() {
    let (mut simulator, mut client) = refreshed();
    for (name, path) in [("\u{e9}", "a"), ("e\u{301}", "b")] {
        simulator.delegate("targets", role(name, &["*"]));
        simulator.add_target(name, path, b"content");
    }
    simulator.publish_targets(&["\u{e9}", "e\u{301}", "targets"]);
    assert_eq!(client.refresh_and_find(&simulator, NOW, "b").unwrap().unwrap().role().as_str(), "e\u{301}");
    assert_eq!(client.store.len(), 6);
}

#[test]
fn target_paths_never_climb() {
    for (path, pattern, url) in [
        ("a b/c", "*/*", "a%20b/c"),
        ("../../etc/passwd", "*/*/*/*", "%252E%252E/%252E%252E/etc/passwd"),
        ("/etc/passwd", "*/*/*", "%2Fetc/passwd"),
        ("//host/file", "*/*/*/*", "%2F/host/file"),
        ("https://host/file", "*/*/*/*", "https%3A//host/file"),
        ("a?b#c", "*", "a%3Fb%23c"),
        ("\u{e9}", "*", "%C3%A9"),
        ("%41", "*", "%2541"),
    ] {
        let (mut simulator, mut client) = refreshed();
        simulator.root.consistent_snapshot = false;
        simulator.delegate("targets", role("A", &[pattern]));
        simulator.add_target("A", path, b"content");
        simulator.publish_targets(&["root", "A", "targets"]);
        let found = client.refresh_and_find(&simulator, NOW, path).unwrap().unwrap();
        assert_eq!(found.path().as_str(), path);
        assert_eq!(found.url_path(), url);
        assert!(!found.path().file_name().contains('/'));
    }
}

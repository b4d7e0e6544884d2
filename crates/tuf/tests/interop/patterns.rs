//! Path patterns match what python-tuf matches.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sealdex_tuf::json::Value;
use sealdex_tuf::pattern::PathPattern;

use crate::{file, script};

const PAIRS: usize = 4000;

#[test]
fn patterns_match_as_python_tufs() {
    let mut runner = TestRunner::deterministic();
    let strategy = ("[ab*?/\\[\\]!^-]{1,7}", "[ab/\\[\\]!^-]{1,6}");
    let mut pairs: Vec<(String, String)> =
        (0..PAIRS).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    for (pattern, path) in [
        ("*.py", "a.py"),
        ("*", "\u{e9}\u{301}"),
        ("?", "\u{1f600}"),
        ("[!a]", "\n"),
        ("a\nb", "a\nb"),
        ("*", "a\n"),
        ("[a-c]x", "bx"),
        ("[c-a]x", "bx"),
        ("[]]", "]"),
        ("[]-a]", "^"),
        ("[!]]", "a"),
        ("[--/]", "."),
        ("[^a]", "^"),
        ("[\\]", "\\"),
        ("*/", "a/"),
        ("/a", "/a"),
    ] {
        pairs.push((pattern.to_owned(), path.to_owned()));
    }
    let list =
        pairs.iter().map(|(pattern, path)| Value::Array(vec![pattern.as_str().into(), path.as_str().into()]));
    let (_file, path) = file(&Value::Array(list.collect()).to_json());
    let Value::Array(theirs) = Value::parse(script("path_patterns.py", &[&path]).as_bytes()).unwrap() else {
        panic!("not a list")
    };
    assert_eq!(theirs.len(), pairs.len());
    let mut matched = 0;
    for ((pattern, path), theirs) in pairs.iter().zip(theirs) {
        let ours = PathPattern::new(pattern.clone()).matches(path);
        assert_eq!(Value::Bool(ours), theirs, "pattern {pattern:?}, path {path:?}");
        matched += usize::from(ours);
    }
    assert!(matched > 100, "only {matched} pairs match: the test says little");
}

//! Canonical JSON is securesystemslib's, to the byte.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sealdex_tuf::json::Value;

use crate::{file, script};

const DOCUMENTS: usize = 400;

fn document() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), "[\"\\\\/\u{0}-\u{20}\u{7f}\u{e9}\u{301}\u{ffff}\u{1f600}]{0,6}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| Value::Integer(number.into())),
        any::<u64>().prop_map(|number| Value::Integer(number.into())),
        text.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(text.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn they_canonicalise_our_documents_as_we_do() {
    let mut runner = TestRunner::deterministic();
    let documents: Vec<Value> =
        (0..DOCUMENTS).map(|_| document().new_tree(&mut runner).unwrap().current()).collect();
    let lines: Vec<Vec<u8>> = documents.iter().map(Value::to_json).collect();
    let (_file, path) = file(&lines.join(&b'\n'));
    let theirs = script("canonical.py", &["encode", &path]);
    assert_eq!(theirs.lines().count(), DOCUMENTS);
    for (document, theirs) in documents.iter().zip(theirs.lines()) {
        assert_eq!(hex::encode(document.canonical()), theirs, "{document:?}");
    }
}

#[test]
fn we_canonicalise_their_documents_as_they_do() {
    let theirs = script("canonical.py", &["generate", &DOCUMENTS.to_string()]);
    let lines: Vec<&str> = theirs.lines().collect();
    assert_eq!(lines.len(), 2 * DOCUMENTS);
    for pair in lines.chunks(2) {
        let ours = Value::parse(pair[0].as_bytes()).unwrap();
        assert_eq!(hex::encode(ours.canonical()), pair[1], "{}", pair[0]);
        assert_eq!(Value::parse(&ours.to_json()).unwrap(), ours);
    }
}

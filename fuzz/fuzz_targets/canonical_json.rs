//! JSON of metadata, and its canonical form.
//!
//! Input: a JSON document. Asserted:
//! - what is accepted, `serde_json` accepts as the same value; what only `serde_json` accepts has a number that is no
//!   64-bit integer or an object with a key twice, found by a scan of the text that shares no code with either;
//! - writing and reading give the same value; white space and the order of members do not change the canonical form;
//! - the canonical form is readable: undoing its one difference from JSON (raw control characters) gives the value back,
//!   so that no two values have one form;
//! - objects behave as ordered maps.

#![no_main]

use std::collections::{BTreeMap, HashSet};

use libfuzzer_sys::fuzz_target;
use sealdex_tuf::json::{Object, Value};

fuzz_target!(|data: &[u8]| {
    let ours = Value::parse(data);
    let theirs = serde_json::from_slice::<serde_json::Value>(data);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(to_serde(ours), *theirs);
            assert!(!is_ambiguous(data), "an ambiguous document is accepted");
        }
        (Ok(_), Err(error)) => panic!("only we accept this: {error}"),
        (Err(error), Ok(_)) => assert!(is_ambiguous(data), "only we refuse this: {error}"),
        (Err(_), Err(_)) => {}
    }
    let Ok(value) = ours else { return };

    let json = value.to_json();
    assert_eq!(Value::parse(&json).expect("what is written is read"), value);
    let canonical = value.canonical();
    assert_eq!(Value::parse(&readable(&canonical)).expect("the canonical form is readable"), value);
    // Another order, and white space, by another writer.
    let backwards = serde_json::to_vec_pretty(&reversed(&value)).expect("values can be written");
    assert_eq!(Value::parse(&backwards).expect("order is free").canonical(), canonical);
    if let Value::Object(object) = value {
        behaves_as_map(object);
    }
});

fn to_serde(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Integer(number) => match u64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => i64::try_from(*number).expect("integers have 64 bits").into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_serde).collect(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.to_owned(), to_serde(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// The same value with the members of all objects in reverse order.
fn reversed(value: &Value) -> serde_json::Value {
    match value {
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Object(object) => {
            let mut members: Vec<_> =
                object.iter().map(|(key, value)| (key.to_owned(), reversed(value))).collect();
            members.reverse();
            members.into_iter().collect::<serde_json::Map<_, _>>().into()
        }
        plain => to_serde(plain),
    }
}

/// The canonical form as JSON: control characters within strings escaped.
fn readable(canonical: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(canonical.len());
    for &byte in canonical {
        match byte {
            // Outside of strings the canonical form has no white space.
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out
}

fn behaves_as_map(mut object: Object) {
    let mut model: BTreeMap<String, Value> = object.clone().into_iter().collect();
    let keys: Vec<String> = model.keys().cloned().collect();
    for (index, key) in keys.iter().enumerate() {
        match index % 3 {
            0 => assert_eq!(object.remove(key), model.remove(key)),
            1 => {
                object.insert(key.as_str(), 1_u64);
                model.insert(key.clone(), Value::Integer(1));
            }
            _ => {
                object.insert(format!("{key}\0"), true);
                model.insert(format!("{key}\0"), Value::Bool(true));
            }
        }
    }
    assert_eq!((object.len(), object.is_empty()), (model.len(), model.is_empty()));
    assert!(object.iter().eq(model.iter().map(|(key, value)| (key.as_str(), value))));
    assert_eq!(object, model.into_iter().rev().collect());
}

/// Whether a document that is JSON has a number that is no 64-bit integer, or a key twice in one object.
fn is_ambiguous(document: &[u8]) -> bool {
    let mut objects: Vec<HashSet<String>> = Vec::new();
    let mut arrays_in: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < document.len() {
        let start = at;
        at += 1;
        match document[start] {
            b'{' => {
                objects.push(HashSet::new());
                arrays_in.push(false);
            }
            b'[' => arrays_in.push(true),
            b']' => drop(arrays_in.pop()),
            b'}' => drop((arrays_in.pop(), objects.pop())),
            b'"' => {
                while document[at] != b'"' {
                    at += if document[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
                let next = document[at..].iter().find(|byte| !byte.is_ascii_whitespace());
                if next == Some(&b':') && arrays_in.last() == Some(&false) {
                    let key = serde_json::from_slice(&document[start..at]).expect("a string of a document");
                    if !objects.last_mut().expect("a key stands in an object").insert(key) {
                        return true;
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                while document.get(at).is_some_and(|byte| b"+-.eE0123456789".contains(byte)) {
                    at += 1;
                }
                let number = std::str::from_utf8(&document[start..at]).expect("a number is ASCII");
                if number == "-0" || (number.parse::<i64>().is_err() && number.parse::<u64>().is_err()) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

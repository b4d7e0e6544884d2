//! Keys, their identifiers and their signatures, both ways.

use sealdex_testkit::simulator::generate;
use sealdex_tuf::json::{Object, Value};
use sealdex_tuf::{Key, Scheme, Signer};

use crate::{file, script};

fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    match object.value(name) {
        Some(Value::String(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn we_verify_what_securesystemslib_signed() {
    let Value::Array(signed) = Value::parse(script("keys.py", &["sign"]).as_bytes()).unwrap() else {
        panic!("not a list")
    };
    assert_eq!(signed.len(), 21);
    let mut schemes = std::collections::BTreeSet::new();
    for entry in signed {
        let Value::Object(entry) = entry else { panic!("not an object") };
        let key = Key::from_value(entry.value("key").unwrap().clone()).unwrap();
        let mut signature = hex::decode(text(&entry, "signature")).unwrap();
        let message = text(&entry, "message").as_bytes();
        assert_eq!(key.id().as_str(), text(&entry, "keyid"), "{}", key.scheme());
        assert!(key.verifies(message, &signature), "{}", key.scheme());
        assert!(!key.verifies(b"another message", &signature), "{}", key.scheme());
        *signature.last_mut().unwrap() ^= 1;
        assert!(!key.verifies(message, &signature), "{}", key.scheme());
        schemes.insert(key.scheme().clone());
    }
    assert_eq!(schemes, Scheme::KNOWN.into());
}

#[test]
fn securesystemslib_verifies_what_we_signed() {
    let mut entries = Vec::new();
    for scheme in Scheme::KNOWN {
        for signed in ["the message", "another message"] {
            let pair = generate(&scheme);
            let entry = [
                ("keyid".to_owned(), pair.key().id().as_str().into()),
                ("key".to_owned(), pair.key().to_value()),
                ("message".to_owned(), "the message".into()),
                ("signature".to_owned(), hex::encode(pair.sign(signed.as_bytes()).unwrap()).into()),
            ];
            entries.push(Value::Object(entry.into_iter().collect()));
        }
    }
    let (_file, path) = file(&Value::Array(entries).to_json());
    // Every second one is a signature over something else.
    assert_eq!(script("keys.py", &["verify", &path]), "1\n3\n5\n7\n9\n11\n13\n");
}

//! 5.3.4 and its likes: thresholds count distinct keys, and identifiers are taken as they stand (TAP 12).

use std::sync::Arc;

use sealdex_testkit::simulator::{generate, numbered};
use sealdex_tuf::json::{Object, Value};
use sealdex_tuf::metadata::{RoleKeys, Targets, Unverified};
use sealdex_tuf::{Attack, Error, Key, KeyId, KeyPair, Scheme, SignatureStatus, Signer};
use spki::der::asn1::BitStringRef;
use spki::der::pem::LineEnding;
use spki::{Document, SubjectPublicKeyInfoRef};

use crate::{NOW, Simulator, assert_refused, refreshed};

/// `bytes` with another list of signatures, and nothing else changed.
fn with_signatures(bytes: &[u8], change: impl FnOnce(&mut Vec<Value>)) -> Vec<u8> {
    let Value::Object(mut envelope) = Value::parse(bytes).unwrap() else { panic!("an envelope") };
    let Some(Value::Array(mut signatures)) = envelope.remove("signatures") else { panic!("signatures") };
    change(&mut signatures);
    envelope.insert("signatures", signatures);
    Value::from(envelope).to_json()
}

fn signature(id: &KeyId, text: &str) -> Value {
    let members = [("keyid".to_owned(), id.as_str().into()), ("sig".to_owned(), text.into())];
    Value::from(members.into_iter().collect::<Object>())
}

fn signed_part(bytes: &[u8]) -> Vec<u8> {
    let Value::Object(envelope) = Value::parse(bytes).unwrap() else { panic!("an envelope") };
    envelope.value("signed").unwrap().canonical()
}

/// Lists the same key under two identifiers for the snapshot, asks for two keys, and signs under both.
fn one_key_under_two_ids(
    pair: &Arc<KeyPair>,
    second: Key,
) -> Result<(), sealdex_testkit::simulator::Failure> {
    let (mut simulator, mut client) = refreshed();
    simulator.set_keys("snapshot", std::slice::from_ref(pair), 2);
    let second_id = KeyId::parse("second").unwrap();
    simulator.root.snapshot.key_ids.push(second_id.clone());
    simulator.root.keys.insert(second_id.clone(), second);
    simulator.publish_targets(&["root", "targets"]);
    let both = with_signatures(simulator.latest("snapshot"), |signatures| {
        let own = pair.sign(&signed_part(simulator.latest("snapshot"))).unwrap();
        signatures.push(signature(&second_id, &hex::encode(own)));
    });
    simulator.files.insert("2.snapshot.json".to_owned(), both);
    client.refresh(&simulator, NOW)
}

/// Nothing in 4.3 asks that each KEYID of a role be listed among the keys; one that is not signs nothing.
#[test]
fn an_identifier_without_a_key_does_not_count_and_does_no_harm() {
    for (threshold, accepted) in [(1, true), (2, false)] {
        let (mut simulator, mut client) = refreshed();
        let pair = numbered(0);
        simulator.set_keys("snapshot", std::slice::from_ref(&pair), threshold);
        simulator.root.snapshot.key_ids.push(KeyId::parse("absent").unwrap());
        simulator.publish_targets(&["root", "targets"]);
        let both = with_signatures(simulator.latest("snapshot"), |signatures| {
            let own = pair.sign(&signed_part(simulator.latest("snapshot"))).unwrap();
            signatures.push(signature(&KeyId::parse("absent").unwrap(), &hex::encode(own)));
        });
        simulator.files.insert("2.snapshot.json".to_owned(), both);
        let result = client.refresh(&simulator, NOW);
        if accepted {
            result.unwrap();
        } else {
            assert_refused!(result, Error::Threshold { valid: 1, threshold: 2, .. });
        }
    }
}

#[test]
fn a_key_under_two_identifiers_counts_once() {
    for scheme in Scheme::KNOWN {
        let pair = generate(&scheme);
        let labelled = pair.key().clone().with_extension("label", "another");
        assert_ne!(labelled.id(), pair.key().id());
        assert_refused!(
            one_key_under_two_ids(&pair, labelled),
            Error::Threshold { valid: 1, threshold: 2, .. }
        );
    }
}

/// The same point of the curve, written in its short form: another text, the same key.
#[test]
fn a_key_in_compressed_form_is_the_same_key() {
    let pair = generate(&Scheme::EcdsaSha2Nistp256);
    let Value::Object(mut key) = pair.key().to_value() else { panic!("a key") };
    let Some(Value::Object(keyval)) = key.remove("keyval") else { panic!("a keyval") };
    let Some(Value::String(pem)) = keyval.value("public") else { panic!("a PEM text") };
    let (_, document) = Document::from_pem(pem).unwrap();
    let der = document.as_bytes();
    // SEQUENCE of AlgorithmIdentifier (21 bytes) and BIT STRING of 04, x and y.
    let point = &der[der.len() - 65..];
    let mut short = vec![0x30, 21 + 2 + 34];
    short.extend_from_slice(&der[2..23]);
    short.extend_from_slice(&[0x03, 34, 0x00, 0x02 + (point[64] & 1)]);
    short.extend_from_slice(&point[1..33]);
    let compressed = Key::from_spki_der(Scheme::EcdsaSha2Nistp256, &short).unwrap();
    let signature = pair.sign(b"message").unwrap();
    // Whether such a key verifies at all is the cryptographic library's choice; counted twice it must never be.
    let verifies = compressed.verifies(b"message", &signature);
    assert_refused!(
        one_key_under_two_ids(&pair, compressed),
        Error::Threshold { valid: 1, threshold: 2, .. }
    );
    assert!(verifies, "the library takes compressed points, so this test tests something");
}

/// The same key in an envelope more: our cryptographic library would open it.
#[test]
fn a_key_wrapped_twice_is_no_second_key() {
    for scheme in Scheme::KNOWN.into_iter().filter(|scheme| *scheme != Scheme::Ed25519) {
        let pair = generate(&scheme);
        let Value::Object(mut key) = pair.key().to_value() else { panic!("a key") };
        let Some(Value::Object(mut keyval)) = key.remove("keyval") else { panic!("a keyval") };
        let Some(Value::String(pem)) = keyval.value("public") else { panic!("a PEM text") };
        let (_, document) = Document::from_pem(pem).unwrap();
        let mut info = SubjectPublicKeyInfoRef::try_from(document.as_bytes()).unwrap();
        info.subject_public_key = BitStringRef::from_bytes(document.as_bytes()).unwrap();
        let pem = Document::encode_msg(&info).unwrap().to_pem("PUBLIC KEY", LineEnding::LF).unwrap();
        keyval.insert("public", pem);
        key.insert("keyval", keyval);
        let wrapped = Key::from_value(key.into()).unwrap();
        assert_refused!(
            one_key_under_two_ids(&pair, wrapped),
            Error::Threshold { valid: 1, threshold: 2, .. }
        );
    }
}

#[test]
fn two_keys_of_each_scheme_reach_a_threshold_of_two() {
    for scheme in Scheme::KNOWN {
        let (mut simulator, mut client) = refreshed();
        simulator.set_keys("timestamp", &[generate(&scheme), generate(&scheme)], 2);
        simulator.publish(&["root", "timestamp"]);
        client.refresh(&simulator, NOW).unwrap();
        simulator.signers.get_mut("timestamp").unwrap().pop();
        simulator.publish(&["timestamp"]);
        let error = client.refresh(&simulator, NOW).unwrap_err().refusal();
        assert!(matches!(error, Error::Threshold { valid: 1, threshold: 2, .. }), "{scheme}: {error}");
        assert_eq!(error.attack(), Some(Attack::ArbitrarySoftware));
    }
}

#[test]
fn a_repeated_signature_is_refused() {
    for copies in [1, 8] {
        let (mut simulator, mut client) = refreshed();
        simulator.publish(&["timestamp"]);
        let repeated = with_signatures(simulator.latest("timestamp"), |signatures| {
            let own = signatures[0].clone();
            signatures.extend(std::iter::repeat_n(own, copies));
        });
        simulator.files.insert("timestamp.json".to_owned(), repeated);
        assert_refused!(client.refresh(&simulator, NOW), Error::Malformed(_));
    }
}

#[test]
fn a_key_id_listed_twice_for_a_role_is_refused() {
    let (mut simulator, mut client) = refreshed();
    let id = simulator.root.snapshot.key_ids[0].clone();
    simulator.root.snapshot = RoleKeys::new(vec![id.clone(), id], 2);
    simulator.publish(&["root"]);
    assert_refused!(client.refresh(&simulator, NOW), Error::Malformed(_));
    assert_eq!(client.version("root"), Some(1));
}

#[test]
fn signatures_that_are_no_signatures_do_not_spoil_good_ones() {
    for text in ["", "zz", "00", &"ab".repeat(64), "f"] {
        let (mut simulator, mut client) = refreshed();
        let bystander = simulator.add_key("timestamp", numbered(1));
        simulator.signers.get_mut("timestamp").unwrap().pop();
        simulator.publish(&["root", "timestamp"]);
        let padded = with_signatures(simulator.latest("timestamp"), |signatures| {
            signatures.insert(0, signature(&bystander, text));
            signatures.insert(0, signature(&KeyId::parse("nobody").unwrap(), text));
        });
        simulator.files.insert("timestamp.json".to_owned(), padded);
        client.refresh(&simulator, NOW).unwrap();
    }
}

#[test]
fn a_signature_of_another_key_under_a_listed_id_does_not_count() {
    let (mut simulator, mut client) = refreshed();
    simulator.publish(&["timestamp"]);
    let id = simulator.root.timestamp.key_ids[0].clone();
    let forged = with_signatures(simulator.latest("timestamp"), |signatures| {
        let other = numbered(2).sign(&signed_part(simulator.latest("timestamp"))).unwrap();
        *signatures = vec![signature(&id, &hex::encode(other))];
    });
    simulator.files.insert("timestamp.json".to_owned(), forged);
    assert_refused!(client.refresh(&simulator, NOW), Error::Threshold { valid: 0, .. });
}

#[test]
fn a_key_of_another_role_does_not_count() {
    for (role, other) in [("timestamp", "snapshot"), ("snapshot", "timestamp"), ("targets", "snapshot")] {
        let (mut simulator, mut client) = refreshed();
        simulator.signers.insert(Simulator::role(role), simulator.signers[other].clone());
        simulator.publish_targets(&["targets"]);
        assert_refused!(
            client.refresh(&simulator, NOW),
            Error::Threshold { role: refused, valid: 0, .. } if refused.as_str() == role
        );
    }
}

#[test]
fn changed_content_under_good_signatures_is_refused() {
    let (mut simulator, mut client) = refreshed();
    simulator.publish(&["timestamp"]);
    let text = String::from_utf8(simulator.latest("timestamp").to_vec()).unwrap();
    let changed = text.replace("\"version\":2", "\"version\":3");
    assert_ne!(changed, text);
    simulator.files.insert("timestamp.json".to_owned(), changed.into_bytes());
    assert_refused!(client.refresh(&simulator, NOW), Error::Threshold { valid: 0, .. });
}

/// TAP 12: an identifier is a name, not a digest. Repositories change how they compute them; nothing rests on it.
#[test]
fn key_ids_that_are_not_the_keys_digest_are_accepted() {
    let (mut simulator, mut client) = refreshed();
    let pair = simulator.signers["snapshot"][0].clone();
    let named = KeyId::parse("the snapshot key").unwrap();
    simulator.root.snapshot.key_ids = vec![named.clone()];
    simulator.root.keys.insert(named.clone(), pair.key().clone());
    simulator.publish_targets(&["root", "targets"]);
    let renamed = with_signatures(simulator.latest("snapshot"), |signatures| {
        let own = pair.sign(&signed_part(simulator.latest("snapshot"))).unwrap();
        *signatures = vec![signature(&named, &hex::encode(own))];
    });
    simulator.files.insert("2.snapshot.json".to_owned(), renamed);
    client.refresh(&simulator, NOW).unwrap();
}

/// The old name of a key that stays is no rotation: stored metadata keeps guarding against rollback.
#[test]
fn a_key_that_is_only_renamed_is_not_rotated() {
    let (mut simulator, mut client) = refreshed();
    let pair = simulator.signers["timestamp"][0].clone();
    let named = KeyId::parse("the timestamp key").unwrap();
    simulator.root.timestamp.key_ids = vec![named.clone()];
    simulator.root.keys.insert(named, pair.key().clone());
    simulator.publish(&["root"]);
    let _refused = client.refresh(&simulator, NOW);
    assert_eq!(client.version("root"), Some(2));
    assert_eq!(client.version("timestamp"), Some(1));
}

#[test]
fn keys_of_unknown_schemes_are_kept_and_never_count() {
    let (mut simulator, mut client) = refreshed();
    let json =
        br#"{"keytype":"future","scheme":"future-1","keyval":{"public":"x","other":[1,null]},"more":{}}"#;
    let future = Key::from_value(Value::parse(json).unwrap()).unwrap();
    let id = future.id();
    simulator.root.snapshot.key_ids.push(id.clone());
    simulator.root.keys.insert(id.clone(), future);
    simulator.publish_targets(&["root", "targets"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.root.snapshot.threshold = 2;
    simulator.publish_targets(&["root", "targets"]);
    let both = with_signatures(simulator.latest("snapshot"), |list| list.push(signature(&id, "00")));
    simulator.files.insert("3.snapshot.json".to_owned(), both);
    assert_refused!(client.refresh(&simulator, NOW), Error::Threshold { valid: 1, threshold: 2, .. });
}

#[test]
fn status_and_verification_count_alike() {
    let mut simulator = Simulator::new();
    simulator.set_keys("targets", &[numbered(1), numbered(2), numbered(3)], 2);
    simulator.signers.get_mut("targets").unwrap().truncate(1);
    let status = |simulator: &Simulator| {
        let unverified = Unverified::<Targets>::parse(&simulator.signed("targets")).unwrap();
        SignatureStatus::of(&unverified, &simulator.root.targets, &simulator.root.keys)
    };
    let one = status(&simulator);
    assert_eq!((one.signed_by.len(), one.missing.len(), one.is_complete()), (1, 2, false));
    simulator.signers.get_mut("targets").unwrap().push(numbered(3));
    assert!(status(&simulator).is_complete());
}

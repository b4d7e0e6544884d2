//! Metadata of the four roles, from bytes.
//!
//! Input: one byte that selects the role, then the file. Asserted of what is accepted:
//! - `serde_json` reads it too, and no member of the signed part is lost or changed by reading and writing it, but for
//!   defaults filled in;
//! - reading what was written gives the same metadata, and the same canonical form from then on;
//! - signatures are counted without a panic, each key once, and adding one makes it count.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;
use sealdex_fuzz::world::key;
use sealdex_tuf::json::{Object, Value};
use sealdex_tuf::metadata::{Metadata, RoleKeys, Root, Snapshot, Targets, Timestamp, Unverified};
use sealdex_tuf::trusted::RootStage;
use sealdex_tuf::{Key, KeyId, Limits, SignatureStatus, Signer as _, sign};

fuzz_target!(|data: &[u8]| {
    let Some((role, bytes)) = data.split_first() else { return };
    match role % 4 {
        0 => root(bytes),
        1 => {
            check::<Timestamp>(bytes);
        }
        2 => {
            check::<Snapshot>(bytes);
        }
        _ => targets(bytes),
    }
});

fn root(bytes: &[u8]) {
    let Some(unverified) = check::<Root>(bytes) else { return };
    let root = unverified.unverified_metadata();
    for role in [&root.root, &root.timestamp, &root.snapshot, &root.targets] {
        count(&unverified, role, &root.keys);
    }
    let now = jiff::Timestamp::UNIX_EPOCH;
    let is_signed = SignatureStatus::of(&unverified, &root.root, &root.keys).is_complete();
    let started = RootStage::start(bytes, now, Limits::default());
    let is_short = bytes.len() as u64 <= Limits::default().max_root_bytes;
    assert_eq!(started.is_ok(), is_signed && is_short, "{started:?}");
}

fn targets(bytes: &[u8]) {
    let Some(unverified) = check::<Targets>(bytes) else { return };
    for path in unverified.unverified_metadata().targets.keys() {
        assert!(!path.url_path(None).starts_with('/'));
    }
    if let Some(delegations) = &unverified.unverified_metadata().delegations
        && let sealdex_tuf::metadata::DelegatedRoles::Listed(roles) = &delegations.roles
    {
        let names: BTreeSet<_> = roles.iter().map(|role| &role.name).collect();
        assert_eq!(names.len(), roles.len(), "a role is delegated to twice");
        for role in roles {
            assert!(!role.name.is_top_level());
            let found = delegations.role_keys(&role.name).expect("a listed role has keys");
            assert_eq!(found, &role.keys);
            count(&unverified, &role.keys, &delegations.keys);
        }
    }
}

/// Reads `bytes` and checks what can be said of all roles.
fn check<M: Metadata + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<Unverified<M>> {
    let unverified = Unverified::<M>::parse(bytes).ok()?;
    let theirs: serde_json::Value = serde_json::from_slice(bytes).expect("what is read here is JSON");
    let metadata = unverified.unverified_metadata();
    let written = metadata.to_object();
    let signed: serde_json::Value = to_serde(&Value::Object(written.clone()));
    assert_kept(&theirs["signed"], &signed);

    let again = Unverified::<M>::parse(&envelope(&written)).expect("what was written is read");
    assert_eq!(again.unverified_metadata(), metadata);
    let rewritten = again.unverified_metadata().to_object();
    assert_eq!(Value::Object(rewritten).canonical(), Value::Object(written).canonical());

    let ids: BTreeSet<_> = unverified.signatures().iter().map(|signature| &signature.key_id).collect();
    assert_eq!(ids.len(), unverified.signatures().len(), "two signatures under one key id");

    let signer = key(0).as_ref();
    let signed = sign::add_signature(bytes, signer).expect("metadata that was read can be signed");
    let signed = Unverified::<M>::parse(&signed);
    // One more than there may be of them is the only reason against it.
    if let Ok(signed) = signed {
        assert_eq!(signed.unverified_metadata(), metadata);
        let keys = BTreeMap::from([(signer.key().id(), signer.key().clone())]);
        let status = SignatureStatus::of(&signed, &RoleKeys::new(vec![signer.key().id()], 1), &keys);
        assert!(status.is_complete(), "an added signature does not count");
    } else {
        assert!(unverified.signatures().len() >= 1024, "{signed:?}");
    }
    Some(unverified)
}

/// Counts signatures as the role asks for it.
fn count<M>(unverified: &Unverified<M>, role: &RoleKeys, keys: &BTreeMap<KeyId, Key>)
where
    M: Metadata,
{
    let status = SignatureStatus::of(unverified, role, keys);
    let signed_by: BTreeSet<_> = status.signed_by.iter().collect();
    assert_eq!(signed_by.len(), status.signed_by.len(), "a key id counts twice");
    assert_eq!(status.signed_by.len() + status.missing.len(), role.key_ids.len());
    let materials: BTreeSet<_> = signed_by.iter().map(|id| public(&keys[*id])).collect();
    assert_eq!(materials.len(), signed_by.len(), "a key counts twice");
}

/// What a key verifies with, read in the simplest way: differs wherever two keys are really two.
fn public(key: &Key) -> String {
    let Value::Object(object) = key.to_value() else { return String::new() };
    let Some(Value::Object(keyval)) = object.value("keyval") else { return String::new() };
    let Some(Value::String(text)) = keyval.value("public") else { return String::new() };
    text.to_ascii_lowercase()
}

fn envelope(signed: &Object) -> Vec<u8> {
    let mut envelope = Object::new();
    envelope.insert("signed", signed.clone());
    envelope.insert("signatures", Vec::<Value>::new());
    Value::Object(envelope).to_json()
}

fn to_serde(value: &Value) -> serde_json::Value {
    serde_json::from_slice(&value.to_json()).expect("what is written is JSON")
}

/// Whether all of `before` stands in `after`.
fn assert_kept(before: &serde_json::Value, after: &serde_json::Value) {
    use serde_json::Value::{Array, Object};
    match (before, after) {
        (Object(before), Object(after)) => {
            for (name, value) in before {
                assert_kept(value, after.get(name).unwrap_or_else(|| panic!("{name} is lost")));
            }
            for name in after.keys().filter(|name| !before.contains_key(*name)) {
                assert!(matches!(name.as_str(), "consistent_snapshot" | "terminating"), "{name} is invented");
            }
        }
        (Array(before), Array(after)) => {
            assert_eq!(before.len(), after.len());
            before.iter().zip(after).for_each(|(before, after)| assert_kept(before, after));
        }
        (before, after) => assert_eq!(before, after),
    }
}

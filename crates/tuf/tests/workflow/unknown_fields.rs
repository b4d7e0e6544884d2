//! Section 4: what this crate does not know is kept, and covered by signatures.

use sealdex_tuf::json::{Object, Value};
use sealdex_tuf::metadata::{Metadata, Root, Snapshot, Targets, Timestamp, Unverified};
use sealdex_tuf::{Error, Signer};

use crate::{NOW, Simulator, assert_refused, refreshed, role};

fn unknown() -> Value {
    Value::parse(br#"{"a":[1,null,{"b":"\u00e9\n"}],"z":-1}"#).unwrap()
}

/// A repository with an unknown member wherever the documents have objects.
fn full() -> (Simulator, crate::SimulatedClient) {
    let (mut simulator, client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.add_target("A", "file", b"content");
    let delegations = simulator.targets_role("targets").delegations.as_mut().unwrap();
    delegations.unrecognized.insert("x-delegations", unknown());
    let sealdex_tuf::metadata::DelegatedRoles::Listed(roles) = &mut delegations.roles else {
        panic!("a list")
    };
    roles[0].keys.unrecognized.insert("x-role", unknown());
    for file in simulator.targets_role("A").targets.values_mut() {
        file.unrecognized.insert("x-target", unknown());
        file.custom = Some([("x-custom".to_owned(), unknown())].into_iter().collect::<Object>());
    }
    let pair = sealdex_testkit::simulator::numbered(3);
    let labelled = pair.key().clone().with_extension("x-key", unknown());
    simulator.root.snapshot.key_ids.push(labelled.id());
    simulator.root.keys.insert(labelled.id(), labelled);
    simulator.root.snapshot.unrecognized.insert("x-role", unknown());
    simulator.root.other_roles.insert("mirrors", unknown());
    for name in ["root", "timestamp", "snapshot", "targets", "A"] {
        simulator.common(name).unrecognized.insert("x-signed", unknown());
    }
    simulator.publish(&["root", "A", "targets"]);
    simulator.snapshot.meta.get_mut("A").unwrap().unrecognized.insert("x-meta", unknown());
    simulator.publish(&["snapshot"]);
    simulator.timestamp.snapshot.unrecognized.insert("x-meta", unknown());
    simulator.publish(&["timestamp"]);
    (simulator, client)
}

#[test]
fn unknown_members_are_accepted_and_kept() {
    let (simulator, mut client) = full();
    let found = client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
    assert_eq!(found.file().unrecognized.value("x-target"), Some(&unknown()));
    assert_eq!(found.file().custom.as_ref().unwrap().value("x-custom"), Some(&unknown()));
}

#[test]
fn unknown_members_are_covered_by_signatures() {
    for name in ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let (mut simulator, mut client) = full();
        let text = String::from_utf8(simulator.files[name].clone()).unwrap();
        let changed = text.replacen("\"z\":-1", "\"z\":-2", 1);
        assert_ne!(text, changed);
        simulator.files.insert(name.to_owned(), changed.into_bytes());
        assert_refused!(client.refresh(&simulator, NOW), Error::Threshold { .. });
    }
}

#[test]
fn a_document_read_and_written_is_the_same_document() {
    fn check<M: Metadata + std::fmt::Debug>(bytes: &[u8]) {
        let unverified = Unverified::<M>::parse(bytes).unwrap();
        let Value::Object(envelope) = Value::parse(bytes).unwrap() else { panic!("an envelope") };
        let written = Value::Object(unverified.unverified_metadata().to_object());
        assert_eq!(&written, envelope.value("signed").unwrap());
    }
    let (simulator, _) = full();
    check::<Root>(simulator.latest("root"));
    check::<Timestamp>(simulator.latest("timestamp"));
    check::<Snapshot>(simulator.latest("snapshot"));
    check::<Targets>(simulator.latest("targets"));
    check::<Targets>(simulator.latest("A"));
}

/// Two readers must never see two documents.
#[test]
fn duplicate_members_are_refused() {
    for (from, to) in [
        ("\"version\":2", "\"version\":2,\"version\":2"),
        ("\"version\":2", "\"version\":1,\"version\":2"),
        ("{\"signatures\"", "{\"signatures\":[],\"signatures\""),
    ] {
        let (mut simulator, mut client) = refreshed();
        simulator.publish(&["timestamp"]);
        let text = String::from_utf8(simulator.latest("timestamp").to_vec()).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed);
        simulator.files.insert("timestamp.json".to_owned(), changed.into_bytes());
        assert_refused!(client.refresh(&simulator, NOW), Error::Malformed(_));
    }
}

#[test]
fn spec_versions_other_than_1_are_refused() {
    for (version, accepted) in [
        ("1.0.0", true),
        ("1.0", true),
        ("1.99.7", true),
        ("2.0.0", false),
        ("1", false),
        ("1.x", false),
        ("", false),
    ] {
        let (mut simulator, mut client) = refreshed();
        simulator.timestamp.common.spec_version = version.to_owned();
        simulator.publish(&["timestamp"]);
        assert_eq!(client.refresh(&simulator, NOW).is_ok(), accepted, "{version:?}");
    }
}

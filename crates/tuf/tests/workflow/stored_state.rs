//! What an earlier update left on the client's disk: damaged, foreign, older or newer, it is worth what it verifies to.

use sealdex_testkit::clock;
use sealdex_testkit::simulator::{Failure, numbered};
use sealdex_tuf::Error;

use crate::{NOW, SimulatedClient, Simulator, assert_refused, refreshed, role};

const DAMAGES: [&[u8]; 6] = [b"", b"{", b"{}", b"\xff\xfe", b"[]", b"{\"signatures\":[],\"signed\":{}}"];

#[test]
fn damaged_files_are_fetched_again() {
    for name in ["timestamp", "snapshot", "targets"] {
        for damage in DAMAGES {
            let (simulator, mut client) = refreshed();
            client.store.insert(Simulator::role(name), damage.to_vec());
            client.refresh(&simulator, NOW).unwrap();
            assert_eq!(client.store[name], simulator.latest(name), "{name}");
        }
    }
}

#[test]
fn a_damaged_delegated_file_is_fetched_again() {
    for damage in DAMAGES {
        let (mut simulator, mut client) = refreshed();
        simulator.delegate("targets", role("A", &["*"]));
        simulator.add_target("A", "file", b"content");
        simulator.publish_targets(&["A", "targets"]);
        client.store.insert(Simulator::role("A"), damage.to_vec());
        client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
        assert_eq!(client.store["A"], simulator.latest("A"));
    }
}

#[test]
fn missing_files_are_fetched_again() {
    for name in ["timestamp", "snapshot", "targets"] {
        let (simulator, mut client) = refreshed();
        client.store.remove(name);
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.store[name], simulator.latest(name), "{name}");
    }
}

#[test]
fn files_of_another_repository_are_fetched_again() {
    for name in ["timestamp", "snapshot", "targets"] {
        let (simulator, mut client) = refreshed();
        let mut other = Simulator::new();
        other.set_version(name, 100);
        client.store.insert(Simulator::role(name), other.signed(name));
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.version(name), Some(1), "{name}");
    }
}

#[test]
fn files_of_another_role_are_fetched_again() {
    for (name, other) in [("timestamp", "snapshot"), ("snapshot", "targets"), ("targets", "timestamp")] {
        let (simulator, mut client) = refreshed();
        client.store.insert(Simulator::role(name), simulator.latest(other).to_vec());
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.store[name], simulator.latest(name));
    }
}

#[test]
fn a_damaged_root_ends_the_update_before_anything_is_asked() {
    for damage in DAMAGES {
        let (simulator, mut client) = refreshed();
        client.store.insert(Simulator::role("root"), damage.to_vec());
        assert_refused!(client.refresh(&simulator, NOW), Error::Malformed(_));
        assert!(simulator.take_log().is_empty());
    }
}

#[test]
fn files_signed_by_keys_that_were_revoked_since_are_worth_nothing() {
    for name in ["timestamp", "snapshot", "targets"] {
        let (mut simulator, mut client) = refreshed();
        simulator.set_keys(name, &[numbered(1)], 1);
        simulator.republish(name);
        simulator.publish(&["root"]);
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.store[name], simulator.latest(name), "{name}");
    }
}

/// A repository that gives an expired file a new date and not a new version: what is stored is not all there is.
#[test]
fn expired_files_of_the_version_asked_for_are_fetched_again() {
    for name in ["snapshot", "targets"] {
        let (mut simulator, _) = refreshed();
        simulator.common(name).expires = clock::days_after_start(1);
        simulator.publish_targets(&["targets"]);
        let mut client = SimulatedClient::of(&simulator);
        client.refresh(&simulator, NOW).unwrap();
        simulator.common(name).expires = Simulator::expiry();
        simulator.republish(name);
        client.refresh(&simulator, clock::days_after_start(2)).unwrap();
        assert_eq!(client.store[name], simulator.latest(name));
    }
}

#[test]
fn a_client_that_was_away_for_long_skips_the_versions_in_between() {
    let (mut simulator, mut client) = refreshed();
    for _ in 0..50 {
        simulator.publish_targets(&["targets"]);
    }
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.stored(), "root 1, snapshot 51, targets 51, timestamp 51");
    assert_eq!(simulator.take_log().len(), 4);
}

#[test]
fn without_a_connection_nothing_changes_and_the_next_update_succeeds() {
    for lost in ["2.root.json", "3.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"] {
        let (mut simulator, mut client) = refreshed();
        simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
        simulator.unreachable.insert(lost.to_owned());
        assert_eq!(client.refresh(&simulator, NOW), Err(Failure::Unreachable(lost.to_owned())));
        simulator.unreachable.clear();
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.stored(), "root 2, snapshot 2, targets 2, timestamp 2", "{lost}");
    }
}

#[test]
fn a_refused_file_leaves_what_was_trusted_and_the_next_update_succeeds() {
    for (refused, file) in [
        ("timestamp", "timestamp.json"),
        ("snapshot", "2.snapshot.json"),
        ("targets", "2.targets.json"),
        ("root", "2.root.json"),
    ] {
        let (mut simulator, mut client) = refreshed();
        simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
        let honest =
            simulator.files.insert(file.to_owned(), Simulator::new().latest(refused).to_vec()).unwrap();
        assert_refused!(client.refresh(&simulator, NOW), Error::Threshold { valid: 0, .. });
        assert_eq!(client.version(refused), Some(1));
        simulator.files.insert(file.to_owned(), honest);
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.stored(), "root 2, snapshot 2, targets 2, timestamp 2");
    }
}

#[test]
fn a_new_client_needs_only_a_root() {
    let (mut simulator, _) = refreshed();
    simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
    let mut client = SimulatedClient::of(&simulator);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.stored(), "root 2, snapshot 2, targets 2, timestamp 2");
}

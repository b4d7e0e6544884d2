//! Rollback (5.4.3, 5.5.5), and recovery from fast-forward attacks by rotating keys (5.3.11).

use sealdex_testkit::simulator::{Failure, Listing, generate, numbered};
use sealdex_tuf::{Error, Scheme};

use crate::{NOW, assert_refused, refreshed, role};

#[test]
fn an_older_timestamp_is_refused() {
    let (mut simulator, mut client) = refreshed();
    let old = simulator.latest("timestamp").to_vec();
    simulator.publish(&["timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.files.insert("timestamp.json".to_owned(), old);
    assert_refused!(
        client.refresh(&simulator, NOW),
        Error::Rollback { role, trusted: 2, offered: 1 } if role.as_str() == "timestamp"
    );
    assert_eq!(client.version("timestamp"), Some(2));
}

#[test]
fn a_newer_timestamp_with_an_older_snapshot_is_refused() {
    for listing in [Listing::Versions, Listing::LengthsAndHashes] {
        let (mut simulator, mut client) = refreshed();
        simulator.listing = listing;
        simulator.publish(&["snapshot", "timestamp"]);
        client.refresh(&simulator, NOW).unwrap();
        simulator.set_version("snapshot", 1);
        simulator.republish("snapshot");
        simulator.publish(&["timestamp"]);
        assert_refused!(
            client.refresh(&simulator, NOW),
            Error::Rollback { role, trusted: 2, offered: 1 } if role.as_str() == "snapshot"
        );
        assert_eq!(client.stored(), "root 1, snapshot 2, targets 1, timestamp 2");
    }
}

#[test]
fn a_newer_snapshot_with_older_targets_is_refused() {
    for listing in [Listing::Versions, Listing::LengthsAndHashes] {
        let (mut simulator, mut client) = refreshed();
        simulator.listing = listing;
        simulator.publish_targets(&["targets"]);
        client.refresh(&simulator, NOW).unwrap();
        simulator.set_version("targets", 1);
        simulator.republish("targets");
        simulator.publish(&["snapshot", "timestamp"]);
        assert_refused!(
            client.refresh(&simulator, NOW),
            Error::Rollback { role, trusted: 2, offered: 1 } if role.as_str() == "targets"
        );
        assert_eq!(client.stored(), "root 1, snapshot 2, targets 2, timestamp 3");
    }
}

#[test]
fn a_newer_snapshot_with_an_older_delegated_role_is_refused_even_if_never_loaded() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.publish_targets(&["A", "A", "targets"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.set_version("A", 1);
    simulator.republish("A");
    simulator.publish(&["snapshot", "timestamp"]);
    assert_refused!(
        client.refresh(&simulator, NOW),
        Error::Rollback { role, trusted: 2, offered: 1 } if role.as_str() == "A"
    );
}

#[test]
fn a_role_cannot_vanish_from_the_snapshot() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.publish_targets(&["A", "targets"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.snapshot.meta.remove("A");
    simulator.publish(&["snapshot", "timestamp"]);
    assert_refused!(client.refresh(&simulator, NOW), Error::RemovedFromSnapshot { role } if role.as_str() == "A");
    assert_eq!(client.version("snapshot"), Some(2));
}

#[test]
fn expired_stored_metadata_still_guards_against_rollback() {
    let (mut simulator, mut client) = refreshed();
    let old = simulator.latest("timestamp").to_vec();
    simulator.publish_targets(&["targets"]);
    let expires = sealdex_testkit::clock::days_after_start(1);
    simulator.timestamp.common.expires = expires;
    simulator.snapshot.common.expires = expires;
    simulator.publish(&["snapshot", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    let later = sealdex_testkit::clock::days_after_start(2);
    let newest = simulator.files.insert("timestamp.json".to_owned(), old).unwrap();
    assert_refused!(client.refresh(&simulator, later), Error::Rollback { .. });

    simulator.files.insert("timestamp.json".to_owned(), newest);
    simulator.snapshot.common.expires = crate::Simulator::expiry();
    simulator.timestamp.common.expires = crate::Simulator::expiry();
    simulator.set_version("targets", 1);
    simulator.republish("targets");
    simulator.publish(&["snapshot", "timestamp"]);
    assert_refused!(client.refresh(&simulator, later), Error::Rollback { role, .. } if role.as_str() == "targets");
}

#[test]
fn the_stored_snapshot_guards_its_own_version_when_the_stored_timestamp_is_lost() {
    let (mut simulator, mut client) = refreshed();
    let old = simulator.latest("timestamp").to_vec();
    simulator.publish(&["snapshot", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    client.store.insert(crate::Simulator::role("timestamp"), b"damaged".to_vec());
    simulator.files.insert("timestamp.json".to_owned(), old);
    assert_refused!(
        client.refresh(&simulator, NOW),
        Error::Rollback { role, trusted: 2, offered: 1 } if role.as_str() == "snapshot"
    );
    assert_eq!(client.version("snapshot"), Some(2));
}

#[test]
fn a_fast_forwarded_timestamp_is_recovered_from_by_rotating_its_key() {
    let (mut simulator, mut client) = refreshed();
    simulator.set_version("timestamp", u64::MAX);
    simulator.republish("timestamp");
    client.refresh(&simulator, NOW).unwrap();
    simulator.rotate_keys("timestamp");
    simulator.set_version("timestamp", 2);
    simulator.republish("timestamp");
    simulator.publish(&["root"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.version("timestamp"), Some(2));
    assert_eq!(
        client.events[..4],
        ["fetch 2.root.json", "delete timestamp", "delete snapshot", "write root"]
    );
}

#[test]
fn a_fast_forwarded_snapshot_is_recovered_from_by_rotating_its_key_alone() {
    let (mut simulator, mut client) = refreshed();
    simulator.set_version("snapshot", 100);
    simulator.republish("snapshot");
    simulator.publish(&["timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.rotate_keys("snapshot");
    simulator.set_version("snapshot", 2);
    simulator.republish("snapshot");
    simulator.publish(&["root", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.stored(), "root 2, snapshot 2, targets 1, timestamp 3");
}

#[test]
fn fast_forwarded_targets_and_unwanted_roles_are_recovered_from_by_rotating_the_snapshot_key() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.publish(&["A"]);
    simulator.set_version("targets", 100);
    simulator.republish("targets");
    simulator.publish(&["snapshot", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.rotate_keys("snapshot");
    simulator.set_version("targets", 2);
    simulator.republish("targets");
    simulator.snapshot.meta.remove("A");
    simulator.publish(&["root", "snapshot", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.version("targets"), Some(2));
}

/// The rotation is seen at root 2; the update is cut short before it comes to the timestamp. The next update begins at
/// root 2, where nothing is rotated any more.
#[test]
fn recovery_survives_an_update_that_was_cut_short_after_the_root_was_written() {
    for killed_after in [None, Some(0), Some(1), Some(2), Some(3)] {
        let (mut simulator, mut client) = refreshed();
        simulator.set_version("snapshot", 100);
        simulator.republish("snapshot");
        simulator.publish(&["timestamp"]);
        client.refresh(&simulator, NOW).unwrap();
        simulator.rotate_keys("snapshot");
        simulator.set_version("snapshot", 2);
        simulator.republish("snapshot");
        simulator.publish(&["root", "timestamp"]);
        if killed_after.is_none() {
            simulator.unreachable.insert("3.root.json".to_owned());
            let failure = client.refresh(&simulator, NOW).unwrap_err();
            assert_eq!(failure, Failure::Unreachable("3.root.json".to_owned()));
            simulator.unreachable.clear();
        } else {
            client.changes_left = killed_after;
            assert_eq!(client.refresh(&simulator, NOW), Err(Failure::Killed));
            client.changes_left = None;
        }
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.version("snapshot"), Some(2), "killed after {killed_after:?}");
    }
}

#[test]
fn a_key_rotated_away_and_back_again_in_one_update_counts_as_rotated() {
    let (mut simulator, mut client) = refreshed();
    let own = simulator.signers["timestamp"].clone();
    simulator.set_version("timestamp", 100);
    simulator.republish("timestamp");
    client.refresh(&simulator, NOW).unwrap();
    simulator.rotate_keys("timestamp");
    simulator.publish(&["root"]);
    simulator.set_keys("timestamp", &own, 1);
    simulator.publish(&["root"]);
    simulator.set_version("timestamp", 2);
    simulator.republish("timestamp");
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.version("timestamp"), Some(2));
}

#[test]
fn a_key_that_is_added_rotates_nothing() {
    let (mut simulator, mut client) = refreshed();
    let old = simulator.latest("timestamp").to_vec();
    simulator.publish(&["timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.add_key("timestamp", numbered(0));
    simulator.add_key("snapshot", generate(&Scheme::EcdsaSha2Nistp256));
    simulator.publish(&["root"]);
    simulator.files.insert("timestamp.json".to_owned(), old);
    assert_refused!(client.refresh(&simulator, NOW), Error::Rollback { .. });
    assert!(client.events.iter().all(|event| !event.starts_with("delete")));
}

#[test]
fn rotating_root_or_targets_keys_keeps_the_guard_against_rollback() {
    for rotated in ["root", "targets"] {
        let (mut simulator, mut client) = refreshed();
        let old = simulator.latest("timestamp").to_vec();
        simulator.publish(&["timestamp"]);
        client.refresh(&simulator, NOW).unwrap();
        let mut before = simulator.signers["root"].clone();
        simulator.rotate_keys(rotated);
        simulator.signers.get_mut("root").unwrap().append(&mut before);
        simulator.publish(&["root"]);
        simulator.files.insert("timestamp.json".to_owned(), old);
        assert_refused!(client.refresh(&simulator, NOW), Error::Rollback { .. });
        assert_eq!(client.version("root"), Some(2));
    }
}

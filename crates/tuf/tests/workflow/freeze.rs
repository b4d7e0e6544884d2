//! Freeze attacks: expiry, judged at one fixed start time (5.1, 5.3.10, 5.4.4, 5.5.6, 5.6.5).

use jiff::{SignedDuration, Timestamp};
use sealdex_testkit::clock::{self, after};
use sealdex_tuf::{Attack, Error};

use crate::{NOW, SimulatedClient, Simulator, assert_refused, refreshed, role};

/// What is stored after the role of that name was refused.
const EXPIRED: [(&str, &str); 4] = [
    ("root", "root 2, snapshot 1, targets 1, timestamp 1"),
    ("timestamp", "root 2, snapshot 1, targets 1, timestamp 1"),
    ("snapshot", "root 2, snapshot 1, targets 1, timestamp 2"),
    ("targets", "root 2, snapshot 2, targets 1, timestamp 2"),
];

#[test]
fn an_expired_role_is_refused_and_those_before_it_are_kept() {
    for (expired, stored) in EXPIRED {
        let (mut simulator, mut client) = refreshed();
        simulator.common(expired).expires = clock::days_after_start(-1);
        simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
        let error = client.refresh(&simulator, NOW).unwrap_err().refusal();
        assert!(matches!(&error, Error::Expired { role, .. } if role.as_str() == expired), "{error}");
        assert_eq!(error.attack(), Some(Attack::IndefiniteFreeze));
        assert_eq!(client.stored(), stored, "{expired}");
    }
}

#[test]
fn expires_must_be_higher_than_now() {
    let second = SignedDuration::from_secs(1);
    for expired in ["root", "timestamp", "snapshot", "targets"] {
        for (expires, accepted) in [(after(NOW, -second), false), (NOW, false), (after(NOW, second), true)] {
            let (mut simulator, mut client) = refreshed();
            simulator.common(expired).expires = expires;
            simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
            let result = client.refresh(&simulator, NOW);
            assert_eq!(result.is_ok(), accepted, "{expired} {expires}: {result:?}");
        }
    }
}

/// That the last second there is lies beyond the library's instants is no reason to call it malformed.
#[test]
fn never_is_a_date() {
    for never in ["root", "timestamp", "snapshot", "targets"] {
        let (mut simulator, mut client) = refreshed();
        simulator.common(never).expires = Timestamp::MAX;
        simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
        let written = String::from_utf8(simulator.latest(never).to_vec()).unwrap();
        assert!(written.contains("9999-12-31T23:59:59Z"), "{written}");
        client.refresh(&simulator, NOW).unwrap();
    }
}

#[test]
fn what_was_trusted_before_expires_too() {
    for expired in ["root", "timestamp", "snapshot", "targets"] {
        let mut simulator = Simulator::new();
        simulator.common(expired).expires = clock::days_after_start(1);
        simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
        let mut client = SimulatedClient::of(&simulator);
        client.refresh(&simulator, NOW).unwrap();
        assert_refused!(
            client.refresh(&simulator, clock::days_after_start(1)),
            Error::Expired { role, .. } if role.as_str() == expired
        );
    }
}

#[test]
fn expired_stored_metadata_is_replaced_by_newer() {
    for expired in ["root", "timestamp", "snapshot", "targets"] {
        let mut simulator = Simulator::new();
        simulator.common(expired).expires = clock::days_after_start(1);
        simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
        let mut client = SimulatedClient::of(&simulator);
        client.refresh(&simulator, NOW).unwrap();
        simulator.common(expired).expires = Simulator::expiry();
        simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
        client.refresh(&simulator, clock::days_after_start(2)).unwrap();
        assert_eq!(client.stored(), "root 3, snapshot 3, targets 3, timestamp 3");
    }
}

#[test]
fn an_expired_delegated_role_is_refused() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.add_target("A", "file", b"content");
    simulator.common("A").expires = clock::days_after_start(1);
    simulator.publish_targets(&["A", "targets"]);
    client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
    assert_refused!(
        client.refresh_and_find(&simulator, clock::days_after_start(1), "file"),
        Error::Expired { role, .. } if role.as_str() == "A"
    );
}

/// 5.1: time stands still from the start of the update, so that a slow one ends as it began.
#[test]
fn a_search_long_after_the_refresh_is_judged_at_the_start_time() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.add_target("A", "file", b"content");
    simulator.common("A").expires = after(NOW, SignedDuration::from_secs(1));
    simulator.publish_targets(&["A", "targets"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.updater().trusted().unwrap().started_at(), NOW);
    client.find(&simulator, "file").unwrap().unwrap();
}

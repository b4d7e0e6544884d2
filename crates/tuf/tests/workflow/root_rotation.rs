//! 5.3: the chain of roots, and the rotation of keys.

use sealdex_testkit::simulator::{SimulatedClient, Simulator, numbered};
use sealdex_tuf::Error;

use crate::{NOW, assert_refused, refreshed};

/// Keys listed, threshold, keys that sign.
struct Version(&'static [usize], u64, &'static [usize]);

const ROTATIONS: &[(&str, &[Version], bool)] = &[
    ("key rotated", &[Version(&[1], 1, &[1]), Version(&[2], 1, &[2, 1]), Version(&[2], 1, &[2])], true),
    (
        "key rotated, other signatures there too",
        &[Version(&[1], 1, &[3, 1, 4]), Version(&[2], 1, &[3, 2, 1, 4]), Version(&[2], 1, &[3, 2, 4])],
        true,
    ),
    (
        "3 of 5, other signers each time",
        &[
            Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            Version(&[0, 1, 2, 3, 4], 3, &[0, 4, 1]),
            Version(&[0, 1, 2, 3, 4], 3, &[0, 1, 3]),
        ],
        true,
    ),
    (
        "3 of 5, one rotated",
        &[Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), Version(&[0, 1, 3, 4, 5], 3, &[0, 4, 1])],
        true,
    ),
    (
        "3 of 5, one rotated, one more signature in between",
        &[
            Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            Version(&[0, 1, 3, 4, 5], 3, &[0, 2, 4, 5]),
            Version(&[0, 1, 3, 4, 5], 3, &[0, 4, 5]),
        ],
        true,
    ),
    (
        "3 of 5, all rotated",
        &[
            Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]),
            Version(&[5, 6, 7, 8, 9], 3, &[0, 2, 4, 5, 6, 7]),
            Version(&[5, 6, 7, 8, 9], 3, &[5, 6, 7]),
        ],
        true,
    ),
    ("threshold raised", &[Version(&[1, 2, 3], 1, &[1]), Version(&[1, 2, 3], 2, &[1, 2])], true),
    (
        "threshold lowered",
        &[Version(&[1, 2, 3], 2, &[1, 2]), Version(&[1, 2, 3], 1, &[1, 2]), Version(&[1, 2, 3], 1, &[1])],
        true,
    ),
    ("second key and threshold added", &[Version(&[1], 1, &[1]), Version(&[1, 2], 2, &[1, 2])], true),
    ("not signed by the old key", &[Version(&[1], 1, &[1]), Version(&[2], 1, &[2, 3, 4])], false),
    ("not signed by the new key", &[Version(&[1], 1, &[1]), Version(&[2], 1, &[1, 3, 4])], false),
    (
        "one rotated, two of three new keys sign",
        &[Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), Version(&[0, 1, 3, 4, 5], 3, &[0, 2, 4])],
        false,
    ),
    (
        "one rotated, two of three old keys sign",
        &[Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), Version(&[0, 1, 3, 4, 5], 3, &[0, 4, 5])],
        false,
    ),
    ("threshold raised, not reached", &[Version(&[1, 2, 3], 1, &[1]), Version(&[1, 2, 3], 2, &[2])], false),
    (
        "threshold lowered, the old one not reached",
        &[Version(&[1, 2, 3], 2, &[1, 2]), Version(&[1, 2, 3], 1, &[1])],
        false,
    ),
    ("threshold 0 cannot be lowered to", &[Version(&[1], 1, &[1]), Version(&[1], 0, &[1])], false),
    ("thresholds out of reach", &[Version(&[1], 1, &[1]), Version(&[1, 2], u64::MAX, &[1, 2])], false),
];

#[test]
fn roots_follow_one_another_only_signed_by_both() {
    for (name, versions, accepted) in ROTATIONS {
        let mut simulator = Simulator::new();
        simulator.set_version("root", 1);
        for (index, Version(listed, threshold, signing)) in versions.iter().enumerate() {
            let pairs =
                |numbers: &[usize]| numbers.iter().map(|&number| numbered(number)).collect::<Vec<_>>();
            simulator.set_keys("root", &pairs(listed), *threshold);
            simulator.signers.insert(Simulator::role("root"), pairs(signing));
            simulator.set_version("root", index as u64 + 1);
            simulator.republish("root");
        }
        simulator.publish(&["targets", "snapshot", "timestamp"]);
        let mut client = SimulatedClient::of(&simulator);
        let result = client.refresh(&simulator, NOW);
        assert_eq!(result.is_ok(), *accepted, "{name}: {result:?}");
        let last = versions.len() as u64 - u64::from(!accepted);
        assert_eq!(client.version("root"), Some(last), "{name}");
    }
}

const OTHER_ROLES: &[(&str, Version, bool)] = &[
    ("rotated", Version(&[2], 1, &[2]), true),
    ("other signatures there too", Version(&[1], 1, &[3, 1, 4]), true),
    ("not signed by the new key", Version(&[2], 1, &[1, 3, 4]), false),
    ("one of three signers is not listed", Version(&[0, 1, 3, 4, 5], 3, &[0, 2, 4]), false),
    ("one signature too few", Version(&[0, 1, 3, 4, 5], 3, &[0, 4]), false),
    ("3 of 5, first", Version(&[0, 1, 2, 3, 4], 3, &[0, 2, 4]), true),
    ("3 of 5, last", Version(&[0, 1, 2, 3, 4], 3, &[2, 3, 4]), true),
    ("all of 5", Version(&[0, 1, 2, 3, 4], 5, &[0, 1, 2, 3, 4]), true),
    ("fewer keys than the threshold", Version(&[0, 1], 3, &[0, 1]), false),
];

#[test]
fn each_role_is_signed_by_the_keys_of_the_newest_root() {
    for role in ["timestamp", "snapshot", "targets"] {
        for (name, Version(listed, threshold, signing), accepted) in OTHER_ROLES {
            let (mut simulator, mut client) = refreshed();
            let pairs =
                |numbers: &[usize]| numbers.iter().map(|&number| numbered(number)).collect::<Vec<_>>();
            simulator.set_keys(role, &pairs(listed), *threshold);
            simulator.signers.insert(Simulator::role(role), pairs(signing));
            simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
            let result = client.refresh(&simulator, NOW);
            if *accepted {
                result.unwrap();
                assert_eq!(client.store[role], simulator.latest(role), "{role}: {name}");
            } else {
                assert_refused!(result, Error::Threshold { role: refused, .. } if refused.as_str() == role);
                assert_ne!(client.version(role), Some(2), "{role}: {name}");
            }
        }
    }
}

#[test]
fn a_root_of_another_version_than_its_name_says_is_refused() {
    for version in [1, 3] {
        let (mut simulator, mut client) = refreshed();
        simulator.set_version("root", version);
        let root = simulator.signed("root");
        simulator.files.insert("2.root.json".to_owned(), root);
        assert_refused!(client.refresh(&simulator, NOW), Error::WrongVersion { expected: 2, .. });
        assert_eq!(client.version("root"), Some(1));
    }
}

#[test]
fn an_older_root_under_a_newer_name_is_a_rollback() {
    let (mut simulator, mut client) = refreshed();
    simulator.publish(&["root", "root"]);
    client.refresh(&simulator, NOW).unwrap();
    let first = simulator.files["1.root.json"].clone();
    simulator.files.insert("4.root.json".to_owned(), first);
    assert_refused!(client.refresh(&simulator, NOW), Error::Rollback { trusted: 3, offered: 1, .. });
    assert_eq!(client.version("root"), Some(3));
}

#[test]
fn intermediate_roots_may_have_expired_and_are_kept_when_a_later_one_is_refused() {
    let (mut simulator, mut client) = refreshed();
    simulator.root.common.expires = sealdex_testkit::clock::days_after_start(-1);
    simulator.publish(&["root"]);
    simulator.root.common.expires = Simulator::expiry();
    simulator.publish(&["root"]);
    simulator.signers.insert(Simulator::role("root"), Vec::new());
    simulator.publish(&["root"]);
    assert_refused!(client.refresh(&simulator, NOW), Error::Threshold { valid: 0, .. });
    assert_eq!(client.version("root"), Some(3));
    simulator.files.remove("4.root.json");
    client.refresh(&simulator, NOW).unwrap();
}

#[test]
fn a_trusted_root_that_does_not_sign_itself_is_refused_before_anything_is_asked() {
    let mut simulator = Simulator::new();
    simulator.signers.insert(Simulator::role("root"), vec![numbered(0)]);
    let mut client = SimulatedClient::new(&simulator.signed("root"));
    assert_refused!(client.refresh(&simulator, NOW), Error::Threshold { valid: 0, threshold: 1, .. });
    assert_refused!(SimulatedClient::new(b"{}").refresh(&simulator, NOW), Error::Malformed(_));
    assert!(simulator.take_log().is_empty());
}

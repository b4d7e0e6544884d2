//! Mix-and-match: files that do not belong together (5.5.2, 5.5.4, 5.6.2, 5.6.4).

use sealdex_testkit::simulator::Listing;
use sealdex_tuf::digest::Hashes;
use sealdex_tuf::metadata::MetaFile;
use sealdex_tuf::{Error, Version};

use crate::{NOW, Simulator, assert_refused, refreshed, role};

/// A role in question, the role that lists it, and what is stored after the refusal.
const LISTED: [(&str, &str, &str); 2] = [
    ("snapshot", "timestamp", "root 1, snapshot 1, targets 1, timestamp 2"),
    ("targets", "snapshot", "root 1, snapshot 2, targets 1, timestamp 2"),
];

fn listed<'a>(simulator: &'a mut Simulator, role: &str) -> &'a mut MetaFile {
    match role {
        "snapshot" => &mut simulator.timestamp.snapshot,
        _ => simulator.snapshot.meta.get_mut(role).unwrap(),
    }
}

fn publish_with(role: &str, change: impl Fn(&mut MetaFile)) -> (Simulator, crate::SimulatedClient) {
    let (mut simulator, client) = refreshed();
    simulator.listing = Listing::LengthsAndHashes;
    for published in ["targets", "snapshot", "timestamp"] {
        simulator.publish(&[published]);
        if published == role {
            change(listed(&mut simulator, role));
        }
    }
    (simulator, client)
}

#[test]
fn a_wrong_hash_is_refused() {
    for (name, _, stored) in LISTED {
        let (simulator, mut client) =
            publish_with(name, |file| file.hashes = Some(Hashes::from_sha256([0; 32])));
        assert_refused!(client.refresh(&simulator, NOW), Error::WrongHash { file, .. } if file == format!("{name}.json"));
        assert_eq!(client.stored(), stored);
    }
}

#[test]
fn a_wrong_length_is_refused() {
    for (name, _, stored) in LISTED {
        for change in [-1, 1] {
            let (simulator, mut client) = publish_with(name, |file| {
                file.length = file.length.map(|length| length.checked_add_signed(change).unwrap());
                file.hashes = None;
            });
            assert_refused!(client.refresh(&simulator, NOW), Error::WrongLength { .. });
            assert_eq!(client.stored(), stored);
        }
    }
}

#[test]
fn another_version_than_listed_is_refused() {
    for (name, _, stored) in LISTED {
        for version in [1, 2, 4] {
            let (mut simulator, mut client) = refreshed();
            simulator.publish_targets(&["targets"]);
            simulator.set_version(name, version);
            let other = simulator.signed(name);
            simulator.files.insert(format!("2.{name}.json"), other);
            let result = client.refresh(&simulator, NOW);
            if version == 2 {
                result.unwrap();
            } else {
                assert_refused!(result, Error::WrongVersion { expected: 2, .. });
                assert_eq!(client.stored(), stored);
            }
        }
    }
}

#[test]
fn every_listed_hash_that_is_known_must_be_right() {
    let sha512 = |digest: &str| ("sha512".to_owned(), digest.to_owned());
    let (simulator, mut client) = publish_with("targets", |file| {
        let own = file.hashes.as_ref().unwrap();
        let right = own.iter().map(|(name, digest)| (name.to_owned(), digest.to_owned()));
        file.hashes = Some(Hashes::new(right.chain([sha512(&"0".repeat(128))])).unwrap());
    });
    assert_refused!(client.refresh(&simulator, NOW), Error::WrongHash { algorithm, .. } if algorithm == "sha512");
}

#[test]
fn hashes_of_unknown_functions_alone_are_refused() {
    let unknown = || Hashes::new([("md5".to_owned(), "00".to_owned())]).unwrap();
    let (simulator, mut client) = publish_with("snapshot", |file| file.hashes = Some(unknown()));
    assert_refused!(client.refresh(&simulator, NOW), Error::NoKnownHash { .. });
}

/// A repository that uses a version twice, the second time listed with its hash: what is stored is not what is listed.
#[test]
fn a_stored_snapshot_of_the_right_version_and_the_wrong_hash_is_fetched_again() {
    let (mut simulator, mut client) = refreshed();
    simulator.listing = Listing::LengthsAndHashes;
    simulator.snapshot.common.expires = sealdex_testkit::clock::days_after_start(20);
    simulator.republish("snapshot");
    simulator.publish(&["timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.store["snapshot"], simulator.latest("snapshot"));
}

#[test]
fn stored_targets_of_the_right_version_and_the_wrong_hash_are_fetched_again() {
    let (mut simulator, mut client) = refreshed();
    simulator.listing = Listing::LengthsAndHashes;
    simulator.targets_role("targets").common.expires = sealdex_testkit::clock::days_after_start(20);
    simulator.republish("targets");
    simulator.publish(&["snapshot", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.store["targets"], simulator.latest("targets"));
}

#[test]
fn delegated_roles_are_checked_against_the_snapshot() {
    let published = MetaFile::of_version(Version::ONE);
    let listed = [
        MetaFile { hashes: Some(Hashes::from_sha256([0; 32])), ..published.clone() },
        MetaFile { length: Some(3), ..published.clone() },
        MetaFile { version: Version::new(3).unwrap(), ..published },
    ];
    for (index, file) in listed.into_iter().enumerate() {
        let (mut simulator, mut client) = refreshed();
        simulator.delegate("targets", role("A", &["*"]));
        simulator.publish(&["A", "targets"]);
        simulator.snapshot.meta.insert(Simulator::role("A"), file);
        let bytes = simulator.latest("A").to_vec();
        simulator.files.insert("3.A.json".to_owned(), bytes);
        simulator.publish(&["snapshot", "timestamp"]);
        let error = client.refresh_and_find(&simulator, NOW, "file").unwrap_err().refusal();
        let expected = match index {
            0 => matches!(error, Error::WrongHash { .. }),
            1 => matches!(error, Error::WrongLength { .. }),
            _ => matches!(error, Error::WrongVersion { expected: 3, found: 1, .. }),
        };
        assert!(expected, "{error}");
        assert_eq!(client.version("A"), None);
    }
}

#[test]
fn a_delegated_role_that_the_snapshot_does_not_list_is_not_even_asked_for() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.publish(&["A", "targets"]);
    simulator.snapshot.meta.remove("A");
    simulator.publish(&["snapshot", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    simulator.take_log();
    assert_refused!(client.find(&simulator, "file"), Error::NotInSnapshot { role } if role.as_str() == "A");
    assert!(simulator.take_log().is_empty());
}

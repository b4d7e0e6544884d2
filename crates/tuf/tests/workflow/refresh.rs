//! What an honest update fetches, reads and writes, and in which order.

use sealdex_testkit::simulator::{Listing, SimulatedClient, Simulator};
use sealdex_tuf::metadata::MetaFile;
use sealdex_tuf::{Answer, Error, Limits, TargetPath, Updater, Version};

use crate::{NOW, assert_refused, refreshed};

#[test]
fn the_first_update_fetches_each_role_once() {
    let simulator = Simulator::new();
    let mut client = SimulatedClient::of(&simulator);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(simulator.take_log(), ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
    assert_eq!(client.stored(), "root 1, snapshot 1, targets 1, timestamp 1");
    for role in ["root", "timestamp", "snapshot", "targets"] {
        assert_eq!(client.store[role], simulator.latest(role), "{role}");
    }
}

#[test]
fn an_update_without_news_asks_for_root_and_timestamp_alone() {
    let (simulator, mut client) = refreshed();
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(simulator.take_log(), ["2.root.json", "timestamp.json"]);
    assert!(client.events.iter().all(|event| !event.starts_with("write")), "{:?}", client.events);
}

#[test]
fn each_role_is_written_as_soon_as_it_is_verified_and_in_order() {
    let (mut simulator, mut client) = refreshed();
    simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(
        client.events,
        [
            "fetch 2.root.json",
            "write root",
            "fetch 3.root.json",
            "read timestamp",
            "fetch timestamp.json",
            "write timestamp",
            "read snapshot",
            "fetch 2.snapshot.json",
            "write snapshot",
            "read targets",
            "fetch 2.targets.json",
            "write targets",
        ]
    );
}

#[test]
fn stored_bytes_are_the_received_ones() {
    let (mut simulator, mut client) = refreshed();
    simulator.publish(&["timestamp"]);
    simulator.files.get_mut("timestamp.json").unwrap().extend(b" \n ");
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.store["timestamp"], simulator.latest("timestamp"));
}

#[test]
fn lengths_and_hashes_are_accepted_where_they_are_right() {
    let (mut simulator, mut client) = refreshed();
    simulator.listing = Listing::LengthsAndHashes;
    simulator.publish_targets(&["targets"]);
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.stored(), "root 1, snapshot 2, targets 2, timestamp 2");
}

#[test]
fn without_consistent_snapshots_plain_names_are_asked_for() {
    let (mut simulator, mut client) = refreshed();
    simulator.root.consistent_snapshot = false;
    simulator.add_target("targets", "dir/file", b"content");
    simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
    let target = client.refresh_and_find(&simulator, NOW, "dir/file").unwrap().unwrap();
    assert_eq!(
        simulator.take_log(),
        ["2.root.json", "3.root.json", "timestamp.json", "snapshot.json", "targets.json"]
    );
    assert_eq!(target.url_path(), "dir/file");
}

#[test]
fn with_consistent_snapshots_targets_are_asked_for_by_hash() {
    let (mut simulator, mut client) = refreshed();
    simulator.add_target("targets", "dir/file", b"content");
    simulator.publish_targets(&["targets"]);
    let target = client.refresh_and_find(&simulator, NOW, "dir/file").unwrap().unwrap();
    let digest = target.file().hashes.file_name_digest().unwrap();
    assert_eq!(target.url_path(), format!("dir/{digest}.file"));
    target.verify(&simulator.target_files[&target.url_path()]).unwrap();
    assert!(matches!(target.verify(b"Content"), Err(Error::WrongHash { .. })));
    assert!(matches!(target.verify(b"content+"), Err(Error::WrongLength { .. })));
    assert!(matches!(target.verify(b"conten"), Err(Error::WrongLength { .. })));
}

#[test]
fn a_timestamp_of_the_same_version_and_other_content_is_ignored() {
    let (mut simulator, mut client) = refreshed();
    let before = client.store.clone();
    simulator.timestamp.snapshot.version = Version::new(100).unwrap();
    simulator.republish("timestamp");
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.store, before);
    assert_eq!(simulator.take_log(), ["2.root.json", "timestamp.json"]);
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    for (file, role) in
        [("timestamp.json", "timestamp"), ("2.snapshot.json", "snapshot"), ("2.targets.json", "targets")]
    {
        let (mut simulator, mut client) = refreshed();
        simulator.publish_targets(&["targets"]);
        simulator.files.remove(file);
        assert_refused!(client.refresh(&simulator, NOW), Error::Missing { file: missing } if missing == file);
        assert_eq!(client.version(role), Some(1));
    }
}

#[test]
fn a_file_of_another_role_is_refused() {
    let (mut simulator, mut client) = refreshed();
    // Signed by the timestamp's key, and all that a timestamp needs but the type.
    simulator.signers.insert(Simulator::role("snapshot"), simulator.signers["timestamp"].clone());
    simulator.snapshot.meta = [(Simulator::role("snapshot"), MetaFile::of_version(Version::ONE))].into();
    simulator.set_version("snapshot", 2);
    let forged = simulator.signed("snapshot");
    simulator.files.insert("timestamp.json".to_owned(), forged);
    assert_refused!(client.refresh(&simulator, NOW), Error::Malformed(_));
    assert_eq!(client.version("timestamp"), Some(1));
}

#[test]
fn an_answer_that_was_not_asked_for_is_refused_and_changes_nothing() {
    let simulator = Simulator::new();
    let mut updater = Updater::new(simulator.latest("root"), NOW, Limits::default()).unwrap();
    let step = updater.step().unwrap();
    assert!(matches!(updater.answer(Answer::Written), Err(Error::OutOfOrder { .. })));
    assert_eq!(updater.step().unwrap(), step);
    let path = TargetPath::parse("x").unwrap();
    assert!(matches!(updater.search(path), Err(Error::OutOfOrder { .. })));
    assert!(matches!(updater.found(), Err(Error::OutOfOrder { .. })));
    assert!(updater.trusted().is_none());
}

#[test]
fn a_repository_of_other_keys_is_refused() {
    let (_, mut client) = refreshed();
    let before = client.store.clone();
    assert_refused!(client.refresh(&Simulator::new(), NOW), Error::Threshold { .. });
    assert_eq!(client.store, before);
}

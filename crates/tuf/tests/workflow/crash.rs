//! A client killed between any two changes of its store: what is left is a state from which the next update succeeds,
//! and from which nothing older is accepted than what it had seen.

use proptest::prelude::*;
use sealdex_testkit::simulator::Failure;
use sealdex_tuf::Error;

use crate::{NOW, SimulatedClient, Simulator, assert_refused, refreshed, role};

/// What happens to the repository while the client is away.
#[derive(Clone, Copy, Debug)]
enum Change {
    Root,
    RotateTimestamp,
    RotateSnapshot,
    RotateTargets,
    RotateRoot,
    Targets,
    Delegated,
    Timestamp,
    RecoverSnapshot,
}

impl Change {
    const ALL: [Self; 9] = [
        Self::Root,
        Self::RotateTimestamp,
        Self::RotateSnapshot,
        Self::RotateTargets,
        Self::RotateRoot,
        Self::Targets,
        Self::Delegated,
        Self::Timestamp,
        Self::RecoverSnapshot,
    ];

    fn apply(self, simulator: &mut Simulator) {
        match self {
            Self::Root => simulator.publish(&["root"]),
            Self::RotateTimestamp => {
                simulator.rotate_keys("timestamp");
                simulator.publish(&["root", "timestamp"]);
            }
            Self::RotateSnapshot => {
                simulator.rotate_keys("snapshot");
                simulator.publish(&["root", "snapshot", "timestamp"]);
            }
            Self::RotateTargets => {
                simulator.rotate_keys("targets");
                simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
            }
            Self::RotateRoot => {
                let old = simulator.signers["root"].clone();
                simulator.rotate_keys("root");
                let new = simulator.signers["root"].clone();
                simulator.signers.get_mut("root").unwrap().extend(old);
                simulator.publish(&["root"]);
                simulator.signers.insert(Simulator::role("root"), new);
            }
            Self::Targets => simulator.publish_targets(&["targets"]),
            Self::Delegated => simulator.publish_targets(&["A"]),
            Self::Timestamp => simulator.publish(&["timestamp"]),
            // The versions fall: only the rotation makes that acceptable.
            Self::RecoverSnapshot => {
                simulator.rotate_keys("snapshot");
                simulator.set_version("snapshot", 1);
                simulator.republish("snapshot");
                simulator.publish(&["root", "timestamp"]);
            }
        }
    }
}

fn with_delegation() -> (Simulator, SimulatedClient) {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.add_target("A", "file", b"content");
    simulator.publish_targets(&["A", "targets"]);
    client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
    (simulator, client)
}

/// Kills the client after every number of changes in turn; each time it must recover by itself.
fn survives_every_kill(changes: &[Change]) {
    for changes_made in 0.. {
        let (mut simulator, mut client) = with_delegation();
        for change in changes {
            change.apply(&mut simulator);
        }
        client.changes_left = Some(changes_made);
        let result = client.refresh_and_find(&simulator, NOW, "file");
        client.changes_left = None;
        let seen = client.version("timestamp");
        let found = client.refresh_and_find(&simulator, NOW, "file");
        assert!(matches!(found, Ok(Some(_))), "{changes:?}, killed after {changes_made}: {found:?}");
        assert!(client.version("timestamp") >= seen);
        for name in ["root", "timestamp", "snapshot", "targets", "A"] {
            assert_eq!(
                client.store[name],
                simulator.latest(name),
                "{changes:?}, killed after {changes_made}"
            );
        }
        match result {
            Ok(found) => {
                assert!(found.is_some());
                return;
            }
            Err(failure) => assert_eq!(failure, Failure::Killed),
        }
        assert!(changes_made < 100, "the update ends");
    }
}

#[test]
fn each_change_survives_every_kill() {
    for change in Change::ALL {
        survives_every_kill(&[change]);
    }
}

#[test]
fn a_kill_does_not_open_the_way_back() {
    for changes_made in 1..=3 {
        let (mut simulator, mut client) = with_delegation();
        let old = simulator.latest("timestamp").to_vec();
        simulator.publish_targets(&["targets"]);
        client.changes_left = Some(changes_made);
        let _killed_or_done = client.refresh(&simulator, NOW);
        client.changes_left = None;
        simulator.files.insert("timestamp.json".to_owned(), old);
        assert_refused!(client.refresh(&simulator, NOW), Error::Rollback { .. });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changes_survive_every_kill(changes in prop::collection::vec(prop::sample::select(&Change::ALL[..]), 1..6)) {
        survives_every_kill(&changes);
    }
}

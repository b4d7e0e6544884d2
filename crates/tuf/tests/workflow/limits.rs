//! Every bound, at its limit and one past it: endless data costs no more than the limit.

use sealdex_testkit::simulator::Listing;
use sealdex_tuf::{Attack, Error, Limits};

use crate::{NOW, SimulatedClient, Simulator, assert_refused, refreshed, role};

fn max_bytes<'a>(limits: &'a mut Limits, role: &str) -> &'a mut u64 {
    match role {
        "root" => &mut limits.max_root_bytes,
        "timestamp" => &mut limits.max_timestamp_bytes,
        "snapshot" => &mut limits.max_snapshot_bytes,
        _ => &mut limits.max_targets_bytes,
    }
}

#[test]
fn each_files_length_is_bounded() {
    for name in ["root", "timestamp", "snapshot", "targets"] {
        for (room, accepted) in [(1, true), (0, true), (-1, false)] {
            let (mut simulator, mut client) = refreshed();
            simulator.publish(&["root", "targets", "snapshot", "timestamp"]);
            let length = simulator.latest(name).len() as u64;
            *max_bytes(&mut client.limits, name) = length.checked_add_signed(room).unwrap();
            let result = client.refresh(&simulator, NOW);
            assert_eq!(result.is_ok(), accepted, "{name} {room}: {result:?}");
            if !accepted {
                let error = result.unwrap_err().refusal();
                assert!(matches!(error, Error::TooLong { .. }), "{error}");
                assert_eq!(error.attack(), Some(Attack::EndlessData));
                assert_eq!(client.version(name), Some(1));
            }
        }
    }
}

#[test]
fn a_listed_length_never_raises_the_limit() {
    for name in ["snapshot", "targets"] {
        let (mut simulator, mut client) = refreshed();
        simulator.listing = Listing::LengthsAndHashes;
        simulator.publish_targets(&["targets"]);
        *max_bytes(&mut client.limits, name) = 50;
        assert_refused!(client.refresh(&simulator, NOW), Error::TooLong { limit: 50, .. });
    }
}

#[test]
fn a_listed_length_bounds_what_is_fetched() {
    let (mut simulator, mut client) = refreshed();
    simulator.listing = Listing::LengthsAndHashes;
    simulator.publish_targets(&["targets"]);
    let length = simulator.latest("targets").len() as u64;
    simulator.files.get_mut("2.targets.json").unwrap().extend(vec![b' '; 1_000_000]);
    // The client stops reading one byte after what was listed.
    assert_refused!(
        client.refresh(&simulator, NOW),
        Error::WrongLength { expected, found, .. } if expected == length && found == length + 1
    );
}

#[test]
fn a_delegated_roles_length_is_bounded() {
    for (room, accepted) in [(0, true), (-1, false)] {
        let (mut simulator, mut client) = refreshed();
        simulator.delegate("targets", role("A", &["*"]));
        for number in 0..20 {
            simulator.add_target("A", &format!("file{number}"), b"content");
        }
        simulator.publish_targets(&["A", "targets"]);
        client.limits.max_targets_bytes =
            (simulator.latest("A").len() as u64).checked_add_signed(room).unwrap();
        let result = client.refresh_and_find(&simulator, NOW, "file1");
        assert_eq!(result.is_ok(), accepted, "{result:?}");
    }
}

/// 5.3.3: at the limit the update goes on with the root it has come to; the next one goes further.
#[test]
fn the_number_of_new_roots_in_one_update_is_bounded() {
    for (limit, new, reached) in [(0, 0, 1), (0, 1, 1), (1, 1, 2), (2, 2, 3), (2, 3, 3), (3, 10, 4)] {
        let (mut simulator, mut client) = refreshed();
        simulator.publish(&vec!["root"; new]);
        client.limits.max_root_versions = limit;
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.version("root"), Some(reached), "{new} new roots, limit {limit}");
        let asked = simulator.take_log().iter().filter(|path| path.ends_with(".root.json")).count() as u64;
        assert!(asked <= limit, "{asked} roots asked for, limit {limit}");
    }
}

#[test]
fn a_client_far_behind_catches_up_over_several_updates() {
    let (mut simulator, mut client) = refreshed();
    simulator.publish(&["root"; 7]);
    client.limits.max_root_versions = 3;
    for reached in [4, 7, 8, 8] {
        client.refresh(&simulator, NOW).unwrap();
        assert_eq!(client.version("root"), Some(reached));
    }
}

#[test]
fn an_expired_root_at_the_limit_is_written_and_refused() {
    let (mut simulator, mut client) = refreshed();
    simulator.root.common.expires = NOW;
    simulator.publish(&["root"]);
    simulator.root.common.expires = Simulator::expiry();
    simulator.publish(&["root"]);
    client.limits.max_root_versions = 1;
    assert_refused!(client.refresh(&simulator, NOW), Error::Expired { role, .. } if role.as_str() == "root");
    assert_eq!(client.version("root"), Some(2));
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(client.version("root"), Some(3));
}

#[test]
fn a_root_of_the_last_possible_version_is_not_the_end() {
    let mut simulator = Simulator::new();
    simulator.set_version("root", u64::MAX);
    let mut client = SimulatedClient::new(&simulator.signed("root"));
    client.refresh(&simulator, NOW).unwrap();
    assert_eq!(simulator.take_log()[0], "timestamp.json");
}

/// A chain of delegations, each role delegating to the next.
fn chain(length: usize) -> (Simulator, SimulatedClient) {
    let (mut simulator, client) = refreshed();
    let names: Vec<String> = (0..length).map(|number| format!("role{number}")).collect();
    let mut roles = vec!["targets"];
    for name in &names {
        simulator.delegate(roles[roles.len() - 1], role(name, &["*"]));
        roles.push(name);
    }
    simulator.add_target(roles[roles.len() - 1], "file", b"content");
    simulator.publish_targets(&roles);
    (simulator, client)
}

#[test]
fn the_number_of_delegated_roles_visited_is_bounded() {
    for (length, limit, accepted) in
        [(3, 3, true), (3, 4, true), (4, 3, false), (1, 0, false), (32, 32, true), (33, 32, false)]
    {
        let (simulator, mut client) = chain(length);
        client.limits.max_delegations = limit;
        let result = client.refresh_and_find(&simulator, NOW, "file");
        if accepted {
            assert!(result.unwrap().is_some(), "{length} roles, limit {limit}");
        } else {
            assert_refused!(result, Error::TooManyDelegations { .. });
            assert!(simulator.take_log().len() <= 4 + limit, "none past the limit is fetched");
        }
    }
}

#[test]
fn no_delegation_is_needed_for_a_target_of_the_top_level_role() {
    let (mut simulator, mut client) = refreshed();
    simulator.add_target("targets", "file", b"content");
    simulator.publish_targets(&["targets"]);
    client.limits.max_delegations = 0;
    assert!(client.refresh_and_find(&simulator, NOW, "file").unwrap().is_some());
    assert!(client.find(&simulator, "none").unwrap().is_none());
}

/// Unsigned metadata is parsed before it is verified: parsing must not cost more than its length is worth.
#[test]
fn hostile_metadata_is_parsed_in_linear_time() {
    let ids: Vec<String> = (0..80_000).map(|number| format!("\"{number:x}\"")).collect();
    let role = format!("{{\"keyids\":[{}],\"threshold\":1}}", ids.join(","));
    let json = format!(
        "{{\"signatures\":[],\"signed\":{{\"_type\":\"root\",\"spec_version\":\"1.0.0\",\"version\":2,\
         \"expires\":\"2030-01-01T00:00:00Z\",\"keys\":{{}},\"roles\":{{\"root\":{role},\"timestamp\":{role},\
         \"snapshot\":{role},\"targets\":{role}}}}}}}"
    );
    let started = std::time::Instant::now();
    let result = sealdex_tuf::metadata::Unverified::<sealdex_tuf::metadata::Root>::parse(json.as_bytes());
    assert!(result.is_ok(), "{result:?}");
    assert!(started.elapsed().as_secs() < 10, "took {:?}", started.elapsed());
}

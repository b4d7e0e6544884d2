//! Every bound, at its limit and one past it: endless data costs no more than the limit.

use sealdex_testkit::simulator::Listing;
use sealdex_tuf::trusted::RootStage;
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
                assert_eq!(error, Error::TooLong { file: format!("{name}.json"), limit: length - 1 });
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
        if accepted {
            assert!(result.unwrap().is_some());
        } else {
            let limit = client.limits.max_targets_bytes;
            assert_refused!(result, Error::TooLong { file, limit: named } if file == "A.json" && named == limit);
        }
    }
}

/// The client's own files are bounded by the same limits.
#[test]
fn a_stored_roots_length_is_bounded() {
    for (room, accepted) in [(0, true), (-1, false)] {
        let (simulator, mut client) = refreshed();
        let length = simulator.latest("root").len() as u64;
        client.limits.max_root_bytes = length.checked_add_signed(room).unwrap();
        let result = client.refresh(&simulator, NOW);
        if accepted {
            result.unwrap();
        } else {
            assert_refused!(result, Error::TooLong { file, limit } if file == "root.json" && limit == length - 1);
            assert!(simulator.take_log().is_empty());
        }
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

/// What a caller of the stages is told, where the updater goes on.
#[test]
fn the_stage_of_roots_says_when_the_limit_is_reached() {
    let (mut simulator, client) = refreshed();
    simulator.publish(&["root"; 2]);
    let limits = Limits { max_root_versions: 1, ..Limits::default() };
    let mut stage = RootStage::start(&client.store["root"], NOW, limits).unwrap();
    assert_eq!(stage.next_version().unwrap().number(), 2);
    stage.update(&simulator.files["2.root.json"]).unwrap();
    assert_eq!(stage.next_version(), Err(Error::TooManyRoots { limit: 1 }));
    assert_eq!(stage.next_version().unwrap_err().attack(), Some(Attack::EndlessData));
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
            let path = "file".to_owned();
            let error = result.unwrap_err().refusal();
            assert_eq!(error, Error::TooManyDelegations { path, limit });
            assert_eq!(error.attack(), Some(Attack::EndlessData));
            assert!(simulator.take_log().len() <= 4 + limit, "none past the limit is fetched");
        }
    }
}

/// A wide search is bounded as a deep one is: each role visited counts, wherever it stands.
#[test]
fn the_number_of_delegated_roles_beside_each_other_is_bounded() {
    for (width, accepted) in [(5, true), (6, false)] {
        let (mut simulator, mut client) = refreshed();
        let names: Vec<String> = (0..width).map(|number| format!("role{number}")).collect();
        for name in &names {
            simulator.delegate("targets", role(name, &["*"]));
        }
        simulator.add_target(&names[width - 1], "file", b"content");
        let mut roles: Vec<&str> = names.iter().map(String::as_str).collect();
        roles.push("targets");
        simulator.publish_targets(&roles);
        client.limits.max_delegations = 5;
        let result = client.refresh_and_find(&simulator, NOW, "file");
        if accepted {
            assert!(result.unwrap().is_some());
        } else {
            let path = "file".to_owned();
            assert_eq!(result.unwrap_err().refusal(), Error::TooManyDelegations { path, limit: 5 });
        }
    }
}

/// A role at depth d is reached through d roles, so the number bounds the depth; and nothing recurses, so that a deep
/// chain costs no more than a wide search.
#[test]
fn the_number_bounds_the_depth() {
    let depth = 600;
    let (simulator, mut client) = chain(depth);
    for limit in [0, 1, 32, 500] {
        client.limits.max_delegations = limit;
        client.store.retain(|role, _| !role.as_str().starts_with("role"));
        let path = "file".to_owned();
        let error = client.refresh_and_find(&simulator, NOW, "file").unwrap_err().refusal();
        assert_eq!(error, Error::TooManyDelegations { path, limit });
        let deepest = client.store.keys().filter(|role| role.as_str().starts_with("role")).count();
        assert_eq!(deepest, limit, "no role below that depth was fetched, verified or kept");
    }
    client.limits.max_delegations = depth;
    let search = std::thread::Builder::new().stack_size(512 << 10);
    let found = search.spawn(move || client.refresh_and_find(&simulator, NOW, "file").unwrap().is_some());
    assert!(found.unwrap().join().unwrap());
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

/// Fixed: the parser's stack is what it bounds.
#[test]
fn the_nesting_of_json_is_bounded() {
    const LEVELS: usize = 127;
    // The document and its signed part are two of them.
    for (levels, accepted) in [(LEVELS - 2, true), (LEVELS - 1, false), (100_000, false)] {
        let (mut simulator, mut client) = refreshed();
        let nested = "[".repeat(levels) + &"]".repeat(levels);
        simulator.publish(&["timestamp"]);
        let bytes = String::from_utf8(simulator.latest("timestamp").to_vec()).unwrap();
        let bytes = bytes.replacen("\"signed\":{", &format!("\"signed\":{{\"deep\":{nested},"), 1);
        simulator.files.insert("timestamp.json".to_owned(), bytes.into_bytes());
        client.limits.max_timestamp_bytes = 1 << 20;
        match client.refresh(&simulator, NOW).unwrap_err().refusal() {
            // The document was read, and the signature is not over it.
            Error::Threshold { valid: 0, .. } => assert!(accepted, "{levels}"),
            error => {
                assert!(!accepted, "{levels}: {error}");
                assert!(
                    matches!(&error, Error::Malformed(why) if why.what == "timestamp metadata"),
                    "{error:?}"
                );
            }
        }
    }
}

/// Fixed as well. Of these signatures only those are checked whose keys trusted metadata names for the role.
#[test]
fn the_number_of_signatures_is_bounded() {
    const SIGNATURES: usize = 1024;
    for (others, accepted) in [(SIGNATURES - 1, true), (SIGNATURES, false)] {
        let (mut simulator, mut client) = refreshed();
        simulator.publish_targets(&["targets"]);
        let bytes = String::from_utf8(simulator.latest("snapshot").to_vec()).unwrap();
        let others: Vec<String> = (0..others)
            .map(|number| format!("{{\"keyid\":\"{number:064x}\",\"sig\":\"{}\"}}", "ab".repeat(64)))
            .collect();
        let bytes = bytes.replacen("\"signatures\":[", &format!("\"signatures\":[{},", others.join(",")), 1);
        simulator.files.insert("2.snapshot.json".to_owned(), bytes.into_bytes());
        let result = client.refresh(&simulator, NOW);
        if accepted {
            result.unwrap();
        } else {
            assert_refused!(
                result,
                Error::Malformed(why) if why.reason == "more than 1024 signatures" && why.what == "snapshot"
            );
        }
    }
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

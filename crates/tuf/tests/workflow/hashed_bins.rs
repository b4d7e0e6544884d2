//! Hashed bins: explicit `path_hash_prefixes` (4.5), and succinct ones at every bit length (TAP 15).

use std::collections::BTreeSet;

use sealdex_tuf::metadata::{DelegatedRoles, RoleKeys, SuccinctRoles};
use sealdex_tuf::{Error, RoleName, TargetPath, digest};

use crate::{NOW, assert_refused, prefix_role, refreshed};

fn digest(path: &str) -> String {
    hex::encode(digest::sha256(path.as_bytes()))
}

/// Paths whose digests begin with each of the 16 digits, and how they begin.
fn paths() -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let paths = (0..).map(|number| format!("files/{number}")).map(|path| (digest(&path), path));
    let first = paths.filter(|(digest, _)| seen.insert(digest[..1].to_owned())).take(16);
    first.map(|(digest, path)| (path, digest)).collect()
}

#[test]
fn explicit_prefixes_lead_to_their_bin_and_to_no_other() {
    let (mut simulator, mut client) = refreshed();
    let bins = ["0123", "4567", "89ab", "cdef"];
    for bin in bins {
        let prefixes: Vec<String> = bin.chars().map(String::from).collect();
        simulator
            .delegate("targets", prefix_role(bin, &prefixes.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    let paths = paths();
    for (path, digest) in &paths {
        let bin = bins.iter().find(|bin| bin.contains(&digest[..1])).unwrap();
        simulator.add_target(bin, path, path.as_bytes());
    }
    simulator.publish_targets(&[&bins[..], &["targets"]].concat());
    client.refresh(&simulator, NOW).unwrap();
    for (path, digest) in &paths {
        let found = client.find(&simulator, path).unwrap().unwrap();
        assert!(found.role().as_str().contains(&digest[..1]));
    }
    // 4 bins, each fetched once; a path that none lists costs no more.
    assert_eq!(client.find(&simulator, "files/none"), Ok(None));
    assert_eq!(simulator.take_log().len(), 4 + 4);
}

#[test]
fn a_prefix_may_have_up_to_64_digits() {
    let path = "simple/six/index.json";
    let whole = digest(path);
    for length in [0, 1, 2, 3, 63, 64] {
        let (mut simulator, mut client) = refreshed();
        simulator.delegate("targets", prefix_role("bin", &[&whole[..length]]));
        simulator.add_target("bin", path, b"page");
        simulator.publish_targets(&["bin", "targets"]);
        assert!(client.refresh_and_find(&simulator, NOW, path).unwrap().is_some(), "{length} digits");
        assert!(client.find(&simulator, "simple/other/index.json").unwrap().is_none() || length <= 1);
    }
}

#[test]
fn malformed_prefixes_are_refused() {
    for prefix in ["0x", "g", &"0".repeat(65)] {
        let (mut simulator, mut client) = refreshed();
        simulator.delegate("targets", prefix_role("bin", &["00"]));
        let text = String::from_utf8(simulator.signed("targets")).unwrap();
        let changed = text
            .replace("\"path_hash_prefixes\":[\"00\"]", &format!("\"path_hash_prefixes\":[\"{prefix}\"]"));
        assert_ne!(text, changed);
        simulator.set_version("targets", 2);
        simulator.republish("targets");
        simulator.publish(&["snapshot", "timestamp"]);
        simulator.files.insert("2.targets.json".to_owned(), changed.into_bytes());
        assert_refused!(client.refresh(&simulator, NOW), Error::Malformed(_));
    }
}

#[test]
fn succinct_bins_lead_to_the_right_one_of_any_number() {
    let path = "simple/six/index.json";
    let bits = u64::from_str_radix(&digest(path)[..8], 16).unwrap();
    for bit_length in 1..=32 {
        let (mut simulator, mut client) = refreshed();
        let pair = simulator.delegate_bins("targets", bit_length, "index");
        let digits = usize::from(bit_length.div_ceil(4));
        let name = format!("index-{:0digits$x}", bits >> (32 - bit_length));
        let bin = RoleName::parse(name.clone()).unwrap();
        simulator.signers.insert(bin.clone(), vec![pair]);
        simulator.new_targets(&bin);
        simulator.add_target(&name, path, b"page");
        simulator.publish_targets(&[&name, "targets"]);
        let found = client.refresh_and_find(&simulator, NOW, path).unwrap().unwrap();
        assert_eq!(found.role(), &bin);
    }
}

#[test]
fn the_first_and_the_last_bin_are_reached() {
    for bit_length in [1, 3, 4, 5, 8] {
        let (mut simulator, mut client) = refreshed();
        let pair = simulator.delegate_bins("targets", bit_length, "bin");
        let delegations = simulator.targets["targets"].delegations.clone().unwrap();
        let DelegatedRoles::Succinct(bins) = &delegations.roles else { panic!("succinct bins") };
        let names: Vec<RoleName> = bins.role_names().collect();
        assert_eq!(names.len() as u64, bins.bin_count());
        let digits = usize::from(bit_length.div_ceil(4));
        let last = format!("bin-{:x}", bins.bin_count() - 1);
        assert_eq!(names[0].as_str(), format!("bin-{}", "0".repeat(digits)));
        assert_eq!(names.last().unwrap().as_str(), last);
        for name in &names {
            simulator.signers.insert(name.clone(), vec![pair.clone()]);
            simulator.new_targets(name);
        }
        let mut reached = BTreeSet::new();
        let paths: Vec<String> = (0..bins.bin_count() * 20).map(|number| format!("p{number}")).collect();
        for path in &paths {
            let bin = bins.role_for(&TargetPath::parse(path.clone()).unwrap());
            simulator.add_target(bin.as_str(), path, b"x");
            reached.insert(bin);
        }
        assert!(reached.contains(&names[0]) && reached.contains(names.last().unwrap()), "{bit_length} bits");
        let mut published: Vec<&str> = names.iter().map(RoleName::as_str).collect();
        published.push("targets");
        simulator.publish_targets(&published);
        client.refresh(&simulator, NOW).unwrap();
        for path in paths.iter().step_by(7) {
            assert!(client.find(&simulator, path).unwrap().is_some(), "{path}");
        }
    }
}

#[test]
fn a_bin_is_signed_by_the_bins_key_and_says_nothing_about_other_bins_paths() {
    let (mut simulator, mut client) = refreshed();
    let pair = simulator.delegate_bins("targets", 1, "bin");
    for name in ["bin-0", "bin-1"] {
        let bin = RoleName::parse(name).unwrap();
        simulator.signers.insert(bin.clone(), vec![pair.clone()]);
        simulator.new_targets(&bin);
    }
    let (low, _) = paths().into_iter().find(|(_, digest)| digest.starts_with('0')).unwrap();
    let (high, _) = paths().into_iter().find(|(_, digest)| digest.starts_with('f')).unwrap();
    simulator.add_target("bin-0", &high, b"not bin-0's to say");
    simulator.add_target("bin-0", &low, b"its own");
    simulator.publish_targets(&["bin-0", "bin-1", "targets"]);
    assert_eq!(client.refresh_and_find(&simulator, NOW, &high), Ok(None));
    assert!(client.find(&simulator, &low).unwrap().is_some());

    simulator.signers.insert(RoleName::parse("bin-1").unwrap(), simulator.signers["snapshot"].clone());
    simulator.publish_targets(&["bin-1"]);
    assert_refused!(client.refresh_and_find(&simulator, NOW, &high), Error::Threshold { valid: 0, .. });
}

#[test]
fn bits_are_1_to_32() {
    let bins = |bits| SuccinctRoles::new(RoleKeys::new(Vec::new(), 1), bits, "bin");
    for (bits, accepted) in [(0, false), (1, true), (32, true), (33, false), (64, false), (255, false)] {
        assert_eq!(bins(bits).is_ok(), accepted, "{bits}");
    }
}

#[test]
fn a_bin_in_place_of_another_is_refused_where_bins_name_their_role() {
    let swapped = |names_its_role: bool| {
        let (mut simulator, mut client) = refreshed();
        let pair = simulator.delegate_bins("targets", 1, "bin");
        for bin in ["bin-0", "bin-1"].map(|bin| RoleName::parse(bin).unwrap()) {
            simulator.signers.insert(bin.clone(), vec![pair.clone()]);
            simulator.new_targets(&bin);
            if names_its_role {
                let targets = simulator.targets_role(bin.as_str());
                *targets = targets.clone().bound_to(&bin);
            }
        }
        let (path, _) = paths().into_iter().find(|(_, digest)| digest.as_bytes()[0] < b'8').unwrap();
        simulator.add_target("bin-0", &path, b"page");
        simulator.publish_targets(&["bin-0", "bin-1", "targets"]);
        let (zero, one) = (simulator.latest("bin-0").to_vec(), simulator.latest("bin-1").to_vec());
        let file = simulator.files.iter().find(|(_, bytes)| **bytes == zero).map(|(name, _)| name.clone());
        client.refresh_and_find(&simulator, NOW, &path).unwrap().unwrap();
        simulator.files.insert(file.unwrap(), one);
        crate::SimulatedClient::of(&simulator).refresh_and_find(&simulator, NOW, &path)
    };
    // Plain TUF metadata does not say which role it is: the target is hidden.
    assert_eq!(swapped(false), Ok(None));
    assert_refused!(swapped(true), Error::WrongRole { named, .. } if named == "bin-1");
}

//! Snapshot Merkle trees: what is in the tree verifies, and nothing else does.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeMap;

use jiff::Timestamp as Time;
use proptest::prelude::*;
use sealdex_tuf::merkle::{MAX_PATH_LENGTH, MAX_PROOF_BYTES, MerkleProof, MerkleRoot, MerkleTree};
use sealdex_tuf::metadata::{Common, MetaFile, Timestamp};
use sealdex_tuf::{Error, RoleName, Version};
use serde_json::{Value, json};

fn role(number: usize) -> RoleName {
    RoleName::parse(format!("index-{number:04x}")).unwrap()
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn tree(versions: &[u64]) -> MerkleTree {
    let roles: BTreeMap<_, _> =
        versions.iter().enumerate().map(|(number, &own)| (role(number), version(own))).collect();
    MerkleTree::new(&roles).unwrap()
}

/// What a client makes of a file.
fn read(bytes: &[u8], role: &RoleName, root: MerkleRoot) -> Result<Version, Error> {
    MerkleProof::parse(bytes)?.verify(role, root)
}

proptest! {
    #[test]
    fn every_leaf_verifies_and_keeps_its_bytes(versions in prop::collection::vec(1..u64::MAX, 1..70)) {
        let tree = tree(&versions);
        for (number, proof) in tree.proofs().enumerate() {
            let bytes = proof.to_bytes();
            prop_assert_eq!(read(&bytes, &role(number), tree.root()).unwrap(), version(versions[number]));
            prop_assert_eq!(MerkleProof::parse(&bytes).unwrap().to_bytes(), bytes);
            prop_assert_eq!(tree.proof(&role(number)), Some(proof));
        }
    }

    #[test]
    fn no_altered_file_verifies_as_anything_else(
        versions in prop::collection::vec(1..1000u64, 2..70),
        (at, position, byte) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let tree = tree(&versions);
        let number = at.index(versions.len());
        let mut bytes = tree.proof(&role(number)).unwrap().to_bytes();
        let position = position.index(bytes.len());
        prop_assume!(bytes[position] != byte);
        bytes[position] = byte;
        if let Ok(found) = read(&bytes, &role(number), tree.root()) {
            // White space, or a digit spelled otherwise, changes no meaning.
            prop_assert_eq!(found, version(versions[number]));
            prop_assert_eq!(MerkleProof::parse(&bytes).unwrap(), tree.proof(&role(number)).unwrap());
        }
    }

    #[test]
    fn a_proof_is_of_one_role_in_one_tree(versions in prop::collection::vec(1..1000u64, 2..40)) {
        let ours = tree(&versions);
        let mut other = ours.clone();
        let changed = versions.len() / 2;
        other.set(&role(changed), version(versions[changed] + 1));
        for number in 0..versions.len() {
            let bytes = ours.proof(&role(number)).unwrap().to_bytes();
            prop_assert!(read(&bytes, &role(number), other.root()).is_err(), "in the other tree");
            let neighbour = role((number + 1) % versions.len());
            prop_assert!(read(&bytes, &neighbour, ours.root()).is_err(), "of the other role");
        }
    }

    #[test]
    fn no_input_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = MerkleProof::parse(&bytes);
    }
}

/// Each part of a path, one after another: left out, exchanged, turned around, repeated.
#[test]
fn no_altered_path_verifies() {
    let tree = tree(&[3; 13]);
    for number in 0..13 {
        let file: Value = serde_json::from_slice(&tree.proof(&role(number)).unwrap().to_bytes()).unwrap();
        let steps = file["merkle_path"].as_object().unwrap().len();
        let mut altered: Vec<Value> = Vec::new();
        for step in 0..steps {
            let mut turned = file.clone();
            let side = file["path_directions"][step.to_string()].as_u64().unwrap();
            turned["path_directions"][step.to_string()] = json!(1 - side);
            altered.push(turned);
            let mut exchanged = file.clone();
            let (one, next) = (step.to_string(), ((step + 1) % steps).to_string());
            exchanged["merkle_path"][&one] = file["merkle_path"][&next].clone();
            exchanged["merkle_path"][&next] = file["merkle_path"][&one].clone();
            altered.push(exchanged);
        }
        let mut shorter = file.clone();
        for member in ["merkle_path", "path_directions"] {
            shorter[member].as_object_mut().unwrap().remove(&(steps - 1).to_string());
        }
        altered.push(shorter);
        let mut longer = file.clone();
        longer["merkle_path"][steps.to_string()] = file["merkle_path"]["0"].clone();
        longer["path_directions"][steps.to_string()] = json!(0);
        altered.push(longer);
        for altered in altered {
            let bytes = serde_json::to_vec(&altered).unwrap();
            assert!(read(&bytes, &role(number), tree.root()).is_err(), "{altered}");
        }
    }
}

#[test]
fn the_shape_is_exact() {
    let hash = "00".repeat(32);
    let proof = |contents: Value, path: Value, directions: Value| {
        let file = json!({"leaf_contents": contents, "merkle_path": path, "path_directions": directions});
        MerkleProof::parse(&serde_json::to_vec(&file).unwrap())
    };
    let leaf = || json!({"a.json": {"version": 1}});
    assert!(proof(leaf(), json!({"0": hash}), json!({"0": 1})).is_ok());
    assert!(proof(leaf(), json!({}), json!({})).is_ok());
    let steps = |count: usize| -> (Value, Value) {
        let numbers = || (0..count).map(|step| step.to_string());
        let hashes: serde_json::Map<String, Value> = numbers().map(|step| (step, json!(hash))).collect();
        let sides: serde_json::Map<String, Value> = numbers().map(|step| (step, json!(0))).collect();
        (hashes.into(), sides.into())
    };
    let (longest, too_long) = (steps(MAX_PATH_LENGTH), steps(MAX_PATH_LENGTH + 1));
    assert!(proof(leaf(), longest.0, longest.1).is_ok());
    assert!(proof(leaf(), too_long.0, too_long.1).is_err());
    for (contents, path, directions) in [
        (json!({}), json!({}), json!({})),
        (json!({"a.json": {"version": 1}, "b.json": {"version": 1}}), json!({}), json!({})),
        (json!({"a.json": {"version": 0}}), json!({}), json!({})),
        (json!({"a.json": {"version": "1"}}), json!({}), json!({})),
        (json!({"a.json": {"version": 1, "length": 2}}), json!({}), json!({})),
        (json!({"a": {"version": 1}}), json!({}), json!({})),
        (leaf(), json!({"0": hash}), json!({})),
        (leaf(), json!({"1": hash}), json!({"1": 0})),
        (leaf(), json!({"0": hash}), json!({"1": 0})),
        (leaf(), json!({"0": hash}), json!({"0": 2})),
        (leaf(), json!({"0": hash}), json!({"0": "left"})),
        (leaf(), json!({"0": "00"}), json!({"0": 0})),
        (leaf(), json!({"0": hash.replace('0', "A")}), json!({"0": 0})),
        (leaf(), json!([]), json!([])),
    ] {
        assert!(proof(contents.clone(), path, directions).is_err(), "{contents}");
    }
    assert!(MerkleProof::parse(br#"{"leaf_contents":{"a.json":{"version":1}},"merkle_path":{}}"#).is_err());
    assert!(MerkleProof::parse(&vec![b' '; MAX_PROOF_BYTES + 1]).is_err());
}

#[test]
fn the_timestamp_names_the_root() {
    let tree = tree(&[1, 2, 3]);
    let common = Common::new(Version::ONE, Time::MAX);
    let mut timestamp = Timestamp { common, snapshot: MetaFile::of_version(Version::ONE) };
    assert_eq!(MerkleRoot::of(&timestamp).unwrap(), None);
    tree.root().name_in(&mut timestamp);
    assert_eq!(MerkleRoot::of(&timestamp).unwrap(), Some(tree.root()));
    for wrong in ["", "00", &"0G".repeat(32), &"AA".repeat(32)] {
        timestamp.common.unrecognized.insert("merkle_root", wrong);
        assert!(MerkleRoot::of(&timestamp).is_err(), "{wrong:?}");
    }
    timestamp.common.unrecognized.insert("merkle_root", 1);
    assert!(MerkleRoot::of(&timestamp).is_err());
}

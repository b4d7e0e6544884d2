//! Which roles and keys a verified target names as those that vouch for it.

use std::sync::Arc;

use sealdex_testkit::simulator::{SimulatedClient, Simulator};
use sealdex_tuf::metadata::DelegatedRoles;
use sealdex_tuf::{ChainedRole, Grant, KeyId, KeyPair, Signer as _};

use crate::{NOW, prefix_role, refreshed, role};

fn chain_of(simulator: &Simulator, path: &str) -> Vec<ChainedRole> {
    let mut client = SimulatedClient::of(simulator);
    client.refresh_and_find(simulator, NOW, path).unwrap().unwrap().chain().to_vec()
}

/// Lets a key that is known already sign for a delegated role, under this identifier.
fn share(simulator: &mut Simulator, delegator: &str, name: &str, pair: &Arc<KeyPair>, id: &str) {
    let id = KeyId::parse(id).unwrap();
    let delegations = simulator.targets_role(delegator).delegations.as_mut().unwrap();
    delegations.keys.insert(id.clone(), pair.key().clone());
    let DelegatedRoles::Listed(roles) = &mut delegations.roles else { panic!("bins") };
    let role = roles.iter_mut().find(|own| own.name.as_str() == name).unwrap();
    role.keys.key_ids.push(id);
}

#[test]
fn a_target_names_the_roles_that_lead_to_it_and_their_keys() {
    let (mut simulator, _) = refreshed();
    simulator.delegate("targets", role("other", &["simple/*/*"]));
    simulator.delegate("targets", role("claimed", &["simple/*/*", "files/*/*"]));
    let own = simulator.delegate("claimed", role("project.a", &["simple/a/*", "*/a/index.json", "x"]));
    simulator.delegate("targets", prefix_role("bins", &["0", "1", "2", "3", "4", "5", "6", "7"]));
    simulator.delegate("targets", prefix_role("bins-2", &["8", "9", "a", "b", "c", "d", "e", "f"]));
    simulator.add_target("project.a", "simple/a/index.json", b"a");
    for bins in ["bins", "bins-2"] {
        simulator.add_target(bins, "simple/b/index.json", b"b");
    }
    simulator.add_target("targets", "top", b"top");
    simulator.publish_targets(&["project.a", "other", "claimed", "bins", "bins-2", "targets"]);

    let chain = chain_of(&simulator, "simple/a/index.json");
    let names: Vec<_> = chain.iter().map(|own| own.role.as_str()).collect();
    assert_eq!(names, ["targets", "claimed", "project.a"]);
    assert_eq!(chain[0].grant, Grant::TopLevel);
    let Grant::Patterns(patterns) = &chain[2].grant else { panic!("{:?}", chain[2].grant) };
    let patterns: Vec<_> = patterns.iter().map(|own| own.as_str()).collect();
    assert_eq!(patterns, ["simple/a/*", "*/a/index.json"]);
    assert_eq!((chain[2].keys.len(), chain[2].threshold), (1, 1));
    assert_eq!(chain[2].keys[0].computed_id, own.key().id());
    assert!(chain.iter().all(|role| role.keys[0].has_signed && !role.can_be_signed_online()));

    let chain = chain_of(&simulator, "simple/b/index.json");
    assert_eq!((chain.len(), &chain[1].grant), (2, &Grant::Hash));
    assert_eq!(chain_of(&simulator, "top").len(), 1);
}

#[test]
fn a_key_is_told_from_its_name_and_online_keys_are_counted_as_keys() {
    let (mut simulator, _) = refreshed();
    let own = simulator.delegate("targets", role("a", &["a"]));
    let online = simulator.signers["timestamp"][0].clone();
    // Somebody lists a key of the repository's servers, twice, under names that say otherwise.
    share(&mut simulator, "targets", "a", &online, "developer");
    share(&mut simulator, "targets", "a", &online, "developer-2");
    simulator.add_target("a", "a", b"a");
    simulator.publish_targets(&["a", "targets"]);
    let chain = chain_of(&simulator, "a");
    let role = &chain[1];
    assert_eq!((role.online_keys, role.can_be_signed_online()), (1, true));
    let keys: Vec<_> =
        role.keys.iter().map(|key| (key.key_id.as_str(), &key.computed_id, key.has_signed)).collect();
    let (own, online) = (own.key().id(), online.key().id());
    assert_eq!(
        keys,
        [(own.as_str(), &own, true), ("developer", &online, false), ("developer-2", &online, false)]
    );

    // Two have to sign, and only one of them is online.
    let delegations = simulator.targets_role("targets").delegations.as_mut().unwrap();
    let DelegatedRoles::Listed(roles) = &mut delegations.roles else { panic!("bins") };
    roles[0].keys.threshold = 2;
    let second = simulator.new_key();
    share(&mut simulator, "targets", "a", &second, second.key().id().as_str());
    simulator.signers.get_mut("a").unwrap().push(second);
    simulator.publish_targets(&["a", "targets"]);
    let chain = chain_of(&simulator, "a");
    assert_eq!((chain[1].online_keys, chain[1].can_be_signed_online()), (1, false));
    assert_eq!(chain[1].keys.iter().filter(|key| key.has_signed).count(), 2);
}

//! Whose keys a delegated role is verified with, and what a search that failed leaves behind.

use sealdex_tuf::{Attack, Error};

use crate::{NOW, SimulatedClient, Simulator, assert_refused, refreshed, role};

/// `targets` delegates `a/*` to P and `b/*` to Q; both delegate to `shared`, each with a key of its own. The signers
/// of `shared`: both of those keys.
fn diamond() -> (Simulator, SimulatedClient) {
    let (mut simulator, client) = refreshed();
    simulator.delegate("targets", role("P", &["a/*"]));
    simulator.delegate("targets", role("Q", &["b/*"]));
    simulator.delegate("P", role("shared", &["a/*"]));
    simulator.delegate("Q", role("shared", &["b/*"]));
    simulator.add_target("shared", "a/file", b"a");
    simulator.add_target("shared", "b/file", b"b");
    (simulator, client)
}

#[test]
fn a_role_reached_through_two_delegators_is_verified_for_each() {
    let (mut simulator, mut client) = diamond();
    simulator.publish_targets(&["shared", "P", "Q", "targets"]);
    client.refresh_and_find(&simulator, NOW, "a/file").unwrap().unwrap();
    client.find(&simulator, "b/file").unwrap().unwrap();
    let fetches = simulator.take_log().iter().filter(|path| path.ends_with(".shared.json")).count();
    assert_eq!(fetches, 1, "one content for both, fetched once");
}

#[test]
fn authority_from_one_delegator_is_none_from_the_other() {
    let (mut simulator, mut client) = diamond();
    simulator.signers.get_mut("shared").unwrap().pop();
    simulator.publish_targets(&["shared", "P", "Q", "targets"]);
    client.refresh_and_find(&simulator, NOW, "a/file").unwrap().unwrap();
    assert_refused!(
        client.find(&simulator, "b/file"),
        Error::Threshold { role, delegator, valid: 0, .. } if role.as_str() == "shared" && delegator == "Q"
    );
    // Nor is it a matter of order.
    let mut other = SimulatedClient::of(&simulator);
    assert_refused!(other.refresh_and_find(&simulator, NOW, "b/file"), Error::Threshold { .. });
    other.find(&simulator, "a/file").unwrap().unwrap();
}

/// P's key signs one content of `shared`, Q's key another of the same version; both name a key for `deep`. What P's
/// content says must never decide who signs for Q's paths.
#[test]
fn a_role_has_one_content_for_all_its_delegators() {
    let (mut simulator, mut client) = diamond();
    let both = simulator.signers["shared"].clone();
    simulator.delegate("shared", role("deep", &["*/*"]));
    simulator.add_target("deep", "b/deep", b"signed by the key that P's content names");
    simulator.signers.insert(Simulator::role("shared"), both[..1].to_vec());
    simulator.publish_targets(&["deep", "shared", "P", "Q", "targets"]);
    client.refresh_and_find(&simulator, NOW, "a/file").unwrap().unwrap();
    assert_eq!(client.find(&simulator, "a/deep"), Ok(None));

    // Q's content names another key for the same role; the repository now serves that content.
    simulator.signers.insert(Simulator::role("shared"), both[1..].to_vec());
    simulator.targets_role("shared").delegations = None;
    simulator.delegate("shared", role("deep", &["*/*"]));
    simulator.republish("shared");
    client.store.remove("shared");
    let refused = client.find(&simulator, "b/deep").unwrap_err().refusal();
    assert!(matches!(refused, Error::Threshold { .. } | Error::TwoContents { .. }), "{refused}");
    assert!(refused.attack().is_some());
}

#[test]
fn two_contents_of_one_version_are_refused_even_if_both_are_signed() {
    let (mut simulator, mut client) = diamond();
    simulator.publish_targets(&["shared", "P", "Q", "targets"]);
    let first = simulator.latest("shared").to_vec();
    simulator.add_target("shared", "b/other", b"more");
    simulator.republish("shared");
    let second = simulator.latest("shared").to_vec();
    client.refresh_and_find(&simulator, NOW, "b/file").unwrap().unwrap();
    let mut trusted = client.updater().trusted().unwrap().clone();
    let (p, q, shared) = (Simulator::role("P"), Simulator::role("Q"), Simulator::role("shared"));
    trusted.load_delegated(&Simulator::role("targets"), &p, simulator.latest("P")).unwrap();
    let error = trusted.load_delegated(&p, &shared, &first).unwrap_err();
    assert_eq!(error, Error::TwoContents { role: shared.clone(), version: 1 });
    assert_eq!(error.attack(), Some(Attack::MixAndMatch));
    trusted.load_delegated(&p, &shared, &second).unwrap();
    trusted.load_delegated(&q, &shared, &second).unwrap();
}

#[test]
fn a_delegated_role_signed_by_another_roles_key_is_refused() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.delegate("targets", role("B", &["*"]));
    simulator.signers.insert(Simulator::role("A"), simulator.signers["B"].clone());
    simulator.publish_targets(&["A", "B", "targets"]);
    assert_refused!(
        client.refresh_and_find(&simulator, NOW, "file"),
        Error::Threshold { role, delegator, valid: 0, threshold: 1 } if role.as_str() == "A" && delegator == "targets"
    );
    assert_eq!(client.version("A"), None);
}

#[test]
fn rotating_a_delegated_roles_key_takes_effect_with_the_delegators_next_version() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.add_target("A", "file", b"content");
    simulator.publish_targets(&["A", "targets"]);
    client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
    // The same version of A, still signed by the old key alone: what is stored does not verify any more.
    simulator.targets_role("targets").delegations = None;
    let old = simulator.signers.remove("A").unwrap();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.publish_targets(&["targets"]);
    assert_refused!(client.refresh_and_find(&simulator, NOW, "file"), Error::Threshold { valid: 0, .. });
    simulator.publish_targets(&["A"]);
    client.refresh_and_find(&simulator, NOW, "file").unwrap().unwrap();
    simulator.signers.insert(Simulator::role("A"), old);
    simulator.publish_targets(&["A"]);
    assert_refused!(client.refresh_and_find(&simulator, NOW, "file"), Error::Threshold { valid: 0, .. });
}

#[test]
fn a_failed_search_has_no_outcome_and_leaves_the_refresh_trusted() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["a/*"]));
    simulator.delegate("targets", role("B", &["b/*"]));
    simulator.add_target("A", "a/file", b"content");
    simulator.add_target("targets", "top", b"content");
    simulator.publish_targets(&["A", "B", "targets"]);
    client.refresh_and_find(&simulator, NOW, "a/file").unwrap().unwrap();
    simulator.files.insert("1.B.json".to_owned(), b"{}".to_vec());
    let error = client.find(&simulator, "b/file").unwrap_err().refusal();
    assert!(matches!(error, Error::Malformed(_)));
    // Neither "no such target" nor the target of the search before.
    assert_eq!(client.updater().found(), Err(error.clone()));
    assert_eq!(client.updater().step(), Err(error));
    assert!(client.updater().trusted().is_some());
    client.find(&simulator, "a/file").unwrap().unwrap();
    client.find(&simulator, "top").unwrap().unwrap();
    simulator.files.remove("1.B.json");
    assert_refused!(client.find(&simulator, "b/file"), Error::Missing { file } if file == "1.B.json");
}

#[test]
fn a_verified_role_is_written_even_if_the_search_fails_after_it() {
    let (mut simulator, mut client) = refreshed();
    simulator.delegate("targets", role("A", &["*"]));
    simulator.delegate("A", role("B", &["*"]));
    simulator.publish(&["A", "B", "targets"]);
    simulator.snapshot.meta.remove("B");
    simulator.publish(&["snapshot", "timestamp"]);
    assert_refused!(client.refresh_and_find(&simulator, NOW, "file"), Error::NotInSnapshot { .. });
    assert_eq!(client.version("A"), Some(1));
}

#[test]
fn a_delegation_to_a_top_level_role_is_refused() {
    for name in ["root", "timestamp", "snapshot", "targets"] {
        let (mut simulator, mut client) = refreshed();
        simulator.delegate("targets", role("A", &["*"]));
        let delegations = simulator.targets_role("targets").delegations.as_mut().unwrap();
        let sealdex_tuf::metadata::DelegatedRoles::Listed(roles) = &mut delegations.roles else {
            panic!("a list")
        };
        roles[0].name = Simulator::role(name);
        simulator.publish_targets(&["A", "targets"]);
        assert_refused!(client.refresh(&simulator, NOW), Error::Malformed(_));
    }
}

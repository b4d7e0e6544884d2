//! Clients that meet new roots: rotated keys, recovery from a fast-forward, chains.

use super::story::story;
use crate::case::Plan;
use crate::json::Json;
use crate::key::TestKey;
use crate::repository::{Document, Mutation, role_keys};

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    rotations(&mut plans);
    roots(&mut plans);
    plans
}

/// Gives a top-level role other keys in the root.
fn set_keys(root: &mut Document, role: &str, own: &[TestKey], threshold: u64) {
    if let Some(keys) = root.signed.member_mut("keys") {
        for key in own {
            keys.set(&key.id, key.object());
        }
    }
    if let Some(roles) = root.signed.member_mut("roles") {
        roles.set(role, role_keys(own, threshold));
    }
}

fn rotations(plans: &mut Vec<Plan>) {
    let own = |role: &str, number: u32| TestKey::ed25519(&format!("{role}-{number}"));
    type Keys = fn(&str) -> (Vec<TestKey>, u64);
    let changes: [(&str, Keys); 7] = [
        ("replaced", |role| (vec![TestKey::ed25519(&format!("{role}-2"))], 1)),
        ("added", |role| {
            (vec![TestKey::ed25519(&format!("{role}-1")), TestKey::ed25519(&format!("{role}-2"))], 1)
        }),
        ("added-two-needed", |role| {
            (vec![TestKey::ed25519(&format!("{role}-1")), TestKey::ed25519(&format!("{role}-2"))], 2)
        }),
        ("reordered", |role| (vec![TestKey::ed25519(&format!("{role}-1"))], 1)),
        ("of-timestamp", |_| (vec![TestKey::ed25519("timestamp-1")], 1)),
        ("of-root", |_| (vec![TestKey::ed25519("root-1")], 1)),
        ("stranger", |_| (vec![TestKey::ed25519("stranger")], 1)),
    ];
    for base in ["plain", "inconsistent"] {
        for roles in [&["timestamp"][..], &["snapshot"], &["timestamp", "snapshot"], &["targets"], &["root"]]
        {
            for (change, keys) in changes {
                let name = format!("keys of {} {change}", roles.join("+"));
                // Honest versions, going on.
                story(plans, base, &name, move |story| {
                    story.update();
                    let root = story.repository().root.signers.clone();
                    for role in roles {
                        let (own, threshold) = keys(role);
                        set_keys(&mut story.repository().root, role, &own, threshold);
                        story.repository().document(role).signers = own;
                    }
                    for key in root {
                        let signers = &mut story.repository().root.signers;
                        if signers.iter().all(|signer| signer.id != key.id) {
                            signers.push(key);
                        }
                    }
                    story.advance(&["root", "targets", "snapshot", "timestamp"]).publish().update();
                    story.advance(&["root", "targets", "snapshot", "timestamp"]).publish().update();
                });
                if roles.contains(&"root") || roles.contains(&"targets") {
                    continue;
                }
                // Versions were driven forward by a thief of the keys; the repository begins anew.
                story(plans, base, &format!("{name} after a fast-forward"), move |story| {
                    story.update();
                    for role in ["timestamp", "snapshot", "targets"] {
                        story.repository().document(role).set_version(1_000_000);
                    }
                    story.publish().update();
                    for role in roles {
                        let (own, threshold) = keys(role);
                        set_keys(&mut story.repository().root, role, &own, threshold);
                        story.repository().document(role).signers = own;
                    }
                    for role in ["timestamp", "snapshot", "targets"] {
                        story.repository().document(role).set_version(2);
                    }
                    story.advance(&["root"]).publish().update();
                    story.advance(&["timestamp"]).publish().update();
                });
            }
        }
        // Two keys of which one is withdrawn.
        for role in ["timestamp", "snapshot"] {
            story(
                plans,
                base,
                &format!("one of two keys of {role} withdrawn after a fast-forward"),
                move |story| {
                    let both = [own(role, 1), own(role, 2)];
                    set_keys(&mut story.repository().root, role, &both, 1);
                    story.advance(&["root"]).publish().update();
                    for role in ["timestamp", "snapshot", "targets"] {
                        story.repository().document(role).set_version(1_000_000);
                    }
                    story.publish().update();
                    set_keys(&mut story.repository().root, role, &both[..1], 1);
                    for role in ["timestamp", "snapshot", "targets"] {
                        story.repository().document(role).set_version(2);
                    }
                    story.advance(&["root"]).publish().update();
                },
            );
        }
        story(plans, base, "keys replaced and given back within two roots", move |story| {
            story.update();
            for role in ["timestamp", "snapshot", "targets"] {
                story.repository().document(role).set_version(1_000_000);
            }
            story.publish().update();
            set_keys(&mut story.repository().root, "timestamp", &[own("timestamp", 2)], 1);
            story.advance(&["root"]).publish();
            set_keys(&mut story.repository().root, "timestamp", &[own("timestamp", 1)], 1);
            for role in ["timestamp", "snapshot", "targets"] {
                story.repository().document(role).set_version(2);
            }
            story.advance(&["root"]).publish().update();
        });
    }
}

fn roots(plans: &mut Vec<Plan>) {
    for count in [1, 4, 5, 6, 7, 11] {
        story(plans, "plain", &format!("{count} new roots"), move |story| {
            for _ in 0..count {
                story.advance(&["root"]).publish();
            }
            story.update().update();
        });
    }
    story(plans, "plain", "a root is missing", |story| {
        story.advance(&["root"]).publish().advance(&["root"]).publish();
        let gap = story.with_file("2.root.json", None);
        story.update_from(&gap).update();
    });
    for (name, version) in [("0", 0), ("1", 1), ("3", 3), ("far", 1_000_000)] {
        story(plans, "plain", &format!("2.root.json says version {name}"), move |story| {
            let wrong = Mutation::signed("root", move |signed| signed.set("version", Json::integer(version)));
            story.update().advance(&["root"]).publish_changed(&[wrong]).update().publish().update();
        });
    }
    story(plans, "plain", "2.root.json is 1.root.json", |story| {
        let same = story.with_file("2.root.json", story.site.metadata.get("1.root.json").cloned());
        story.update_from(&same).update();
    });
    // Which of the old and the new keys sign the new root.
    for (name, signers) in
        [("old", &["root-1"][..]), ("new", &["root-2"]), ("both", &["root-1", "root-2"]), ("none", &[])]
    {
        story(plans, "plain", &format!("new root key, signed by {name}"), move |story| {
            story.update();
            set_keys(&mut story.repository().root, "root", &[TestKey::ed25519("root-2")], 1);
            story.repository().root.signers = signers.iter().map(|name| TestKey::ed25519(name)).collect();
            story.advance(&["root"]).publish().update();
            story.repository().root.signers = ["root-1", "root-2"].map(TestKey::ed25519).into();
            story.publish().update();
            story.repository().root.signers = vec![TestKey::ed25519("root-2")];
            story.advance(&["root"]).publish().update();
        });
    }
    for (name, threshold, signers) in [
        ("two of two needed, two there", 2, &["root-1", "root-2"][..]),
        ("two of two needed, one there", 2, &["root-1"]),
        ("three of two needed", 3, &["root-1", "root-2"]),
    ] {
        story(plans, "plain", &format!("new root threshold: {name}"), move |story| {
            story.update();
            set_keys(
                &mut story.repository().root,
                "root",
                &["root-1", "root-2"].map(TestKey::ed25519),
                threshold,
            );
            story.repository().root.signers = signers.iter().map(|name| TestKey::ed25519(name)).collect();
            story.advance(&["root"]).publish().update();
        });
    }
    for (name, dates) in [
        ("first expired", ["2025-01-01", "2026-02-01", "2026-02-01"]),
        ("second expired", ["2026-02-01", "2025-01-01", "2026-02-01"]),
        ("last expired", ["2026-02-01", "2026-02-01", "2025-01-01"]),
        ("all expired", ["2025-01-01", "2025-01-01", "2025-01-01"]),
    ] {
        story(plans, "plain", &format!("three roots, {name}"), move |story| {
            let expiry = |date: &str| Json::text(format!("{date}T00:00:00Z"));
            story.repository().root.signed.set("expires", expiry(dates[0]));
            story.publish();
            story.case.root = story.site.metadata["1.root.json"].clone();
            for date in &dates[1..] {
                story.repository().root.signed.set("expires", expiry(date));
                story.advance(&["root"]).publish();
            }
            story.update();
            story.repository().root.signed.set("expires", expiry("2026-02-01"));
            story.advance(&["root"]).publish().update();
        });
    }
    story(plans, "plain", "the software brings a later root than the repository has", |story| {
        story.advance(&["root"]).advance(&["root"]).publish();
        story.case.root = story.site.metadata["3.root.json"].clone();
        story.update();
    });
}

//! Clients that update more than once: rollback, freeze, mix-and-match.

use std::sync::Arc;

use sealdex_tuf::digest::HashAlgorithm::Sha256;

use super::story::{BASES, story};
use crate::bases::add_target;
use crate::case::Plan;
use crate::json::Json;
use crate::key::TestKey;
use crate::repository::Naming;

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    rollbacks(&mut plans);
    freezes(&mut plans);
    mixtures(&mut plans);
    plans
}

fn rollbacks(plans: &mut Vec<Plan>) {
    for base in BASES {
        for role in ["timestamp", "snapshot", "targets"] {
            let above: &'static [&'static str] = match role {
                "timestamp" => &["timestamp"],
                "snapshot" => &["snapshot", "timestamp"],
                _ => &["targets", "snapshot", "timestamp"],
            };
            story(plans, base, &format!("{role} forward, then everything back"), move |story| {
                let old = Arc::clone(&story.site);
                story.advance(above).publish().update();
                story.update_from(&old).update();
            });
            story(
                plans,
                base,
                &format!("{role} back by those who have the keys of those above"),
                move |story| {
                    for _ in 0..3 {
                        story.advance(above);
                    }
                    story.publish().update();
                    let version = story.repository().document(role).version;
                    story.repository().document(role).set_version(version - 2);
                    let others: Vec<&str> = above.iter().copied().filter(|other| *other != role).collect();
                    story.advance(&others);
                    story.publish().update();
                    story.repository().document(role).set_version(version + 1);
                    story.advance(&others).publish().update();
                },
            );
        }
        story(plans, base, "same version, other content", |story| {
            story.update();
            story.repository().timestamp.signed.set("x-note", Json::text("other"));
            story.publish().update();
            story.repository().snapshot.signed.set("x-note", Json::text("other"));
            story.publish().update();
            story.advance(&["timestamp"]).publish().update();
        });
        story(plans, base, "timestamp same, snapshot forward", |story| {
            story.update();
            story.advance(&["snapshot"]).publish().update();
            story.advance(&["timestamp"]).publish().update();
        });
        story(plans, base, "versions far forward and back", |story| {
            story.update();
            for role in ["timestamp", "snapshot", "targets"] {
                story.repository().document(role).set_version(u64::MAX - 1);
            }
            story.publish().update();
            for role in ["timestamp", "snapshot", "targets"] {
                story.repository().document(role).set_version(u64::MAX);
            }
            story.publish().update();
            for role in ["timestamp", "snapshot", "targets"] {
                story.repository().document(role).set_version(2);
            }
            story.publish().update();
        });
        story(plans, base, "versions in steps of a thousand", |story| {
            for version in [1, 1001, 2001] {
                for role in ["timestamp", "snapshot", "targets"] {
                    story.repository().document(role).set_version(version);
                }
                story.publish().update();
            }
        });
    }
    story(plans, "delegations", "a delegated role vanishes from the snapshot", |story| {
        story.update();
        story.repository().targets.retain(|document| document.role != "third");
        story.advance(&["snapshot", "timestamp"]).publish().update();
    });
    story(plans, "delegations", "a delegated role goes back", |story| {
        story.advance(&["third", "snapshot", "timestamp"]).publish().update();
        story.repository().document("third").set_version(1);
        story.advance(&["snapshot", "timestamp"]).publish().update();
    });
    story(plans, "delegations", "a delegated role that was never fetched goes back", |story| {
        story.base.find = vec!["a.txt".to_owned()];
        story.advance(&["third", "snapshot", "timestamp"]).publish().update();
        story.repository().document("third").set_version(1);
        story.advance(&["snapshot", "timestamp"]).publish().update();
    });
    story(plans, "delegations", "a delegated role changes without a version", |story| {
        story.update();
        add_target(story.repository(), "first", "first/new.txt", &[Sha256]);
        story.base.find.push("first/new.txt".to_owned());
        story.advance(&["snapshot", "timestamp"]).publish().update();
    });
    story(plans, "delegations", "a delegation is withdrawn and its role stays listed", |story| {
        story.update();
        story.repository().document("targets").signed.remove("delegations");
        story.advance(&["targets", "snapshot", "timestamp"]).publish().update();
    });
    story(plans, "delegations", "a delegated role has a new key", |story| {
        story.update();
        let key = TestKey::ed25519("first-2");
        if let Some(delegations) = story.repository().document("targets").signed.member_mut("delegations") {
            if let Some(keys) = delegations.member_mut("keys") {
                keys.set(&key.id, key.object());
            }
            if let Some(Json::Array(roles)) = delegations.member_mut("roles") {
                roles[0].set("keyids", Json::texts(&[&key.id]));
            }
        }
        story.advance(&["targets", "snapshot", "timestamp"]).publish().update();
        story.repository().document("first").signers = vec![key];
        story.advance(&["first", "snapshot", "timestamp"]).publish().update();
    });
}

fn freezes(plans: &mut Vec<Plan>) {
    for base in BASES {
        for days in [29, 30, 31] {
            story(plans, base, &format!("nothing new for {days} days"), move |story| {
                story.update().after_days(days).update();
            });
        }
        for role in ["root", "timestamp", "snapshot", "targets"] {
            story(
                plans,
                base,
                &format!("{role} expires, the others do not, then it is renewed"),
                move |story| {
                    for other in ["root", "timestamp", "snapshot", "targets"] {
                        let expires =
                            if other == role { "2026-01-03T00:00:00Z" } else { "2026-01-31T00:00:00Z" };
                        story.repository().document(other).signed.set("expires", Json::text(expires));
                    }
                    // The bases' first root is trusted before.
                    let root = story.base.repository.publish(&[], None).metadata["1.root.json"].clone();
                    story.case.root = root;
                    story.publish().update().after_days(5).update();
                    story
                        .repository()
                        .document(role)
                        .signed
                        .set("expires", Json::text("2026-01-31T00:00:00Z"));
                    let above: &[&str] = match role {
                        "root" => &["root"],
                        "timestamp" => &["timestamp"],
                        "snapshot" => &["snapshot", "timestamp"],
                        _ => &["targets", "snapshot", "timestamp"],
                    };
                    story.advance(above).publish().update();
                },
            );
        }
        story(plans, base, "the clock goes back", |story| {
            story.after_days(20).update().after_days(-400).update();
        });
        story(plans, base, "an expired timestamp forward", |story| {
            story.update();
            story.repository().timestamp.signed.set("expires", Json::text("2025-01-01T00:00:00Z"));
            story.advance(&["timestamp"]).publish().update();
            story.repository().timestamp.signed.set("expires", Json::text("2026-01-31T00:00:00Z"));
            story.publish().update();
        });
        story(plans, base, "an expired snapshot forward", |story| {
            story.update();
            story.repository().snapshot.signed.set("expires", Json::text("2025-01-01T00:00:00Z"));
            story.advance(&["snapshot", "timestamp"]).publish().update();
            story.repository().snapshot.signed.set("expires", Json::text("2026-01-31T00:00:00Z"));
            story.advance(&["snapshot", "timestamp"]).publish().update();
        });
    }
}

fn mixtures(plans: &mut Vec<Plan>) {
    for base in BASES {
        let plain = base == "inconsistent";
        for (role, version) in [("snapshot", 2), ("targets", 2), ("timestamp", 0)] {
            story(plans, base, &format!("the old {role} for the new one"), move |story| {
                let old = Arc::clone(&story.site);
                story.update().advance(&["targets", "snapshot", "timestamp"]).publish();
                let plain_name = format!("{role}.json");
                let name = if plain || version == 0 {
                    plain_name.clone()
                } else {
                    format!("{version}.{plain_name}")
                };
                let old_name = if plain || version == 0 { plain_name } else { format!("1.{plain_name}") };
                let mixed = story.with_file(&name, old.metadata.get(&old_name).cloned());
                story.update_from(&mixed).update();
            });
            story(plans, base, &format!("no {role}"), move |story| {
                story.update().advance(&["targets", "snapshot", "timestamp"]).publish();
                let name = if plain || version == 0 {
                    format!("{role}.json")
                } else {
                    format!("{version}.{role}.json")
                };
                let missing = story.with_file(&name, None);
                story.update_from(&missing).update();
            });
        }
        story(plans, base, "snapshot served as targets", move |story| {
            let (from, to) =
                if plain { ("snapshot.json", "targets.json") } else { ("1.snapshot.json", "1.targets.json") };
            let mixed = story.with_file(to, story.site.metadata.get(from).cloned());
            story.update_from(&mixed).update();
        });
        story(plans, base, "targets without length and hashes, other content", |story| {
            story.repository().listed_by = Vec::new();
            story.publish().update();
            add_target(story.repository(), "targets", "new.txt", &[Sha256]);
            story.base.find.push("new.txt".to_owned());
            story.advance(&["timestamp"]).publish().update();
            story.advance(&["targets", "snapshot", "timestamp"]).publish().update();
        });
    }
    story(plans, "delegations", "one delegated role served as another", |story| {
        story.repository().listed_by = Vec::new();
        let key = TestKey::ed25519("first");
        story.repository().document("third").signers.push(key);
        story.publish();
        let mixed = story.with_file("1.first.json", story.site.metadata.get("1.third.json").cloned());
        story.update_from(&mixed);
    });
    story(plans, "delegations", "targets served as a delegated role", |story| {
        let mixed = story.with_file("1.first.json", story.site.metadata.get("1.targets.json").cloned());
        story.update_from(&mixed).update();
    });
    for (name, naming, flag) in [("gives up", Naming::Plain, false), ("keeps", Naming::Versioned, true)] {
        story(plans, "delegations", &format!("the repository {name} consistent snapshots"), move |story| {
            story.update();
            story.repository().root.signed.set("consistent_snapshot", Json::Bool(flag));
            story.repository().naming = naming;
            story.advance(&["root", "targets", "first", "snapshot", "timestamp"]).publish().update();
        });
    }
}

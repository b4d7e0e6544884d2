//! Clients whose storage somebody touched between two updates.

use super::story::{BASES, story};
use crate::case::Plan;
use crate::key::TestKey;
use crate::repository::{Naming, Repository};

/// The client's own files, damaged or exchanged between two updates.
pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for base in BASES {
        for role in ["timestamp", "snapshot", "targets"] {
            story(&mut plans, base, &format!("stored {role} lost"), move |story| {
                story
                    .update()
                    .update_with(role, None)
                    .advance(&["targets", "snapshot", "timestamp"])
                    .publish()
                    .update();
            });
            type Damage = fn() -> Vec<u8>;
            let damages: [(&str, Damage); 3] = [
                ("empty", Vec::new),
                ("garbage", || b"garbage".to_vec()),
                ("not UTF-8", || vec![0xff, 0xfe, 0x00]),
            ];
            for (name, damage) in damages {
                story(&mut plans, base, &format!("stored {role} {name}"), move |story| {
                    story.update().update_with(role, Some(damage()));
                    story.advance(&["targets", "snapshot", "timestamp"]).publish().update();
                });
            }
            story(&mut plans, base, &format!("stored {role} by a stranger"), move |story| {
                story.update();
                let mut own = story.base.repository.clone();
                own.document(role).set_version(9);
                own.document(role).signers = vec![TestKey::ed25519("stranger")];
                let forged = named(&own, role);
                story.update_with(role, Some(forged));
                story.advance(&["targets", "snapshot", "timestamp"]).publish().update();
            });
            story(&mut plans, base, &format!("stored {role} of later versions"), move |story| {
                story.update();
                let mut own = story.base.repository.clone();
                own.document(role).set_version(9);
                let later = named(&own, role);
                story.update_with(role, Some(later));
                story.advance(&["targets", "snapshot", "timestamp"]).publish().update();
            });
            story(&mut plans, base, &format!("stored {role} is another role's"), move |story| {
                story.update();
                let other = if role == "targets" { "snapshot" } else { "targets" };
                let own = story.base.repository.clone();
                let exchanged = named(&own, other);
                story.update_with(role, Some(exchanged));
            });
        }
    }
    plans
}

/// A role's file as the repository would publish it now.
fn named(repository: &Repository, role: &str) -> Vec<u8> {
    let mut repository = repository.clone();
    repository.naming = Naming::Both;
    let site = repository.publish(&[], None);
    site.metadata[&format!("{role}.json")].clone()
}

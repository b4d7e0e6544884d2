//! Keys: how they are written, under which identifiers, and which of them count.

use std::sync::Arc;

use sealdex_tuf::Scheme;

use super::{at, case};
use crate::bases;
use crate::case::Plan;
use crate::json::Json;
use crate::key::TestKey;
use crate::repository::{Document, keys, role_keys, signature};

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    spellings(&mut plans);
    identifiers(&mut plans);
    plans.extend(delegated_identifiers());
    plans
}

/// A timestamp signed by one key, which the root writes down in some way.
fn spellings(plans: &mut Vec<Plan>) {
    type Edit = fn(&mut Json);
    let public = |key: &mut Json, edit: &dyn Fn(&str) -> String| {
        if let Some(Json::Text(text)) =
            key.member_mut("keyval").and_then(|keyval| keyval.member_mut("public"))
        {
            *text = edit(text);
        }
    };
    let schemes =
        [Scheme::Ed25519, Scheme::EcdsaSha2Nistp256, Scheme::EcdsaSha2Nistp384, Scheme::RsassaPssSha256];
    let names: [(&str, Edit); 17] = [
        ("plain", |_| {}),
        ("keytype-of-scheme", |key| {
            let scheme = key.member("scheme").cloned().unwrap_or(Json::Null);
            key.set("keytype", scheme);
        }),
        ("keytype-rsa", |key| key.set("keytype", Json::text("rsa"))),
        ("keytype-ecdsa", |key| key.set("keytype", Json::text("ecdsa"))),
        ("keytype-ed25519", |key| key.set("keytype", Json::text("ed25519"))),
        ("keytype-unknown", |key| key.set("keytype", Json::text("x"))),
        ("scheme-unknown", |key| key.set("scheme", Json::text("x"))),
        ("scheme-rsa-sha512", |key| key.set("scheme", Json::text("rsassa-pss-sha512"))),
        ("scheme-pkcs1", |key| key.set("scheme", Json::text("rsa-pkcs1v15-sha256"))),
        ("scheme-ml-dsa", |key| {
            key.set("keytype", Json::text("ml-dsa"));
            key.set("scheme", Json::text("ml-dsa-65/1"));
        }),
        ("hash-algorithms", |key| key.set("keyid_hash_algorithms", Json::texts(&["sha256", "sha512"]))),
        ("private", |key| {
            if let Some(keyval) = key.member_mut("keyval") {
                keyval.set("private", Json::text(""));
            }
        }),
        ("owner", |key| key.set("x-owner", Json::text("@\u{fc}"))),
        ("certificate", |key| {
            if let Some(keyval) = key.member_mut("keyval") {
                keyval.set("certificate", Json::text("x"));
            }
        }),
        ("no-keyval", |key| key.remove("keyval")),
        ("no-public", |key| key.set("keyval", Json::object::<&str>([]))),
        ("public-null", |key| key.set("keyval", Json::object([("public", Json::Null)]))),
    ];
    type Text = fn(&str) -> String;
    let texts: [(&str, Text); 12] = [
        ("upper-case", |text| text.to_uppercase()),
        ("line-end", |text| format!("{text}\n")),
        ("no-line-end", |text| text.trim_end().to_owned()),
        ("crlf", |text| text.replace('\n', "\r\n")),
        ("blank-before", |text| format!(" {text}")),
        ("text-before", |text| format!("note\n{text}")),
        ("text-after", |text| format!("{text}note\n")),
        ("twice", |text| format!("{text}{text}")),
        ("one-line", |text| match text.split_once("-----\n") {
            Some((head, rest)) => {
                let (body, tail) = rest.split_once("-----END").unwrap_or((rest, ""));
                format!("{head}-----\n{}\n-----END{tail}", body.replace('\n', ""))
            }
            None => text.to_owned(),
        }),
        ("other-label", |text| text.replace("PUBLIC KEY", "RSA PUBLIC KEY")),
        ("empty", |_| String::new()),
        ("cut-off", |text| text[..text.len() / 2].to_owned()),
    ];
    for scheme in schemes {
        let key = TestKey::of(&format!("signer-{scheme}"), &scheme);
        let mut base = bases::base("plain");
        base.repository.timestamp.signers = vec![key.clone()];
        let mut listed = base.repository.root.signed.member("keys").cloned().unwrap_or(Json::Null);
        listed.set(&key.id, key.object());
        base.repository.root.signed.set("keys", listed);
        if let Some(roles) = base.repository.root.signed.member_mut("roles") {
            roles.set("timestamp", role_keys(std::slice::from_ref(&key), 1));
        }
        let base = Arc::new(base);
        let place = format!("/keys/{scheme}");
        let own = move |signed: &mut Json, id: &str, edit: &dyn Fn(&mut Json)| {
            if let Some(key) = signed.member_mut("keys").and_then(|keys| keys.member_mut(id)) {
                edit(key);
            }
        };
        for (name, edit) in names {
            let id = key.id.clone();
            plans.push(at(&base, "root", &place, name).signed(move |signed| own(signed, &id, &edit)));
        }
        for (name, edit) in texts {
            let id = key.id.clone();
            let place = format!("{place}/public");
            plans.push(at(&base, "root", &place, name).signed(move |signed| {
                own(signed, &id, &|key| public(key, &edit));
            }));
        }
    }
}

/// One key under two identifiers, two keys under one, keys that are not there: two of two must sign the timestamp.
fn identifiers(plans: &mut Vec<Plan>) {
    let base = Arc::new(bases::base("plain"));
    let (first, second) = (TestKey::ed25519("timestamp-1"), TestKey::ed25519("timestamp-2"));
    type Make = fn(&TestKey, &TestKey) -> (Vec<(String, Json)>, Json);
    let makes: [(&str, Make); 12] = [
        ("two-of-two", |a, b| (vec![entry(&a.id, a), entry(&b.id, b)], of(&[&a.id, &b.id], 2))),
        ("one-key-two-ids", |a, _| (vec![entry(&a.id, a), entry("second", a)], of(&[&a.id, "second"], 2))),
        ("one-key-two-ids-one-needed", |a, _| {
            (vec![entry(&a.id, a), entry("second", a)], of(&[&a.id, "second"], 1))
        }),
        ("one-key-two-spellings", |a, _| {
            let mut other = a.object();
            other.set("x-note", Json::text("the same key"));
            (vec![entry(&a.id, a), ("second".to_owned(), other)], of(&[&a.id, "second"], 2))
        }),
        ("one-key-two-cases", |a, _| {
            let mut other = a.object();
            if let Some(Json::Text(public)) =
                other.member_mut("keyval").and_then(|keyval| keyval.member_mut("public"))
            {
                *public = public.to_uppercase();
            }
            (vec![entry(&a.id, a), ("second".to_owned(), other)], of(&[&a.id, "second"], 2))
        }),
        ("id-that-is-no-digest", |a, _| (vec![entry("second", a)], of(&["second"], 1))),
        ("ids-swapped", |a, b| (vec![entry(&a.id, b), entry(&b.id, a)], of(&[&a.id, &b.id], 2))),
        ("id-listed-twice", |a, _| (vec![entry(&a.id, a)], of(&[&a.id, &a.id], 1))),
        ("id-listed-twice-two-needed", |a, _| (vec![entry(&a.id, a)], of(&[&a.id, &a.id], 2))),
        ("id-without-key", |a, b| (vec![entry(&a.id, a)], of(&[&a.id, &b.id], 1))),
        ("id-without-key-two-needed", |a, b| (vec![entry(&a.id, a)], of(&[&a.id, &b.id], 2))),
        ("key-without-role", |a, b| (vec![entry(&a.id, a), entry(&b.id, b)], of(&[&a.id], 1))),
    ];
    for (name, make) in makes {
        let (base, first, second) = (Arc::clone(&base), first.clone(), second.clone());
        plans.push(Plan::new(format!("plain|keys|timestamp|/|{name}"), move |id| {
            let (listed, roles) = make(&first, &second);
            let mut repository = base.repository.clone();
            if let Some(keys) = repository.root.signed.member_mut("keys") {
                keys.remove(&first.id);
                if let Json::Object(members) = keys {
                    members.extend(listed);
                }
            }
            if let Some(own) = repository.root.signed.member_mut("roles") {
                own.set("timestamp", roles);
            }
            // Every identifier's signature is there, made by either key.
            let (a, b) = (first.clone(), second.clone());
            let sign = crate::repository::Mutation::envelope("timestamp", move |file| {
                let message = file.member("signed").map(Json::canonical).unwrap_or_default();
                let (by_a, by_b) = (a.sign(message.as_bytes()), b.sign(message.as_bytes()));
                let own = if name == "ids-swapped" { (by_b, by_a.clone()) } else { (by_a.clone(), by_b) };
                let signatures =
                    vec![signature(&a.id, &own.0), signature(&b.id, &own.1), signature("second", &by_a)];
                file.set("signatures", Json::Array(signatures));
            });
            case(id, &base, &[Arc::new(repository.publish(&[sign], None))])
        }));
    }
}

fn of(ids: &[&str], threshold: u64) -> Json {
    Json::object([("keyids", Json::texts(ids)), ("threshold", Json::integer(threshold))])
}

fn entry(id: &str, key: &TestKey) -> (String, Json) {
    (id.to_owned(), key.object())
}

/// The same for a delegated role.
fn delegated_identifiers() -> Vec<Plan> {
    let mut plans = Vec::new();
    let (a, b) = (TestKey::ed25519("first"), TestKey::ed25519("first-2"));
    type Make = fn(&TestKey, &TestKey) -> (Json, Json);
    let makes: [(&str, Make, u64); 5] = [
        (
            "one-key-two-ids",
            |a, _| {
                (
                    Json::object([(a.id.clone(), a.object()), ("second".to_owned(), a.object())]),
                    Json::texts(&[&a.id, "second"]),
                )
            },
            2,
        ),
        ("id-listed-twice", |a, _| (keys(std::slice::from_ref(a)), Json::texts(&[&a.id, &a.id])), 1),
        ("id-without-key", |a, b| (keys(std::slice::from_ref(a)), Json::texts(&[&b.id, &a.id])), 1),
        ("two-of-two", |a, b| (keys(&[a.clone(), b.clone()]), Json::texts(&[&b.id, &a.id])), 2),
        ("no-keys", |_, _| (Json::object::<&str>([]), Json::Array(Vec::new())), 1),
    ];
    for (name, make, threshold) in makes {
        let (a, b) = (a.clone(), b.clone());
        plans.push(Plan::new(format!("delegations|keys|first|/|{name}"), move |id| {
            let base = bases::base("delegations");
            let mut repository = base.repository.clone();
            let (listed, ids) = make(&a, &b);
            let document: &mut Document = repository.document("targets");
            if let Some(delegations) = document.signed.member_mut("delegations") {
                if let Some(Json::Object(members)) = delegations.member_mut("keys") {
                    members.retain(|(id, _)| *id != a.id);
                    if let Json::Object(more) = listed {
                        members.extend(more);
                    }
                }
                if let Some(Json::Array(roles)) = delegations.member_mut("roles") {
                    roles[0].set("keyids", ids);
                    roles[0].set("threshold", Json::integer(threshold));
                }
            }
            let (a, b) = (a.clone(), b.clone());
            let sign = crate::repository::Mutation::envelope("first", move |file| {
                let message = file.member("signed").map(Json::canonical).unwrap_or_default();
                let (by_a, by_b) = (a.sign(message.as_bytes()), b.sign(message.as_bytes()));
                let signatures =
                    vec![signature(&a.id, &by_a), signature(&b.id, &by_b), signature("second", &by_a)];
                file.set("signatures", Json::Array(signatures));
            });
            case(id, &base, &[Arc::new(repository.publish(&[sign], None))])
        }));
    }
    plans
}

//! Values at their edges, by what they mean.

use std::sync::Arc;

use sealdex_tuf::digest::HashAlgorithm::{Sha256, Sha512};

use super::{Edited, at};
use crate::bases::{self, Base};
use crate::case::{LIMITS, Plan};
use crate::json::Json;
use crate::repository::{Listed, Mutation, Naming, hashes};

/// Every role of the base `delegations` at a different place in the workflow.
const ROLES: [&str; 5] = ["root", "timestamp", "snapshot", "targets", "first"];

pub(super) fn plans() -> Vec<Plan> {
    let untouched = |base: Base| Edited::untouched(&Arc::new(base), "untouched");
    let mut plans: Vec<Plan> = bases::all().into_iter().map(untouched).collect();
    expiries(&mut plans);
    spec_versions(&mut plans);
    thresholds(&mut plans);
    listings(&mut plans);
    listed_hashes(&mut plans);
    lengths(&mut plans);
    other_entries(&mut plans);
    targets(&mut plans);
    plans
}

fn expiries(plans: &mut Vec<Plan>) {
    let base = Arc::new(bases::base("delegations"));
    let texts = [
        ("now", "2026-01-01T00:00:00Z"),
        ("now+1s", "2026-01-01T00:00:01Z"),
        ("now-1s", "2025-12-31T23:59:59Z"),
        ("end-of-years", "9999-12-31T23:59:59Z"),
        ("year-9999", "9999-01-01T00:00:00Z"),
        ("year-10000", "10000-01-01T00:00:00Z"),
        ("year-1", "0001-01-01T00:00:00Z"),
        ("year-0", "0000-01-01T00:00:00Z"),
        ("fraction", "2026-01-31T00:00:00.5Z"),
        ("zero-fraction", "2026-01-31T00:00:00.000Z"),
        ("offset", "2026-01-31T00:00:00+00:00"),
        ("other-offset", "2026-01-31T00:00:00+01:00"),
        ("no-zone", "2026-01-31T00:00:00"),
        ("lower-case", "2026-01-31t00:00:00z"),
        ("blank", "2026-01-31 00:00:00Z"),
        ("basic-format", "20260131T000000Z"),
        ("short-numbers", "2026-1-31T0:0:0Z"),
        ("short-numbers-of-same-value", "2026-01-31T0:00:00Z"),
        ("no-such-day", "2026-02-30T00:00:00Z"),
        ("hour-24", "2026-01-31T24:00:00Z"),
        ("leap-second", "2026-06-30T23:59:60Z"),
        ("arabic-digits", "\u{0662}\u{0660}\u{0662}\u{0666}-01-31T00:00:00Z"),
        ("week-date", "2026-W05-6T00:00:00Z"),
        ("annotated", "2026-01-31T00:00:00Z[UTC]"),
    ];
    for role in ROLES {
        for (name, text) in texts {
            plans.push(at(&base, role, "/expires", name).signed(move |signed| {
                signed.set("expires", Json::text(text));
            }));
        }
    }
}

fn spec_versions(plans: &mut Vec<Plan>) {
    let base = Arc::new(bases::base("delegations"));
    let texts = [
        "1",
        "1.0",
        "1.0.0",
        "1.0.99",
        "1.99.0",
        "1.0.0.0",
        "2.0.0",
        "0.9.0",
        "10.0.0",
        "01.0.0",
        "1.00.0",
        "1.0.0-rc.1",
        "1.0.0+build",
        "v1.0.0",
        "1.",
        "1..0",
        "1.0.",
        "1.x",
        "\u{0661}.0.0",
        "1.\u{0662}",
        "1.\u{b2}",
        "-1.0.0",
    ];
    for role in ROLES {
        for text in texts {
            plans.push(at(&base, role, "/spec_version", text).signed(move |signed| {
                signed.set("spec_version", Json::text(text));
            }));
        }
    }
}

fn thresholds(plans: &mut Vec<Plan>) {
    let numbers = ["0", "1", "2", "3", "4", "4294967295", "4294967296", "18446744073709551615"];
    let base = Arc::new(bases::base("thresholds"));
    for role in ["root", "timestamp", "snapshot", "targets"] {
        for number in numbers {
            let name = format!("/roles/{role}/threshold");
            plans.push(at(&base, "root", &name, number).signed(move |signed| {
                let keys = signed.member_mut("roles").and_then(|roles| roles.member_mut(role));
                if let Some(keys) = keys {
                    keys.set("threshold", Json::Number(number.to_owned()));
                }
            }));
        }
    }
    let base = Arc::new(bases::base("delegations"));
    for number in numbers {
        plans.push(at(&base, "targets", "/delegations/roles/0/threshold", number).signed(move |signed| {
            if let Some(role) = first_delegation(signed) {
                role.set("threshold", Json::Number(number.to_owned()));
            }
        }));
    }
}

/// The first entry of the roles that a targets role delegates to.
pub(super) fn first_delegation(signed: &mut Json) -> Option<&mut Json> {
    match signed.member_mut("delegations")?.member_mut("roles")? {
        Json::Array(roles) => roles.first_mut(),
        _ => None,
    }
}

/// The entry of METAFILES for `file`.
fn meta<'a>(signed: &'a mut Json, file: &str) -> Option<&'a mut Json> {
    signed.member_mut("meta")?.member_mut(file)
}

/// What is listed of a file is not what the file is.
fn listings(plans: &mut Vec<Plan>) {
    let pairs = [
        ("timestamp", "snapshot.json"),
        ("snapshot", "targets.json"),
        ("snapshot", "first.json"),
        ("snapshot", "third.json"),
    ];
    for name in ["delegations", "plain"] {
        let base = Arc::new(bases::base(name));
        for (role, file) in pairs {
            if name == "plain" && file.len() < 12 {
                continue;
            }
            for version in ["0", "2", "3", "9223372036854775807"] {
                let place = format!("/meta/{file}/version");
                plans.push(at(&base, role, &place, version).signed(move |signed| {
                    if let Some(entry) = meta(signed, file) {
                        entry.set("version", Json::Number(version.to_owned()));
                    }
                }));
                // The file is there under that name too.
                let (plan, mut both) = (format!("{version}-served"), (*base).clone());
                both.repository.naming = Naming::Both;
                let mut edited = at(&Arc::new(both), role, &place, &plan);
                edited.rename = Some((format!("1.{file}"), format!("{version}.{file}")));
                plans.push(edited.signed(move |signed| {
                    if let Some(entry) = meta(signed, file) {
                        entry.set("version", Json::Number(version.to_owned()));
                    }
                }));
            }
        }
    }
}

fn listed_hashes(plans: &mut Vec<Plan>) {
    let base = Arc::new(bases::base("delegations"));
    let right = |signed: &mut Json, file: &str| {
        meta(signed, file)
            .and_then(|entry| entry.member("hashes"))
            .and_then(|hashes| hashes.member("sha256"))
            .cloned()
    };
    let wrong = || Json::text("00".repeat(32));
    type Make = fn(Json, Json) -> Json;
    let lists: [(&str, Make); 9] = [
        ("wrong", |_, wrong| Json::object([("sha256", wrong)])),
        ("none", |_, _| Json::object::<&str>([])),
        ("unknown-alone", |right, _| Json::object([("sha3-256", right)])),
        ("unknown-and-right", |right, wrong| Json::object([("x-hash", wrong), ("sha256", right)])),
        ("right-and-unknown", |right, wrong| Json::object([("sha256", right), ("x-hash", wrong)])),
        ("right-and-wrong", |right, _| {
            Json::object([("sha256", right), ("sha512", Json::text("00".repeat(64)))])
        }),
        ("right-and-md5", |right, _| Json::object([("sha256", right), ("md5", Json::text("00".repeat(16)))])),
        ("truncated", |right, _| match right {
            Json::Text(text) => Json::object([("sha256", Json::text(&text[..62]))]),
            other => other,
        }),
        ("twice", |right, wrong| Json::object([("sha256", wrong), ("sha256", right)])),
    ];
    for (role, file) in
        [("timestamp", "snapshot.json"), ("snapshot", "targets.json"), ("snapshot", "first.json")]
    {
        for (name, make) in lists {
            plans.push(at(&base, role, &format!("/meta/{file}/hashes"), name).signed(move |signed| {
                let Some(right) = right(signed, file) else { return };
                if let Some(entry) = meta(signed, file) {
                    entry.set("hashes", make(right, wrong()));
                }
            }));
        }
        for (name, by) in [("longer", 1), ("shorter", -1)] {
            plans.push(at(&base, role, &format!("/meta/{file}/length"), name).signed(move |signed| {
                let length = meta(signed, file).and_then(|entry| entry.member_mut("length"));
                if let Some(Json::Number(length)) = length {
                    *length = (length.parse::<i64>().unwrap_or_default() + by).to_string();
                }
            }));
        }
        for (name, number) in [("0", "0"), ("at-the-limit", "30000"), ("endless", "9223372036854775807")] {
            plans.push(at(&base, role, &format!("/meta/{file}/length"), name).signed(move |signed| {
                if let Some(entry) = meta(signed, file) {
                    entry.set("length", Json::Number(number.to_owned()));
                }
            }));
        }
    }
}

/// Files as long as the limits, and one byte longer: with blanks at their ends, which change nothing else.
fn lengths(plans: &mut Vec<Plan>) {
    let limits = [
        ("root", LIMITS.max_root_bytes),
        ("timestamp", LIMITS.max_timestamp_bytes),
        ("snapshot", LIMITS.max_snapshot_bytes),
        ("targets", LIMITS.max_targets_bytes),
        ("first", LIMITS.max_targets_bytes),
    ];
    for listed in [true, false] {
        let mut base = bases::base("delegations");
        if !listed {
            base.repository.listed_by = Vec::new();
        }
        let base = Arc::new(base);
        for (role, limit) in limits {
            for over in [0, 1] {
                let length = usize::try_from(limit + over).unwrap_or(usize::MAX);
                let name = format!("limit+{over}{}", if listed { "" } else { "-unlisted" });
                plans.push(at(&base, role, "/", &name).with(Mutation::bytes(role, move |mut bytes| {
                    bytes.resize(length, b' ');
                    bytes
                })));
            }
            let name = if listed { "longer-than-listed" } else { "longer-unlisted" };
            let mut longer = Mutation::bytes(role, |mut bytes| {
                bytes.push(b' ');
                bytes
            });
            longer.listed = Listed::AsBefore;
            plans.push(at(&base, role, "/", name).with(longer));
        }
    }
}

/// Entries of METAFILES for files that have nothing to do there.
fn other_entries(plans: &mut Vec<Plan>) {
    let base = Arc::new(bases::base("plain"));
    let long = format!("{}.json", "r".repeat(201));
    let names = [
        "root.json",
        "snapshot.json",
        "timestamp.json",
        "Targets.json",
        "other.json",
        "other.txt",
        "other",
        ".json",
        "../x.json",
        "a/b.json",
        "mirrors.json",
        long.as_str(),
        "\u{1f600}.json",
    ];
    for role in ["timestamp", "snapshot"] {
        for name in names {
            let (own, shown) = (name.to_owned(), if name.len() > 100 { "long" } else { name });
            plans.push(at(&base, role, "/meta", &format!("also-{shown}")).signed(move |signed| {
                let Some(meta) = signed.member_mut("meta") else { return };
                if meta.member(&own).is_none() {
                    meta.set(&own, Json::object([("version", Json::integer(1))]));
                }
            }));
        }
    }
}

fn targets(plans: &mut Vec<Plan>) {
    let mut base = bases::base("plain");
    let content = b"content of a.txt".to_vec();
    let paths = [
        "",
        "/a.txt",
        "//a.txt",
        "../a.txt",
        "./a.txt",
        "a//b.txt",
        "a\0.txt",
        "a\n.txt",
        "\u{1f600}",
        "a.txt/",
        "a b",
        "a?b#c",
        "%41",
        "\u{e9}",
        "e\u{301}",
        "A.TXT",
        "con",
        "a\\b",
    ];
    for path in paths {
        base.repository.contents.insert(path.to_owned(), content.clone());
        let mut own = base.clone();
        own.find = vec![path.to_owned(), "a.txt".to_owned(), "e\u{301}".to_owned()];
        let right = content.clone();
        let shown = path.escape_debug().to_string();
        plans.push(at(&Arc::new(own), "targets", "/targets", &format!("also-{shown}")).signed(
            move |signed| {
                if let Some(targets) = signed.member_mut("targets") {
                    targets.set(path, crate::repository::target(&right, &[Sha256]));
                }
            },
        ));
    }
    for length in [4096, 4097] {
        let path = "p".repeat(length);
        base.repository.contents.insert(path.clone(), content.clone());
        let mut own: Base = base.clone();
        own.find = vec![path.clone(), "a.txt".to_owned()];
        let right = content.clone();
        plans.push(at(&Arc::new(own), "targets", "/targets", &format!("path-of-{length}")).signed(
            move |signed| {
                if let Some(targets) = signed.member_mut("targets") {
                    targets.set(&path, crate::repository::target(&right, &[Sha256]));
                }
            },
        ));
    }
    let base = Arc::new(bases::base("plain"));
    for (name, length) in [("longer", 17), ("shorter", 15), ("0", 0)] {
        plans.push(at(&base, "targets", "/targets/a.txt/length", name).signed(move |signed| {
            if let Some(target) = signed.member_mut("targets").and_then(|targets| targets.member_mut("a.txt"))
            {
                target.set("length", Json::integer(length));
            }
        }));
    }
    let with = |name: &str, new: fn(&[u8]) -> Json| {
        let content = content.clone();
        at(&base, "targets", "/targets/a.txt/hashes", name).signed(move |signed| {
            if let Some(target) = signed.member_mut("targets").and_then(|targets| targets.member_mut("a.txt"))
            {
                target.set("hashes", new(&content));
            }
        })
    };
    plans.push(with("wrong", |_| hashes(b"other", &[Sha256])));
    plans.push(with("right-and-wrong", |content| {
        let mut both = hashes(content, &[Sha256]);
        both.set("sha512", hashes(b"other", &[Sha512]).member("sha512").cloned().unwrap_or(Json::Null));
        both
    }));
    plans.push(with("wrong-and-right", |content| {
        let mut both = hashes(b"other", &[Sha512]);
        both.set("sha256", hashes(content, &[Sha256]).member("sha256").cloned().unwrap_or(Json::Null));
        both
    }));
    plans.push(with("unknown-alone", |_| Json::object([("x-hash", Json::text("00"))])));
    plans.push(with("right-and-unknown", |content| {
        let mut both = hashes(content, &[Sha256]);
        both.set("x-hash", Json::text("00"));
        both
    }));
    let mut rare = bases::base("hashes");
    rare.find = vec!["384.txt".to_owned(), "blake2b.txt".to_owned()];
    plans.push(Edited::untouched(&Arc::new(rare), "rare-hash-functions"));
}

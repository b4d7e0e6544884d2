//! Signatures, and the file around the signed part.

use std::sync::Arc;

use super::at;
use crate::bases;
use crate::case::Plan;
use crate::json::Json;
use crate::key::TestKey;
use crate::operator::nested;
use crate::repository::{Mutation, signature};

const ROLES: [&str; 5] = ["root", "timestamp", "snapshot", "targets", "first"];

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    signatures(&mut plans);
    thresholds(&mut plans);
    members(&mut plans);
    bytes(&mut plans);
    plans
}

/// A change of the list of signatures; it is given the list and the signed part's canonical form.
type Change = fn(&mut Vec<Json>, &str);

fn signatures(plans: &mut Vec<Plan>) {
    let first = |list: &mut Vec<Json>, edit: &dyn Fn(&str, &str) -> Json| {
        let Some(Json::Text(id)) = list[0].member("keyid").cloned() else { return };
        let Some(Json::Text(sig)) = list[0].member("sig").cloned() else { return };
        list[0] = edit(&id, &sig);
    };
    type Rewrite = fn(&str, &str) -> Json;
    let rewrites: [(&str, Rewrite); 15] = [
        ("upper-case", |id, sig| signature(id, &sig.to_uppercase())),
        ("upper-case-key-id", |id, sig| signature(&id.to_uppercase(), sig)),
        ("blanks", |id, sig| signature(id, &format!(" {} {} ", &sig[..64], &sig[64..]))),
        ("odd", |id, sig| signature(id, &sig[1..])),
        ("0x", |id, sig| signature(id, &format!("0x{sig}"))),
        ("empty", |id, _| signature(id, "")),
        ("no-hex", |id, _| signature(id, "zz")),
        ("too-long", |id, sig| signature(id, &format!("{sig}00"))),
        ("too-short", |id, sig| signature(id, &sig[..126])),
        ("zeros", |id, _| signature(id, &"00".repeat(64))),
        ("null", |id, _| Json::object([("keyid", Json::text(id)), ("sig", Json::Null)])),
        ("number", |id, _| Json::object([("keyid", Json::text(id)), ("sig", Json::integer(1))])),
        ("key-id-null", |_, sig| Json::object([("keyid", Json::Null), ("sig", Json::text(sig))])),
        ("more-members", |id, sig| {
            Json::object([("keyid", Json::text(id)), ("method", Json::text("x")), ("sig", Json::text(sig))])
        }),
        ("twice-in-one", |id, sig| {
            Json::object([("keyid", Json::text(id)), ("sig", Json::text("00")), ("sig", Json::text(sig))])
        }),
    ];
    let changes: [(&str, Change); 18] = [
        ("none", |list, _| list.clear()),
        ("same-twice", |list, _| list.push(list[0].clone())),
        ("wrong-then-right", |list, _| {
            let Some(Json::Text(id)) = list[0].member("keyid").cloned() else { return };
            list.insert(0, signature(&id, &"00".repeat(64)));
        }),
        ("right-then-wrong", |list, _| {
            let Some(Json::Text(id)) = list[0].member("keyid").cloned() else { return };
            list.push(signature(&id, &"00".repeat(64)));
        }),
        ("empty-then-right", |list, _| {
            let Some(Json::Text(id)) = list[0].member("keyid").cloned() else { return };
            list.insert(0, signature(&id, ""));
        }),
        ("under-another-id", |list, _| {
            let Some(sig) = list[0].member("sig").cloned() else { return };
            list[0] = Json::object([("keyid", Json::text("ab".repeat(32))), ("sig", sig)]);
        }),
        ("also-under-another-id", |list, _| {
            let Some(sig) = list[0].member("sig").cloned() else { return };
            list.push(Json::object([("keyid", Json::text("ab".repeat(32))), ("sig", sig)]));
        }),
        ("by-a-stranger", |list, message| {
            let key = TestKey::ed25519("stranger");
            list[0] = signature(&key.id, &key.sign(message.as_bytes()));
        }),
        ("by-a-stranger-too", |list, message| {
            let key = TestKey::ed25519("stranger");
            list.insert(0, signature(&key.id, &key.sign(message.as_bytes())));
        }),
        ("stranger-malformed", |list, _| list.push(signature(&"cd".repeat(32), "not hex"))),
        ("stranger-twice", |list, _| {
            list.push(signature(&"cd".repeat(32), "00"));
            list.push(signature(&"cd".repeat(32), "00"));
        }),
        ("stranger-with-long-id", |list, _| list.push(signature(&"cd".repeat(200), "00"))),
        ("stranger-without-id", |list, _| list.push(signature("", "00"))),
        ("no-object", |list, _| list.push(Json::text("x"))),
        ("no-members", |list, _| list.push(Json::object::<&str>([]))),
        ("without-sig", |list, _| list.push(Json::object([("keyid", Json::text("ab"))]))),
        ("1024", |list, _| list.extend((1..1024).map(|n| signature(&format!("{n:x}"), "00")))),
        ("1025", |list, _| list.extend((1..1025).map(|n| signature(&format!("{n:x}"), "00")))),
    ];
    let base = Arc::new(bases::base("delegations"));
    for role in ROLES {
        for (name, rewrite) in rewrites {
            plans.push(at(&base, role, "/signatures/0", name).with(Mutation::envelope(role, move |file| {
                if let Some(Json::Array(list)) = file.member_mut("signatures") {
                    first(list, &rewrite);
                }
            })));
        }
        for (name, change) in changes {
            // Elsewhere so many are longer than the limit, or are not bounded by it.
            if name.starts_with("102") && role != "snapshot" {
                continue;
            }
            plans.push(at(&base, role, "/signatures", name).with(Mutation::envelope(role, move |file| {
                let message = file.member("signed").map(Json::canonical).unwrap_or_default();
                if let Some(Json::Array(list)) = file.member_mut("signatures") {
                    change(list, &message);
                }
            })));
        }
    }
}

/// Two of three, of three schemes: every choice of signatures.
fn thresholds(plans: &mut Vec<Plan>) {
    let base = Arc::new(bases::base("thresholds"));
    for role in ["root", "timestamp", "snapshot", "targets"] {
        for chosen in 0..8_usize {
            let name = format!("kept-{chosen:03b}");
            plans.push(at(&base, role, "/signatures", &name).with(Mutation::envelope(role, move |file| {
                if let Some(Json::Array(list)) = file.member_mut("signatures") {
                    let mut index = 0;
                    list.retain(|_| {
                        index += 1;
                        chosen >> (index - 1) & 1 == 1
                    });
                }
            })));
        }
        for (name, one, other) in [("swapped-0-1", 0, 1), ("swapped-0-2", 0, 2), ("swapped-1-2", 1, 2)] {
            plans.push(at(&base, role, "/signatures", name).with(Mutation::envelope(role, move |file| {
                if let Some(Json::Array(list)) = file.member_mut("signatures") {
                    let (a, b) = (list[one].member("sig").cloned(), list[other].member("sig").cloned());
                    if let (Some(a), Some(b)) = (a, b) {
                        list[one].set("sig", b);
                        list[other].set("sig", a);
                    }
                }
            })));
        }
        for index in 0..3 {
            for (name, from) in [("first-byte", 0), ("middle", 40), ("last-byte", usize::MAX)] {
                let shown = format!("damaged-{index}-{name}");
                plans.push(at(&base, role, "/signatures", &shown).with(Mutation::envelope(
                    role,
                    move |file| {
                        let Some(Json::Array(list)) = file.member_mut("signatures") else { return };
                        list.remove((index + 1) % 3);
                        let at = if index == 2 { 1 } else { index.min(list.len() - 1) };
                        if let Some(Json::Text(sig)) = list[at].member("sig").cloned() {
                            let from = from.min(sig.len() - 2);
                            let byte = u8::from_str_radix(&sig[from..from + 2], 16).unwrap_or_default() ^ 1;
                            let sig = format!("{}{byte:02x}{}", &sig[..from], &sig[from + 2..]);
                            list[at].set("sig", Json::text(sig));
                        }
                    },
                )));
            }
        }
    }
}

fn members(plans: &mut Vec<Plan>) {
    type Change = fn(&mut Json);
    let changes: [(&str, Change); 17] = [
        ("signed-first", |file| {
            if let Json::Object(members) = file {
                members.reverse();
            }
        }),
        ("another-member", |file| file.set("x-note", Json::object([("a", Json::Null)]))),
        ("fraction-outside", |file| file.set("x-note", Json::Number("1.5".to_owned()))),
        ("2^64-outside", |file| file.set("x-note", Json::Number("18446744073709551616".to_owned()))),
        ("nested-200-outside", |file| file.set("x-note", nested(200))),
        ("twice-outside", |file| {
            if let Json::Object(members) = file {
                members.extend([("x".to_owned(), Json::Null), ("x".to_owned(), Json::Null)]);
            }
        }),
        ("no-signed", |file| file.remove("signed")),
        ("no-signatures", |file| file.remove("signatures")),
        ("signed-null", |file| file.set("signed", Json::Null)),
        ("signed-array", |file| file.set("signed", Json::Array(Vec::new()))),
        ("signed-text", |file| {
            let text = file.member("signed").map(Json::write).unwrap_or_default();
            file.set("signed", Json::text(text));
        }),
        ("signatures-object", |file| file.set("signatures", Json::object::<&str>([]))),
        ("signatures-null", |file| file.set("signatures", Json::Null)),
        ("signatures-text", |file| file.set("signatures", Json::text(""))),
        ("signed-twice-other-first", |file| {
            let mut other = file.member("signed").cloned().unwrap_or(Json::Null);
            other.set("version", Json::integer(7));
            if let Json::Object(members) = file {
                members.insert(0, ("signed".to_owned(), other));
            }
        }),
        ("signed-twice-other-last", |file| {
            let mut other = file.member("signed").cloned().unwrap_or(Json::Null);
            other.set("version", Json::integer(7));
            if let Json::Object(members) = file {
                members.push(("signed".to_owned(), other));
            }
        }),
        ("signatures-twice", |file| {
            if let Json::Object(members) = file {
                members.insert(0, ("signatures".to_owned(), Json::Array(Vec::new())));
            }
        }),
    ];
    let base = Arc::new(bases::base("delegations"));
    for role in ROLES {
        for (name, change) in changes {
            plans.push(at(&base, role, "/", name).with(Mutation::envelope(role, change)));
        }
    }
}

fn bytes(plans: &mut Vec<Plan>) {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let changes: [(&str, Change); 24] = [
        ("empty", |_| Vec::new()),
        ("null", |_| b"null".to_vec()),
        ("array", |_| b"[]".to_vec()),
        ("object", |_| b"{}".to_vec()),
        ("cut-off", |mut file| {
            file.truncate(file.len() - 1);
            file
        }),
        ("half", |mut file| {
            file.truncate(file.len() / 2);
            file
        }),
        ("line-end", |file| [file.as_slice(), b"\n"].concat()),
        ("crlf", |file| [file.as_slice(), b"\r\n"].concat()),
        ("tab-before", |file| [b"\t", file.as_slice()].concat()),
        ("form-feed", |file| [file.as_slice(), b"\x0c"].concat()),
        ("null-byte", |file| [file.as_slice(), b"\0"].concat()),
        ("no-break-space", |file| [file.as_slice(), "\u{a0}".as_bytes()].concat()),
        ("byte-order-mark", |file| [b"\xef\xbb\xbf", file.as_slice()].concat()),
        ("utf-16", |file| file.iter().flat_map(|byte| [*byte, 0]).collect()),
        ("second-document", |file| [file.as_slice(), file.as_slice()].concat()),
        ("comma-after", |file| [file.as_slice(), b","].concat()),
        ("trailing-comma", |mut file| {
            file.pop();
            [file.as_slice(), b",}"].concat()
        }),
        ("comment", |file| [b"/* */", file.as_slice()].concat()),
        ("single-quotes", |file| file.iter().map(|byte| if *byte == b'"' { b'\'' } else { *byte }).collect()),
        ("not-a-number", |mut file| {
            file.pop();
            [file.as_slice(), b",\"x\":NaN}"].concat()
        }),
        ("infinity", |mut file| {
            file.pop();
            [file.as_slice(), b",\"x\":-Infinity}"].concat()
        }),
        ("leading-zero", |mut file| {
            file.pop();
            [file.as_slice(), b",\"x\":01}"].concat()
        }),
        ("no-utf-8", |mut file| {
            file.pop();
            [file.as_slice(), b",\"x\":\"\xff\"}"].concat()
        }),
        ("raw-control", |mut file| {
            file.pop();
            [file.as_slice(), b",\"x\":\"\n\"}"].concat()
        }),
    ];
    let base = Arc::new(bases::base("delegations"));
    for role in ROLES {
        for (name, change) in changes {
            plans.push(at(&base, role, "/", &format!("bytes-{name}")).with(Mutation::bytes(role, change)));
        }
    }
}

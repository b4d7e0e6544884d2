//! Who is asked about which target, in which order.

use std::sync::Arc;

use sealdex_tuf::digest::{self, HashAlgorithm::Sha256};

use super::{at, case};
use crate::bases::{self, Base, Delegation, add_role, add_target, delegate};
use crate::case::Plan;
use crate::json::Json;
use crate::key::TestKey;
use crate::repository::{Repository, delegated, keys, role_keys};

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    patterns(&mut plans);
    prefixes(&mut plans);
    bins(&mut plans);
    graphs(&mut plans);
    names(&mut plans);
    plans
}

/// An update from a repository made by `make`.
fn made(id: &str, find: &[&str], make: impl Fn(&mut Repository) + 'static) -> Plan {
    let find: Vec<String> = find.iter().map(|path| (*path).to_owned()).collect();
    Plan::new(format!("plain|delegation|targets|/delegations|{id}"), move |id| {
        let mut base = bases::base("plain");
        base.find = find.clone();
        make(&mut base.repository);
        case(id, &base, &[Arc::new(base.repository.publish(&[], None))])
    })
}

fn patterns(plans: &mut Vec<Plan>) {
    let table: &[(&str, &str)] = &[
        ("*", "a"),
        ("*", "a/b"),
        ("**", "a"),
        ("**", "a/b"),
        ("**/b", "a/b"),
        ("**/c", "a/b/c"),
        ("a/**", "a/b"),
        ("a/**", "a/b/c"),
        ("***", "a"),
        ("a**b", "axb"),
        ("*/*", "a/b"),
        ("*/*", "a"),
        ("?", "a"),
        ("?", ""),
        ("?", "/"),
        ("?", "\u{e9}"),
        ("?", "e\u{301}"),
        ("?", "\u{1f600}"),
        ("a?c", "a/c"),
        ("a*c", "a/c"),
        ("a", "a"),
        ("a", "A"),
        ("A", "a"),
        ("", "a"),
        ("a/", "a"),
        ("a", "a/"),
        ("/a", "a"),
        ("a", "/a"),
        ("/a", "/a"),
        ("/*", "/a"),
        ("*a", "/a"),
        ("*.txt", ".txt"),
        ("*", ".hidden"),
        ("?hidden", ".hidden"),
        ("[ab]", "a"),
        ("[ab]", "c"),
        ("[a-c]", "b"),
        ("[c-a]", "b"),
        ("[!ab]", "c"),
        ("[!ab]", "a"),
        ("[^ab]", "c"),
        ("[^ab]", "a"),
        ("[^ab]", "^"),
        ("[]]", "]"),
        ("[!]]", "a"),
        ("[]a]", "a"),
        ("[a-]", "-"),
        ("[-a]", "-"),
        ("[", "["),
        ("[a", "[a"),
        ("[]", "[]"),
        ("[!]", "[!]"),
        ("[[]", "["),
        ("[*]", "*"),
        ("[*]", "a"),
        ("[?]", "?"),
        ("[\\]]", "]"),
        ("[\\]]", "\\]"),
        ("\\*", "*"),
        ("\\*", "\\a"),
        ("\\a", "a"),
        ("\\a", "\\a"),
        ("[a/b]", "/"),
        ("[a/b]", "a"),
        ("a[/]b", "a/b"),
        ("[!a]", "/"),
        ("[[:alpha:]]", "a"),
        ("[[:alpha:]]", ":]"),
        ("{a,b}", "a"),
        ("{a,b}", "{a,b}"),
        ("a b", "a b"),
        ("a%20b", "a b"),
        ("\u{e9}", "e\u{301}"),
        ("a\n", "a\n"),
        ("*", "a\n"),
        ("a", "a\n"),
        ("a.c", "abc"),
        ("a+", "aa"),
        ("(a)", "a"),
        ("^a$", "a"),
        ("a|b", "a"),
        ("..", ".."),
        ("../*", "../a"),
        ("./a", "a"),
        ("a//b", "a//b"),
        ("a/*/b", "a//b"),
        ("*/b", "/b"),
        ("[0-9]", "5"),
        ("[\u{e0}-\u{ff}]", "\u{e9}"),
        ("[a-a]", "a"),
        ("[--0]", "."),
        ("[!-]", "a"),
        ("[a-c-e]", "d"),
        ("[a-c-e]", "-"),
        ("[a&&b]", "a"),
        ("[a~~b]", "~"),
        ("[a||b]", "|"),
        ("[a--b]", "a"),
    ];
    for (pattern, path) in table {
        let id = format!("{} for {}", pattern.escape_debug(), path.escape_debug());
        plans.push(made(&id, &[path, "a.txt"], move |repository| {
            delegate(repository, "targets", &[Delegation("d", ("paths", &[pattern]), false)]);
            add_target(repository, "d", path, &[Sha256]);
        }));
    }
    let stars = format!("{}b", "*a".repeat(16));
    let text = "a".repeat(60);
    plans.push(made("many stars", &[text.clone().as_str()], move |repository| {
        delegate(repository, "targets", &[Delegation("d", ("paths", &[&stars]), false)]);
        add_target(repository, "d", &text, &[Sha256]);
    }));
    for length in [4096, 4097] {
        plans.push(made(&format!("pattern of {length}"), &["a", "a.txt"], move |repository| {
            let long = "*".to_owned() + &"a".repeat(length - 1);
            delegate(repository, "targets", &[Delegation("d", ("paths", &["a", &long]), false)]);
            add_target(repository, "d", "a", &[Sha256]);
        }));
    }
    type Paths = &'static [&'static str];
    let lists: [(&str, Paths); 4] = [
        ("no patterns", &[]),
        ("second matches", &["b", "a"]),
        ("same twice", &["a", "a"]),
        ("empty and right", &["", "a"]),
    ];
    for (id, paths) in lists {
        plans.push(made(id, &["a", "a.txt"], move |repository| {
            delegate(repository, "targets", &[Delegation("d", ("paths", paths), false)]);
            add_target(repository, "d", "a", &[Sha256]);
        }));
    }
}

fn prefixes(plans: &mut Vec<Plan>) {
    let path = "page/index.json";
    let digest = hex::encode(digest::sha256(path.as_bytes()));
    let cases = [
        ("whole digest", vec![digest.clone()]),
        ("one digit", vec![digest[..1].to_owned()]),
        ("upper case", vec![digest[..8].to_uppercase()]),
        (
            "last digit other",
            vec![format!("{}{}", &digest[..7], if &digest[7..8] == "0" { "1" } else { "0" })],
        ),
        ("65 digits", vec![format!("{digest}0")]),
        ("empty", vec![String::new()]),
        ("none", vec![]),
        ("no hex", vec!["xyz".to_owned(), digest[..2].to_owned()]),
        ("blank", vec![format!("{} ", &digest[..4])]),
        ("0x", vec![format!("0x{}", &digest[..4])]),
        ("star", vec![format!("{}*", &digest[..4])]),
        ("digest of decoded path", vec![hex::encode(digest::sha256(b"page%2Findex.json"))[..4].to_owned()]),
    ];
    for (id, prefixes) in cases {
        plans.push(made(&format!("prefix {id}"), &[path, "a.txt"], move |repository| {
            let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
            delegate(repository, "targets", &[Delegation("d", ("path_hash_prefixes", &prefixes), false)]);
            add_target(repository, "d", path, &[Sha256]);
        }));
    }
    let half = digest[..4].to_owned();
    plans.push(made("paths match and prefixes do", &[path, "a.txt"], move |repository| {
        delegate(repository, "targets", &[Delegation("d", ("paths", &["*/*"]), false)]);
        add_target(repository, "d", path, &[Sha256]);
        with_first(repository, &|role| role.set("path_hash_prefixes", Json::texts(&[&half])));
    }));
    plans.push(made("paths match and prefixes do not", &[path, "a.txt"], move |repository| {
        delegate(repository, "targets", &[Delegation("d", ("paths", &["*/*"]), false)]);
        add_target(repository, "d", path, &[Sha256]);
        with_first(repository, &|role| role.set("path_hash_prefixes", Json::texts(&["ffff"])));
    }));
    plans.push(made("paths and prefixes null", &[path, "a.txt"], move |repository| {
        delegate(repository, "targets", &[Delegation("d", ("paths", &["*/*"]), false)]);
        add_target(repository, "d", path, &[Sha256]);
        with_first(repository, &|role| role.set("path_hash_prefixes", Json::Null));
    }));
}

fn with_first(repository: &mut Repository, edit: &dyn Fn(&mut Json)) {
    if let Some(role) = super::values::first_delegation(&mut repository.document("targets").signed) {
        edit(role);
    }
}

/// Bins by TAP 15.
fn bins(plans: &mut Vec<Plan>) {
    let path = "page/index.json";
    let key = TestKey::ed25519("bin");
    let make = |bits: Json, prefix: Json| {
        let mut bins = role_keys(std::slice::from_ref(&key), 1);
        bins.set("bit_length", bits);
        bins.set("name_prefix", prefix);
        bins
    };
    let number = |bits: u32| {
        let digest = digest::sha256(path.as_bytes());
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> (32 - bits)
    };
    let mut table: Vec<(String, Json, String)> = [1, 2, 3, 4, 5, 7, 8, 9, 16, 20, 31, 32]
        .map(|bits: u32| {
            let digits = usize::try_from(bits.div_ceil(4)).unwrap_or_default();
            let role = format!("bin-{:0digits$x}", number(bits));
            (format!("{bits} bits"), make(Json::integer(bits.into()), Json::text("bin")), role)
        })
        .into();
    for (name, bits) in [("0", "0"), ("33", "33"), ("64", "64"), ("-1", "-1"), ("256", "256"), ("2.0", "2.0")]
    {
        let bins = make(Json::Number(bits.to_owned()), Json::text("bin"));
        table.push((format!("{name} bits"), bins, format!("bin-{:x}", number(2))));
    }
    for prefix in ["", "\u{fc}", "a/b", "..", "targets", "1.x"] {
        let bins = make(Json::integer(2), Json::text(prefix));
        table.push((format!("prefix {prefix}"), bins, format!("{prefix}-{:x}", number(2))));
    }
    for (id, bins, role) in table {
        let key = key.clone();
        plans.push(made(&format!("bins {id}"), &[path, "a.txt"], move |repository| {
            add_role(repository, &role, &key);
            let listed = keys(std::slice::from_ref(&key));
            let delegations = Json::object([("keys", listed), ("succinct_roles", bins.clone())]);
            repository.document("targets").signed.set("delegations", delegations);
            add_target(repository, &role, path, &[Sha256]);
        }));
    }
    // The bins do not know the target, the delegation after them does.
    for terminating in [false, true] {
        plans.push(Plan::new(
            format!("succinct|delegation|targets|/delegations|after bins, terminating {terminating}"),
            move |id| {
                let mut base = bases::base("succinct");
                base.find = vec!["late/index.json".to_owned(), "late/other".to_owned()];
                add_target(&mut base.repository, "after", "late/index.json", &[Sha256]);
                add_target(&mut base.repository, "after", "late/other", &[Sha256]);
                with_first(&mut base.repository, &|role| role.set("terminating", Json::Bool(terminating)));
                case(id, &base, &[Arc::new(base.repository.publish(&[], None))])
            },
        ));
    }
    let key = TestKey::ed25519("bin");
    let both = make(Json::integer(1), Json::text("bin"));
    plans.push(made("bins and roles", &[path, "a.txt"], move |repository| {
        delegate(repository, "targets", &[Delegation("d", ("paths", &["*/*"]), false)]);
        add_target(repository, "d", path, &[Sha256]);
        add_role(repository, "bin-0", &key);
        add_role(repository, "bin-1", &key);
        if let Some(delegations) = repository.document("targets").signed.member_mut("delegations") {
            delegations.set("succinct_roles", both.clone());
        }
    }));
    for (id, extra) in [("empty", None), ("unknown", Some("x-roles"))] {
        plans.push(made(&format!("delegations {id}"), &["a", "a.txt"], move |repository| {
            let mut delegations = Json::object([("keys", Json::object::<&str>([]))]);
            if let Some(member) = extra {
                delegations.set(member, Json::Array(Vec::new()));
            }
            repository.document("targets").signed.set("delegations", delegations);
        }));
    }
    plans.push(made("no roles", &["a", "a.txt"], move |repository| {
        delegate(repository, "targets", &[]);
    }));
}

/// Roles that delegate to each other: `from > to, to!` lists delegations of `*`, in order, `!` terminating ones.
fn graphs(plans: &mut Vec<Plan>) {
    let graphs: &[(&str, &str)] = &[
        ("targets > a; a > b; b > c", "c"),
        ("targets > a, b; a > c; b > c", "b"),
        ("targets > a, b; a > c", "b"),
        ("targets > a!, b; a > c", "b"),
        ("targets > a!, b; a > c", "c"),
        ("targets > a, b; a > c!, d", "b"),
        ("targets > a, b; a > c!, d", "d"),
        ("targets > a, b; a > c, d!", "b"),
        ("targets > a, b, c; a > d!", "c"),
        ("targets > a; a > a", "a"),
        ("targets > a; a > a", "none"),
        ("targets > a, b; a > b; b > a", "none"),
        ("targets > a, b; a > b; b > a", "b"),
        ("targets > a; a > b; b > a!, c", "c"),
        ("targets > a, b!; a > b; b > c", "c"),
        ("targets > a, a", "a"),
        ("targets > a; a > b; b > c; c > d; d > e; e > f; f > g; g > h", "h"),
        ("targets > a; a > b; b > c; c > d; d > e; e > f; f > g; g > h; h > i", "i"),
        ("targets > a; a > b; b > c; c > d; d > e; e > f; f > g; g > h", "none"),
        ("targets > a; a > b; b > c; c > d; d > e; e > f; f > g; g > h; h > i", "none"),
        ("targets > a, b, c, d, e, f, g, h", "h"),
        ("targets > a, b, c, d, e, f, g, h, i", "i"),
        ("targets > a, b, c, d, e, f, g, h, i", "h"),
        ("targets > a, b, c, d, e, f, g, h!, i", "none"),
        ("targets > a, b, c, d, e, f, g, h, a", "none"),
    ];
    for (graph, holder) in graphs {
        plans.push(made(&format!("{graph} with {holder}"), &["x", "a.txt"], move |repository| {
            for part in graph.split("; ") {
                let Some((from, to)) = part.split_once(" > ") else { continue };
                let names: Vec<(&str, bool)> =
                    to.split(", ").map(|name| (name.trim_end_matches('!'), name.ends_with('!'))).collect();
                let all = ("paths", ["*"].as_slice());
                let roles: Vec<Delegation<'_>> =
                    names.iter().map(|(name, terminating)| Delegation(name, all, *terminating)).collect();
                delegate(repository, from, &roles);
            }
            if *holder != "none" {
                add_target(repository, holder, "x", &[Sha256]);
            }
        }));
    }
    // One role, two delegators, two keys: what one of them signs does not count for the other.
    for (id, first_key, second_key, signer) in [
        ("signed for the first", "d", "other", "d"),
        ("signed for the second", "other", "d", "d"),
        ("signed for both", "d", "d", "d"),
    ] {
        plans.push(made(&format!("two delegators, {id}"), &["x", "y", "x", "a.txt"], move |repository| {
            delegate(
                repository,
                "targets",
                &[Delegation("a", ("paths", &["x"]), false), Delegation("b", ("paths", &["y", "x"]), false)],
            );
            for (from, key) in [("a", first_key), ("b", second_key)] {
                let key = TestKey::ed25519(key);
                let entry = delegated("d", std::slice::from_ref(&key), ("paths", &["*"]), false);
                let delegations = Json::object([
                    ("keys", keys(std::slice::from_ref(&key))),
                    ("roles", Json::Array(vec![entry])),
                ]);
                repository.document(from).signed.set("delegations", delegations);
            }
            add_role(repository, "d", &TestKey::ed25519(signer));
            add_target(repository, "d", "x", &[Sha256]);
            add_target(repository, "d", "y", &[Sha256]);
        }));
    }
    // A role that is delegated to and not to be had: what comes after it does not count.
    for (id, terminating) in [("not listed", false), ("not listed, terminating", true)] {
        plans.push(made(id, &["x", "a.txt"], move |repository| {
            delegate(
                repository,
                "targets",
                &[Delegation("a", ("paths", &["*"]), terminating), Delegation("b", ("paths", &["*"]), false)],
            );
            add_target(repository, "b", "x", &[Sha256]);
            repository.targets.retain(|document| document.role != "a");
        }));
    }
    for id in ["not served", "not signed", "of another version", "expired"] {
        plans.push(Plan::new(format!("plain|delegation|targets|/delegations|{id}"), move |case_id| {
            let mut base = bases::base("plain");
            base.find = vec!["x".to_owned(), "a.txt".to_owned()];
            let repository = &mut base.repository;
            delegate(
                repository,
                "targets",
                &[Delegation("a", ("paths", &["*"]), false), Delegation("b", ("paths", &["*"]), false)],
            );
            add_target(repository, "b", "x", &[Sha256]);
            match id {
                "not signed" => repository.document("a").signers.clear(),
                "of another version" => repository.document("a").signed.set("version", Json::integer(2)),
                "expired" => {
                    repository.document("a").signed.set("expires", Json::text("2025-12-31T00:00:00Z"));
                }
                _ => {}
            }
            let mut site = repository.publish(&[], None);
            if id == "not served" {
                site.metadata.remove("1.a.json");
            }
            case(case_id, &base, &[Arc::new(site)])
        }));
    }
}

/// Role names that mean something to file systems, URLs or others.
fn names(plans: &mut Vec<Plan>) {
    let long = ["r".repeat(200), "r".repeat(201), "r".repeat(250), "r".repeat(300), "\u{1f600}".repeat(21)];
    let names = [
        "root",
        "timestamp",
        "snapshot",
        "targets",
        "Targets",
        "a/b",
        "/a",
        "../a",
        "..",
        ".",
        "a b",
        "a%20b",
        "\u{e9}",
        "e\u{301}",
        "\u{1f600}",
        "a?b",
        "a#b",
        "a\\b",
        "a\0b",
        "a\nb",
        "1.targets",
        "2.root",
        "root_history/1.root",
        "a.json",
        "-",
        "",
    ];
    for name in names.into_iter().map(str::to_owned).chain(long) {
        let shown: String = name.escape_debug().take(20).collect();
        let id = format!("role {shown} of {}", name.len());
        plans.push(made(&id, &["x", "a.txt"], move |repository| {
            let key = TestKey::ed25519("named");
            if repository.targets.iter().all(|document| document.role != name)
                && !["root", "timestamp", "snapshot"].contains(&name.as_str())
            {
                add_role(repository, &name, &key);
                add_target(repository, &name, "x", &[Sha256]);
            }
            let entry = delegated(&name, std::slice::from_ref(&key), ("paths", &["x"]), false);
            let delegations = Json::object([
                ("keys", keys(std::slice::from_ref(&key))),
                ("roles", Json::Array(vec![entry])),
            ]);
            repository.document("targets").signed.set("delegations", delegations);
        }));
    }
    let base: Arc<Base> = Arc::new(bases::base("delegations"));
    for (name, other) in [("upper", "FIRST"), ("of-another", "second"), ("unknown", "unknown")] {
        plans.push(at(&base, "targets", "/delegations/roles/0/name", name).signed(move |signed| {
            if let Some(role) = super::values::first_delegation(signed) {
                role.set("name", Json::text(other));
            }
        }));
    }
}

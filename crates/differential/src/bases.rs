//! The repositories that everything is done to.

use std::collections::BTreeMap;

use sealdex_tuf::digest::HashAlgorithm::{self, Blake2b256, Sha256, Sha384, Sha512};
use sealdex_tuf::{Scheme, digest};

use crate::json::Json;
use crate::key::TestKey;
use crate::repository::{Document, Naming, Repository, delegated, keys, role_keys, target};

/// A repository, and what to look for in it.
#[derive(Clone)]
pub struct Base {
    /// Its name in the descriptions of cases.
    pub name: &'static str,
    /// Version 1 of everything.
    pub repository: Repository,
    /// Target paths: in each role, and in none.
    pub find: Vec<String>,
}

/// The base of that name.
///
/// # Panics
/// When there is none.
pub fn base(name: &str) -> Base {
    let base = all().into_iter().find(|base| base.name == name);
    base.unwrap_or_else(|| panic!("there is no base {name}"))
}

/// Every base.
pub fn all() -> Vec<Base> {
    vec![plain(), inconsistent(), delegations(), prefixes(), succinct(), thresholds(), many_hashes()]
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// One Ed25519 key a role, consistent snapshots, versions alone in the listings.
fn top_level(schemes: &[Scheme], threshold: u64) -> Repository {
    let role_key = |role: &str| -> Vec<TestKey> {
        let key = |(number, scheme): (usize, &Scheme)| TestKey::of(&format!("{role}-{number}"), scheme);
        (1..).zip(schemes).map(|(number, scheme)| key((number, scheme))).collect()
    };
    let top = ["root", "timestamp", "snapshot", "targets"].map(|role| (role, role_key(role)));
    let every: Vec<TestKey> = top.iter().flat_map(|(_, keys)| keys.clone()).collect();
    let mut root = Document::new("root", "root", &top[0].1);
    root.signed.set("consistent_snapshot", Json::Bool(true));
    root.signed.set("keys", keys(&every));
    root.signed
        .set("roles", Json::object(top.iter().map(|(role, keys)| (*role, role_keys(keys, threshold)))));
    let mut targets = Document::new("targets", "targets", &top[3].1);
    targets.signed.set("targets", Json::object::<&str>([]));
    let document = |index: usize| Document::new(top[index].0, top[index].0, &top[index].1);
    Repository {
        naming: Naming::Versioned,
        listed_by: Vec::new(),
        root,
        timestamp: document(1),
        snapshot: document(2),
        targets: vec![targets],
        contents: BTreeMap::new(),
    }
}

/// Lets `role` list a target.
pub fn add_target(repository: &mut Repository, role: &str, path: &str, algorithms: &[HashAlgorithm]) {
    let content = format!("content of {path}").into_bytes();
    let entry = target(&content, algorithms);
    repository.contents.insert(path.to_owned(), content);
    if let Some(targets) = repository.document(role).signed.member_mut("targets") {
        targets.set(path, entry);
    }
}

/// Adds a delegated role without targets, signed by `key`.
pub fn add_role(repository: &mut Repository, role: &str, key: &TestKey) {
    let mut document = Document::new(role, "targets", std::slice::from_ref(key));
    document.signed.set("targets", Json::object::<&str>([]));
    repository.targets.push(document);
}

/// A delegated role's name; its `paths` or `path_hash_prefixes`; whether it is terminating.
pub struct Delegation<'a>(pub &'a str, pub (&'a str, &'a [&'a str]), pub bool);

/// Sets the delegations of a role; every delegated role is signed by a key of its own name.
pub fn delegate(repository: &mut Repository, from: &str, roles: &[Delegation<'_>]) {
    let role_keys: Vec<TestKey> = roles.iter().map(|role| TestKey::ed25519(role.0)).collect();
    let entries = roles.iter().zip(&role_keys).map(|(Delegation(name, paths, terminating), key)| {
        delegated(name, std::slice::from_ref(key), *paths, *terminating)
    });
    let delegations = Json::object([("keys", keys(&role_keys)), ("roles", Json::Array(entries.collect()))]);
    repository.document(from).signed.set("delegations", delegations);
    for (Delegation(name, ..), key) in roles.iter().zip(&role_keys) {
        if repository.targets.iter().all(|document| document.role != *name) {
            add_role(repository, name, key);
        }
    }
}

fn plain() -> Base {
    let mut repository = top_level(&[Scheme::Ed25519], 1);
    add_target(&mut repository, "targets", "a.txt", &[Sha256]);
    add_target(&mut repository, "targets", "dir/b \u{fc}.txt", &[Sha256]);
    Base { name: "plain", repository, find: names(&["a.txt", "dir/b \u{fc}.txt", "none.txt"]) }
}

/// As old repositories are: one name for each file, the root silent on consistent snapshots.
fn inconsistent() -> Base {
    let Base { mut repository, find, .. } = plain();
    repository.naming = Naming::Plain;
    repository.root.signed.remove("consistent_snapshot");
    repository.listed_by = vec![Sha256];
    Base { name: "inconsistent", repository, find }
}

/// Delegations by paths: overlapping, nested, terminating, in order of priority.
fn delegations() -> Base {
    let Base { mut repository, .. } = plain();
    repository.listed_by = vec![Sha256];
    delegate(
        &mut repository,
        "targets",
        &[
            Delegation("first", ("paths", &["first/*", "shared/?.txt"]), false),
            Delegation("second", ("paths", &["second/*", "shared/*"]), true),
            Delegation("third", ("paths", &["*/*"]), false),
        ],
    );
    delegate(&mut repository, "first", &[Delegation("nested", ("paths", &["first/n*"]), false)]);
    for (role, path) in [
        ("first", "first/f.txt"),
        ("second", "shared/1.txt"),
        ("third", "shared/1.txt"),
        ("third", "shared/22.txt"),
        ("third", "third/t.txt"),
        ("nested", "first/n.txt"),
    ] {
        add_target(&mut repository, role, path, &[Sha256]);
    }
    let targets = repository.document("targets").signed.member_mut("targets");
    if let Some(target) = targets.and_then(|targets| targets.member_mut("a.txt")) {
        target.set("custom", Json::object([("kind", Json::text("text"))]));
    }
    let find =
        names(&["a.txt", "first/f.txt", "first/n.txt", "shared/1.txt", "shared/22.txt", "third/t.txt", "x"]);
    Base { name: "delegations", repository, find }
}

/// Hashed bins by explicit prefixes.
fn prefixes() -> Base {
    let Base { mut repository, .. } = plain();
    delegate(
        &mut repository,
        "targets",
        &[
            Delegation("bin-0", ("path_hash_prefixes", &["0", "1", "2", "3", "4", "5", "6", "7"]), true),
            Delegation("bin-8", ("path_hash_prefixes", &["8", "9", "a", "b", "c", "d", "e", "f"]), false),
        ],
    );
    let mut find = names(&["none"]);
    for number in 0..4 {
        let path = format!("page{number}/index.json");
        let role = if digest::sha256(path.as_bytes())[0] < 0x80 { "bin-0" } else { "bin-8" };
        add_target(&mut repository, role, &path, &[Sha256]);
        find.push(path);
    }
    Base { name: "prefixes", repository, find }
}

/// Hashed bins by TAP 15, below a delegation that is followed by another.
fn succinct() -> Base {
    let Base { mut repository, .. } = plain();
    delegate(
        &mut repository,
        "targets",
        &[
            Delegation("index", ("paths", &["*/index.json"]), false),
            Delegation("after", ("paths", &["*/*"]), false),
        ],
    );
    let key = TestKey::ed25519("bin");
    let mut bins = role_keys(std::slice::from_ref(&key), 1);
    bins.set("bit_length", Json::integer(2));
    bins.set("name_prefix", Json::text("bin"));
    let delegations = Json::object([("keys", keys(std::slice::from_ref(&key))), ("succinct_roles", bins)]);
    repository.document("index").signed.set("delegations", delegations);
    for bin in 0..4 {
        add_role(&mut repository, &format!("bin-{bin}"), &key);
    }
    // Not in every case: python-tuf takes bins for terminating, so that what comes after them is not found.
    let mut find = names(&["page0/other"]);
    add_target(&mut repository, "after", "late/index.json", &[Sha256]);
    for number in 0..4 {
        let path = format!("page{number}/index.json");
        let bin = digest::sha256(path.as_bytes())[0] >> 6;
        add_target(&mut repository, &format!("bin-{bin}"), &path, &[Sha256]);
        find.push(path);
    }
    Base { name: "succinct", repository, find }
}

/// Two of three keys, of every scheme that the specification recommends.
fn thresholds() -> Base {
    let schemes = [Scheme::Ed25519, Scheme::EcdsaSha2Nistp256, Scheme::RsassaPssSha256];
    let mut repository = top_level(&schemes, 2);
    add_target(&mut repository, "targets", "a.txt", &[Sha256]);
    Base { name: "thresholds", repository, find: names(&["a.txt", "none.txt"]) }
}

/// Several hash functions in every listing.
fn many_hashes() -> Base {
    let mut repository = top_level(&[Scheme::Ed25519], 1);
    repository.listed_by = vec![Sha256, Sha512];
    for (path, algorithms) in [
        ("256.txt", vec![Sha256]),
        ("512.txt", vec![Sha512]),
        ("256-512.txt", vec![Sha256, Sha512]),
        ("384.txt", vec![Sha384]),
        ("256-384.txt", vec![Sha256, Sha384]),
        ("blake2b.txt", vec![Blake2b256]),
        ("256-blake2b.txt", vec![Sha256, Blake2b256]),
    ] {
        add_target(&mut repository, "targets", path, &algorithms);
    }
    // Not in every case: where sha256 and sha512 are not listed, sigstore-tuf has nothing to verify by.
    let find = ["256.txt", "512.txt", "256-512.txt", "256-384.txt", "256-blake2b.txt"];
    Base { name: "hashes", repository, find: names(&find) }
}

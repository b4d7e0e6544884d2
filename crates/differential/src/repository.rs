//! A repository as documents that anything can be done to before, while and after they are signed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sealdex_tuf::digest::HashAlgorithm;

use crate::case::Site;
use crate::json::Json;
use crate::key::TestKey;

/// When metadata expires if a case does not say otherwise: 30 days after the cases' time.
pub const EXPIRES: &str = "2026-01-31T00:00:00Z";

/// One role's metadata.
#[derive(Clone)]
pub struct Document {
    /// The role.
    pub role: String,
    /// The version that those who list it state.
    pub version: u64,
    /// The signed part.
    pub signed: Json,
    /// Who signs.
    pub signers: Vec<TestKey>,
}

/// A repository's next state.
#[derive(Clone)]
pub struct Repository {
    /// The names under which metadata is served.
    pub naming: Naming,
    /// The hash functions by which files are listed, with their lengths; none: by versions alone.
    pub listed_by: Vec<HashAlgorithm>,
    /// The next root.
    pub root: Document,
    /// The next timestamp; its `meta` is written when it is published.
    pub timestamp: Document,
    /// The next snapshot; its `meta` is written when it is published.
    pub snapshot: Document,
    /// The next `targets` and delegated roles.
    pub targets: Vec<Document>,
    /// Contents of target files, by path.
    pub contents: BTreeMap<String, Vec<u8>>,
}

/// How metadata files below the timestamp are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `VERSION.ROLE.json`, as with consistent snapshots.
    Versioned,
    /// `ROLE.json`
    Plain,
    /// Both, so that a client finds what it asks for whatever it takes the root to say.
    Both,
}

/// What is done to the documents of one role.
#[derive(Clone)]
pub struct Mutation {
    /// The role.
    pub role: String,
    /// What is done.
    pub change: Change,
    /// What those who list the file say of it.
    pub listed: Listed,
}

/// A change, by the moment at which it is made.
#[derive(Clone)]
pub enum Change {
    /// To the signed part before it is signed: by somebody who has the keys.
    Signed(Edit),
    /// To the signed part after it was signed: by somebody who has none.
    Unsigned(Edit),
    /// To the whole file after it was signed.
    Envelope(Edit),
    /// To the file's bytes.
    Bytes(Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>),
}

/// A change of a document.
pub type Edit = Arc<dyn Fn(&mut Json) + Send + Sync>;

/// Length and hashes in the listing of a changed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those of the changed file.
    AsChanged,
    /// Those from before the change.
    AsBefore,
}

impl Mutation {
    /// A change by somebody who has the role's keys, listed as changed.
    pub fn signed(role: &str, edit: impl Fn(&mut Json) + Send + Sync + 'static) -> Self {
        Self { role: role.to_owned(), change: Change::Signed(Arc::new(edit)), listed: Listed::AsChanged }
    }

    /// A change of the signed file, listed as changed.
    pub fn envelope(role: &str, edit: impl Fn(&mut Json) + Send + Sync + 'static) -> Self {
        Self { role: role.to_owned(), change: Change::Envelope(Arc::new(edit)), listed: Listed::AsChanged }
    }

    /// A change of the file's bytes, listed as changed.
    pub fn bytes(role: &str, edit: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self { role: role.to_owned(), change: Change::Bytes(Arc::new(edit)), listed: Listed::AsChanged }
    }
}

impl Document {
    /// Metadata of type `kind` with its common members; the role's own are to be added.
    pub fn new(role: &str, kind: &str, signers: &[TestKey]) -> Self {
        let signed = Json::object([
            ("_type", Json::text(kind)),
            ("spec_version", Json::text("1.0.31")),
            ("version", Json::integer(1)),
            ("expires", Json::text(EXPIRES)),
        ]);
        Self { role: role.to_owned(), version: 1, signed, signers: signers.to_vec() }
    }

    /// Sets the version, in the document and for those who list it.
    pub fn set_version(&mut self, version: u64) {
        self.version = version;
        self.signed.set("version", Json::integer(version));
    }

    /// The signed file, before and after what is done to it.
    fn files(&self, mutations: &[Mutation]) -> (Vec<u8>, Vec<u8>, Json) {
        let own = || mutations.iter().filter(|mutation| mutation.role == self.role);
        let before = envelope(&self.signed, &sign(&self.signed, &self.signers));
        let mut signed = self.signed.clone();
        for mutation in own() {
            if let Change::Signed(edit) = &mutation.change {
                edit(&mut signed);
            }
        }
        let signatures = sign(&signed, &self.signers);
        for mutation in own() {
            if let Change::Unsigned(edit) = &mutation.change {
                edit(&mut signed);
            }
        }
        let mut file = envelope(&signed, &signatures);
        for mutation in own() {
            if let Change::Envelope(edit) = &mutation.change {
                edit(&mut file);
            }
        }
        let mut bytes = file.write().into_bytes();
        for mutation in own() {
            if let Change::Bytes(edit) = &mutation.change {
                bytes = edit(bytes);
            }
        }
        (before.write().into_bytes(), bytes, signed)
    }
}

fn sign(signed: &Json, signers: &[TestKey]) -> Json {
    let message = signed.canonical();
    let signatures = signers.iter().map(|key| signature(&key.id, &key.sign(message.as_bytes())));
    Json::Array(signatures.collect())
}

/// An entry of "signatures".
pub fn signature(key_id: &str, signature: &str) -> Json {
    Json::object([("keyid", Json::text(key_id)), ("sig", Json::text(signature))])
}

fn envelope(signed: &Json, signatures: &Json) -> Json {
    Json::object([("signatures", signatures.clone()), ("signed", signed.clone())])
}

impl Repository {
    /// A role's next document.
    ///
    /// # Panics
    /// When there is no such role.
    pub fn document(&mut self, role: &str) -> &mut Document {
        match role {
            "root" => &mut self.root,
            "timestamp" => &mut self.timestamp,
            "snapshot" => &mut self.snapshot,
            _ => {
                let own = self.targets.iter_mut().find(|document| document.role == role);
                own.unwrap_or_else(|| panic!("there is no role {role}"))
            }
        }
    }

    /// The names of the roles, the root first, those who list a role before it.
    pub fn roles(&self) -> Vec<String> {
        let targets = self.targets.iter().map(|document| document.role.clone());
        ["root", "timestamp", "snapshot"].map(str::to_owned).into_iter().chain(targets).collect()
    }

    /// Raises the versions of these roles by one.
    pub fn advance(&mut self, roles: &[&str]) {
        for role in roles {
            let document = self.document(role);
            document.set_version(document.version + 1);
        }
    }

    /// This state as a web server would have it, beside the root files of `earlier` and, with consistent snapshots,
    /// everything else it had.
    pub fn publish(&self, mutations: &[Mutation], earlier: Option<&Site>) -> Site {
        let mut site = earlier.cloned().unwrap_or_default();
        let root = self.root.files(mutations).1;
        site.metadata.insert(format!("{}.root.json", self.root.version), root);
        let mut meta = Vec::new();
        for document in &self.targets {
            meta.push(self.add(&mut site, document, mutations));
        }
        let mut snapshot = self.snapshot.clone();
        snapshot.signed.set("meta", Json::Object(meta));
        let meta = vec![self.add(&mut site, &snapshot, mutations)];
        let mut timestamp = self.timestamp.clone();
        timestamp.signed.set("meta", Json::Object(meta));
        site.metadata.insert("timestamp.json".to_owned(), timestamp.files(mutations).1);
        site
    }

    /// Serves a role's file and gives its entry in METAFILES.
    fn add(&self, site: &mut Site, document: &Document, mutations: &[Mutation]) -> (String, Json) {
        let (before, bytes, signed) = document.files(mutations);
        let as_before = mutations
            .iter()
            .any(|mutation| mutation.role == document.role && mutation.listed == Listed::AsBefore);
        let listed = if as_before { &before } else { &bytes };
        let mut entry = Json::object([("version", Json::integer(document.version))]);
        if !self.listed_by.is_empty() {
            entry.set("length", Json::integer(listed.len() as u64));
            entry.set("hashes", hashes(listed, &self.listed_by));
        }
        self.add_contents(site, &signed);
        let plain = format!("{}.json", document.role);
        if self.naming != Naming::Plain {
            site.metadata.insert(format!("{}.{plain}", document.version), bytes.clone());
        }
        if self.naming != Naming::Versioned {
            site.metadata.insert(plain.clone(), bytes);
        }
        (plain, entry)
    }

    /// Serves the targets that a role's signed part lists, under every name that it implies.
    fn add_contents(&self, site: &mut Site, signed: &Json) {
        let Some(Json::Object(targets)) = signed.member("targets") else { return };
        for (path, target) in targets {
            let Some(content) = self.contents.get(path) else { continue };
            site.targets.insert(path.clone(), content.clone());
            let Some(Json::Object(hashes)) = target.member("hashes") else { continue };
            let hashes: BTreeSet<&String> = hashes
                .iter()
                .filter_map(|(_, hash)| match hash {
                    Json::Text(hash) => Some(hash),
                    _ => None,
                })
                .collect();
            for hash in hashes {
                let hashed = match path.rsplit_once('/') {
                    Some((directory, file)) => format!("{directory}/{hash}.{file}"),
                    None => format!("{hash}.{path}"),
                };
                site.targets.insert(hashed, content.clone());
            }
        }
    }
}

/// A HASHES object.
pub fn hashes(bytes: &[u8], algorithms: &[HashAlgorithm]) -> Json {
    Json::object(
        algorithms
            .iter()
            .map(|algorithm| (algorithm.name().to_owned(), Json::text(algorithm.hex_digest(bytes)))),
    )
}

/// An entry of TARGETS.
pub fn target(bytes: &[u8], algorithms: &[HashAlgorithm]) -> Json {
    Json::object([("length", Json::integer(bytes.len() as u64)), ("hashes", hashes(bytes, algorithms))])
}

/// A KEYS object.
pub fn keys(keys: &[TestKey]) -> Json {
    Json::object(keys.iter().map(|key| (key.id.clone(), key.object())))
}

/// KEYIDS and THRESHOLD.
pub fn role_keys(keys: &[TestKey], threshold: u64) -> Json {
    let ids = keys.iter().map(|key| Json::text(key.id.clone())).collect();
    Json::object([("keyids", Json::Array(ids)), ("threshold", Json::integer(threshold))])
}

/// An entry of the roles of DELEGATIONS; `paths` is the member `paths` or `path_hash_prefixes`.
pub fn delegated(name: &str, keys: &[TestKey], paths: (&str, &[&str]), terminating: bool) -> Json {
    let mut role = role_keys(keys, 1);
    role.set("name", Json::text(name));
    role.set(paths.0, Json::texts(paths.1));
    role.set("terminating", Json::Bool(terminating));
    role
}

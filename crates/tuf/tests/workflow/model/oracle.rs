//! What an update must come to, worked out from the specification's section 5 anew: from who really signed what, without
//! the checks that are under test. Only the reading of metadata is shared with them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp as Time;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::json::Value;
use sealdex_tuf::metadata::{
    Common, MetaFile, Metadata, RoleKeys, Root, Snapshot, Targets, Timestamp, Unverified,
};

use crate::Simulator;

/// Bytes by role or by path.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Everything that was ever signed, by whom, and as which role: the truth about signatures.
#[derive(Default)]
pub(super) struct Signed(BTreeMap<Vec<u8>, Genuine>);

/// The role that something was signed as, and each genuine signature of it, after its key's identifier.
#[derive(Default)]
struct Genuine {
    role: String,
    signatures: BTreeSet<(String, String)>,
}

/// How an update must end, and what it must do to the client's store on the way.
pub(super) struct Expected {
    /// Whether the target is found; `None`: the update is refused, or a file cannot be had.
    pub(super) found: Option<bool>,
    /// Roles written, or deleted, in order.
    pub(super) changes: Vec<(String, Option<Vec<u8>>)>,
}

/// What the client has, what it can get, and when.
pub(super) struct Situation<'a> {
    pub(super) signed: &'a Signed,
    pub(super) store: Files,
    pub(super) files: &'a BTreeMap<String, Vec<u8>>,
    pub(super) unreachable: &'a BTreeSet<String>,
    pub(super) now: Time,
}

/// The update ends here.
struct Refused;

impl Signed {
    /// Remembers the signatures of these files, which have just been made.
    pub(super) fn remember(&mut self, role: &str, bytes: &[u8]) {
        let genuine = self.0.entry(signed_part(bytes)).or_default();
        role.clone_into(&mut genuine.role);
        genuine.signatures.extend(signatures_of(bytes));
    }

    /// Whether `bytes` are `role`'s, and carry genuine signatures of as many of these keys as the threshold asks for.
    pub(super) fn by(&self, role: &str, bytes: &[u8], keys: &RoleKeys) -> bool {
        let Some(genuine) = self.0.get(&signed_part(bytes)) else { return false };
        let ids: BTreeSet<String> = keys.key_ids.iter().map(|id| id.as_str().to_owned()).collect();
        let signers: BTreeSet<String> = signatures_of(bytes)
            .into_iter()
            .filter(|signature| ids.contains(&signature.0) && genuine.signatures.contains(signature))
            .map(|(id, _)| id)
            .collect();
        genuine.role == role && signers.len() as u64 >= keys.threshold
    }
}

impl Situation<'_> {
    /// Sections 5.2 to 5.6, and 5.6.7 for a target that `A` or, below it, `B` may list.
    pub(super) fn update(mut self, path: &str) -> Expected {
        let mut changes = Vec::new();
        let found = match self.refresh(&mut changes) {
            Ok((root, snapshot, targets)) => self.find(&root, &snapshot, &targets, path, &mut changes).ok(),
            Err(Refused) => None,
        };
        Expected { found, changes }
    }

    fn refresh(
        &mut self,
        changes: &mut Vec<(String, Option<Vec<u8>>)>,
    ) -> Result<(Root, Snapshot, Targets), Refused> {
        // 5.2
        let mut root_bytes = self.store.get("root").cloned().ok_or(Refused)?;
        let mut root: Root = read(&root_bytes)?;
        self.check("root", &root_bytes, &root.root)?;
        // 5.3
        loop {
            let version = root.common.version.number() + 1;
            let Some(bytes) = self.fetch(&format!("{version}.root.json"))? else { break };
            let next: Root = read(&bytes)?;
            self.check("root", &bytes, &root.root)?;
            self.check("root", &bytes, &next.root)?;
            ensure(next.common.version.number() == version)?;
            let lost = |role: fn(&Root) -> &RoleKeys| {
                role(&root).key_ids.iter().any(|id| !role(&next).key_ids.contains(id))
            };
            if lost(|root| &root.timestamp) || lost(|root| &root.snapshot) {
                for role in ["timestamp", "snapshot"] {
                    self.store.remove(role);
                    changes.push((role.to_owned(), None));
                }
            }
            self.write("root", &bytes, changes);
            (root, root_bytes) = (next, bytes);
        }
        let _last = root_bytes;
        self.fresh(&root.common)?;

        // 5.4
        let trusted = self.stored::<Timestamp>("timestamp", &root.timestamp);
        let bytes = self.fetch("timestamp.json")?.ok_or(Refused)?;
        let offered: Timestamp = read(&bytes)?;
        self.check("timestamp", &bytes, &root.timestamp)?;
        let timestamp = match trusted {
            Some((trusted, _)) if trusted.common.version == offered.common.version => trusted,
            trusted => {
                if let Some((trusted, _)) = trusted {
                    ensure(trusted.common.version < offered.common.version)?;
                    ensure(trusted.snapshot.version <= offered.snapshot.version)?;
                }
                self.fresh(&offered.common)?;
                self.write("timestamp", &bytes, changes);
                offered
            }
        };
        self.fresh(&timestamp.common)?;

        // 5.5
        let listed = &timestamp.snapshot;
        let trusted = self.stored::<Snapshot>("snapshot", &root.snapshot);
        let snapshot = match trusted {
            Some((trusted, bytes))
                if trusted.common.version == listed.version
                    && matches(listed, &bytes)
                    && trusted.common.expires > self.now =>
            {
                trusted
            }
            trusted => {
                let bytes = self.fetch(&self.name("snapshot", listed, &root))?.ok_or(Refused)?;
                ensure(matches(listed, &bytes))?;
                let offered: Snapshot = read(&bytes)?;
                self.check("snapshot", &bytes, &root.snapshot)?;
                ensure(offered.common.version == listed.version)?;
                if let Some((trusted, _)) = trusted {
                    ensure(trusted.common.version <= offered.common.version)?;
                    for (role, known) in &trusted.meta {
                        ensure(offered.meta.get(role).is_some_and(|new| new.version >= known.version))?;
                    }
                }
                self.fresh(&offered.common)?;
                self.write("snapshot", &bytes, changes);
                offered
            }
        };

        // 5.6
        let targets = self.targets("targets", &root.targets, &root, &snapshot, changes)?;
        Ok((root, snapshot, targets))
    }

    /// 5.6.7: `targets` delegates everything to `A`, and `A` everything to `B`.
    fn find(
        &mut self,
        root: &Root,
        snapshot: &Snapshot,
        targets: &Targets,
        path: &str,
        changes: &mut Vec<(String, Option<Vec<u8>>)>,
    ) -> Result<bool, Refused> {
        let mut delegator = targets.clone();
        for role in ["A", "B"] {
            let keys = delegator.delegations.as_ref().and_then(|all| all.role_keys(&Simulator::role(role)));
            let Some(keys) = keys.cloned() else { return Ok(false) };
            delegator = self.targets(role, &keys, root, snapshot, changes)?;
            if delegator.targets.keys().any(|listed| listed.as_str() == path) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// 5.6.1 to 5.6.6, for any targets role: the stored file if it passes, else the repository's.
    fn targets(
        &mut self,
        role: &str,
        keys: &RoleKeys,
        root: &Root,
        snapshot: &Snapshot,
        changes: &mut Vec<(String, Option<Vec<u8>>)>,
    ) -> Result<Targets, Refused> {
        let listed = snapshot.meta.get(&Simulator::role(role)).ok_or(Refused)?;
        let pass = |bytes: &[u8]| -> Result<Targets, Refused> {
            ensure(matches(listed, bytes))?;
            let targets: Targets = read(bytes)?;
            self.check(role, bytes, keys)?;
            ensure(targets.common.version == listed.version)?;
            self.fresh(&targets.common)?;
            Ok(targets)
        };
        if let Some(Ok(stored)) = self.store.get(role).map(|bytes| pass(bytes)) {
            return Ok(stored);
        }
        let bytes = self.fetch(&self.name(role, listed, root))?.ok_or(Refused)?;
        let targets = pass(&bytes)?;
        self.write(role, &bytes, changes);
        Ok(targets)
    }

    fn stored<M: Metadata + Clone>(&self, role: &str, keys: &RoleKeys) -> Option<(M, Vec<u8>)> {
        let bytes = self.store.get(role)?;
        self.check(role, bytes, keys).ok()?;
        Some((read(bytes).ok()?, bytes.clone()))
    }

    /// The outer refusal: the transport failed.
    fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>, Refused> {
        ensure(!self.unreachable.contains(path))?;
        Ok(self.files.get(path).cloned())
    }

    fn name(&self, role: &str, listed: &MetaFile, root: &Root) -> String {
        let version = if root.consistent_snapshot { format!("{}.", listed.version) } else { String::new() };
        format!("{version}{role}.json")
    }

    fn write(&mut self, role: &str, bytes: &[u8], changes: &mut Vec<(String, Option<Vec<u8>>)>) {
        self.store.insert(role.to_owned(), bytes.to_vec());
        changes.push((role.to_owned(), Some(bytes.to_vec())));
    }

    fn check(&self, role: &str, bytes: &[u8], keys: &RoleKeys) -> Result<(), Refused> {
        ensure(self.signed.by(role, bytes, keys))
    }

    fn fresh(&self, common: &Common) -> Result<(), Refused> {
        ensure(common.expires > self.now)
    }
}

fn ensure(condition: bool) -> Result<(), Refused> {
    if condition { Ok(()) } else { Err(Refused) }
}

fn read<M: Metadata + Clone>(bytes: &[u8]) -> Result<M, Refused> {
    Unverified::<M>::parse(bytes).map(|read| read.unverified_metadata().clone()).map_err(|_| Refused)
}

/// Whether the bytes have the length and the hash that are listed, where any are. That a shorter file is refused is our
/// choice: 4.4 has LENGTH be the file's own, while 5.5.1 and 5.6.1 only bound what is downloaded by it.
fn matches(listed: &MetaFile, bytes: &[u8]) -> bool {
    let digest = HashAlgorithm::Sha256.hex_digest(bytes);
    listed.length.is_none_or(|length| length == bytes.len() as u64)
        && listed.hashes.as_ref().is_none_or(|hashes| hashes.digest(HashAlgorithm::Sha256) == Some(&digest))
}

/// What signatures are made over.
pub(super) fn signed_part(bytes: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(envelope)) = Value::parse(bytes) else { return Vec::new() };
    envelope.value("signed").map(Value::canonical).unwrap_or_default()
}

/// Key id and signature of each signature in the envelope.
fn signatures_of(bytes: &[u8]) -> Vec<(String, String)> {
    let Ok(Value::Object(envelope)) = Value::parse(bytes) else { return Vec::new() };
    let Some(Value::Array(signatures)) = envelope.value("signatures") else { return Vec::new() };
    let text = |signature: &Value, name: &str| match signature {
        Value::Object(signature) => match signature.value(name) {
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    signatures.iter().map(|signature| (text(signature, "keyid"), text(signature, "sig"))).collect()
}

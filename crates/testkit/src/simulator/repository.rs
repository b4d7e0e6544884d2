//! The repository's side.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp as Time;
use sealdex_tuf::metadata::{
    Common, DelegatedRole, DelegatedRoles, Delegations, MetaFile, RoleKeys, Root, Snapshot, SuccinctRoles,
    TargetFile, Targets, Timestamp,
};
use sealdex_tuf::{KeyId, KeyPair, RoleName, Scheme, Signer, TargetPath, Version, sign};

use super::keys;
use crate::clock;

/// What the snapshot and the timestamp say of the files they list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The version alone.
    Versions,
    /// Version, length and SHA-256.
    LengthsAndHashes,
}

/// A repository in memory. Change the metadata, [`Simulator::publish`] it, and change the published files at will.
pub struct Simulator {
    /// The next root to publish.
    pub root: Root,
    /// The next timestamp to publish.
    pub timestamp: Timestamp,
    /// The next snapshot to publish.
    pub snapshot: Snapshot,
    /// The next `targets` and delegated roles to publish.
    pub targets: BTreeMap<RoleName, Targets>,
    /// Who signs for each role when it is published.
    pub signers: BTreeMap<RoleName, Vec<Arc<KeyPair>>>,
    /// How the snapshot and the timestamp list files from now on.
    pub listing: Listing,
    /// What a web server would have, by the path relative to the metadata base URL.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Target files, by the path relative to the targets base URL.
    pub target_files: BTreeMap<String, Vec<u8>>,
    /// Metadata paths at which the transport fails.
    pub unreachable: BTreeSet<String>,
    /// Under which name each role was published last.
    latest: BTreeMap<RoleName, String>,
    /// The number of the key to make next; random keys where there is none.
    next_key: Option<usize>,
    log: RefCell<Vec<String>>,
}

impl Default for Simulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulator {
    /// A repository of the four top-level roles, one key each, consistent snapshots, version 1 published, expiring 30
    /// days after [`clock::START`].
    pub fn new() -> Self {
        Self::with_keys(None)
    }

    /// The same, whose keys are [`keys::numbered`] from `first` on: the same repository in every run.
    pub fn with_keys_from(first: usize) -> Self {
        Self::with_keys(Some(first))
    }

    fn with_keys(next_key: Option<usize>) -> Self {
        let common = || Common::new(Version::ONE, Self::expiry());
        let role_keys = || RoleKeys::new(Vec::new(), 1);
        let mut simulator = Self {
            root: Root {
                common: common(),
                consistent_snapshot: true,
                keys: BTreeMap::new(),
                root: role_keys(),
                timestamp: role_keys(),
                snapshot: role_keys(),
                targets: role_keys(),
                other_roles: sealdex_tuf::json::Object::new(),
            },
            timestamp: Timestamp { common: common(), snapshot: MetaFile::of_version(Version::ONE) },
            snapshot: Snapshot { common: common(), meta: BTreeMap::new() },
            targets: BTreeMap::from([(RoleName::targets(), Targets::new(common()))]),
            signers: BTreeMap::new(),
            listing: Listing::Versions,
            files: BTreeMap::new(),
            target_files: BTreeMap::new(),
            unreachable: BTreeSet::new(),
            latest: BTreeMap::new(),
            next_key,
            log: RefCell::default(),
        };
        for role in ["root", "timestamp", "snapshot", "targets"] {
            let pair = simulator.new_key();
            simulator.add_key(role, pair);
        }
        for role in ["root", "targets", "snapshot", "timestamp"] {
            simulator.republish(role);
        }
        simulator
    }

    /// When metadata expires if a test does not say otherwise.
    pub fn expiry() -> Time {
        clock::days_after_start(30)
    }

    /// The role of that name.
    ///
    /// # Panics
    /// When it is no role name.
    pub fn role(name: &str) -> RoleName {
        RoleName::parse(name).expect("a test's role names are role names")
    }

    /// The next metadata of a targets role.
    ///
    /// # Panics
    /// When there is no such role.
    pub fn targets_role(&mut self, role: &str) -> &mut Targets {
        self.targets.get_mut(role).unwrap_or_else(|| panic!("the simulator has no role {role}"))
    }

    /// Keys and threshold of a top-level role, in the next root.
    ///
    /// # Panics
    /// When the role is not one of the four.
    pub fn role_keys(&mut self, role: &str) -> &mut RoleKeys {
        match role {
            "root" => &mut self.root.root,
            "timestamp" => &mut self.root.timestamp,
            "snapshot" => &mut self.root.snapshot,
            "targets" => &mut self.root.targets,
            _ => panic!("{role} is not a top-level role"),
        }
    }

    /// Lists a key for a top-level role in the next root, and lets it sign.
    pub fn add_key(&mut self, role: &str, pair: Arc<KeyPair>) -> KeyId {
        let id = pair.key().id();
        self.root.keys.insert(id.clone(), pair.key().clone());
        self.role_keys(role).key_ids.push(id.clone());
        self.signers.entry(Self::role(role)).or_default().push(pair);
        id
    }

    /// Gives a top-level role these keys and this threshold in the next root, and lets them sign.
    pub fn set_keys(&mut self, role: &str, pairs: &[Arc<KeyPair>], threshold: u64) {
        *self.role_keys(role) = RoleKeys::new(Vec::new(), threshold);
        self.signers.remove(role);
        for pair in pairs {
            self.add_key(role, pair.clone());
        }
    }

    /// A key that nobody has yet.
    pub fn new_key(&mut self) -> Arc<KeyPair> {
        let Some(number) = &mut self.next_key else { return keys::generate(&Scheme::Ed25519) };
        *number += 1;
        keys::numbered(*number - 1)
    }

    /// Replaces the keys of a top-level role by a new one.
    pub fn rotate_keys(&mut self, role: &str) {
        let pair = self.new_key();
        self.set_keys(role, &[pair], 1);
    }

    /// Delegates from `delegator` to `role`, listed last, with a key of its own that signs for it from now on; makes
    /// the role's metadata if there is none yet.
    pub fn delegate(&mut self, delegator: &str, mut role: DelegatedRole) -> Arc<KeyPair> {
        let pair = self.new_key();
        role.keys.key_ids.push(pair.key().id());
        self.signers.entry(role.name.clone()).or_default().push(pair.clone());
        self.new_targets(&role.name);
        let delegations = self
            .targets_role(delegator)
            .delegations
            .get_or_insert_with(|| Delegations::new([], DelegatedRoles::Listed(Vec::new())));
        delegations.keys.insert(pair.key().id(), pair.key().clone());
        match &mut delegations.roles {
            DelegatedRoles::Listed(roles) => roles.push(role),
            DelegatedRoles::Succinct(_) => panic!("{delegator} delegates to succinct bins"),
        }
        pair
    }

    /// Makes `delegator` delegate to succinct bins, with one key for all; their metadata is made with
    /// [`Simulator::new_targets`] as needed.
    pub fn delegate_bins(&mut self, delegator: &str, bit_length: u8, prefix: &str) -> Arc<KeyPair> {
        let pair = self.new_key();
        let bins = SuccinctRoles::new(RoleKeys::new(vec![pair.key().id()], 1), bit_length, prefix)
            .expect("a test's bins are well-formed");
        self.targets_role(delegator).delegations =
            Some(Delegations::new([pair.key().clone()], DelegatedRoles::Succinct(bins)));
        pair
    }

    /// Metadata for a targets role that has none yet.
    pub fn new_targets(&mut self, role: &RoleName) {
        let empty = || Targets::new(Common::new(Version::ONE, Self::expiry()));
        self.targets.entry(role.clone()).or_insert_with(empty);
    }

    /// Lets `role` list a target file, and serves it.
    ///
    /// # Panics
    /// When `path` is no target path.
    pub fn add_target(&mut self, role: &str, path: &str, bytes: &[u8]) {
        let target = TargetPath::parse(path).expect("a test's target paths are target paths");
        let file = TargetFile::of_bytes(bytes);
        self.target_files.insert(target.url_path(None), bytes.to_vec());
        self.target_files.insert(target.url_path(file.hashes.file_name_digest()), bytes.to_vec());
        self.targets_role(role).targets.insert(target, file);
    }

    /// Publishes the next version of each role, in the order given. A targets role is listed in the next snapshot, a
    /// snapshot in the next timestamp.
    pub fn publish(&mut self, roles: &[&str]) {
        for role in roles {
            // A role that was never published keeps its version 1.
            if self.latest.contains_key(*role) {
                let common = self.common(role);
                common.version = common.version.next().expect("a test's versions do not run out");
            }
            self.republish(role);
        }
    }

    /// Publishes a role with the version that its metadata has, over an earlier file of that version if there is one:
    /// a root under its version, a timestamp without, the others as `root` says it (6.2).
    pub fn republish(&mut self, role: &str) {
        let (bytes, version) = (self.signed(role), self.common(role).version);
        let meta = match self.listing {
            Listing::Versions => MetaFile::of_version(version),
            Listing::LengthsAndHashes => MetaFile::of_bytes(version, &bytes),
        };
        let name = Self::role(role);
        let versioned = role == "root" || (role != "timestamp" && self.root.consistent_snapshot);
        let file = if versioned { name.versioned_file_name(version) } else { name.file_name() };
        self.latest.insert(name.clone(), file.clone());
        self.files.insert(file, bytes);
        match role {
            "root" | "timestamp" => {}
            "snapshot" => self.timestamp.snapshot = meta,
            _ => {
                self.snapshot.meta.insert(name, meta);
            }
        }
    }

    /// Publishes a delegated or top-level targets role, the snapshot and the timestamp.
    pub fn publish_targets(&mut self, roles: &[&str]) {
        self.publish(roles);
        self.publish(&["snapshot", "timestamp"]);
    }

    /// A role's next metadata, signed by its signers, unpublished.
    ///
    /// # Panics
    /// When there is no such role or a key does not sign.
    pub fn signed(&self, role: &str) -> Vec<u8> {
        let signers = self.signers.get(role).map(Vec::as_slice).unwrap_or_default();
        let signers: Vec<&dyn Signer> = signers.iter().map(|pair| -> &dyn Signer { pair.as_ref() }).collect();
        let signed = match role {
            "root" => sign::sign(&self.root, &signers),
            "timestamp" => sign::sign(&self.timestamp, &signers),
            "snapshot" => sign::sign(&self.snapshot, &signers),
            _ => match self.targets.get(role) {
                Some(targets) => sign::sign(targets, &signers),
                None => panic!("the simulator has no role {role}"),
            },
        };
        signed.expect("keys in memory sign")
    }

    /// Version and expiry of a role's next metadata.
    pub fn common(&mut self, role: &str) -> &mut Common {
        match role {
            "root" => &mut self.root.common,
            "timestamp" => &mut self.timestamp.common,
            "snapshot" => &mut self.snapshot.common,
            _ => &mut self.targets_role(role).common,
        }
    }

    /// Sets the version of a role's next metadata, which is published with [`Simulator::republish`].
    ///
    /// # Panics
    /// For version 0.
    pub fn set_version(&mut self, role: &str, version: u64) {
        self.common(role).version = Version::new(version).expect("versions begin at 1");
    }

    /// The file last published for a role.
    ///
    /// # Panics
    /// When it was never published.
    pub fn latest(&self, role: &str) -> &[u8] {
        let file = self.latest.get(role).and_then(|name| self.files.get(name));
        file.unwrap_or_else(|| panic!("{role} was never published, or its file is gone"))
    }

    /// What was fetched since the last call, as paths relative to the metadata base URL.
    pub fn take_log(&self) -> Vec<String> {
        self.log.take()
    }

    /// What a web server would answer: a file, `None` where it has none; the outer `None` when the transport fails.
    pub(super) fn fetch(&self, path: &str) -> Option<Option<Vec<u8>>> {
        self.log.borrow_mut().push(path.to_owned());
        (!self.unreachable.contains(path)).then(|| self.files.get(path).cloned())
    }
}

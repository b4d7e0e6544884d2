//! The files of a repository, made and signed as the repository makes them (`crates/repository`), with keys that are
//! always the same, so that lengths are too.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp as Time};
use sealdex_tuf::json::Object;
use sealdex_tuf::merkle::MerkleRoot;
use sealdex_tuf::metadata::{
    Common, DelegatedRole, DelegatedRoles, Delegations, MetaFile, PathHashPrefix, PathSet, RoleKeys, Root,
    Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp,
};
use sealdex_tuf::pattern::PathPattern;
use sealdex_tuf::sign::sign;
use sealdex_tuf::{Error, KeyPair, RoleName, Scheme, Signer, TargetPath, Version};

use crate::versions::{Signed, bin_name};

/// How a delegation to bins is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `path_hash_prefixes`, as PEP 458 wrote.
    Explicit,
    /// `succinct_roles` (TAP 15).
    Succinct,
}

/// A set of bins and the role that delegates to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Set {
    /// `index`, over `simple/*/index.json`.
    Index,
    /// `files`, over `files/*/*`.
    Files,
}

impl Set {
    /// The delegating role's name, and what the names of its bins start with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Files => "files",
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Self::Index => "simple/*/index.json",
            Self::Files => "files/*/*",
        }
    }
}

/// The keys of a repository as `sealdex init` makes them: three for root, of which two sign, two for targets and the
/// delegating roles, which both sign, and the online one.
pub struct Keys {
    root: [KeyPair; 3],
    targets: [KeyPair; 2],
    online: KeyPair,
}

/// A target of a bin.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its path.
    pub path: String,
    /// Its length.
    pub length: u64,
    /// Its digest.
    pub sha256: [u8; 32],
}

impl Keys {
    /// The same keys each time.
    ///
    /// # Errors
    /// None that was ever seen.
    pub fn new() -> Result<Self, Error> {
        let pair = |number: u8| {
            // PKCS#8 of an Ed25519 key is this, and its 32 bytes.
            let mut pkcs8 = hex::decode("302e020100300506032b657004220420").unwrap_or_default();
            pkcs8.extend_from_slice(&[number; 32]);
            KeyPair::from_pkcs8(&Scheme::Ed25519, &pkcs8)
        };
        Ok(Self { root: [pair(1)?, pair(2)?, pair(3)?], targets: [pair(4)?, pair(5)?], online: pair(6)? })
    }

    /// `1.root.json`
    ///
    /// # Errors
    /// Those of signing.
    pub fn root(&self, at: Time) -> Result<Vec<u8>, Error> {
        let pairs = || self.root.iter().chain(&self.targets).chain([&self.online]);
        let root = Root {
            common: common(1, at, 365),
            consistent_snapshot: true,
            keys: pairs().map(|pair| (pair.key().id(), pair.key().clone())).collect(),
            root: role_keys(&self.root, 2),
            timestamp: role_keys([&self.online], 1),
            snapshot: role_keys([&self.online], 1),
            targets: role_keys(&self.targets, 2),
            other_roles: Object::new(),
        };
        sign(&root, &[&self.root[0], &self.root[1]])
    }

    /// The top-level targets role: it delegates to the sets.
    ///
    /// # Errors
    /// Those of signing.
    pub fn targets(&self, sets: &[Set], at: Time) -> Result<Vec<u8>, Error> {
        let roles = sets.iter().map(|set| {
            Ok(DelegatedRole {
                name: RoleName::parse(set.name())?,
                keys: role_keys(&self.targets, 2),
                paths: PathSet::Patterns(vec![PathPattern::new(set.pattern())]),
                terminating: true,
            })
        });
        let roles = DelegatedRoles::Listed(roles.collect::<Result<_, Error>>()?);
        let mut targets = Targets::new(common(1, at, 365));
        targets.delegations =
            Some(Delegations::new(self.targets.iter().map(|pair| pair.key().clone()), roles));
        sign(&targets, &[&self.targets[0], &self.targets[1]])
    }

    /// The role that delegates to the bins of a set.
    ///
    /// # Errors
    /// Those of signing.
    pub fn delegating(&self, set: Set, style: Style, bit_length: u8, at: Time) -> Result<Vec<u8>, Error> {
        let keys = role_keys([&self.online], 1);
        let roles = match style {
            Style::Succinct => DelegatedRoles::Succinct(SuccinctRoles::new(keys, bit_length, set.name())?),
            Style::Explicit => {
                let roles = (0..1_usize << bit_length).map(|bin| {
                    Ok(DelegatedRole {
                        name: RoleName::parse(bin_name(set.name(), bit_length, bin))?,
                        keys: keys.clone(),
                        paths: PathSet::HashPrefixes(hash_prefixes(bit_length, bin)?),
                        terminating: false,
                    })
                });
                DelegatedRoles::Listed(roles.collect::<Result<_, Error>>()?)
            }
        };
        let name = RoleName::parse(set.name())?;
        let mut targets = Targets::new(common(1, at, 365)).bound_to(&name);
        targets.delegations = Some(Delegations::new([self.online.key().clone()], roles));
        sign(&targets, &[&self.targets[0], &self.targets[1]])
    }

    /// A bin.
    ///
    /// # Errors
    /// Those of signing.
    pub fn bin<'a>(
        &self,
        name: &str,
        signed: Signed,
        targets: impl Iterator<Item = &'a Target>,
    ) -> Result<Vec<u8>, Error> {
        let mut bin = Targets::new(common(signed.version, signed.at, 90)).bound_to(&RoleName::parse(name)?);
        for target in targets {
            let hashes = sealdex_tuf::digest::Hashes::from_sha256(target.sha256);
            let file = TargetFile::new(target.length, hashes);
            bin.targets.insert(TargetPath::parse(target.path.as_str())?, file);
        }
        sign(&bin, &[&self.online])
    }

    /// A snapshot of these roles' versions.
    ///
    /// # Errors
    /// Those of signing.
    pub fn snapshot(
        &self,
        version: u64,
        at: Time,
        roles: &BTreeMap<RoleName, Version>,
    ) -> Result<Vec<u8>, Error> {
        let meta =
            roles.iter().map(|(role, &version)| (role.clone(), MetaFile::of_version(version))).collect();
        sign(&Snapshot { common: common(version, at, 7), meta }, &[&self.online])
    }

    /// The timestamp of that snapshot; with a root, that of a Merkle tree as well.
    ///
    /// # Errors
    /// Those of signing.
    pub fn timestamp(
        &self,
        version: u64,
        at: Time,
        snapshot: &[u8],
        root: Option<MerkleRoot>,
    ) -> Result<Vec<u8>, Error> {
        let snapshot = MetaFile::of_bytes(number(version), snapshot);
        let mut timestamp = Timestamp { common: common(version, at, 1), snapshot };
        if let Some(root) = root {
            root.name_in(&mut timestamp);
        }
        sign(&timestamp, &[&self.online])
    }
}

/// A version; 0 counts as the first.
#[must_use]
pub fn number(version: u64) -> Version {
    Version::new(version).unwrap_or(Version::ONE)
}

fn common(version: u64, at: Time, lifetime_days: i64) -> Common {
    Common::new(number(version), at + SignedDuration::from_hours(24 * lifetime_days))
}

fn role_keys<'a>(pairs: impl IntoIterator<Item = &'a KeyPair>, threshold: u64) -> RoleKeys {
    RoleKeys::new(pairs.into_iter().map(|pair| pair.key().id()).collect(), threshold)
}

/// Whole hex digits, so several where the bit length is no multiple of 4.
fn hash_prefixes(bit_length: u8, bin: usize) -> Result<Vec<PathHashPrefix>, Error> {
    let digits = usize::from(bit_length.div_ceil(4));
    let prefixes = 1_usize << (digits * 4 - usize::from(bit_length));
    (bin * prefixes..(bin + 1) * prefixes)
        .map(|prefix| PathHashPrefix::parse(&format!("{prefix:0digits$x}")))
        .collect()
}

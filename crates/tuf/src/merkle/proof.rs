//! The client's side: one role's file, parsed and verified.

use super::{MAX_PATH_LENGTH, MerkleRoot, digest, inner_hash, leaf_contents, leaf_hash};
use crate::error::{Error, Malformed};
use crate::json::{Object, Value};
use crate::name::{RoleName, Version};

const WHAT: &str = "Merkle proof";

/// The longest file that is parsed, in bytes: a path of [`MAX_PATH_LENGTH`] and the longest name, with room to spare.
pub const MAX_PROOF_BYTES: usize = 8192;

/// A role's snapshot Merkle metadata: its version, and the way from there to the root. Nothing of it is trusted before
/// [`MerkleProof::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleProof {
    pub(super) role: RoleName,
    pub(super) version: Version,
    /// From the leaf up.
    pub(super) path: Vec<Sibling>,
}

/// A node beside the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sibling {
    pub(super) side: Side,
    pub(super) hash: [u8; 32],
}

/// DIR: on which side of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl MerkleProof {
    /// Reads a file: the three members of the TAP and no others, one role with a version and nothing else, and a path
    /// whose hashes and directions are numbered alike, from 0, without gaps.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything else, and for more than [`MAX_PROOF_BYTES`] or
    /// [`MAX_PATH_LENGTH`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(malformed("longer than any proof"));
        }
        let members = object(Value::parse(bytes)?)?;
        let [contents, path, directions] =
            take(members, ["leaf_contents", "merkle_path", "path_directions"])?;
        let (role, version) = read_leaf(contents)?;
        let (hashes, directions) = (object(path)?, object(directions)?);
        if hashes.len() > MAX_PATH_LENGTH || hashes.len() != directions.len() {
            return Err(malformed("hashes and directions are not as many, or too many"));
        }
        let step = |at: usize| {
            let at = at.to_string();
            let hash = match hashes.value(&at) {
                Some(Value::String(hash)) => digest(WHAT, hash)?,
                _ => return Err(malformed("a step has no hash")),
            };
            let side = match directions.value(&at) {
                Some(Value::Integer(0)) => Side::Left,
                Some(Value::Integer(1)) => Side::Right,
                _ => return Err(malformed("a step has no direction, 0 or 1")),
            };
            Ok(Sibling { side, hash })
        };
        let path = (0..hashes.len()).map(step).collect::<Result<_, _>>()?;
        Ok(Self { role, version, path })
    }

    /// The file, as canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let steps = || self.path.iter().enumerate();
        let hashes: Object =
            steps().map(|(at, step)| (at.to_string(), hex::encode(step.hash).into())).collect();
        let directions: Object =
            steps().map(|(at, step)| (at.to_string(), u64::from(step.side == Side::Right).into())).collect();
        let members = [
            ("leaf_contents".to_owned(), leaf_contents(&self.role, self.version).into()),
            ("merkle_path".to_owned(), hashes.into()),
            ("path_directions".to_owned(), directions.into()),
        ];
        Value::Object(members.into_iter().collect()).canonical()
    }

    /// The version of `role` in the tree with this root (TAP 16, "Merkle tree verification").
    ///
    /// # Errors
    /// [`Error::WrongRole`] for the proof of another role, [`Error::WrongHash`] when it does not lead to the root.
    pub fn verify(&self, role: &RoleName, root: MerkleRoot) -> Result<Version, Error> {
        if self.role != *role {
            return Err(Error::WrongRole { role: role.clone(), named: self.role.to_string() });
        }
        let mut hash = leaf_hash(&self.role, self.version);
        for step in &self.path {
            hash = match step.side {
                Side::Left => inner_hash(&step.hash, &hash),
                Side::Right => inner_hash(&hash, &step.hash),
            };
        }
        if hash != root.0 {
            return Err(Error::WrongHash {
                file: format!("Merkle proof of {role}"),
                algorithm: "sha256".to_owned(),
                expected: hex::encode(root.0),
                found: hex::encode(hash),
            });
        }
        Ok(self.version)
    }
}

fn read_leaf(contents: Value) -> Result<(RoleName, Version), Error> {
    let mut entries = object(contents)?.into_iter();
    let (Some((path, file)), None) = (entries.next(), entries.next()) else {
        return Err(malformed("a leaf is of one role"));
    };
    let name = path.strip_suffix(".json").ok_or_else(|| malformed("a role's file does not end in .json"))?;
    let [version] = take(object(file)?, ["version"])?;
    let version = match version {
        Value::Integer(number) => u64::try_from(number).ok().and_then(Version::new),
        _ => None,
    };
    Ok((RoleName::parse(name)?, version.ok_or_else(|| malformed("a version is a number greater than 0"))?))
}

fn object(value: Value) -> Result<Object, Error> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(malformed("something is not an object")),
    }
}

/// Exactly these members, and no others.
fn take<const COUNT: usize>(mut object: Object, names: [&str; COUNT]) -> Result<[Value; COUNT], Error> {
    if object.len() != COUNT {
        return Err(malformed("members are missing, or more than there should be"));
    }
    let mut taken = names.map(|_| Value::Null);
    for (place, name) in taken.iter_mut().zip(names) {
        *place = object.remove(name).ok_or_else(|| malformed("a member is missing"))?;
    }
    Ok(taken)
}

fn malformed(reason: &str) -> Error {
    Malformed::new(WHAT, reason).into()
}

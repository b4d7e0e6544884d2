//! Snapshot Merkle trees ([TAP 16]), **experimental**: complete enough to measure what they cost. The updater does not use
//! them, no shipped client does, and this module may change in any release.
//!
//! In place of one snapshot that lists the version of every targets role, each role has a small unsigned file: its
//! version, and a path through a tree of hashes to a root that the timestamp names. A client that needs few of very many
//! roles fetches few of these files. [`MerkleTree`] is the repository's side, [`MerkleProof`] the client's.
//!
//! ```
//! use sealdex_tuf::merkle::{MerkleProof, MerkleTree};
//! use sealdex_tuf::{RoleName, Version};
//! # fn main() -> Result<(), sealdex_tuf::Error> {
//! let bins = ["index-0", "index-1", "index-2"];
//! let roles = bins.into_iter().map(|name| Ok((RoleName::parse(name)?, Version::ONE)));
//! let tree = MerkleTree::new(&roles.collect::<Result<_, sealdex_tuf::Error>>()?)?;
//! let role = RoleName::parse("index-1")?;
//! let file = tree.proof(&role).map(|proof| proof.to_bytes()).unwrap_or_default();
//!
//! let version = MerkleProof::parse(&file)?.verify(&role, tree.root())?;
//! assert_eq!(version, Version::ONE);
//! # Ok(())
//! # }
//! ```
//!
//! # What the TAP leaves open, and what is done here
//! - *The tree*: leaves in the order of the role names; neighbours are joined level by level, and a node without a
//!   neighbour moves up unchanged (RFC 6962 has the same shape). SHA-256 throughout.
//! - *What is hashed*: the canonical JSON of `leaf_contents` after a byte 0, two hashes after a byte 1. The TAP asks for
//!   leaves that are unique, not for this separation; without it the 64 bytes below an inner node could be offered as a
//!   leaf. They would not be JSON, but a check should not depend on that.
//! - *DIR*: 0 when the sibling is the left one, 1 when it is the right one. INDEX counts from the leaf up.
//! - *ROOT_HASH*: lower-case hex, in the member `merkle_root` of the timestamp. The TAP does not say whether the
//!   timestamp then still lists a snapshot, which the specification demands (4.6); it does here.
//! - *The length of a path*: nothing that is signed says how many leaves there are, so it is bounded
//!   ([`MAX_PATH_LENGTH`]) but not known. Because of the separation above no path of another length leads to the root.
//! - *Roles that do not exist*: there is no proof of absence, for which the TAP suggests a prefix tree. A server that
//!   withholds a file withholds a role.
//! - *Where the files are*: with consistent snapshots, each publication changes the path of every leaf, so all files are
//!   written anew each time, 16,384 for a change of one bin; they must stay for as long as clients use that timestamp.
//! - *Who signs*: the timestamp's key alone. The snapshot role, a key of its own in many repositories, says nothing any
//!   more about versions.
//!
//! # What is left out
//! *Auditors*, and with them protection from rollback where the timestamp's key is stolen: a client sees the versions of
//! the roles it asks for, and no others. The TAP wants third parties to read every tree whole and to sign that no version
//! went down. Neither they nor a client's way to them, nor the comparison with earlier trees, is implemented.
//!
//! [TAP 16]: https://github.com/theupdateframework/taps/blob/master/tap16.md

mod proof;
mod tree;

use crate::digest::sha256;
use crate::error::{Error, Malformed};
use crate::json::{Object, Value};
use crate::metadata::Timestamp;
use crate::name::{RoleName, Version};

pub use proof::{MAX_PROOF_BYTES, MerkleProof};
pub use tree::MerkleTree;

/// The longest path from a leaf to the root, and so log2 of the most leaves: four thousand million.
pub const MAX_PATH_LENGTH: usize = 32;

/// The member of the timestamp that names the root.
const ROOT_MEMBER: &str = "merkle_root";

/// ROOT_HASH: what a timestamp says of a whole tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MerkleRoot([u8; 32]);

impl MerkleRoot {
    /// The root that a timestamp names; `None` for one that goes with a plain snapshot. Only a verified timestamp's is
    /// worth anything.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is not 64 lower-case hex digits.
    pub fn of(timestamp: &Timestamp) -> Result<Option<Self>, Error> {
        match timestamp.common.unrecognized.value(ROOT_MEMBER) {
            None => Ok(None),
            Some(Value::String(hex)) => Ok(Some(Self(digest("timestamp", hex)?))),
            Some(_) => Err(Malformed::new("timestamp", "\"merkle_root\" is not a string").into()),
        }
    }

    /// Names this root in a timestamp that is to be signed.
    pub fn name_in(self, timestamp: &mut Timestamp) {
        timestamp.common.unrecognized.insert(ROOT_MEMBER, hex::encode(self.0));
    }
}

/// `leaf_contents`: METAFILES with the one role, as a snapshot would list it.
fn leaf_contents(role: &RoleName, version: Version) -> Object {
    let file: Object = [("version".to_owned(), Value::from(version.number()))].into_iter().collect();
    [(role.meta_path(), Value::Object(file))].into_iter().collect()
}

fn leaf_hash(role: &RoleName, version: Version) -> [u8; 32] {
    let mut input = vec![0];
    input.extend_from_slice(&Value::Object(leaf_contents(role, version)).canonical());
    sha256(&input)
}

fn inner_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut input = [1; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    sha256(&input)
}

/// Exactly 64 lower-case hex digits: one spelling for one hash.
fn digest(what: &'static str, text: &str) -> Result<[u8; 32], Error> {
    let mut digest = [0; 32];
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !lower || hex::decode_to_slice(text, &mut digest).is_err() {
        return Err(Malformed::new(what, "a hash is not 64 lower-case hex digits").into());
    }
    Ok(digest)
}

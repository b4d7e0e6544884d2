//! The repository's side: the tree over all targets roles.

use std::collections::BTreeMap;

use super::proof::{MerkleProof, Sibling, Side};
use super::{MAX_PATH_LENGTH, MerkleRoot, inner_hash, leaf_hash};
use crate::error::{Error, Malformed};
use crate::name::{RoleName, Version};

/// The hashes over the versions of all targets roles (TAP 16, "Merkle tree generation").
#[derive(Clone, Debug)]
pub struct MerkleTree {
    /// In the order of the names.
    roles: Vec<(RoleName, Version)>,
    /// The leaves' hashes, then level by level up to the root, which is alone in the last one.
    levels: Vec<Vec<[u8; 32]>>,
}

impl MerkleTree {
    /// The tree over these roles.
    ///
    /// # Errors
    /// [`Error::Malformed`] for no role at all, or more than paths of [`MAX_PATH_LENGTH`] reach.
    pub fn new(roles: &BTreeMap<RoleName, Version>) -> Result<Self, Error> {
        if roles.is_empty() || roles.len() as u64 > 1 << MAX_PATH_LENGTH {
            let reason = format!("{} roles cannot be listed", roles.len());
            return Err(Malformed::new("Merkle tree", reason).into());
        }
        let mut levels = vec![roles.iter().map(|(role, &version)| leaf_hash(role, version)).collect()];
        loop {
            let below: &Vec<[u8; 32]> = &levels[levels.len() - 1];
            if below.len() == 1 {
                break;
            }
            let level = (0..below.len().div_ceil(2)).map(|at| parent(below, at)).collect();
            levels.push(level);
        }
        Ok(Self { roles: roles.iter().map(|(role, &version)| (role.clone(), version)).collect(), levels })
    }

    /// What the timestamp is to name.
    #[must_use]
    pub fn root(&self) -> MerkleRoot {
        // The last level is there, and holds one hash: `new` made it.
        MerkleRoot(self.levels[self.levels.len() - 1][0])
    }

    /// Number of roles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roles.len()
    }

    /// Whether there is no role: never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// Lists another version of a role: as many hashes as its path is long. `false` when it has no such role.
    pub fn set(&mut self, role: &RoleName, version: Version) -> bool {
        let Some(mut at) = self.position(role) else { return false };
        self.roles[at].1 = version;
        self.levels[0][at] = leaf_hash(role, version);
        for level in 1..self.levels.len() {
            at /= 2;
            self.levels[level][at] = parent(&self.levels[level - 1], at);
        }
        true
    }

    /// The file for a role; `None` when there is no such role.
    #[must_use]
    pub fn proof(&self, role: &RoleName) -> Option<MerkleProof> {
        Some(self.proof_at(self.position(role)?))
    }

    /// The files of all roles, in the order of their names: what every publication has to write.
    pub fn proofs(&self) -> impl Iterator<Item = MerkleProof> {
        (0..self.roles.len()).map(|at| self.proof_at(at))
    }

    fn proof_at(&self, mut at: usize) -> MerkleProof {
        let (role, version) = self.roles[at].clone();
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let (neighbour, side) = if at % 2 == 1 { (at - 1, Side::Left) } else { (at + 1, Side::Right) };
            if let Some(&hash) = level.get(neighbour) {
                path.push(Sibling { side, hash });
            }
            at /= 2;
        }
        MerkleProof { role, version, path }
    }

    fn position(&self, role: &RoleName) -> Option<usize> {
        self.roles.binary_search_by(|(own, _)| own.cmp(role)).ok()
    }
}

/// The hash above two neighbours, or a last one without a neighbour unchanged.
fn parent(level: &[[u8; 32]], at: usize) -> [u8; 32] {
    match level.get(2 * at + 1) {
        Some(right) => inner_hash(&level[2 * at], right),
        None => level[2 * at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    fn tree(count: u64) -> MerkleTree {
        let roles = (0..count).map(|number| {
            (RoleName::parse(format!("r{number}")).unwrap(), Version::new(number + 1).unwrap())
        });
        MerkleTree::new(&roles.collect()).unwrap()
    }

    #[test]
    fn three_leaves_by_hand() {
        let leaf = |text: &str| sha256(&[b"\0", text.as_bytes()].concat());
        let inner = |left: [u8; 32], right: [u8; 32]| sha256(&[&[1][..], &left, &right].concat());
        let leaves = [
            leaf(r#"{"r0.json":{"version":1}}"#),
            leaf(r#"{"r1.json":{"version":2}}"#),
            leaf(r#"{"r2.json":{"version":3}}"#),
        ];
        let root = inner(inner(leaves[0], leaves[1]), leaves[2]);
        assert_eq!(tree(3).root(), MerkleRoot(root));
        assert_eq!(tree(1).root(), MerkleRoot(leaves[0]));
    }

    #[test]
    fn a_new_version_is_what_a_new_tree_would_have() {
        for count in [1, 2, 5, 16, 21] {
            let mut changed = tree(count);
            let role = RoleName::parse(format!("r{}", count / 2)).unwrap();
            assert!(changed.set(&role, Version::new(77).unwrap()));
            let mut roles: BTreeMap<_, _> = tree(count).roles.into_iter().collect();
            roles.insert(role.clone(), Version::new(77).unwrap());
            assert_eq!(changed.root(), MerkleTree::new(&roles).unwrap().root(), "{count}");
            assert_ne!(changed.root(), tree(count).root());
            assert!(!changed.set(&RoleName::parse("other").unwrap(), Version::ONE));
        }
    }

    #[test]
    fn no_roles_make_no_tree() {
        assert!(MerkleTree::new(&BTreeMap::new()).is_err());
        assert!(tree(2).proof(&RoleName::parse("other").unwrap()).is_none());
    }
}

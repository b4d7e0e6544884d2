//! What Merkle trees cost a server and a client in computing time.

use std::time::Instant;

use anyhow::Context;
use sealdex_tuf::merkle::{MerkleProof, MerkleTree};
use sealdex_tuf::{RoleName, Version};

use crate::cost::roles;
use crate::layout::{LAYOUTS, Layout, Versions};
use crate::world::World;

/// Times of one number of bins, in microseconds but for the first.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Making the files of all roles after one changed, in milliseconds.
    pub all_files_ms: f64,
    /// Bytes of all those files.
    pub all_bytes: usize,
    /// Listing the new version of one role.
    pub change_us: f64,
    /// Reading and verifying one file.
    pub verify_us: f64,
}

/// Measures; the shortest of several runs, since other work on the machine only adds.
///
/// # Errors
/// None that was ever seen.
pub fn measure(world: &World, bit_length: u8) -> anyhow::Result<Times> {
    let layout: &Layout = LAYOUTS
        .iter()
        .find(|layout| layout.versions == Versions::Merkle)
        .context("no layout has a Merkle tree")?;
    let roles = roles(world, *layout, bit_length, None)?;
    let mut tree = MerkleTree::new(&roles)?;
    let names: Vec<RoleName> = roles.into_keys().collect();
    let middle = &names[names.len() / 2];
    let mut all_bytes = 0;
    let all_files = shortest(5, |round| {
        tree.set(middle, Version::new(round + 1000).unwrap_or(Version::ONE));
        all_bytes = tree.proofs().map(|proof| proof.to_bytes().len()).sum();
        Ok(())
    })?;
    let change = shortest(5, |round| {
        for number in 0..1000 {
            tree.set(middle, Version::new(round * 1000 + number + 1).unwrap_or(Version::ONE));
        }
        Ok(())
    })?;
    let file = tree.proof(middle).context("the role is not listed")?.to_bytes();
    let root = tree.root();
    let verify = shortest(5, |_| {
        for _ in 0..1000 {
            MerkleProof::parse(&file)?.verify(middle, root)?;
        }
        Ok(())
    })?;
    Ok(Times { all_files_ms: all_files * 1e3, all_bytes, change_us: change * 1e3, verify_us: verify * 1e3 })
}

/// In seconds.
fn shortest(rounds: u64, mut work: impl FnMut(u64) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut shortest = f64::INFINITY;
    for round in 0..rounds {
        let start = Instant::now();
        work(round)?;
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    Ok(shortest)
}

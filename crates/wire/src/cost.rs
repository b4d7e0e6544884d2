//! What a client fetches, and what that adds up to.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use sealdex_tuf::merkle::MerkleTree;
use sealdex_tuf::{RoleName, Version};

use crate::encoding::{Encoding, Lengths};
use crate::layout::{Client, Layout, Versions};
use crate::metadata::{Keys, Set, number};
use crate::moment::{Away, NOW, first};
use crate::versions::{Signed, bin_name, bin_of, prefix_bits};
use crate::world::{Package, World};

/// A sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of metadata, as sent.
    pub bytes: usize,
    /// Requests, and so the round trips of a client that sends one after another.
    pub requests: usize,
    /// Round trips in sequence, if everything that can be known is asked for at once.
    pub trips: usize,
}

/// The lengths of all files of one layout with one number of bins.
pub struct Files {
    layout: Layout,
    bit_length: u8,
    root: Lengths,
    timestamp: Lengths,
    snapshot: Option<Lengths>,
    targets: Lengths,
    delegating: Vec<Lengths>,
    bins: BTreeMap<(Set, usize), Lengths>,
    /// Merkle proofs, by role.
    proofs: BTreeMap<String, Lengths>,
}

/// Bins of one number, which layouts share.
pub struct Bins(BTreeMap<(Set, usize), Lengths>);

impl Bins {
    /// Makes, signs and compresses the bins that samples touch.
    ///
    /// # Errors
    /// Those of signing and compressing.
    pub fn measure(world: &World, keys: &Keys, bit_length: u8) -> anyhow::Result<Self> {
        let mut lengths = BTreeMap::new();
        for set in &[Set::Index, Set::Files] {
            let at = world.bins.get(&(*set, bit_length)).context("these bins were not replayed")?;
            let now = world.targets(*set, bit_length, NOW);
            let then = Away::ALL.map(|away| world.targets(*set, bit_length, away.moment()));
            for bin in world.touched(*set, bit_length) {
                let name = bin_name(set.name(), bit_length, bin);
                let make = |signed: Signed, targets: &std::collections::HashMap<usize, Vec<_>>| {
                    keys.bin(&name, signed, targets.get(&bin).into_iter().flatten().copied())
                };
                let signed = at.now[bin];
                let latest = make(signed, &now)?;
                let mut earlier: [Option<Vec<u8>>; 4] = Default::default();
                for away in Away::ALL {
                    let old = at.then[away.index()][bin];
                    if old.version != signed.version {
                        earlier[away.index()] = Some(make(old, &then[away.index()])?);
                    }
                }
                let earlier = std::array::from_fn(|away| earlier[away].as_deref());
                lengths.insert((*set, bin), Lengths::of(&latest, earlier)?);
            }
        }
        Ok(Self(lengths))
    }

    /// The mean length of a set's touched bins.
    #[must_use]
    pub fn mean(&self, set: Set, encoding: Encoding) -> usize {
        let lengths = || self.0.iter().filter(|((own, _), _)| *own == set);
        let sum: usize = lengths().map(|(_, lengths)| lengths.new_client(encoding)).sum();
        sum / lengths().count().max(1)
    }
}

impl Files {
    /// Makes, signs and compresses everything but the bins.
    ///
    /// # Errors
    /// Those of signing and compressing.
    pub fn measure(
        world: &World,
        keys: &Keys,
        layout: Layout,
        bit_length: u8,
        bins: &Bins,
    ) -> anyhow::Result<Self> {
        let now = Moment::new(world, keys, layout, bit_length, None)?;
        let mut then = Vec::new();
        for away in Away::ALL {
            then.push(Moment::new(world, keys, layout, bit_length, Some(away))?);
        }
        let unchanged = |bytes: Vec<u8>| Lengths::of(&bytes, [None; 4]);
        let snapshot =
            Lengths::of(&now.snapshot, std::array::from_fn(|away| Some(then[away].snapshot.as_slice())))?;
        let mut proofs = BTreeMap::new();
        if layout.versions == Versions::Merkle {
            let touched = world.touched(Set::Index, bit_length);
            let bins = touched.into_iter().map(|bin| bin_name(Set::Index.name(), bit_length, bin));
            for role in ["targets".to_owned(), "index".to_owned()].into_iter().chain(bins) {
                let latest = now.proof(&role)?;
                let earlier: Vec<_> = then.iter().map(|then| then.proof(&role)).collect::<Result<_, _>>()?;
                let earlier = std::array::from_fn(|away| Some(earlier[away].as_slice()));
                proofs.insert(role, Lengths::of(&latest, earlier)?);
            }
        }
        let mut delegating = Vec::new();
        for set in layout.read {
            delegating.push(unchanged(keys.delegating(*set, layout.style, bit_length, first())?)?);
        }
        Ok(Self {
            layout,
            bit_length,
            root: unchanged(keys.root(first())?)?,
            // Too short for a difference to be worth its header.
            timestamp: unchanged(now.timestamp)?,
            snapshot: (layout.versions == Versions::Snapshot).then_some(snapshot),
            targets: unchanged(keys.targets(layout.sets, first())?)?,
            delegating,
            bins: bins.0.clone(),
            proofs,
        })
    }

    /// What one installation costs.
    #[must_use]
    pub fn cost(&self, packages: &[Package], client: Client, encoding: Encoding) -> Cost {
        let mut sum = Sum { client, encoding, cost: Cost::default(), stages: BTreeSet::new() };
        sum.refresh(Stage::Timestamp, &self.timestamp);
        if client == Client::New {
            // `trust add` fetches the root whose fingerprint it was given, and everything that is the same for all; the
            // installation itself begins with a refresh.
            sum.fetch(Stage::Timestamp, &self.root);
            sum.refresh(Stage::SecondTimestamp, &self.timestamp);
        }
        let mut roles = Vec::new();
        match &self.snapshot {
            Some(snapshot) => sum.fetch_known(Stage::Versions, snapshot, true),
            None => roles.extend(["targets".to_owned(), "index".to_owned()]),
        }
        // Signed once a year: whoever has them has the latest.
        if client == Client::New {
            sum.fetch(Stage::Delegations, &self.targets);
            self.delegating.iter().for_each(|role| sum.fetch(Stage::Delegations, role));
        }
        let roles_in_common = roles.len();
        for (set, bin, known) in self.bins_of(packages, client) {
            if let Some(lengths) = self.bins.get(&(set, bin)) {
                // The name of a file is known when the page is there.
                let stage = if set == Set::Index { Stage::IndexBins } else { Stage::FileBins };
                sum.fetch_known(stage, lengths, known);
            }
            roles.push(bin_name(set.name(), self.bit_length, bin));
        }
        if self.layout.versions == Versions::Merkle {
            for (place, role) in roles.iter().enumerate() {
                let known = place < roles_in_common || matches!(client, Client::Same(_));
                // New clients learn the names of bins from the delegations.
                let later = client == Client::New && place >= roles_in_common;
                let stage = if later { Stage::BinVersions } else { Stage::Versions };
                if let Some(lengths) = self.proofs.get(role) {
                    sum.fetch_known(stage, lengths, known);
                }
            }
        }
        sum.cost.trips = sum.stages.len();
        sum.cost
    }

    /// The bins that are needed, each once, and whether the client had an earlier version.
    fn bins_of(&self, packages: &[Package], client: Client) -> BTreeSet<(Set, usize, bool)> {
        let mut bins: BTreeMap<(Set, usize), bool> = BTreeMap::new();
        for set in self.layout.read {
            for package in packages {
                let bin = bin_of(prefix_bits(package.path(*set)), self.bit_length);
                let known = match client {
                    Client::Same(away) => *set == Set::Index || package.file_since <= away.moment(),
                    Client::New | Client::Other(_) => false,
                };
                *bins.entry((*set, bin)).or_default() |= known;
            }
        }
        bins.into_iter().map(|((set, bin), known)| (set, bin, known)).collect()
    }

    /// The length of the snapshot for a new client; 0 where there is none.
    #[must_use]
    pub fn snapshot_bytes(&self, encoding: Encoding) -> usize {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.new_client(encoding))
    }

    /// The length of the snapshot as a difference.
    #[must_use]
    pub fn snapshot_since(&self, away: Away) -> usize {
        let snapshot = self.snapshot.as_ref();
        snapshot.and_then(|snapshot| snapshot.returning(Encoding::Delta, away)).unwrap_or(0)
    }

    /// The length of the delegating roles that are read.
    #[must_use]
    pub fn delegating_bytes(&self, encoding: Encoding) -> usize {
        self.delegating.iter().map(|role| role.new_client(encoding)).sum()
    }

    /// The mean length of a proof.
    #[must_use]
    pub fn proof_bytes(&self, encoding: Encoding) -> usize {
        let sum: usize = self.proofs.values().map(|proof| proof.new_client(encoding)).sum();
        sum / self.proofs.len().max(1)
    }
}

/// Requests that do not wait for each other are of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Timestamp,
    Versions,
    Delegations,
    SecondTimestamp,
    BinVersions,
    IndexBins,
    FileBins,
}

struct Sum {
    client: Client,
    encoding: Encoding,
    cost: Cost,
    stages: BTreeSet<Stage>,
}

impl Sum {
    /// The root that is not there yet, whose answer has no body worth counting, and the timestamp.
    fn refresh(&mut self, stage: Stage, timestamp: &Lengths) {
        self.cost.requests += 1;
        self.fetch(stage, timestamp);
    }

    fn fetch(&mut self, stage: Stage, lengths: &Lengths) {
        self.add(stage, lengths.new_client(self.encoding));
    }

    fn fetch_known(&mut self, stage: Stage, lengths: &Lengths, known: bool) {
        match self.client {
            Client::Same(away) | Client::Other(away) if known => {
                if let Some(bytes) = lengths.returning(self.encoding, away) {
                    self.add(stage, bytes);
                }
            }
            _ => self.fetch(stage, lengths),
        }
    }

    fn add(&mut self, stage: Stage, bytes: usize) {
        self.cost.bytes += bytes;
        self.cost.requests += 1;
        self.stages.insert(stage);
    }
}

/// The files of one moment that all clients share.
struct Moment {
    timestamp: Vec<u8>,
    snapshot: Vec<u8>,
    tree: Option<MerkleTree>,
}

impl Moment {
    fn new(
        world: &World,
        keys: &Keys,
        layout: Layout,
        bit_length: u8,
        away: Option<Away>,
    ) -> anyhow::Result<Self> {
        let at = away.map_or(NOW, Away::moment);
        let version = away.map_or(world.publications.0, |away| world.publications.1[away.index()]);
        let roles = roles(world, layout, bit_length, away)?;
        let snapshot = keys.snapshot(version, at, &roles)?;
        let tree = match layout.versions {
            Versions::Snapshot => None,
            Versions::Merkle => Some(MerkleTree::new(&roles)?),
        };
        let root = tree.as_ref().map(MerkleTree::root);
        Ok(Self { timestamp: keys.timestamp(version, at, &snapshot, root)?, snapshot, tree })
    }

    fn proof(&self, role: &str) -> anyhow::Result<Vec<u8>> {
        let tree = self.tree.as_ref().context("there is no tree")?;
        Ok(tree.proof(&RoleName::parse(role)?).with_context(|| format!("{role} is not listed"))?.to_bytes())
    }
}

/// The version of every role that a snapshot lists; now, or at an earlier moment.
///
/// # Errors
/// None but for bins that were not replayed.
pub fn roles(
    world: &World,
    layout: Layout,
    bit_length: u8,
    away: Option<Away>,
) -> anyhow::Result<BTreeMap<RoleName, Version>> {
    let mut roles = BTreeMap::from([(RoleName::targets(), Version::ONE)]);
    for set in layout.sets {
        roles.insert(RoleName::parse(set.name())?, Version::ONE);
        let at = world.bins.get(&(*set, bit_length)).context("these bins were not replayed")?;
        let bins = away.map_or(&at.now, |away| &at.then[away.index()]);
        for (bin, signed) in bins.iter().enumerate() {
            roles.insert(RoleName::parse(bin_name(set.name(), bit_length, bin))?, number(signed.version));
        }
    }
    Ok(roles)
}

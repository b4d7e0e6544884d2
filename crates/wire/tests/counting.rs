//! What the harness adds up is what a client would fetch: a small repository, counted by hand.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sealdex_tuf::{RoleName, Version};
use sealdex_wire::cost::{Bins, Cost, Files};
use sealdex_wire::encoding::Encoding;
use sealdex_wire::layout::{Client, LAYOUTS, Versions};
use sealdex_wire::metadata::{Keys, Set, Style, Target};
use sealdex_wire::moment::{Away, NOW};
use sealdex_wire::versions::{bin_of, prefix_bits};
use sealdex_wire::world::{World, page_path};
use sealdex_workload::{Population, START, Uploads};

const BITS: u8 = 3;
const INDEX_ONLY: usize = 4;
const MERKLE: usize = 5;

struct Small {
    population: Population,
    world: World,
    keys: Keys,
    bins: Bins,
}

impl Small {
    fn new() -> Self {
        let population = Population::new(400).unwrap();
        let world = World::replay(&population, 1, 5, &[BITS]);
        let keys = Keys::new().unwrap();
        let bins = Bins::measure(&world, &keys, BITS).unwrap();
        Self { population, world, keys, bins }
    }

    fn files(&self, layout: usize) -> Files {
        Files::measure(&self.world, &self.keys, LAYOUTS[layout], BITS, &self.bins).unwrap()
    }

    /// The pages of one bin at a moment, from the population and its uploads alone.
    fn pages_of(&self, bin: usize, at: Timestamp) -> Vec<Target> {
        let mut files: BTreeMap<String, u32> = BTreeMap::new();
        for project in self.population.iter() {
            *files.entry(project.name.clone()).or_default() +=
                project.releases * u32::from(project.kind.files());
        }
        for upload in Uploads::starting(&self.population, START).take_while(|upload| upload.at <= at) {
            *files.entry(self.population.project(upload.project).name).or_default() += 1;
        }
        let pages = files.into_iter().map(|(project, files)| (page_path(&project), files));
        let own = pages.filter(|(path, _)| bin_of(prefix_bits(path), BITS) == bin);
        // Digests have one length, whatever they are of.
        own.map(|(path, files)| Target { path, length: 150 + 350 * u64::from(files), sha256: [7; 32] })
            .collect()
    }

    fn bin(&self, bin: usize) -> usize {
        let signed = self.world.bins[&(Set::Index, BITS)].now[bin];
        self.keys.bin(&format!("index-{bin}"), signed, self.pages_of(bin, NOW).iter()).unwrap().len()
    }

    fn touched(&self) -> BTreeSet<usize> {
        let packages = self.world.samples[0].iter();
        packages.map(|package| bin_of(prefix_bits(&package.page), BITS)).collect()
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut roles: BTreeMap<RoleName, Version> = BTreeMap::new();
        for name in ["targets", "index"] {
            roles.insert(RoleName::parse(name).unwrap(), Version::ONE);
        }
        for (bin, signed) in self.world.bins[&(Set::Index, BITS)].now.iter().enumerate() {
            let name = RoleName::parse(format!("index-{bin}")).unwrap();
            roles.insert(name, Version::new(signed.version).unwrap());
        }
        self.keys.snapshot(self.world.publications.0, NOW, &roles).unwrap()
    }
}

#[test]
fn what_clients_fetch_is_counted_once() {
    let small = Small::new();
    let files = small.files(INDEX_ONLY);
    let packages = &small.world.samples[0];
    let touched = small.touched();
    assert!((2..=5).contains(&touched.len()), "some packages, some bins");

    let (snapshot, publications) = (small.snapshot(), small.world.publications.0);
    let timestamp = small.keys.timestamp(publications, NOW, &snapshot, None).unwrap().len();
    let roles = [
        small.keys.root(START).unwrap(),
        small.keys.targets(&[Set::Index], START).unwrap(),
        small.keys.delegating(Set::Index, Style::Succinct, BITS, START).unwrap(),
    ];
    let bins: usize = touched.iter().map(|&bin| small.bin(bin)).sum();
    let expected = Cost {
        bytes: roles.iter().map(Vec::len).sum::<usize>() + 2 * timestamp + snapshot.len() + bins,
        // Two roots that are not there, the root, two timestamps, snapshot, targets, index.
        requests: 8 + touched.len(),
        // Timestamp, snapshot, delegations; timestamp, bins.
        trips: 5,
    };
    assert_eq!(files.cost(packages, Client::New, Encoding::Plain), expected);

    for away in Away::ALL {
        let at = &small.world.bins[&(Set::Index, BITS)];
        let changed: Vec<usize> = touched
            .iter()
            .copied()
            .filter(|&bin| at.now[bin].version != at.then[away.index()][bin].version)
            .collect();
        let refresh = timestamp + snapshot.len();
        let expected = Cost {
            bytes: refresh + changed.iter().map(|&bin| small.bin(bin)).sum::<usize>(),
            requests: 3 + changed.len(),
            trips: 2 + usize::from(!changed.is_empty()),
        };
        assert_eq!(files.cost(packages, Client::Same(away), Encoding::Plain), expected, "{away:?}");
        let expected = Cost { bytes: refresh + bins, requests: 3 + touched.len(), trips: 3 };
        assert_eq!(files.cost(packages, Client::Other(away), Encoding::Plain), expected, "{away:?}");
    }
}

#[test]
fn bins_hold_what_was_there_at_each_moment() {
    let small = Small::new();
    let pages = |targets: Vec<&Target>| -> BTreeMap<String, u64> {
        targets.into_iter().map(|target| (target.path.clone(), target.length)).collect()
    };
    let mut different = BTreeSet::new();
    for at in Away::ALL.map(Away::moment).into_iter().chain([NOW]) {
        let mut targets = small.world.targets(Set::Index, BITS, at);
        for bin in small.touched() {
            let found = pages(targets.remove(&bin).unwrap());
            assert_eq!(found, pages(small.pages_of(bin, at).iter().collect()), "bin {bin} at {at}");
            different.insert((bin, found));
        }
    }
    assert!(different.len() > small.touched().len(), "something was uploaded");
}

#[test]
fn a_proof_for_each_role_in_place_of_the_snapshot() {
    let small = Small::new();
    assert_eq!(LAYOUTS[MERKLE].versions, Versions::Merkle);
    let files = small.files(MERKLE);
    let touched = small.touched().len();
    let cost = |client| files.cost(&small.world.samples[0], client, Encoding::Plain);
    // As above without the snapshot, but with a proof for targets, for index and for each bin.
    assert_eq!(cost(Client::New).requests, 7 + touched + 2 + touched);
    assert_eq!(cost(Client::New).trips, 6);
    assert_eq!(cost(Client::Other(Away::Hour)).requests, 2 + 2 + touched + touched);
    // Eight bins, targets and index: ten leaves, so paths of two to four steps of some 70 bytes.
    assert!(
        (250..450).contains(&files.proof_bytes(Encoding::Plain)),
        "{}",
        files.proof_bytes(Encoding::Plain)
    );
}

#[test]
fn what_is_known_costs_less_and_more_packages_cost_more() {
    let small = Small::new();
    let packages = &small.world.samples[0];
    for layout in 0..LAYOUTS.len() {
        let files = small.files(layout);
        for client in Client::all() {
            let bytes = |encoding| files.cost(packages, client, encoding).bytes;
            assert!(bytes(Encoding::Delta) <= bytes(Encoding::Zstd), "{client:?}");
            assert!(bytes(Encoding::Zstd) < bytes(Encoding::Plain), "{client:?}");
            let one = files.cost(&packages[..1], client, Encoding::Plain);
            assert!(one.bytes <= bytes(Encoding::Plain), "{client:?}");
        }
        let away = |away| files.cost(packages, Client::Same(away), Encoding::Plain).requests;
        assert!(away(Away::Hour) <= away(Away::Month));
    }
}

#[test]
fn uploads_raise_the_versions_of_their_bins() {
    let small = Small::new();
    let mut uploads = [0_u64; 8];
    for upload in Uploads::starting(&small.population, START).take_while(|upload| upload.at <= NOW) {
        let project = small.population.project(upload.project);
        uploads[bin_of(prefix_bits(&page_path(&project.name)), BITS)] += 1;
    }
    let at = &small.world.bins[&(Set::Index, BITS)];
    for (bin, uploads) in uploads.into_iter().enumerate() {
        let raised = at.now[bin].version - at.then[Away::Month.index()][bin].version;
        // The absence began fifteen hours after the uploads did, and a quiet bin is renewed once or twice.
        assert!(raised <= uploads + 2 && raised + 40 >= uploads, "bin {bin}: {raised} for {uploads} uploads");
    }
}

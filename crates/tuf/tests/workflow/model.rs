//! A model against the updater: random repositories, honest and hostile by turns. Trusted versions never fall, nothing
//! expired or under-signed is accepted, and honest states are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use sealdex_testkit::clock;
use sealdex_testkit::simulator::{Failure, Listing, numbered};
use sealdex_tuf::json::Value;
use sealdex_tuf::{Attack, KeyPair};

use crate::{SimulatedClient, Simulator, role};

const ROLES: [&str; 3] = ["timestamp", "snapshot", "targets"];

/// One day: something happens, then the client updates.
#[derive(Clone, Debug)]
enum Event {
    /// The repository publishes honestly.
    Publish(Vec<Act>),
    /// Somebody who holds no key serves something else, for that day.
    Attack(Hostility),
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Root,
    Targets,
    Delegated,
    AddKey(&'static str),
    RaiseThreshold(&'static str),
    Rotate(&'static str),
    ListHashes,
    ListVersions,
}

/// What can be done without any key: old files, changed files, files of others, none at all.
#[derive(Clone, Debug)]
enum Hostility {
    /// Everything as it was on an earlier day.
    ReplayAll(prop::sample::Index),
    /// One file as it was on an earlier day.
    ReplayOne(prop::sample::Index, prop::sample::Index),
    /// A byte of a file is changed.
    Flip(prop::sample::Index, prop::sample::Index),
    /// A file is gone.
    Remove(prop::sample::Index),
    /// One file is served under another's name.
    Swap(prop::sample::Index, prop::sample::Index),
    /// A role is signed by other keys, or by too few.
    SignedByOthers(&'static str),
    SignedByTooFew(&'static str),
    /// Nothing new is published for a long time: the timestamp expires.
    Freeze,
}

fn act() -> impl Strategy<Value = Act> {
    let role = || prop::sample::select(&ROLES[..]);
    prop_oneof![
        2 => Just(Act::Root),
        4 => Just(Act::Targets),
        3 => Just(Act::Delegated),
        1 => role().prop_map(Act::AddKey),
        1 => role().prop_map(Act::RaiseThreshold),
        1 => role().prop_map(Act::Rotate),
        1 => Just(Act::ListHashes),
        1 => Just(Act::ListVersions),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<prop::sample::Index>;
    let role = || prop::sample::select(&ROLES[..]);
    let hostility = prop_oneof![
        index().prop_map(Hostility::ReplayAll),
        (index(), index()).prop_map(|(day, file)| Hostility::ReplayOne(day, file)),
        (index(), index()).prop_map(|(file, at)| Hostility::Flip(file, at)),
        index().prop_map(Hostility::Remove),
        (index(), index()).prop_map(|(one, other)| Hostility::Swap(one, other)),
        role().prop_map(Hostility::SignedByOthers),
        role().prop_map(Hostility::SignedByTooFew),
        Just(Hostility::Freeze),
    ];
    prop_oneof![
        prop::collection::vec(act(), 0..4).prop_map(Event::Publish),
        hostility.prop_map(Event::Attack),
    ]
}

/// The world: a repository, its past, a client, and what the client was seen to trust.
struct World {
    simulator: Simulator,
    client: SimulatedClient,
    past: Vec<BTreeMap<String, Vec<u8>>>,
    /// The signed part of everything the repository ever published honestly: nothing else may be trusted. (Of the
    /// envelope, a signature that the threshold does not need may be damaged.)
    honest: BTreeSet<Vec<u8>>,
    /// The lowest versions that may be trusted, since the last rotation of a key.
    floor: BTreeMap<String, u64>,
    root_version: u64,
}

impl World {
    fn new() -> Self {
        let mut simulator = Simulator::new();
        simulator.delegate("targets", role("A", &["*"]));
        simulator.add_target("A", "file", b"content");
        simulator.publish_targets(&["A", "targets"]);
        let client = SimulatedClient::of(&simulator);
        let mut world = Self {
            simulator,
            client,
            past: Vec::new(),
            honest: BTreeSet::new(),
            floor: BTreeMap::new(),
            root_version: 1,
        };
        world.remember();
        world
    }

    fn remember(&mut self) {
        self.past.push(self.simulator.files.clone());
        self.honest.extend(self.simulator.files.values().map(|bytes| signed_part(bytes)));
    }

    /// Publishes, with a timestamp that is good for three days.
    fn publish(&mut self, acts: &[Act], now: Timestamp) {
        let simulator = &mut self.simulator;
        let expires = clock::after(now, jiff::SignedDuration::from_hours(72));
        for name in ["root", "snapshot", "targets", "A"] {
            simulator.common(name).expires = clock::after(now, jiff::SignedDuration::from_hours(24 * 300));
        }
        simulator.timestamp.common.expires = expires;
        for act in acts {
            match act {
                Act::Root => simulator.publish(&["root"]),
                Act::Targets => simulator.publish(&["targets"]),
                Act::Delegated => simulator.publish(&["A"]),
                Act::AddKey(role) => {
                    let next = simulator.role_keys(role).key_ids.len();
                    if next < 5 {
                        simulator.add_key(role, numbered(10 + next));
                    }
                }
                Act::RaiseThreshold(role) => {
                    let keys = simulator.role_keys(role);
                    keys.threshold = (keys.threshold + 1).min(keys.key_ids.len() as u64);
                }
                Act::Rotate(role) => simulator.rotate_keys(role),
                Act::ListHashes => simulator.listing = Listing::LengthsAndHashes,
                Act::ListVersions => simulator.listing = Listing::Versions,
            }
        }
        // Keys and thresholds may have changed: everything is signed anew.
        simulator.publish(&["root", "A", "targets", "snapshot", "timestamp"]);
        self.remember();
    }

    /// Serves something hostile; gives back the honest files.
    fn attack(&mut self, hostility: &Hostility) -> BTreeMap<String, Vec<u8>> {
        let honest = self.simulator.files.clone();
        let names: Vec<String> = honest.keys().cloned().collect();
        let files = &mut self.simulator.files;
        match hostility {
            Hostility::ReplayAll(day) => {
                let newest_roots = files.clone();
                *files = day.get(&self.past).clone();
                files.extend(newest_roots.into_iter().filter(|(name, _)| name.ends_with(".root.json")));
            }
            Hostility::ReplayOne(day, file) => {
                let name = file.get(&names);
                if let Some(old) = day.get(&self.past).get(name) {
                    files.insert(name.clone(), old.clone());
                }
            }
            Hostility::Flip(file, at) => {
                if let Some(bytes) = files.get_mut(file.get(&names)) {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1;
                }
            }
            Hostility::Remove(file) => {
                files.remove(file.get(&names));
            }
            Hostility::Swap(one, other) => {
                let other = files[other.get(&names)].clone();
                files.insert(one.get(&names).clone(), other);
            }
            Hostility::SignedByOthers(role) => self.forge(role, vec![numbered(0), numbered(1)]),
            Hostility::SignedByTooFew(role) => {
                let mut signers = self.simulator.signers[*role].clone();
                let threshold = self.simulator.role_keys(role).threshold;
                signers.truncate(usize::try_from(threshold).unwrap_or(usize::MAX) - 1);
                self.forge(role, signers);
            }
            Hostility::Freeze => {}
        }
        honest
    }

    /// Publishes a next version of `role` that these keys have signed. What lists it is signed as it should be: the
    /// keys of one role are of no use for another.
    fn forge(&mut self, role: &str, signers: Vec<Arc<KeyPair>>) {
        let own = self.simulator.signers.insert(Simulator::role(role), signers).unwrap_or_default();
        self.simulator.publish(&[role]);
        self.simulator.signers.insert(Simulator::role(role), own);
        let listing = ROLES.iter().take_while(|name| **name != role).copied().collect::<Vec<_>>();
        for name in listing.iter().rev() {
            self.simulator.publish(&[name]);
            self.honest.insert(signed_part(self.simulator.latest(name)));
        }
    }

    fn update(&mut self, now: Timestamp) -> Result<(), Failure> {
        self.client.refresh_and_find(&self.simulator, now, "file").map(|_| ())
    }

    /// What must hold whatever happened.
    fn check(&mut self, now: Timestamp, succeeded: bool) {
        let root = self.client.version("root").unwrap_or_default();
        assert!(root >= self.root_version, "the root went back");
        if self.client.events.iter().any(|event| event.starts_with("delete")) {
            assert!(root > self.root_version, "something was deleted without a new root");
            self.floor.clear();
        }
        self.root_version = root;
        for (name, bytes) in &self.client.store {
            let version = self.client.version(name.as_str()).unwrap_or_default();
            let floor = self.floor.entry(name.as_str().to_owned()).or_default();
            assert!(version >= *floor, "{name} went back from {floor} to {version}");
            *floor = version;
            assert!(self.honest.contains(&signed_part(bytes)), "{name} was never published, and is trusted");
        }
        if succeeded {
            let trusted = self.client.updater().trusted().expect("a refresh that succeeded");
            assert!(trusted.expires() > now, "something expired is trusted");
            assert_eq!(trusted.timestamp().snapshot.version, trusted.snapshot().common.version);
            assert_eq!(trusted.snapshot().meta["targets"].version, trusted.targets().common.version);
        }
    }
}

/// What signatures are made over.
fn signed_part(bytes: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(envelope)) = Value::parse(bytes) else { return Vec::new() };
    envelope.value("signed").map(Value::canonical).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trusted_state_only_grows_and_honest_states_are_accepted(
        events in prop::collection::vec(event(), 1..12),
    ) {
        let mut world = World::new();
        for (day, event) in events.iter().enumerate() {
            let now = clock::days_after_start(i64::try_from(day).unwrap_or_default() * 2);
            match event {
                Event::Publish(acts) => {
                    world.publish(acts, now);
                    let result = world.update(now);
                    prop_assert!(result.is_ok(), "an honest state was refused: {result:?}");
                    world.check(now, true);
                    for name in ["root", "timestamp", "snapshot", "targets", "A"] {
                        prop_assert_eq!(&world.client.store[name][..], world.simulator.latest(name));
                    }
                }
                Event::Attack(hostility) => {
                    world.publish(&[], now);
                    let honest = world.attack(hostility);
                    let late = if matches!(hostility, Hostility::Freeze) { 72 } else { 0 };
                    let now = clock::after(now, jiff::SignedDuration::from_hours(late));
                    let result = world.update(now);
                    world.check(now, result.is_ok());
                    match (hostility, &result) {
                        (Hostility::Freeze, Err(Failure::Refused(error))) => {
                            prop_assert_eq!(error.attack(), Some(Attack::IndefiniteFreeze));
                        }
                        (Hostility::SignedByOthers(_) | Hostility::SignedByTooFew(_), Err(Failure::Refused(error))) => {
                            prop_assert_eq!(error.attack(), Some(Attack::ArbitrarySoftware));
                        }
                        (
                            Hostility::Freeze | Hostility::SignedByOthers(_) | Hostility::SignedByTooFew(_),
                            other,
                        ) => prop_assert!(false, "{hostility:?} was not noticed: {other:?}"),
                        _ => {}
                    }
                    world.simulator.files = honest;
                }
            }
        }
    }
}

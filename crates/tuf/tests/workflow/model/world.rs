//! The world of the model: a repository, its past, those who attack it, and a client.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use sealdex_testkit::clock;
use sealdex_testkit::simulator::{Listing, numbered};
use sealdex_tuf::json::Value;
use sealdex_tuf::metadata::{DelegatedRoles, RoleKeys, Snapshot, Targets};
use sealdex_tuf::{KeyPair, RoleName, Signer as _, Version};

use super::oracle::{Files, Signed, signed_part};
use super::{Act, Betrayal, Half, Hostility, Loss, ROLES, TARGET, TOP_LEVEL};
use crate::{SimulatedClient, Simulator, role};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const TIMESTAMP_LIFE: SignedDuration = SignedDuration::from_hours(72);
const SNAPSHOT_LIFE: SignedDuration = SignedDuration::from_hours(24 * 7);
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 300);

/// The number of the repository's first key. Those below are others', and such as become its own by an act.
const FIRST_KEY: usize = 100;

pub(super) struct World {
    pub(super) simulator: Simulator,
    pub(super) client: SimulatedClient,
    pub(super) signed: Signed,
    /// Whether the client may have taken in what somebody with keys signed, and has not recovered since (5.3.11).
    pub(super) betrayed: bool,
    time: Timestamp,
    publish_everything: bool,
    past: Vec<Past>,
    /// What the repository goes on from after a day that was not its own.
    own: Option<Own>,
}

/// How a day ended.
struct Past {
    /// What was published honestly.
    published: Files,
    /// What the client had.
    stored: Files,
    /// [`World::betrayed`].
    betrayed: bool,
}

/// The repository's own metadata.
struct Own {
    root: sealdex_tuf::metadata::Root,
    timestamp: sealdex_tuf::metadata::Timestamp,
    snapshot: Snapshot,
    targets: BTreeMap<RoleName, Targets>,
    signers: BTreeMap<RoleName, Vec<Arc<KeyPair>>>,
}

impl World {
    pub(super) fn new() -> Self {
        let mut simulator = Simulator::with_keys_from(FIRST_KEY);
        // One key signs for both, as for bins: what tells them apart is the role that they name.
        let pair = simulator.delegate("targets", role("A", &["*"]));
        simulator.delegate("A", role("B", &["*"]));
        for name in ["A", "B"] {
            let targets = simulator.targets_role(name).clone();
            *simulator.targets_role(name) = targets.bound_to(&Simulator::role(name));
        }
        simulator.add_target("B", TARGET, b"content");
        let client = SimulatedClient::of(&simulator);
        let mut world = Self {
            simulator,
            client,
            signed: Signed::default(),
            betrayed: false,
            time: clock::START,
            publish_everything: true,
            past: Vec::new(),
            own: None,
        };
        // What the simulator began with is the repository's too: keys that are misused can make clients go back to it.
        for name in TOP_LEVEL {
            let bytes = world.simulator.latest(name).to_vec();
            world.signed.remember(name, &bytes);
        }
        world.set_delegated_key("A", "B", pair);
        world.publish(&[]);
        world.remember_day();
        world
    }

    pub(super) fn begin_day(&mut self) {
        self.time = clock::after(self.time, DAY);
    }

    pub(super) fn client_time(&self, ahead: i64) -> Timestamp {
        clock::after(self.time, SignedDuration::from_hours(ahead))
    }

    /// The client's files by the role's name.
    pub(super) fn stored(&self) -> Files {
        self.client.store.iter().map(|(role, bytes)| (role.as_str().to_owned(), bytes.clone())).collect()
    }

    /// Publishes what the acts ask for, and everything above it that lists it.
    pub(super) fn publish(&mut self, acts: &[Act]) {
        for name in ROLES {
            let life = match name {
                "timestamp" => TIMESTAMP_LIFE,
                "snapshot" => SNAPSHOT_LIFE,
                _ => LIFE,
            };
            self.simulator.common(name).expires = clock::after(self.time, life);
        }
        // Who signs, or how files are listed and named, may have changed: everything is signed anew.
        let mut everything = std::mem::take(&mut self.publish_everything);
        let mut touched = Vec::new();
        for act in acts {
            match *act {
                Act::New(name) => touched.push(name),
                Act::ShortLived(name) => {
                    self.simulator.common(name).expires = clock::after(self.time, DAY + DAY / 2);
                    touched.push(name);
                }
                Act::ListHashes => self.simulator.listing = Listing::LengthsAndHashes,
                Act::ListVersions => self.simulator.listing = Listing::Versions,
                Act::ConsistentSnapshot(consistent) => self.simulator.root.consistent_snapshot = consistent,
                Act::AddKey(name) => {
                    let next = self.simulator.role_keys(name).key_ids.len();
                    if next < 5 {
                        self.simulator.add_key(name, numbered(10 + next));
                    }
                }
                Act::RaiseThreshold(name) => {
                    let keys = self.simulator.role_keys(name);
                    keys.threshold = (keys.threshold + 1).min(keys.key_ids.len() as u64);
                }
                Act::LowerThreshold(name) => {
                    let keys = self.simulator.role_keys(name);
                    keys.threshold = (keys.threshold - 1).max(1);
                }
                Act::Rotate(name) => self.rotate(name),
            }
            everything |= !matches!(act, Act::New(_) | Act::ShortLived(_));
        }
        let wanted = |name: &str| everything || touched.contains(&name);
        for name in ["root", "B", "A", "targets"].into_iter().filter(|name| wanted(name)) {
            self.publish_role(name);
        }
        for name in ["snapshot", "timestamp"] {
            self.publish_role(name);
        }
    }

    fn publish_role(&mut self, name: &str) {
        self.simulator.publish(&[name]);
        let bytes = self.simulator.latest(name).to_vec();
        self.signed.remember(name, &bytes);
    }

    /// Publishes a role as it is, under the version that it has.
    fn republish_role(&mut self, name: &str) {
        self.simulator.republish(name);
        let bytes = self.simulator.latest(name).to_vec();
        self.signed.remember(name, &bytes);
    }

    /// What lists a role, nearest first.
    fn listing(name: &str) -> &'static [&'static str] {
        match name {
            "root" | "timestamp" => &[],
            "snapshot" => &["timestamp"],
            _ => &["snapshot", "timestamp"],
        }
    }

    fn rotate(&mut self, name: &'static str) {
        match name {
            "root" => {
                let old = self.simulator.signers["root"].clone();
                self.simulator.rotate_keys("root");
                let new = self.simulator.signers["root"].clone();
                self.simulator.signers.insert(Simulator::role("root"), [new.clone(), old].concat());
                self.publish_role("root");
                self.simulator.signers.insert(Simulator::role("root"), new);
            }
            "A" | "B" => {
                let delegator = if name == "A" { "targets" } else { "A" };
                let pair = self.simulator.new_key();
                self.set_delegated_key(delegator, name, pair);
            }
            _ => self.simulator.rotate_keys(name),
        }
    }

    fn set_delegated_key(&mut self, delegator: &str, name: &str, pair: Arc<KeyPair>) {
        let id = pair.key().id();
        let delegations = self.simulator.targets_role(delegator).delegations.as_mut().unwrap();
        delegations.keys.insert(id.clone(), pair.key().clone());
        if let DelegatedRoles::Listed(roles) = &mut delegations.roles {
            for role in roles.iter_mut().filter(|role| role.name == Simulator::role(name)) {
                role.keys = RoleKeys::new(vec![id.clone()], 1);
            }
        }
        self.simulator.signers.insert(Simulator::role(name), vec![pair]);
    }

    /// Serves something hostile; gives back the honest files.
    pub(super) fn attack(&mut self, hostility: &Hostility) -> BTreeMap<String, Vec<u8>> {
        let honest = self.simulator.files.clone();
        let names: Vec<String> = honest.keys().cloned().collect();
        match hostility {
            Hostility::ReplayAll(day) => {
                let old = day.get(&self.past).published.clone();
                let roots = honest.iter().filter(|(name, _)| name.ends_with(".root.json"));
                self.simulator.files = old;
                self.simulator.files.extend(roots.map(|(name, bytes)| (name.clone(), bytes.clone())));
            }
            Hostility::ReplayOne(day, file) => {
                let name = file.get(&names);
                if let Some(old) = day.get(&self.past).published.get(name) {
                    self.simulator.files.insert(name.clone(), old.clone());
                }
            }
            Hostility::Flip(file, at) => {
                if let Some(bytes) = self.simulator.files.get_mut(file.get(&names)) {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1;
                }
            }
            Hostility::Remove(file) => {
                self.simulator.files.remove(file.get(&names));
            }
            Hostility::Swap(one, other) => {
                let other = honest[other.get(&names)].clone();
                self.simulator.files.insert(one.get(&names).clone(), other);
            }
            Hostility::SignedByOthers(name) => self.forge(name, vec![numbered(0), numbered(1)]),
            Hostility::SignedInTheNameOf(name) => {
                let right = self.simulator.signers[*name].clone();
                self.forge(name, vec![numbered(0)]);
                let forged = self.simulator.latest(name).to_vec();
                let (other, right) = (numbered(0).key().id(), right[0].key().id());
                let text = String::from_utf8(forged.clone()).unwrap();
                let renamed = text.replace(other.as_str(), right.as_str()).into_bytes();
                for bytes in self.simulator.files.values_mut().filter(|bytes| **bytes == forged) {
                    bytes.clone_from(&renamed);
                }
            }
            Hostility::SignedByRole(name, other) => {
                let signers = self.simulator.signers[*other].clone();
                // The same key may be another role's as well; then it is no attack, and the version counts.
                self.betrayed |= signers.iter().any(|pair| self.may_sign(name, pair));
                self.forge(name, signers);
            }
            Hostility::SignedByTooFew(name) => {
                let keys = match self.simulator.root.role(&Simulator::role(name)) {
                    Some(keys) => keys.threshold,
                    None => 1,
                };
                let mut signers = self.simulator.signers[*name].clone();
                signers.truncate(usize::try_from(keys).unwrap() - 1);
                self.forge(name, signers);
            }
        }
        honest
    }

    fn may_sign(&self, name: &str, pair: &KeyPair) -> bool {
        let own = &self.simulator.signers[name];
        own.iter().any(|own| own.key().id() == pair.key().id())
    }

    /// Publishes a next version of a role that these keys have signed. What lists it is signed as it should be: the
    /// keys of one role are of no use for another.
    fn forge(&mut self, name: &str, signers: Vec<Arc<KeyPair>>) {
        if name == "root" {
            // The next root has this one's version: nobody ever comes to a root past a forged one.
            self.keep_own();
        }
        let right = self.simulator.signers.insert(Simulator::role(name), signers).unwrap_or_default();
        self.publish_role(name);
        self.simulator.signers.insert(Simulator::role(name), right);
        // The versions of what was signed as it should be are used up, and the forged file is listed.
        self.publish_everything = true;
        for listing in Self::listing(name) {
            self.publish_role(listing);
        }
    }

    /// Somebody uses keys of the repository; gives back the honest files.
    pub(super) fn betray(&mut self, betrayal: Betrayal, clock_ahead: i64) -> BTreeMap<String, Vec<u8>> {
        let honest = self.simulator.files.clone();
        self.keep_own();
        self.betrayed = true;
        // As the client sees it, what is signed now has not expired.
        let tomorrow = clock::after(self.client_time(clock_ahead), DAY);
        for name in ["timestamp", "snapshot"] {
            let expires = self.simulator.common(name).expires;
            self.simulator.common(name).expires = expires.max(tomorrow);
        }
        let version = |world: &mut Self, name: &str| world.simulator.common(name).version.number();
        match betrayal {
            Betrayal::FastForward(name) => {
                let version = version(self, name);
                self.simulator.set_version(name, version + 1000);
                self.republish_with_listing(name);
            }
            Betrayal::GoBack(name, by) => {
                let version = version(self, name);
                self.simulator.set_version(name, version.saturating_sub(by).max(1));
                self.republish_with_listing(name);
            }
            Betrayal::Unlist(name) => {
                self.simulator.snapshot.meta.remove(&Simulator::role(name));
                self.publish_role("snapshot");
                self.publish_role("timestamp");
            }
            Betrayal::Expired(name) => {
                let now = self.client_time(clock_ahead);
                self.simulator.common(name).expires = now;
                self.publish_role(name);
                for listing in Self::listing(name) {
                    self.publish_role(listing);
                }
            }
            Betrayal::OtherVersion(name) => {
                let next = version(self, name) + 1;
                self.simulator.set_version(name, next + 1);
                self.republish_role(name);
                let bytes = self.simulator.latest(name).to_vec();
                let file = Simulator::role(name).versioned_file_name(Version::new(next).unwrap());
                self.simulator.files.insert(file, bytes);
                if name == "snapshot" {
                    self.simulator.timestamp.snapshot.version = Version::new(next).unwrap();
                } else if let Some(listed) = self.simulator.snapshot.meta.get_mut(name) {
                    listed.version = Version::new(next).unwrap();
                }
                for listing in Self::listing(name) {
                    self.publish_role(listing);
                }
            }
            Betrayal::SameVersion(name) => {
                let expires = self.simulator.common(name).expires;
                self.simulator.common(name).expires = clock::after(expires.max(tomorrow), DAY);
                self.republish_with_listing(name);
            }
            Betrayal::HalfSignedRoot(half) => {
                let old = self.simulator.signers["root"].clone();
                self.simulator.rotate_keys("root");
                if let Half::Old = half {
                    self.simulator.signers.insert(Simulator::role("root"), old);
                }
                self.publish_role("root");
            }
        }
        honest
    }

    fn republish_with_listing(&mut self, name: &str) {
        self.republish_role(name);
        for listing in Self::listing(name) {
            self.publish_role(listing);
        }
    }

    fn keep_own(&mut self) {
        let simulator = &self.simulator;
        self.own = Some(Own {
            root: simulator.root.clone(),
            timestamp: simulator.timestamp.clone(),
            snapshot: simulator.snapshot.clone(),
            targets: simulator.targets.clone(),
            signers: simulator.signers.clone(),
        });
    }

    /// Damages the client's files.
    pub(super) fn lose(&mut self, loss: &Loss) {
        let store = &mut self.client.store;
        match loss {
            Loss::Missing(name) => drop(store.remove(*name)),
            Loss::Garbage(name) => drop(store.insert(Simulator::role(name), b"{}".to_vec())),
            Loss::Flipped(name, at) => {
                if let Some(bytes) = store.get_mut(*name) {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1;
                }
            }
            Loss::OneRestored(name, day) => {
                let past = day.get(&self.past);
                // What misused keys once signed is back, also after the repository and the client recovered from it.
                self.betrayed |= past.betrayed;
                match past.stored.get(*name) {
                    Some(bytes) => drop(store.insert(Simulator::role(name), bytes.clone())),
                    None => drop(store.remove(*name)),
                }
            }
            Loss::AllRestored(day) => {
                let past = day.get(&self.past);
                self.betrayed |= past.betrayed;
                *store =
                    past.stored.iter().map(|(name, bytes)| (Simulator::role(name), bytes.clone())).collect();
            }
        }
    }

    pub(super) fn cut_off(&mut self, file: Option<prop::sample::Index>) {
        let names: Vec<String> = self.simulator.files.keys().cloned().collect();
        self.simulator.unreachable = file.map(|file| file.get(&names).clone()).into_iter().collect();
    }

    /// No trusted version falls in an update, and none that a trusted file lists; but when a rotation of keys is followed.
    pub(super) fn check_floor(&self, before: &Files, after: &Files) -> Result<(), TestCaseError> {
        let rotated = self.client.events.iter().any(|event| event.starts_with("delete"));
        let root = |store: &Files| store.get("root").and_then(|bytes| version(bytes));
        prop_assert!(root(after) >= root(before), "the root went back");
        if rotated {
            return Ok(());
        }
        let written = |name: &str| self.client.events.iter().any(|event| *event == format!("write {name}"));
        for name in ["timestamp", "snapshot"] {
            // A file that is not worth anything, damaged or signed by keys since revoked, is no floor.
            let usable = before.get(name).is_some_and(|bytes| self.is_signed_now(name, bytes, after));
            if !usable || !written(name) {
                continue;
            }
            let (old, new) = (&before[name], &after[name]);
            prop_assert!(version(new) >= version(old), "{} went back", name);
            for (listed, floor) in listed_versions(old) {
                let new = listed_versions(new).get(&listed).copied();
                prop_assert!(new >= Some(floor), "{} lists {} {:?} after {}", name, listed, new, floor);
            }
        }
        Ok(())
    }

    fn is_signed_now(&self, name: &str, bytes: &[u8], store: &Files) -> bool {
        let root = sealdex_tuf::metadata::Unverified::<sealdex_tuf::metadata::Root>::parse(&store["root"]);
        let root = root.unwrap();
        let keys = root.unverified_metadata().role(&Simulator::role(name)).unwrap();
        self.signed.by(name, bytes, keys)
    }

    /// What is trusted has not expired, and is one state.
    pub(super) fn check_trusted(&self, now: Timestamp) -> Result<(), TestCaseError> {
        let trusted = self.client.updater().trusted().expect("a refresh that succeeded");
        prop_assert!(trusted.expires() > now, "something expired is trusted");
        prop_assert_eq!(trusted.timestamp().snapshot.version, trusted.snapshot().common.version);
        prop_assert_eq!(trusted.snapshot().meta["targets"].version, trusted.targets().common.version);
        for (delegator, name) in [("targets", "A"), ("A", "B")] {
            let (delegator, name) = (Simulator::role(delegator), Simulator::role(name));
            if let Some(targets) = trusted.delegated(&delegator, &name) {
                prop_assert!(targets.common.expires > now, "{} has expired and is trusted", name);
                prop_assert_eq!(trusted.snapshot().meta[&name].version, targets.common.version);
            }
        }
        Ok(())
    }

    /// The file that the repository now has of a role.
    pub(super) fn published(&self, name: &str) -> &[u8] {
        let version = match name {
            "root" => self.simulator.root.common.version,
            "timestamp" => self.simulator.timestamp.common.version,
            "snapshot" => self.simulator.snapshot.common.version,
            _ => self.simulator.targets[name].common.version,
        };
        let versioned = name == "root" || (name != "timestamp" && self.simulator.root.consistent_snapshot);
        let role = Simulator::role(name);
        &self.simulator.files[&if versioned { role.versioned_file_name(version) } else { role.file_name() }]
    }

    /// Whether nothing that the repository now publishes has expired.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let latest = ROLES.iter().map(|name| self.published(name));
        latest.map(expiry).all(|expires| expires > now)
    }

    /// Back to the repository's own state. A client that has followed a rotation of keys is rid of what those who had
    /// them made it trust.
    pub(super) fn end_day(&mut self, honest: Option<BTreeMap<String, Vec<u8>>>, succeeded: bool) {
        self.simulator.unreachable.clear();
        if let Some(own) = self.own.take() {
            self.simulator.root = own.root;
            self.simulator.timestamp = own.timestamp;
            self.simulator.snapshot = own.snapshot;
            self.simulator.targets = own.targets;
            self.simulator.signers = own.signers;
        }
        if let Some(honest) = honest {
            self.simulator.files = honest;
        } else if succeeded && self.client.events.iter().any(|event| event.starts_with("delete")) {
            self.betrayed = false;
        }
        self.remember_day();
    }

    fn remember_day(&mut self) {
        let (published, stored) = (self.simulator.files.clone(), self.stored());
        self.past.push(Past { published, stored, betrayed: self.betrayed });
    }
}

/// The version in a file, if one can be read.
pub(super) fn version(bytes: &[u8]) -> Option<u64> {
    match signed_member(bytes, "version")? {
        Value::Integer(version) => u64::try_from(version).ok(),
        _ => None,
    }
}

fn expiry(bytes: &[u8]) -> Timestamp {
    match signed_member(bytes, "expires") {
        Some(Value::String(expires)) => clock::at(&expires),
        other => panic!("no expiry: {other:?}"),
    }
}

fn listed_versions(bytes: &[u8]) -> BTreeMap<String, u64> {
    let Some(Value::Object(meta)) = signed_member(bytes, "meta") else { return BTreeMap::new() };
    let version = |file: &Value| match file {
        Value::Object(file) => match file.value("version") {
            Some(Value::Integer(version)) => u64::try_from(*version).ok(),
            _ => None,
        },
        _ => None,
    };
    meta.iter().filter_map(|(name, file)| Some((name.to_owned(), version(file)?))).collect()
}

fn signed_member(bytes: &[u8], name: &str) -> Option<Value> {
    match Value::parse(&signed_part(bytes)) {
        Ok(Value::Object(signed)) => signed.value(name).cloned(),
        _ => None,
    }
}

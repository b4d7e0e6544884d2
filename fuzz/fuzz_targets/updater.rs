//! The client workflow, fed with whatever a repository, those who stole some of its keys, or a failing disk could give.
//!
//! Input: [`Input`], a few updates of one client. Each is served one of the publications of [`world`], by a clock of the
//! input's choice, with some answers replaced: by other files, by damaged ones, or by [`Forged`] ones that any of the
//! repository's keys may have signed. Stored files may be damaged before, and the client killed at any write.
//!
//! Asserted, by readers and counters of signatures of the target's own:
//! - whatever is written or used is what was served, signed by a threshold of the keys that the trusted root or a
//!   trusted delegator names, listed by the snapshot or timestamp in force, unexpired but for roots, and no older than
//!   what was trusted before, unless a root took timestamp or snapshot keys away;
//! - a target is found where a plain search through the trusted metadata finds it;
//! - an update ends within a number of steps that follows from the limits, and after an error nothing is trusted;
//! - an honest, fresh publication is accepted by a client that has seen only honest older ones, however damaged its
//!   files are, and brings the newest versions and the right targets.

#![no_main]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arbitrary::Arbitrary;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use sealdex_fuzz::forge::{Forged, Trick};
use sealdex_fuzz::world::{Publication, ROLES, Signatures, key, open, world};
use sealdex_testkit::clock;
use sealdex_tuf::digest::sha256;
use sealdex_tuf::metadata::{self, Unverified};
use sealdex_tuf::pattern::PathPattern;
use sealdex_tuf::{Answer, Limits, Request, Signer as _, Step, TargetPath, Updater};
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    updates: Vec<Update<'a>>,
}

#[derive(Arbitrary, Debug)]
struct Update<'a> {
    publication: u8,
    clock: Clock,
    limits: Tight,
    damage: Vec<Damage<'a>>,
    /// What is answered to the first fetch of which role; else honestly.
    answers: Vec<(u8, Served<'a>)>,
    /// After this many writes the client is killed; large numbers are never reached.
    writes: u8,
    search: u8,
}

/// When the client updates.
#[derive(Arbitrary, Debug)]
enum Clock {
    /// While the publication is good: hours after it.
    Fresh(u8),
    /// Hours after it, or before.
    Any(i16),
}

/// Which limit is lowered.
#[derive(Arbitrary, Debug, PartialEq, Eq)]
enum Tight {
    None,
    Roots(u8),
    Delegations(u8),
    TimestampBytes(u16),
    SnapshotBytes(u16),
    TargetsBytes(u16),
}

#[derive(Arbitrary, Debug)]
enum Damage<'a> {
    Remove(u8),
    Flip(u8, u16, u8),
    Truncate(u8, u16),
    Bytes(u8, &'a [u8]),
    /// The role's file of another publication.
    Other(u8, u8),
}

/// Forgeries with one thing wrong are as likely as everything else: that is what they are to be found by.
#[derive(Arbitrary, Debug)]
enum Served<'a> {
    Absent,
    /// The transport fails.
    Nothing,
    Replaced(Replaced<'a>),
    Forged(Forged),
    /// The same, and nothing else is wrong with it.
    ForgedWell(Trick),
}

#[derive(Arbitrary, Debug)]
enum Replaced<'a> {
    Nothing,
    /// The same path, in another publication.
    Other(u8),
    /// Another file.
    Swapped(u8),
    Flip(u16, u8),
    Truncate(u16),
    Append(&'a [u8]),
    Bytes(&'a [u8]),
}

const MAX_UPDATES: usize = 4;

fuzz_target!(|input: Input<'_>| {
    let mut client = Client::new();
    for update in input.updates.iter().take(MAX_UPDATES) {
        client.update(update);
    }
});

/// A client, its disk, and what the target knows of it.
struct Client {
    store: BTreeMap<String, Vec<u8>>,
    /// What was signed by whom, for files that were forged in this run.
    forged: HashMap<Vec<u8>, Signatures>,
}

/// One update in progress.
struct Run<'a, 'b> {
    client: &'a mut Client,
    publication: &'static Publication,
    now: Timestamp,
    limits: Limits,
    answers: Vec<&'a (u8, Served<'b>)>,
    writes_left: usize,
    /// What was given for a role last: what is written must be this.
    given: Option<(String, Vec<u8>)>,
    /// A stored file was given, and is used unless it is fetched.
    read: Option<(String, Vec<u8>)>,
    /// What is trusted now, by role.
    used: BTreeMap<String, Vec<u8>>,
    /// What was trusted before, as far as it is still signed.
    floor: BTreeMap<&'static str, Value>,
}

/// Why a run ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Done,
    Refused(sealdex_tuf::Error),
    Unreachable,
    Killed,
}

impl Client {
    fn new() -> Self {
        let root = world().publications[0].latest["root"].clone();
        Self { store: BTreeMap::from([("root".to_owned(), root)]), forged: HashMap::new() }
    }

    fn update(&mut self, update: &Update<'_>) {
        let publications = &world().publications;
        let publication = &publications[usize::from(update.publication) % publications.len()];
        let hours = match update.clock {
            Clock::Fresh(hours) => i64::from(hours % 72),
            Clock::Any(hours) => hours.into(),
        };
        let now = clock::after(publication.published, SignedDuration::from_hours(hours));
        update.damage.iter().take(8).for_each(|damage| self.damage(damage));
        let mut limits = Limits { max_root_versions: 16, ..Limits::default() };
        match update.limits {
            Tight::None => {}
            Tight::Roots(number) => limits.max_root_versions = number.into(),
            Tight::Delegations(number) => limits.max_delegations = usize::from(number % 8),
            Tight::TimestampBytes(bytes) => limits.max_timestamp_bytes = bytes.into(),
            Tight::SnapshotBytes(bytes) => limits.max_snapshot_bytes = bytes.into(),
            Tight::TargetsBytes(bytes) => limits.max_targets_bytes = bytes.into(),
        }
        let is_hostile =
            update.answers.iter().any(|(_, answer)| !matches!(answer, Served::Replaced(Replaced::Nothing)));
        let is_fresh = (0..72).contains(&hours);
        let must_succeed =
            !is_hostile && is_fresh && update.limits == Tight::None && self.is_honestly_behind(publication);

        let root = self.store["root"].clone();
        let mut run = Run {
            client: self,
            publication,
            now,
            limits,
            answers: update.answers.iter().collect(),
            writes_left: if update.writes < 16 { update.writes.into() } else { usize::MAX },
            given: None,
            read: None,
            used: BTreeMap::from([("root".to_owned(), root.clone())]),
            floor: BTreeMap::new(),
        };
        let mut updater = match Updater::new(&root, now, limits) {
            Ok(updater) => updater,
            Err(error) => {
                assert!(!must_succeed, "{error}");
                return;
            }
        };
        let end = run.refresh(&mut updater);
        if end != End::Done {
            // Killed at the last write, it is verified already.
            assert!(end == End::Killed || updater.trusted().is_none(), "something is trusted after {end:?}");
            assert!(!must_succeed || end == End::Killed, "an honest update ended: {end:?}");
            return;
        }
        run.check_trusted(&updater);
        let targets = &publication.targets;
        let (path, expected) = &targets[usize::from(update.search) % targets.len()];
        let end = run.search(&mut updater, path);
        if must_succeed && end != End::Killed {
            assert_eq!(end, End::Done, "an honest search ended");
            for (role, bytes) in &publication.latest {
                // A signature beyond the threshold may be damaged.
                if let Some(used) = run.used.get(*role) {
                    assert_eq!(signed(used), signed(bytes), "{role} is not the newest");
                }
            }
            let found = updater.found().expect("the search is complete");
            assert_eq!(found.map(|target| target.role().as_str()), expected.as_deref());
        }
    }

    /// Whether all that is stored and signed is honest and no newer than the publication.
    fn is_honestly_behind(&self, publication: &Publication) -> bool {
        self.store.iter().all(|(role, bytes)| {
            let Some((signed, _)) = open(bytes) else { return role != "root" };
            let Some(latest) = publication.latest.get(role.as_str()) else {
                return world().signatures.contains_key(&signed);
            };
            world().signatures.contains_key(&signed) && version(bytes) <= version(latest)
        })
    }

    fn damage(&mut self, damage: &Damage<'_>) {
        // The root is what trust begins with: it is only replaced by other honest ones.
        let role = |number: &u8| ROLES[1 + usize::from(*number) % (ROLES.len() - 1)];
        match damage {
            Damage::Remove(number) => drop(self.store.remove(role(number))),
            Damage::Flip(number, at, mask) => {
                if let Some(bytes) = self.store.get_mut(role(number)) {
                    flip(bytes, *at, *mask);
                }
            }
            Damage::Truncate(number, length) => {
                if let Some(bytes) = self.store.get_mut(role(number)) {
                    bytes.truncate((*length).into());
                }
            }
            Damage::Bytes(number, bytes) => {
                drop(self.store.insert(role(number).to_owned(), bytes.to_vec()));
            }
            Damage::Other(number, publication) => {
                let publications = &world().publications;
                let publication = &publications[usize::from(*publication) % publications.len()];
                let role = ROLES[usize::from(*number) % ROLES.len()];
                drop(self.store.insert(role.to_owned(), publication.latest[role].clone()));
            }
        }
    }

    /// Whether `bytes` are signed by a threshold of `role_keys`, by what the target itself has signed.
    fn is_signed(&self, bytes: &[u8], role_keys: &Value, keys: &Value) -> bool {
        let Some((signed, signatures)) = open(bytes) else { return false };
        let known = [world().signatures.get(&signed), self.forged.get(&signed)];
        let mut signers = BTreeSet::new();
        for (id, text) in signatures {
            let listed = role_keys["keyids"].as_array().is_some_and(|ids| ids.contains(&json!(id)));
            let public = keys[id]["keyval"]["public"].as_str().unwrap_or_default().to_ascii_lowercase();
            let made = known.iter().flatten().flat_map(|made| made.iter());
            let mut made =
                made.filter(|(number, own)| own.eq_ignore_ascii_case(&text) && public == public_of(**number));
            if listed && made.next().is_some() {
                signers.insert(public);
            }
        }
        role_keys["threshold"].as_u64().is_some_and(|threshold| signers.len() as u64 >= threshold)
    }

    fn is_signed_by_root(&self, role: &str, bytes: &[u8], root: &[u8]) -> bool {
        let root = signed(root);
        self.is_signed(bytes, &root["roles"][role], &root["keys"])
    }
}

impl<'a, 'b> Run<'a, 'b> {
    fn refresh(&mut self, updater: &mut Updater) -> End {
        // A root: one fetch, two deletions, one write. Then one read, fetch and write for each of three roles.
        let max_steps = 4 * self.limits.max_root_versions + 1 + 9;
        self.drive(updater, max_steps)
    }

    fn search(&mut self, updater: &mut Updater, path: &str) -> End {
        let target = TargetPath::parse(path).expect("the world's paths are paths");
        let end = match updater.search(target) {
            Err(error) => End::Refused(error),
            // A read, a fetch and a write for each role but `targets`.
            Ok(()) => self.drive(updater, 3 * (self.limits.max_delegations as u64 + 1)),
        };
        assert!(updater.trusted().is_some(), "a search ends what is trusted");
        if end == End::Done {
            let found = updater.found().expect("the search is complete");
            let expected = self.plain_search(path);
            assert_eq!(found.map(|target| target.role().as_str()), expected.as_deref(), "{path}");
            if let Some(target) = found {
                let entry = &signed(&self.used[target.role().as_str()])["targets"][path];
                assert_eq!(entry["length"].as_u64(), Some(target.file().length));
                assert_eq!(entry["hashes"]["sha256"].as_str(), target.file().hashes.file_name_digest());
            }
        } else {
            let found = matches!(updater.found(), Ok(Some(_)));
            assert!(end == End::Killed || !found, "a search that ended found something: {end:?}");
        }
        end
    }

    fn drive(&mut self, updater: &mut Updater, max_steps: u64) -> End {
        for _ in 0..=max_steps {
            let step = match updater.step() {
                Ok(step) => step,
                Err(error) => return End::Refused(error),
            };
            assert_eq!(updater.step().as_ref(), Ok(&step), "asking twice changes something");
            self.settle_read(&step);
            let answer = match step {
                Step::Done => return End::Done,
                Step::Read(role) => self.read(role.as_str()),
                Step::Fetch(request) => match self.fetch(&request) {
                    Some(answer) => answer,
                    None => return End::Unreachable,
                },
                Step::Write(role, bytes) => {
                    self.check_write(role.as_str(), &bytes);
                    if self.writes_left == 0 {
                        return End::Killed;
                    }
                    self.writes_left -= 1;
                    self.client.store.insert(role.as_str().to_owned(), bytes.to_vec());
                    Answer::Written
                }
                Step::Delete(role) => {
                    self.check_delete(role.as_str());
                    if self.writes_left == 0 {
                        return End::Killed;
                    }
                    self.writes_left -= 1;
                    self.client.store.remove(role.as_str());
                    Answer::Written
                }
            };
            if let Err(error) = updater.answer(answer) {
                self.read = None;
                let after = updater.step();
                assert!(after.is_err(), "{after:?} is asked for after {error}");
                assert!(updater.answer(Answer::Absent).is_err());
                return End::Refused(error);
            }
        }
        panic!("more than {max_steps} steps");
    }

    fn read(&mut self, role: &str) -> Answer {
        let Some(bytes) = self.client.store.get(role).cloned() else { return Answer::Absent };
        match role {
            "timestamp" => self.remember("timestamp", &bytes, self.limits.max_timestamp_bytes),
            "snapshot" => self.remember("snapshot", &bytes, self.limits.max_snapshot_bytes),
            _ => {}
        }
        self.read = Some((role.to_owned(), bytes.clone()));
        Answer::Bytes(bytes)
    }

    /// What is stored guards against rollback as long as the root's keys vouch for it.
    fn remember(&mut self, role: &'static str, bytes: &[u8], max_bytes: u64) {
        let is_signed = self.client.is_signed_by_root(role, bytes, &self.used["root"]);
        // A damaged envelope may still hold enough signatures, and is no metadata.
        let is_metadata = match role {
            "timestamp" => Unverified::<metadata::Timestamp>::parse(bytes).is_ok(),
            _ => Unverified::<metadata::Snapshot>::parse(bytes).is_ok(),
        };
        if is_signed && is_metadata && bytes.len() as u64 <= max_bytes {
            self.floor.insert(role, signed(bytes));
        }
    }

    /// A stored file that is not fetched next is used.
    fn settle_read(&mut self, next: &Step) {
        let Some((role, bytes)) = self.read.take() else { return };
        match next {
            Step::Fetch(request) if request.role.as_str() == role => {
                // The stored timestamp counts all the same, if the one that is fetched is no newer.
                if role == "timestamp" && self.floor.contains_key("timestamp") {
                    self.used.insert(role, bytes);
                }
            }
            _ => {
                self.check_used(&role, &bytes);
                self.used.insert(role, bytes);
            }
        }
    }

    fn fetch(&mut self, request: &Request) -> Option<Answer> {
        let role = request.role.as_str();
        let limit = match role {
            "root" => self.limits.max_root_bytes,
            "timestamp" => self.limits.max_timestamp_bytes,
            "snapshot" => self.limits.max_snapshot_bytes,
            _ => self.limits.max_targets_bytes,
        };
        assert!(request.max_bytes <= limit, "{request:?}");
        self.check_path(request);
        let files = &self.publication.files;
        let honest = files.get(&request.path);
        let copy = || honest.cloned();
        let mut bytes = match self.next_answer(role) {
            Served::Absent => None,
            Served::Nothing => return None,
            Served::Forged(forged) => self.forge(role, copy(), *forged),
            Served::ForgedWell(trick) => self.forge(role, copy(), Forged::well(*trick, honest.is_some())),
            Served::Replaced(replaced) => match replaced {
                Replaced::Nothing => copy(),
                Replaced::Other(number) => {
                    let publications = &world().publications;
                    let other = &publications[usize::from(*number) % publications.len()];
                    other.files.get(&request.path).cloned()
                }
                Replaced::Swapped(number) => files.values().nth(usize::from(*number) % files.len()).cloned(),
                Replaced::Flip(at, mask) => copy().map(|mut bytes| {
                    flip(&mut bytes, *at, *mask);
                    bytes
                }),
                Replaced::Truncate(length) => copy().map(|mut bytes| {
                    bytes.truncate((*length).into());
                    bytes
                }),
                Replaced::Append(more) => copy().map(|bytes| [&bytes[..], *more].concat()),
                Replaced::Bytes(bytes) => Some(bytes.to_vec()),
            },
        };
        let Some(bytes) = &mut bytes else { return Some(Answer::Absent) };
        // As a real fetch does: one byte more than allowed is enough to know.
        bytes.truncate(usize::try_from(request.max_bytes).map_or(usize::MAX, |max| max.saturating_add(1)));
        self.given = Some((role.to_owned(), bytes.clone()));
        Some(Answer::Bytes(bytes.clone()))
    }

    /// What is to be answered to this fetch of a role; the last number is for all bins.
    fn next_answer(&mut self, role: &str) -> &'a Served<'b> {
        let number = ROLES.iter().position(|known| *known == role).unwrap_or(ROLES.len());
        let next = self.answers.iter().position(|(own, _)| usize::from(*own) % (ROLES.len() + 1) == number);
        next.map_or(&Served::Replaced(Replaced::Nothing), |at| &self.answers.remove(at).1)
    }

    fn check_path(&self, request: &Request) {
        let root = signed(&self.used["root"]);
        let listed = |role: &str, file: &str| signed(&self.used[role])["meta"][file]["version"].as_u64();
        let role = request.role.as_str();
        let expected = match role {
            "root" => root["version"].as_u64().map(|version| version + 1),
            "timestamp" => None,
            "snapshot" => listed("timestamp", "snapshot.json"),
            role => listed("snapshot", &format!("{role}.json")),
        };
        let versioned = role == "root" || root["consistent_snapshot"] == json!(true);
        let expected = match expected.filter(|_| versioned) {
            Some(version) => format!("{version}.{role}.json"),
            None => format!("{role}.json"),
        };
        assert_eq!(request.path, expected);
    }

    fn check_write(&mut self, role: &str, bytes: &[u8]) {
        let given = self.given.take().expect("what is written was fetched");
        assert_eq!((given.0.as_str(), &given.1[..]), (role, bytes), "not what was fetched");
        if role == "root" {
            let old = &self.used["root"];
            assert!(self.client.is_signed_by_root("root", bytes, old), "not signed by the root before");
            assert!(self.client.is_signed_by_root("root", bytes, bytes), "not signed by itself");
            assert_eq!(version(bytes), version(old).map(|version| version + 1));
            if is_rotation(old, bytes) {
                assert!(
                    !self.client.store.contains_key("timestamp")
                        && !self.client.store.contains_key("snapshot")
                );
            }
        } else {
            self.check_used(role, bytes);
        }
        self.used.insert(role.to_owned(), bytes.to_vec());
    }

    fn check_delete(&mut self, role: &str) {
        assert!(matches!(role, "timestamp" | "snapshot"), "{role} is deleted");
        let (given, new) = self.given.as_ref().expect("a root was fetched");
        assert_eq!(given, "root");
        assert!(is_rotation(&self.used["root"], new), "{role} is deleted without need");
    }

    /// Whatever is trusted, besides roots.
    fn check_used(&self, role: &str, bytes: &[u8]) {
        let root = &self.used["root"];
        let new = signed(bytes);
        match role {
            "timestamp" | "snapshot" | "targets" => {
                assert!(
                    self.client.is_signed_by_root(role, bytes, root),
                    "{role} is not signed by enough keys"
                );
            }
            role => {
                let mut delegators = self.used.values().map(|bytes| signed(bytes)["delegations"].clone());
                let vouches = |delegations: Value| {
                    delegated(&delegations, role)
                        .is_some_and(|keys| self.client.is_signed(bytes, &keys, &delegations["keys"]))
                };
                assert!(delegators.any(vouches), "{role} is not signed by enough keys");
            }
        }
        assert!(expires(&new) > self.now, "{role} has expired");
        match role {
            "timestamp" => {
                if let Some(old) = self.floor.get("timestamp") {
                    assert!(number(&new["version"]) >= number(&old["version"]), "timestamp rollback");
                    let listed = |timestamp: &Value| number(&timestamp["meta"]["snapshot.json"]["version"]);
                    assert!(listed(&new) >= listed(old), "snapshot rollback by the timestamp");
                }
            }
            "snapshot" => {
                check_listed(&signed(&self.used["timestamp"])["meta"]["snapshot.json"], &new, bytes);
                if let Some(old) = self.floor.get("snapshot") {
                    assert!(number(&new["version"]) >= number(&old["version"]), "snapshot rollback");
                    for (file, entry) in old["meta"].as_object().into_iter().flatten() {
                        let offered = number(&new["meta"][file]["version"]);
                        assert!(offered >= number(&entry["version"]), "{file} rollback");
                    }
                }
            }
            role => {
                check_listed(&signed(&self.used["snapshot"])["meta"][format!("{role}.json")], &new, bytes);
            }
        }
    }

    fn check_trusted(&self, updater: &Updater) {
        let trusted = updater.trusted().expect("the refresh is done");
        assert!(trusted.expires() > self.now, "something expired is trusted");
        assert_eq!(trusted.root().bytes()[..], self.used["root"]);
        assert_eq!(trusted.timestamp().bytes()[..], self.used["timestamp"]);
        assert_eq!(trusted.snapshot().bytes()[..], self.used["snapshot"]);
        assert_eq!(trusted.targets().bytes()[..], self.used["targets"]);
        self.check_used("timestamp", &self.used["timestamp"]);
        self.check_used("snapshot", &self.used["snapshot"]);
        self.check_used("targets", &self.used["targets"]);
        for role in ["root", "timestamp", "snapshot", "targets"] {
            assert_eq!(self.client.store.get(role), self.used.get(role), "{role} is trusted, and not stored");
        }
    }

    /// 5.6.7 by the letter, over what is trusted.
    fn plain_search(&self, path: &str) -> Option<String> {
        let digest = hex::encode(sha256(path.as_bytes()));
        let (mut stack, mut visited) = (vec!["targets".to_owned()], BTreeSet::new());
        while let Some(role) = stack.pop() {
            if !visited.insert(role.clone()) {
                continue;
            }
            assert!(visited.len() <= self.limits.max_delegations + 1, "too many roles are visited");
            let metadata = signed(self.used.get(&role).expect("roles on the way are loaded"));
            if !metadata["targets"][path].is_null() {
                return Some(role);
            }
            let mut next = Vec::new();
            let delegations = &metadata["delegations"];
            for delegation in delegations["roles"].as_array().into_iter().flatten() {
                let any = |list: &Value, matches: &dyn Fn(&str) -> bool| {
                    list.as_array().is_some_and(|list| list.iter().filter_map(Value::as_str).any(matches))
                };
                let trusted = any(&delegation["paths"], &|pattern| PathPattern::new(pattern).matches(path))
                    || any(&delegation["path_hash_prefixes"], &|prefix| digest.starts_with(prefix));
                if trusted {
                    next.extend(delegation["name"].as_str().map(str::to_owned));
                    if delegation["terminating"] == json!(true) {
                        stack.clear();
                        break;
                    }
                }
            }
            if let Some(bits) = delegations["succinct_roles"]["bit_length"].as_u64() {
                let first = u32::from_str_radix(&digest[..8], 16).expect("a digest is hex");
                let prefix = delegations["succinct_roles"]["name_prefix"].as_str().unwrap_or_default();
                next.push(format!(
                    "{prefix}-{:0digits$x}",
                    first >> (32 - bits),
                    digits = bits.div_ceil(4) as usize
                ));
            }
            stack.extend(next.into_iter().rev());
        }
        None
    }

    fn forge(&mut self, role: &str, honest: Option<Vec<u8>>, forged: Forged) -> Option<Vec<u8>> {
        let forgery = forged.forge(role, honest.as_ref(), self.publication, self.now)?;
        self.client.forged.entry(forgery.canonical).or_default().extend(forgery.made);
        Some(forgery.bytes)
    }
}

fn flip(bytes: &mut [u8], at: u16, mask: u8) {
    let length = bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(usize::from(at) % length) {
        *byte ^= mask;
    }
}

fn public_of(number: usize) -> String {
    let key: Value = serde_json::from_slice(&key(number).key().to_value().to_json()).expect("a key is JSON");
    key["keyval"]["public"].as_str().unwrap_or_default().to_owned()
}

fn signed(bytes: &[u8]) -> Value {
    serde_json::from_slice::<Value>(bytes).map_or(Value::Null, |mut envelope| envelope["signed"].take())
}

fn version(bytes: &[u8]) -> Option<u64> {
    signed(bytes)["version"].as_u64()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a version is a number")
}

fn expires(signed: &Value) -> Timestamp {
    signed["expires"].as_str().and_then(|text| text.parse().ok()).expect("metadata expires")
}

/// What is said of a file fits it.
fn check_listed(entry: &Value, signed: &Value, bytes: &[u8]) {
    assert_eq!(entry["version"], signed["version"], "another version than listed");
    if let Some(length) = entry["length"].as_u64() {
        assert_eq!(length, bytes.len() as u64);
    }
    if let Some(digest) = entry["hashes"]["sha256"].as_str() {
        assert_eq!(digest, hex::encode(sha256(bytes)));
    }
}

/// Keys and threshold of a delegated role.
fn delegated(delegations: &Value, role: &str) -> Option<Value> {
    let listed = delegations["roles"].as_array().into_iter().flatten();
    if let Some(found) = listed.into_iter().find(|listed| listed["name"] == json!(role)) {
        return Some(found.clone());
    }
    let bins = &delegations["succinct_roles"];
    role.strip_prefix(bins["name_prefix"].as_str()?)?.starts_with('-').then(|| bins.clone())
}

/// Whether a key that signed for timestamp or snapshot does so no longer.
fn is_rotation(before: &[u8], after: &[u8]) -> bool {
    let (before, after) = (signed(before), signed(after));
    let publics = |root: &Value, role: &str| -> BTreeSet<String> {
        let ids = root["roles"][role]["keyids"].as_array().into_iter().flatten().filter_map(Value::as_str);
        ids.filter_map(|id| root["keys"][id]["keyval"]["public"].as_str().map(str::to_owned)).collect()
    };
    ["timestamp", "snapshot"].iter().any(|role| !publics(&before, role).is_subset(&publics(&after, role)))
}

//! An honest repository with a past: the same bytes in every process, so that an input means the same tomorrow.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use sealdex_testkit::clock;
use sealdex_testkit::simulator::{Listing, Simulator, seeded};
use sealdex_tuf::json::Value;
use sealdex_tuf::metadata::{
    DelegatedRole, DelegatedRoles, Delegations, PathHashPrefix, PathSet, RoleKeys, SuccinctRoles,
};
use sealdex_tuf::pattern::PathPattern;
use sealdex_tuf::{KeyPair, RoleName, Signer as _};

/// Number of keys that [`key`] knows.
pub const KEYS: usize = 12;

/// The key of that number, the same in every process.
pub fn key(number: usize) -> &'static Arc<KeyPair> {
    static PAIRS: LazyLock<Vec<Arc<KeyPair>>> =
        LazyLock::new(|| (1..=12).map(|number| seeded(&[number; 32])).collect());
    &PAIRS[number % KEYS]
}

/// The signatures that were made over a signed part, by the number of the key.
pub type Signatures = BTreeMap<usize, String>;

/// What was served from some day on.
pub struct Publication {
    /// When it was published: it stays good for three days.
    pub published: Timestamp,
    /// What a web server has.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The last file of each role.
    pub latest: BTreeMap<&'static str, Vec<u8>>,
    /// Which role speaks for a path, if one does.
    pub targets: Vec<(&'static str, Option<String>)>,
}

/// The publications, oldest first, and what was signed for them.
pub struct World {
    /// Oldest first.
    pub publications: Vec<Publication>,
    /// By the canonical form of the signed part.
    pub signatures: HashMap<Vec<u8>, Signatures>,
}

/// The world.
pub fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(World::new);
    &WORLD
}

/// A signature as a file has it: key id and hex text.
pub type Written = (String, String);

/// The canonical form of a file's signed part, and its signatures.
pub fn open(bytes: &[u8]) -> Option<(Vec<u8>, Vec<Written>)> {
    let Value::Object(envelope) = Value::parse(bytes).ok()? else { return None };
    let Value::Array(signatures) = envelope.value("signatures")? else { return None };
    // One signature that is none makes the whole file malformed.
    let texts = signatures.iter().map(|signature| match signature {
        Value::Object(signature) => match (signature.value("keyid")?, signature.value("sig")?) {
            (Value::String(id), Value::String(text)) => Some((id.clone(), text.clone())),
            _ => None,
        },
        _ => None,
    });
    Some((envelope.value("signed")?.canonical(), texts.collect::<Option<_>>()?))
}

/// Every role but the bins.
pub const ROLES: [&str; 8] = ["root", "timestamp", "snapshot", "targets", "A", "B", "C", "D"];

impl World {
    fn new() -> Self {
        let mut world = Self { publications: Vec::new(), signatures: HashMap::new() };
        let mut simulator = Simulator::new();
        simulator.root.keys.clear();
        simulator.files.clear();
        for (role, number) in [("root", 0), ("timestamp", 1), ("snapshot", 2), ("targets", 3)] {
            simulator.set_keys(role, &[key(number).clone()], 1);
        }
        delegate(&mut simulator, "targets", "A", PathSet::Patterns(vec![PathPattern::new("a/*")]), 6);
        let paths = PathSet::Patterns(vec![PathPattern::new("t/*")]);
        delegate(&mut simulator, "targets", "C", paths, 8);
        let all = "0123456789abcdef".chars().map(|digit| PathHashPrefix::parse(&digit.to_string()));
        let all = all.collect::<Result<_, _>>().expect("digits are prefixes");
        delegate(&mut simulator, "targets", "B", PathSet::HashPrefixes(all), 7);
        delegate(&mut simulator, "A", "D", PathSet::Patterns(vec![PathPattern::new("*/t*")]), 8);
        // A cycle.
        delegate(&mut simulator, "D", "A", PathSet::Patterns(vec![PathPattern::new("*/*")]), 6);
        for (role, path) in
            [("targets", "top"), ("A", "a/one"), ("D", "a/two"), ("B", "b/x"), ("C", "t/x"), ("B", "t/y")]
        {
            simulator.add_target(role, path, path.as_bytes());
        }
        // Two roles speak for it: the first one counts.
        simulator.add_target("B", "a/both", b"second");
        simulator.add_target("A", "a/both", b"first");
        set_expiry(&mut simulator, 0);
        for role in ROLES.iter().rev() {
            simulator.republish(role);
        }
        world.remember(&mut simulator);

        simulator.add_target("targets", "top", b"changed");
        world.publish(&mut simulator, &[]);
        simulator.listing = Listing::LengthsAndHashes;
        world.publish(&mut simulator, &[]);
        simulator.set_keys("timestamp", &[key(1).clone(), key(4).clone()], 2);
        world.publish(&mut simulator, &["root"]);
        simulator.set_keys("snapshot", &[key(5).clone()], 1);
        world.publish(&mut simulator, &["root"]);
        let bins = bins();
        for bin in bins.role_names() {
            simulator.new_targets(&bin);
            simulator.signers.insert(bin.clone(), vec![key(9).clone()]);
            simulator.republish(bin.as_str());
        }
        let bin = bins.role_for(&sealdex_tuf::TargetPath::parse("b/y").expect("a path"));
        simulator.add_target(bin.as_str(), "b/y", b"y");
        simulator.republish(bin.as_str());
        let delegations = Delegations::new([key(9).key().clone()], DelegatedRoles::Succinct(bins));
        simulator.targets_role("B").delegations = Some(delegations);
        world.publish(&mut simulator, &[]);
        simulator.set_keys("root", &[key(0).clone(), key(10).clone(), key(11).clone()], 2);
        world.publish(&mut simulator, &["root"]);
        simulator.root.consistent_snapshot = false;
        simulator.set_keys("timestamp", &[key(4).clone()], 1);
        world.publish(&mut simulator, &["root", "root"]);
        simulator.root.consistent_snapshot = true;
        simulator.listing = Listing::Versions;
        simulator.set_keys("targets", &[key(5).clone()], 1);
        world.publish(&mut simulator, &["root"]);
        world
    }

    /// Publishes every role, the next day.
    fn publish(&mut self, simulator: &mut Simulator, roots: &[&str]) {
        let day = self.publications.len() as i64;
        set_expiry(simulator, day);
        simulator.publish(roots);
        // With names that hold no version, bins have to be written anew too.
        for bin in bins().role_names().filter(|bin| simulator.targets.contains_key(bin)).collect::<Vec<_>>() {
            simulator.common(bin.as_str()).expires = clock::days_after_start(day + 5);
            simulator.publish(&[bin.as_str()]);
        }
        simulator.publish(&["D", "C", "B", "A", "targets", "snapshot", "timestamp"]);
        self.remember(simulator);
    }

    fn remember(&mut self, simulator: &mut Simulator) {
        for bytes in simulator.files.values() {
            let (signed, texts) = open(bytes).expect("what the simulator signs is metadata");
            let known = self.signatures.entry(signed.clone()).or_default();
            for number in 0..KEYS {
                let own = texts.iter().filter(|(id, _)| id == key(number).key().id().as_str());
                known.extend(own.map(|(_, text)| (number, text.clone())));
            }
        }
        let has_bins = simulator.targets["B"].delegations.is_some();
        let bin = bins().role_for(&sealdex_tuf::TargetPath::parse("b/y").expect("a path"));
        let mut targets = vec![
            ("top", Some("targets".to_owned())),
            ("a/one", Some("A".to_owned())),
            ("a/two", Some("D".to_owned())),
            ("b/x", Some("B".to_owned())),
            ("b/y", None),
            ("none", None),
            ("a/tree", None),
            ("t/x", Some("C".to_owned())),
            ("a/both", Some("A".to_owned())),
            // B has it, and is not asked.
            ("t/y", None),
        ];
        targets[4].1 = has_bins.then(|| bin.as_str().to_owned());
        self.publications.push(Publication {
            published: clock::days_after_start(self.publications.len() as i64),
            files: simulator.files.clone(),
            latest: ROLES.into_iter().map(|role| (role, simulator.latest(role).to_vec())).collect(),
            targets,
        });
    }
}

/// A client that comes back after some publications finds what it has stored expired.
fn set_expiry(simulator: &mut Simulator, day: i64) {
    for (role, days) in [
        ("root", 60),
        ("timestamp", 3),
        ("snapshot", 4),
        ("targets", 5),
        ("A", 5),
        ("B", 5),
        ("C", 5),
        ("D", 5),
    ] {
        simulator.common(role).expires = clock::days_after_start(day + days);
    }
}

fn bins() -> SuccinctRoles {
    SuccinctRoles::new(RoleKeys::new(vec![key(9).key().id()], 1), 2, "bin").expect("four bins")
}

fn delegate(simulator: &mut Simulator, delegator: &str, role: &str, paths: PathSet, number: usize) {
    let name = RoleName::parse(role).expect("a constant name");
    simulator.new_targets(&name);
    simulator.signers.insert(name.clone(), vec![key(number).clone()]);
    let keys = RoleKeys::new(vec![key(number).key().id()], 1);
    let delegations = &mut simulator.targets_role(delegator).delegations;
    let delegations =
        delegations.get_or_insert_with(|| Delegations::new([], DelegatedRoles::Listed(Vec::new())));
    delegations.keys.insert(key(number).key().id(), key(number).key().clone());
    if let DelegatedRoles::Listed(roles) = &mut delegations.roles {
        roles.push(DelegatedRole { name, keys, paths, terminating: role == "C" });
    }
}

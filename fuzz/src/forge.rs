//! Files that those who hold some of the repository's keys could make.

use arbitrary::Arbitrary;
use jiff::{SignedDuration, Timestamp};
use sealdex_testkit::clock;
use sealdex_tuf::Signer as _;
use sealdex_tuf::json::{Object, Value};

use crate::world::{KEYS, Publication, ROLES, Signatures, key, open};

/// A file with changes, signed anew.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Forged {
    version: Change,
    expires: Expires,
    signers: Signers,
    trick: Trick,
}

/// The one thing that is wrong with a file, if nothing else is.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Trick {
    /// Nothing.
    None,
    /// It expires at this moment.
    Expired,
    /// What it lists of a file: another version, or nothing.
    Listed(u8, Option<Change>),
    /// Another role's keys and threshold, in a root; from 128 on, each key stands under two ids.
    Role(u8, u16, u8),
    /// A signature is repeated under the id of another key, or from 128 on under the second id of its own.
    Repeated(u8, u8),
    /// The metadata of this role instead.
    OtherType(u8),
}

/// Another version than the honest file has.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Change {
    /// The same.
    None,
    /// The one after it.
    Next,
    /// The one before it.
    Previous,
    /// Any.
    To(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Expires {
    Unchanged,
    Now,
    Later,
}

/// Whose keys sign a forged file.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Signers {
    /// Those who signed the honest one.
    Honest,
    /// The same, but for one.
    TooFew,
    /// Those that the file itself lists for roots, if it is one.
    Listed,
    Any(u16),
}

/// What was forged.
pub struct Forgery {
    /// The file.
    pub bytes: Vec<u8>,
    /// The canonical form of its signed part.
    pub canonical: Vec<u8>,
    /// What was signed.
    pub made: Signatures,
}

impl Forged {
    /// A file with which nothing else is wrong: its version is the one asked for, and those who should have signed it.
    /// But for a root with keys of its own: this is signed by those, and by nobody before.
    pub fn well(trick: Trick, is_served: bool) -> Self {
        let version = if is_served { Change::None } else { Change::Next };
        let signers = if matches!(trick, Trick::Role(..)) { Signers::Listed } else { Signers::Honest };
        Self { version, expires: Expires::Unchanged, signers, trick }
    }

    /// Forges a role's file, from the honest one if there is one of that name, else from the last one of the role.
    pub fn forge(
        &self,
        role: &str,
        honest: Option<&Vec<u8>>,
        publication: &Publication,
        now: Timestamp,
    ) -> Option<Forgery> {
        let (role, honest) = match self.trick {
            Trick::OtherType(number) => (ROLES[usize::from(number) % ROLES.len()], None),
            _ => (role, honest),
        };
        let base = honest.or_else(|| publication.latest.get(role))?;
        let Value::Object(envelope) = Value::parse(base).ok()? else { return None };
        let Value::Object(mut signed) = envelope.value("signed")?.clone() else { return None };
        let own = number(signed.value("version")?);
        signed.insert("version", self.version.of(own));
        let expires = match (self.trick, self.expires) {
            (Trick::Expired, _) | (_, Expires::Now) => Some(now),
            (_, Expires::Unchanged) => None,
            (_, Expires::Later) => Some(clock::after(now, SignedDuration::from_hours(24))),
        };
        if let Some(time) = expires {
            signed.insert("expires", time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
        match self.trick {
            Trick::Listed(number, change) => list(&mut signed, number, change),
            Trick::Role(number, mask, threshold) => give_keys(&mut signed, number, mask, threshold),
            Trick::None | Trick::Expired | Trick::Repeated(..) | Trick::OtherType(_) => {}
        }
        let signers = self.signers.of(base, &signed);
        let repeated = match self.trick {
            Trick::Repeated(from, under) => Some((usize::from(from) % KEYS, under)),
            _ => None,
        };
        Some(sign(signed, &signers, repeated))
    }
}

impl Change {
    fn of(self, version: u64) -> u64 {
        match self {
            Self::None => version,
            Self::Next => version + 1,
            Self::Previous => version.saturating_sub(1),
            Self::To(number) => number.into(),
        }
    }
}

impl Signers {
    /// The numbers of the keys.
    fn of(self, honest: &[u8], forged: &Object) -> Vec<usize> {
        let ids: Vec<String> = match self {
            Self::Any(mask) => return chosen(mask).collect(),
            Self::Honest | Self::TooFew => {
                let signatures = open(honest).map(|(_, signatures)| signatures).unwrap_or_default();
                let skipped = usize::from(matches!(self, Self::TooFew));
                signatures.into_iter().skip(skipped).map(|(id, _)| id).collect()
            }
            Self::Listed => {
                let member = |object: &Object, name: &str| match object.value(name) {
                    Some(Value::Object(inner)) => inner.clone(),
                    _ => Object::new(),
                };
                match member(&member(forged, "roles"), "root").value("keyids") {
                    Some(Value::Array(ids)) => ids.iter().filter_map(text).collect(),
                    _ => Vec::new(),
                }
            }
        };
        (0..KEYS).filter(|number| ids.contains(&key(*number).key().id().to_string())).collect()
    }
}

/// Changes what a snapshot or a timestamp lists of the file of that number.
fn list(signed: &mut Object, file: u8, change: Option<Change>) {
    let Some(Value::Object(mut meta)) = signed.value("meta").cloned() else { return };
    let names: Vec<String> = meta.iter().map(|(name, _)| name.to_owned()).collect();
    let Some(name) = names.get(usize::from(file) % names.len().max(1)) else { return };
    let listed = meta.remove(name);
    if let (Some(change), Some(Value::Object(mut entry))) = (change, listed) {
        let own = entry.value("version").map_or(1, number);
        entry.insert("version", change.of(own));
        meta.insert(name.as_str(), entry);
    }
    signed.insert("meta", meta);
}

/// Gives a top-level role other keys in a root.
fn give_keys(signed: &mut Object, role: u8, mask: u16, threshold: u8) {
    let (Some(Value::Object(mut roles)), Some(Value::Object(mut keys))) =
        (signed.value("roles").cloned(), signed.value("keys").cloned())
    else {
        return;
    };
    let mut ids = Vec::new();
    for number in chosen(mask) {
        let mut add = |id: &str| {
            keys.insert(id, key(number).key().to_value());
            ids.push(Value::from(id));
        };
        add(key(number).key().id().as_str());
        if threshold >= 128 {
            add(&second_id(number));
        }
    }
    let mut role_keys = Object::new();
    role_keys.insert("keyids", ids);
    role_keys.insert("threshold", u64::from(threshold % 4));
    roles.insert(ROLES[usize::from(role) % 4], role_keys);
    signed.insert("roles", roles);
    signed.insert("keys", keys);
}

fn sign(signed: Object, signers: &[usize], repeated: Option<(usize, u8)>) -> Forgery {
    let signed = Value::Object(signed);
    let canonical = signed.canonical();
    let signature = |number: usize| hex::encode(key(number).sign(&canonical).expect("a key in memory signs"));
    let mut made: Signatures = signers.iter().map(|number| (*number, signature(*number))).collect();
    let entry = |id: &str, text: &str| {
        let entry = [("keyid", id), ("sig", text)];
        Value::Object(entry.map(|(name, text)| (name.to_owned(), text.into())).into_iter().collect())
    };
    let mut signatures: Vec<Value> =
        made.iter().map(|(number, text)| entry(key(*number).key().id().as_str(), text)).collect();
    if let Some((from, under)) = repeated {
        let text = made.entry(from).or_insert_with(|| signature(from));
        let id = match under {
            128.. => second_id(from),
            under => key(under.into()).key().id().to_string(),
        };
        signatures.push(entry(&id, text));
    }
    let mut envelope = Object::new();
    envelope.insert("signatures", signatures);
    envelope.insert("signed", signed);
    Forgery { bytes: Value::Object(envelope).to_json(), canonical, made }
}

fn chosen(mask: u16) -> impl Iterator<Item = usize> {
    (0..KEYS).filter(move |number| mask >> number & 1 == 1)
}

fn second_id(number: usize) -> String {
    format!("second-{number}")
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Integer(number) => u64::try_from(*number).unwrap_or_default(),
        _ => 0,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

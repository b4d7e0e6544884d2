//! Delegations of targets roles (TUF spec 4.5, DELEGATIONS; succinct bins by TAP 15).

use std::collections::{BTreeMap, BTreeSet};

use super::{Fields, RoleKeys, root};
use crate::digest::sha256;
use crate::error::{Error, Malformed};
use crate::json::{Node, Object, Value};
use crate::key::{Key, KeyId};
use crate::name::{MAX_TARGET_PATH_BYTES, RoleName, TargetPath};
use crate::pattern::PathPattern;

/// To whom a targets role delegates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegations {
    /// The keys that the delegated roles name.
    pub keys: BTreeMap<KeyId, Key>,
    /// The roles.
    pub roles: DelegatedRoles,
    /// Members this crate does not know.
    pub unrecognized: Object,
}

/// Either a list of roles in order of priority, or succinct bins; never both (TAP 15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DelegatedRoles {
    /// `roles`
    Listed(Vec<DelegatedRole>),
    /// `succinct_roles`
    Succinct(SuccinctRoles),
}

/// A delegated role and the paths it is trusted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegatedRole {
    /// ROLENAME
    pub name: RoleName,
    /// Who signs.
    pub keys: RoleKeys,
    /// The target paths it may speak about.
    pub paths: PathSet,
    /// TERMINATING: roles after it are not asked about paths this one is trusted with.
    pub terminating: bool,
}

/// The target paths of a delegation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathSet {
    /// `paths`
    Patterns(Vec<PathPattern>),
    /// `path_hash_prefixes`
    HashPrefixes(Vec<PathHashPrefix>),
    /// Neither is given: matches nothing.
    Nothing,
}

/// A HEX_DIGEST prefix. One that is read is kept as written and matches the paths whose lower-case digest starts with it:
/// none, where it is nothing such; all, where it is empty. So do other clients, and none of it makes the rest unreadable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathHashPrefix(String);

impl PathHashPrefix {
    /// A prefix to delegate with.
    ///
    /// # Errors
    /// Not 1 to 64 lower-case hex digits.
    pub fn parse(prefix: &str) -> Result<Self, Error> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(is_digit) {
            return Err(Malformed::new(
                "path_hash_prefixes",
                format!("{} is not 1 to 64 lower-case hex digits", prefix.escape_debug()),
            )
            .into());
        }
        Ok(Self(prefix.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `2^bit_length` bins that share keys and differ in the hash prefix of the target paths they hold (TAP 15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccinctRoles {
    /// Who signs, for every bin.
    pub keys: RoleKeys,
    bit_length: u8,
    name_prefix: String,
}

impl SuccinctRoles {
    /// `2^bit_length` bins named `name_prefix-HEX`.
    ///
    /// # Errors
    /// `bit_length` is not 1 to 32, or the names would be too long.
    pub fn new(keys: RoleKeys, bit_length: u8, name_prefix: impl Into<String>) -> Result<Self, Error> {
        let name_prefix = name_prefix.into();
        if !(1..=32).contains(&bit_length) {
            return Err(Malformed::new("succinct_roles", "bit_length is not 1 to 32").into());
        }
        RoleName::parse(format!("{name_prefix}-00000000"))?;
        Ok(Self { keys, bit_length, name_prefix })
    }

    /// log2 of the number of bins, 1 to 32.
    #[must_use]
    pub fn bit_length(&self) -> u8 {
        self.bit_length
    }

    /// Number of bins.
    #[must_use]
    pub fn bin_count(&self) -> u64 {
        1 << self.bit_length
    }

    /// The name of the bin that `path` belongs in.
    #[must_use]
    pub fn role_for(&self, path: &TargetPath) -> RoleName {
        let digest = sha256(path.as_str().as_bytes());
        let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        self.name(u64::from(first >> (32 - self.bit_length)))
    }

    /// The names of all bins.
    pub fn role_names(&self) -> impl Iterator<Item = RoleName> {
        (0..self.bin_count()).map(|bin| self.name(bin))
    }

    fn name(&self, bin: u64) -> RoleName {
        let digits = usize::from(self.bit_length.div_ceil(4));
        // `new` has checked that names of this prefix are short enough.
        RoleName::parse(format!("{}-{bin:0digits$x}", self.name_prefix))
            .unwrap_or_else(|_| RoleName::targets())
    }

    fn read(value: Node<'_>) -> Result<Self, Error> {
        let mut fields = Fields::of("succinct_roles", value)?;
        let (key_ids, threshold) = (fields.key_ids("keyids")?, fields.threshold()?);
        let bit_length = u8::try_from(fields.number("bit_length")?)
            .map_err(|_| fields.malformed("\"bit_length\" is not 1 to 32"))?;
        let name_prefix = fields.string("name_prefix")?.into_owned();
        Self::new(RoleKeys { key_ids, threshold, unrecognized: fields.rest() }, bit_length, name_prefix)
    }

    fn to_value(&self) -> Value {
        let mut object = self.keys.unrecognized.clone();
        self.keys.write(&mut object);
        object.insert("bit_length", u64::from(self.bit_length));
        object.insert("name_prefix", self.name_prefix.as_str());
        object.into()
    }
}

/// A role to visit in search of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) role: RoleName,
    pub(crate) terminating: bool,
}

impl Delegations {
    /// Delegations with these keys, filed under their identifiers.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = Key>, roles: DelegatedRoles) -> Self {
        let keys = keys.into_iter().map(|key| (key.id(), key)).collect();
        Self { keys, roles, unrecognized: Object::new() }
    }

    /// Keys and threshold of the role `name`, if this delegates to it.
    #[must_use]
    pub fn role_keys(&self, name: &RoleName) -> Option<&RoleKeys> {
        match &self.roles {
            DelegatedRoles::Listed(roles) => {
                roles.iter().find(|role| role.name == *name).map(|role| &role.keys)
            }
            DelegatedRoles::Succinct(bins) => {
                let digits = name.as_str().strip_prefix(bins.name_prefix.as_str())?.strip_prefix('-')?;
                let bin = u64::from_str_radix(digits, 16).ok().filter(|&bin| bin < bins.bin_count())?;
                (bins.name(bin) == *name).then_some(&bins.keys)
            }
        }
    }

    /// The roles to ask about `path`, in order of priority (5.6.7.2).
    pub(crate) fn candidates(&self, path: &TargetPath) -> Vec<Candidate> {
        match &self.roles {
            DelegatedRoles::Succinct(bins) => {
                vec![Candidate { role: bins.role_for(path), terminating: false }]
            }
            DelegatedRoles::Listed(roles) => {
                let digest = hex::encode(sha256(path.as_str().as_bytes()));
                let trusted = roles.iter().filter(|role| role.paths.contains(path, &digest));
                trusted
                    .map(|role| Candidate { role: role.name.clone(), terminating: role.terminating })
                    .collect()
            }
        }
    }

    pub(super) fn read(value: Node<'_>) -> Result<Self, Error> {
        let mut fields = Fields::of("delegations", value)?;
        let keys = root::read_keys(fields.object("keys")?)?;
        let roles = match (fields.optional("roles"), fields.optional("succinct_roles")) {
            (Some(Node::Array(roles)), None) => {
                let roles: Vec<_> = roles.into_iter().map(DelegatedRole::read).collect::<Result<_, _>>()?;
                let mut names = BTreeSet::new();
                if let Some(twice) = roles.iter().find(|role| !names.insert(&role.name)) {
                    return Err(fields.malformed(format!("the role {} is listed twice", twice.name)));
                }
                DelegatedRoles::Listed(roles)
            }
            (None, Some(bins)) => DelegatedRoles::Succinct(SuccinctRoles::read(bins)?),
            (Some(_), Some(_)) => {
                return Err(fields.malformed("both \"roles\" and \"succinct_roles\" are given"));
            }
            (Some(_), None) => return Err(fields.malformed("\"roles\" is not an array")),
            (None, None) => return Err(fields.malformed("neither \"roles\" nor \"succinct_roles\" is given")),
        };
        Ok(Self { keys, roles, unrecognized: fields.rest() })
    }

    pub(super) fn to_value(&self) -> Value {
        let mut object = self.unrecognized.clone();
        object.insert("keys", root::write_keys(&self.keys));
        match &self.roles {
            DelegatedRoles::Listed(roles) => {
                object.insert("roles", roles.iter().map(DelegatedRole::to_value).collect::<Vec<_>>());
            }
            DelegatedRoles::Succinct(bins) => object.insert("succinct_roles", bins.to_value()),
        }
        object.into()
    }
}

impl PathSet {
    fn contains(&self, path: &TargetPath, digest: &str) -> bool {
        match self {
            Self::Patterns(patterns) => patterns.iter().any(|pattern| pattern.matches(path.as_str())),
            Self::HashPrefixes(prefixes) => prefixes.iter().any(|prefix| digest.starts_with(prefix.as_str())),
            Self::Nothing => false,
        }
    }
}

impl DelegatedRole {
    fn read(value: Node<'_>) -> Result<Self, Error> {
        let mut fields = Fields::of("delegated role", value)?;
        let name = RoleName::parse(fields.string("name")?)?;
        if name.is_top_level() {
            return Err(fields.malformed(format!("{name} is a top-level role and cannot be delegated to")));
        }
        let (key_ids, threshold) = (fields.key_ids("keyids")?, fields.threshold()?);
        let terminating = fields.boolean("terminating")?.unwrap_or(false);
        let given = (fields.optional_strings("paths")?, fields.optional_strings("path_hash_prefixes")?);
        let paths = match given {
            (Some(_), Some(_)) => {
                return Err(fields.malformed(format!("{name} has both \"paths\" and \"path_hash_prefixes\"")));
            }
            (Some(patterns), None) => {
                // Matching takes pattern times path steps: a pattern longer than any path only costs time.
                if patterns.iter().any(|pattern| pattern.len() > MAX_TARGET_PATH_BYTES) {
                    let reason =
                        format!("{name} has a path pattern of more than {MAX_TARGET_PATH_BYTES} bytes");
                    return Err(fields.malformed(reason));
                }
                PathSet::Patterns(patterns.into_iter().map(PathPattern::new).collect())
            }
            (None, Some(prefixes)) => PathSet::HashPrefixes(
                prefixes.into_iter().map(|prefix| PathHashPrefix(prefix.into_owned())).collect(),
            ),
            (None, None) => PathSet::Nothing,
        };
        Ok(Self {
            name,
            keys: RoleKeys { key_ids, threshold, unrecognized: fields.rest() },
            paths,
            terminating,
        })
    }

    fn to_value(&self) -> Value {
        let mut object = self.keys.unrecognized.clone();
        self.keys.write(&mut object);
        object.insert("name", self.name.as_str());
        object.insert("terminating", self.terminating);
        let array = |texts: Vec<&str>| texts.into_iter().map(Value::from).collect::<Vec<_>>();
        match &self.paths {
            PathSet::Patterns(patterns) => {
                object.insert("paths", array(patterns.iter().map(PathPattern::as_str).collect()));
            }
            PathSet::HashPrefixes(prefixes) => {
                object.insert(
                    "path_hash_prefixes",
                    array(prefixes.iter().map(PathHashPrefix::as_str).collect()),
                );
            }
            PathSet::Nothing => {}
        }
        object.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(bit_length: u8) -> SuccinctRoles {
        SuccinctRoles::new(RoleKeys::new(Vec::new(), 1), bit_length, "index").unwrap()
    }

    #[test]
    fn bin_names_are_tap_15s() {
        // sha256("simple/six/index.json") starts with the digits below; see the python-tuf interop test too.
        let path = TargetPath::parse("simple/six/index.json").unwrap();
        let digest = hex::encode(sha256(path.as_str().as_bytes()));
        assert_eq!(bins(8).role_for(&path).as_str(), format!("index-{}", &digest[..2]));
        assert_eq!(bins(16).role_for(&path).as_str(), format!("index-{}", &digest[..4]));
        assert_eq!(bins(32).role_for(&path).as_str(), format!("index-{}", &digest[..8]));
        assert_eq!(
            bins(1).role_names().map(|n| n.as_str().to_owned()).collect::<Vec<_>>(),
            ["index-0", "index-1"]
        );
        assert_eq!(bins(5).role_names().last().unwrap().as_str(), "index-1f");
        assert!(SuccinctRoles::new(RoleKeys::new(Vec::new(), 1), 0, "x").is_err());
        assert!(SuccinctRoles::new(RoleKeys::new(Vec::new(), 1), 33, "x").is_err());
    }

    #[test]
    fn only_existing_bins_have_keys() {
        let delegations = Delegations::new([], DelegatedRoles::Succinct(bins(5)));
        for (name, known) in [
            ("index-1f", true),
            ("index-20", false),
            ("index-1F", false),
            ("index-+f", false),
            ("index-01f", false),
            ("other-1f", false),
            ("index-", false),
        ] {
            assert_eq!(delegations.role_keys(&RoleName::parse(name).unwrap()).is_some(), known, "{name}");
        }
    }

    #[test]
    fn prefixes_are_compared_as_written() {
        let path = TargetPath::parse("file").unwrap();
        let digest = hex::encode(sha256(b"file"));
        assert!(digest.starts_with("3b9c"));
        let too_long = format!("{digest}0");
        for (prefix, matches) in [
            ("3", true),
            ("3b9c", true),
            ("3B9C", false),
            ("", true),
            ("3c", false),
            ("x", false),
            (&too_long, false),
        ] {
            let json = format!(
                r#"{{"name":"a","keyids":[],"threshold":1,"terminating":false,"path_hash_prefixes":["{prefix}"]}}"#
            );
            let role = DelegatedRole::read(Node::parse(json.as_bytes()).unwrap()).unwrap();
            assert_eq!(role.paths.contains(&path, &digest), matches, "{prefix}");
            assert!(matches!(role.to_value(), Value::Object(object)
                if object.value("path_hash_prefixes") == Some(&Value::Array(vec![prefix.into()]))));
        }
        assert!(PathHashPrefix::parse("3b").is_ok());
        assert!(["", "3B", "x", &too_long].iter().all(|prefix| PathHashPrefix::parse(prefix).is_err()));
    }

    #[test]
    fn a_role_listed_twice_is_refused() {
        let role = r#"{"name":"a","keyids":[],"threshold":1,"terminating":false,"paths":["*"]}"#;
        let read = |json: String| Delegations::read(Node::parse(json.as_bytes()).unwrap());
        assert!(read(format!(r#"{{"keys":{{}},"roles":[{role}]}}"#)).is_ok());
        assert!(read(format!(r#"{{"keys":{{}},"roles":[{role},{role}]}}"#)).is_err());
        assert!(read(r#"{"keys":{}}"#.to_owned()).is_err());
        assert!(
            read(format!(r#"{{"keys":{{}},"roles":[{}]}}"#, role.replace("\"a\"", "\"snapshot\""))).is_err()
        );
    }
}

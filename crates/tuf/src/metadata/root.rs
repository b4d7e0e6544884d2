//! Root metadata (TUF spec 4.3).

use std::collections::BTreeMap;

use super::{Common, Fields, Metadata, member, private::Sealed, signed_members};
use crate::error::Error;
use crate::json::{Members, Node, Object, Value};
use crate::key::{Key, KeyId};
use crate::name::RoleName;

/// Root: which keys sign for the top-level roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Version, expiry and unknown members.
    pub common: Common,
    /// CONSISTENT_SNAPSHOT; absent counts as false.
    pub consistent_snapshot: bool,
    /// The keys. A role may name others: those sign nothing.
    pub keys: BTreeMap<KeyId, Key>,
    /// Keys and threshold of `root`.
    pub root: RoleKeys,
    /// Keys and threshold of `timestamp`.
    pub timestamp: RoleKeys,
    /// Keys and threshold of `snapshot`.
    pub snapshot: RoleKeys,
    /// Keys and threshold of `targets`.
    pub targets: RoleKeys,
    /// Other roles, such as `mirrors`: kept, not used.
    pub other_roles: Object,
}

/// Who signs for a role: key identifiers and how many of them must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleKeys {
    /// KEYIDs, each once.
    pub key_ids: Vec<KeyId>,
    /// THRESHOLD: distinct keys needed, at least 1.
    pub threshold: u64,
    /// Members this crate does not know.
    pub unrecognized: Object,
}

impl RoleKeys {
    /// `threshold` of `key_ids`.
    #[must_use]
    pub fn new(key_ids: Vec<KeyId>, threshold: u64) -> Self {
        Self { key_ids, threshold, unrecognized: Object::new() }
    }

    fn read(what: String, value: Node<'_>) -> Result<Self, Error> {
        let mut fields = Fields::of(what, value)?;
        let (key_ids, threshold) = (fields.key_ids("keyids")?, fields.threshold()?);
        Ok(Self { key_ids, threshold, unrecognized: fields.rest() })
    }

    pub(super) fn write(&self, object: &mut Object) {
        let ids: Vec<Value> = self.key_ids.iter().map(|id| id.as_str().into()).collect();
        object.insert("keyids", ids);
        object.insert("threshold", self.threshold);
    }
}

impl Root {
    /// Keys and threshold of a top-level role; `None` for other names.
    #[must_use]
    pub fn role(&self, name: &RoleName) -> Option<&RoleKeys> {
        match name.as_str() {
            "root" => Some(&self.root),
            "timestamp" => Some(&self.timestamp),
            "snapshot" => Some(&self.snapshot),
            "targets" => Some(&self.targets),
            _ => None,
        }
    }
}

impl Metadata for Root {
    const TYPE: &'static str = "root";

    fn common(&self) -> &Common {
        &self.common
    }
}

impl Sealed for Root {
    fn read(common: Common, fields: &mut Fields<'_>) -> Result<Self, Error> {
        let consistent_snapshot = fields.boolean("consistent_snapshot")?.unwrap_or(false);
        let keys = read_keys(fields.object("keys")?)?;
        let mut roles = Fields::new("root roles", fields.object("roles")?);
        let mut role = |name: &str| RoleKeys::read(format!("root role {name}"), roles.value(name)?);
        let (root, timestamp, snapshot, targets) =
            (role("root")?, role("timestamp")?, role("snapshot")?, role("targets")?);
        Ok(Self {
            common,
            consistent_snapshot,
            keys,
            root,
            timestamp,
            snapshot,
            targets,
            other_roles: roles.rest(),
        })
    }

    fn unrecognized(&mut self) -> &mut Object {
        &mut self.common.unrecognized
    }

    fn members(&self) -> Members<'_> {
        let mut roles = self.other_roles.clone();
        for (name, role) in [
            ("root", &self.root),
            ("timestamp", &self.timestamp),
            ("snapshot", &self.snapshot),
            ("targets", &self.targets),
        ] {
            let mut written = role.unrecognized.clone();
            role.write(&mut written);
            roles.insert(name, written);
        }
        let owned = |object: Object| Node::Owned(Box::new(object.into()));
        let own = [
            member("consistent_snapshot", Node::Bool(self.consistent_snapshot)),
            member("keys", owned(write_keys(&self.keys))),
            member("roles", owned(roles)),
        ];
        signed_members::<Self>(&self.common, own)
    }
}

pub(super) fn read_keys(members: Members<'_>) -> Result<BTreeMap<KeyId, Key>, Error> {
    let keys = members.into_iter();
    keys.map(|(id, key)| Ok((KeyId::parse(id)?, Key::from_value(key.into_value())?))).collect()
}

pub(super) fn write_keys(keys: &BTreeMap<KeyId, Key>) -> Object {
    keys.iter().map(|(id, key)| (id.as_str().to_owned(), key.to_value())).collect()
}

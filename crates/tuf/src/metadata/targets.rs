//! Targets metadata (TUF spec 4.5).

use std::collections::BTreeMap;
use std::iter;

use super::{Common, Delegations, Fields, Metadata, member, private::Sealed, signed_members};
use crate::digest::Hashes;
use crate::error::{Error, Malformed};
use crate::json::{Members, Node, Object, Value};
use crate::name::{RoleName, TargetPath};

/// Targets: what target files there are, and who else may say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    /// Version, expiry and unknown members.
    pub common: Common,
    /// TARGETS
    pub targets: BTreeMap<TargetPath, TargetFile>,
    /// DELEGATIONS
    pub delegations: Option<Delegations>,
}

/// What is known of a target file (TARGETS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFile {
    /// LENGTH in bytes.
    pub length: u64,
    /// HASHES
    pub hashes: Hashes,
    /// CUSTOM: the application's own.
    pub custom: Option<Object>,
    /// Members this crate does not know.
    pub unrecognized: Object,
}

impl TargetFile {
    /// A file of this length and these hashes.
    #[must_use]
    pub fn new(length: u64, hashes: Hashes) -> Self {
        Self { length, hashes, custom: None, unrecognized: Object::new() }
    }

    /// Length and SHA-256 of `bytes`.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::new(bytes.len() as u64, Hashes::sha256_of(bytes))
    }

    fn read(value: Node<'_>) -> Result<Self, Error> {
        let mut fields = Fields::of("target", value)?;
        let length = fields.number("length")?;
        let hashes = Hashes::read(fields.value("hashes")?)?;
        let custom = match fields.optional("custom") {
            None => None,
            Some(Node::Object(custom)) => Some(custom.into_object()),
            Some(_) => return Err(fields.malformed("\"custom\" is not an object")),
        };
        Ok(Self { length, hashes, custom, unrecognized: fields.rest() })
    }

    fn node(&self) -> Node<'_> {
        let mut members =
            vec![member("hashes", self.hashes.node()), member("length", Node::Unsigned(self.length))];
        if let Some(custom) = &self.custom {
            members.push(member("custom", Node::Object(Members::borrowed(custom))));
        }
        Node::Object(Members::written(members, &self.unrecognized))
    }
}

/// The member under which a role's metadata may name its own role; see [`Targets::bound_to`].
pub const ROLE_MEMBER: &str = "x-sealdex-role";

impl Targets {
    /// The same metadata, good for the role `role` alone.
    ///
    /// The specification leaves targets metadata without the name of its role: where one key signs many roles, as it
    /// does for hashed bins, and the snapshot lists versions alone, one of them could be served in place of another of
    /// the same version. A client that knows this member refuses that; others ignore it.
    #[must_use]
    pub fn bound_to(mut self, role: &RoleName) -> Self {
        self.common.unrecognized.insert(ROLE_MEMBER, role.as_str());
        self
    }

    /// Whether this may be the metadata of `role`: it names that role or none ([`Targets::bound_to`]).
    ///
    /// # Errors
    /// [`Error::WrongRole`]
    pub(crate) fn check_role(&self, role: &RoleName) -> Result<(), Error> {
        match self.common.unrecognized.value(ROLE_MEMBER) {
            None => Ok(()),
            Some(Value::String(named)) if named == role.as_str() => Ok(()),
            Some(Value::String(named)) => {
                Err(Error::WrongRole { role: role.clone(), named: named.escape_debug().to_string() })
            }
            Some(_) => {
                Err(Malformed::new(role.to_string(), format!("\"{ROLE_MEMBER}\" is not a string")).into())
            }
        }
    }

    /// No targets and no delegations yet.
    #[must_use]
    pub fn new(common: Common) -> Self {
        Self { common, targets: BTreeMap::new(), delegations: None }
    }
}

impl Metadata for Targets {
    const TYPE: &'static str = "targets";

    fn common(&self) -> &Common {
        &self.common
    }
}

impl Sealed for Targets {
    fn read(common: Common, fields: &mut Fields<'_>) -> Result<Self, Error> {
        let targets = fields.object("targets")?.into_iter();
        let targets = targets.map(|(path, file)| Ok((TargetPath::parse(path)?, TargetFile::read(file)?)));
        let targets = targets.collect::<Result<_, Error>>()?;
        let delegations = fields.optional("delegations").map(Delegations::read).transpose()?;
        Ok(Self { common, targets, delegations })
    }

    fn unrecognized(&mut self) -> &mut Object {
        &mut self.common.unrecognized
    }

    fn members(&self) -> Members<'_> {
        let targets = self.targets.iter().map(|(path, file)| member(path.as_str(), file.node())).collect();
        let targets = member("targets", Node::Object(Members::of(targets)));
        let delegations = self.delegations.as_ref();
        let delegations = delegations
            .map(|delegations| member("delegations", Node::Owned(Box::new(delegations.to_value()))));
        signed_members::<Self>(&self.common, iter::once(targets).chain(delegations))
    }
}

//! Snapshot metadata (TUF spec 4.4).

use std::collections::BTreeMap;

use super::{Common, Fields, Metadata, member, private::Sealed, signed_members};
use crate::digest::Hashes;
use crate::error::{Error, Malformed};
use crate::json::{Members, Node, Object};
use crate::name::{RoleName, Version};

/// Snapshot: the version of every targets role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Version, expiry and unknown members.
    pub common: Common,
    /// METAFILES: the targets roles, by name (METAPATH without `.json`).
    pub meta: BTreeMap<RoleName, MetaFile>,
}

/// One entry of METAFILES: what is known of a metadata file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaFile {
    /// VERSION
    pub version: Version,
    /// LENGTH in bytes, if listed.
    pub length: Option<u64>,
    /// HASHES, if listed.
    pub hashes: Option<Hashes>,
    /// Members this crate does not know.
    pub unrecognized: Object,
}

impl MetaFile {
    /// A version alone: enough where versions are never reused.
    #[must_use]
    pub fn of_version(version: Version) -> Self {
        Self { version, length: None, hashes: None, unrecognized: Object::new() }
    }

    /// Version, length and SHA-256 of `bytes`.
    #[must_use]
    pub fn of_bytes(version: Version, bytes: &[u8]) -> Self {
        let length = Some(bytes.len() as u64);
        Self { version, length, hashes: Some(Hashes::sha256_of(bytes)), unrecognized: Object::new() }
    }

    /// Checks length and hashes, where listed (5.5.2, 5.6.2).
    ///
    /// # Errors
    /// [`Error::WrongLength`], [`Error::WrongHash`] or [`Error::NoKnownHash`].
    pub fn verify(&self, file: &str, bytes: &[u8]) -> Result<(), Error> {
        if let Some(expected) = self.length.filter(|&length| length != bytes.len() as u64) {
            return Err(Error::WrongLength { file: file.to_owned(), expected, found: bytes.len() as u64 });
        }
        self.hashes.as_ref().map_or(Ok(()), |hashes| hashes.verify(file, bytes))
    }

    pub(super) fn read(what: &'static str, value: Node<'_>) -> Result<Self, Error> {
        let mut fields = Fields::of(what, value)?;
        let version = fields.version("version")?;
        let length = fields.optional_number("length")?;
        let hashes = fields.optional("hashes").map(Hashes::read).transpose()?;
        Ok(Self { version, length, hashes, unrecognized: fields.rest() })
    }

    pub(super) fn node(&self) -> Node<'_> {
        let hashes = self.hashes.as_ref().map(|hashes| member("hashes", hashes.node()));
        let length = self.length.map(|length| member("length", Node::Unsigned(length)));
        let version = member("version", Node::Unsigned(self.version.number()));
        let members = hashes.into_iter().chain(length).chain([version]).collect();
        Node::Object(Members::written(members, &self.unrecognized))
    }
}

impl Metadata for Snapshot {
    const TYPE: &'static str = "snapshot";

    fn common(&self) -> &Common {
        &self.common
    }
}

impl Sealed for Snapshot {
    fn read(common: Common, fields: &mut Fields<'_>) -> Result<Self, Error> {
        let listed = fields.object("meta")?.into_iter().map(|(path, file)| {
            let Some(name) = path.strip_suffix(".json") else {
                let reason = format!("{} does not end in .json", path.escape_debug());
                return Err(Error::from(Malformed::new("snapshot", reason)));
            };
            Ok((RoleName::parse(name)?, MetaFile::read("snapshot meta", file)?))
        });
        let meta: BTreeMap<_, _> = listed.collect::<Result<_, _>>()?;
        if !meta.contains_key("targets") {
            return Err(fields.malformed("targets.json is not listed"));
        }
        Ok(Self { common, meta })
    }

    fn unrecognized(&mut self) -> &mut Object {
        &mut self.common.unrecognized
    }

    fn members(&self) -> Members<'_> {
        let meta = self.meta.iter().map(|(role, file)| (role.meta_path().into(), file.node())).collect();
        signed_members::<Self>(&self.common, [member("meta", Node::Object(Members::of(meta)))])
    }
}

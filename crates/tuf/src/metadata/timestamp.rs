//! Timestamp metadata (TUF spec 4.6).

use super::{Common, Fields, MetaFile, Metadata, member, private::Sealed, signed_members};
use crate::error::Error;
use crate::json::{Members, Node, Object};

/// Timestamp: which snapshot is the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Version, expiry and unknown members.
    pub common: Common,
    /// The one entry of METAFILES: `snapshot.json`.
    pub snapshot: MetaFile,
}

impl Metadata for Timestamp {
    const TYPE: &'static str = "timestamp";

    fn common(&self) -> &Common {
        &self.common
    }
}

impl Sealed for Timestamp {
    fn read(common: Common, fields: &mut Fields<'_>) -> Result<Self, Error> {
        let mut meta = Fields::new("timestamp meta", fields.object("meta")?);
        let snapshot = MetaFile::read("timestamp meta", meta.value("snapshot.json")?)?;
        // 4.6: "this MUST only include a description of the snapshot.json file".
        if !meta.rest().is_empty() {
            return Err(fields.malformed("\"meta\" lists other files than snapshot.json"));
        }
        Ok(Self { common, snapshot })
    }

    fn unrecognized(&mut self) -> &mut Object {
        &mut self.common.unrecognized
    }

    fn members(&self) -> Members<'_> {
        let meta = Members::of(vec![member("snapshot.json", self.snapshot.node())]);
        signed_members::<Self>(&self.common, [member("meta", Node::Object(meta))])
    }
}

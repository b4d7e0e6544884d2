//! Timestamp metadata (TUF spec 4.6).

use super::{Common, Fields, MetaFile, Metadata, common_object, private::Sealed};
use crate::error::Error;
use crate::json::Object;

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

    fn to_object(&self) -> Object {
        let mut object = common_object::<Self>(&self.common);
        let meta: Object = [("snapshot.json".to_owned(), self.snapshot.to_value())].into_iter().collect();
        object.insert("meta", meta);
        object
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
}

//! Metadata as section 4 of the specification describes it: parsed, not yet verified.

mod delegations;
mod fields;
mod root;
mod snapshot;
mod targets;
mod timestamp;
mod unverified;

use jiff::Timestamp as Time;

pub use delegations::{DelegatedRole, DelegatedRoles, Delegations, PathHashPrefix, PathSet, SuccinctRoles};
pub use root::{RoleKeys, Root};
pub use snapshot::{MetaFile, Snapshot};
pub use targets::{ROLE_MEMBER, TargetFile, Targets};
pub use timestamp::Timestamp;
pub use unverified::{MetadataSignature, Unverified};

use crate::error::{Error, Malformed};
use crate::json::Object;
use crate::name::Version;
use fields::Fields;

/// The version of the specification that metadata is written to.
pub const SPEC_VERSION: &str = "1.0.34";

/// What every role's signed part has in common (4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// SPEC_VERSION; its major version is 1.
    pub spec_version: String,
    /// VERSION
    pub version: Version,
    /// EXPIRES: no longer trusted from this time on.
    pub expires: Time,
    /// Members this crate does not know, kept for re-serialisation.
    pub unrecognized: Object,
}

impl Common {
    /// The common part of metadata written by this crate. Fractions of a second in `expires` are dropped.
    #[must_use]
    pub fn new(version: Version, expires: Time) -> Self {
        let expires = Time::from_second(expires.as_second()).unwrap_or(expires);
        Self { spec_version: SPEC_VERSION.to_owned(), version, expires, unrecognized: Object::new() }
    }

    /// Whether this has expired at `now`: EXPIRES must be *higher* than the time (5.3.10).
    #[must_use]
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires <= now
    }
}

/// The signed part of a role's metadata: [`Root`], [`Timestamp`], [`Snapshot`] or [`Targets`].
pub trait Metadata: Sized + private::Sealed {
    /// The value of `_type`.
    const TYPE: &'static str;

    /// What every role has.
    fn common(&self) -> &Common;

    /// The signed object, unknown members included.
    fn to_object(&self) -> Object;
}

pub(crate) mod private {
    use super::{Error, Fields};

    pub trait Sealed: Sized {
        /// Reads the role's own members; the common ones have been taken already.
        fn read(common: super::Common, fields: &mut Fields) -> Result<Self, Error>;
        fn unrecognized(&mut self) -> &mut super::Object;
    }
}

/// Reads the signed object of a role.
fn read_signed<M: Metadata>(object: Object) -> Result<M, Error> {
    let mut fields = Fields::new(M::TYPE, object);
    let kind = fields.string("_type")?;
    if kind != M::TYPE {
        return Err(fields.malformed(format!("_type is {}", kind.escape_debug())));
    }
    let spec_version = fields.string("spec_version")?;
    // 4.3: "clients MUST verify that spec_version matches"; the major version decides.
    let mut parts = spec_version.split('.');
    let numeric =
        spec_version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if parts.next() != Some("1") || !numeric || !(2..=3).contains(&spec_version.split('.').count()) {
        return Err(fields.malformed(format!("spec_version {} is not 1.x", spec_version.escape_debug())));
    }
    let version = fields.version("version")?;
    let expires = fields.time("expires")?;
    let common = Common { spec_version, version, expires, unrecognized: Object::new() };
    let mut metadata = M::read(common, &mut fields)?;
    *metadata.unrecognized() = fields.rest();
    Ok(metadata)
}

/// The object that the common members and the unknown ones make.
fn common_object<M: Metadata>(common: &Common) -> Object {
    let mut object = common.unrecognized.clone();
    object.insert("_type", M::TYPE);
    object.insert("spec_version", common.spec_version.as_str());
    object.insert("version", common.version.number());
    object.insert("expires", format_time(common.expires));
    object
}

/// `YYYY-MM-DDTHH:MM:SSZ` (4.2.3); fractions are dropped.
fn format_time(time: Time) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads exactly the form of 4.2.3.
fn parse_time(text: &str) -> Result<Time, Malformed> {
    let shape = b"0000-00-00T00:00:00Z";
    let fits = text.len() == shape.len()
        && text
            .bytes()
            .zip(shape)
            .all(|(byte, &wanted)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted });
    let malformed =
        || Malformed::new("expires", format!("{} is not YYYY-MM-DDTHH:MM:SSZ", text.escape_debug()));
    if !fits {
        return Err(malformed());
    }
    // A leap second is read as the second before: written again, it would be another text than was signed.
    text.parse().ok().filter(|time| format_time(*time) == text).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_form() {
        assert_eq!(format_time(parse_time("1985-10-21T01:21:00Z").unwrap()), "1985-10-21T01:21:00Z");
        for text in [
            "1985-10-21T01:21:00",
            "1985-10-21T01:21:00.5Z",
            "1985-10-21 01:21:00Z",
            "1985-13-21T01:21:00Z",
            "1985-10-21T01:21:00z",
            "",
            "1985-10-21T25:21:00Z",
            "2016-12-31T23:59:60Z",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}

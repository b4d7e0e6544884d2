//! Metadata as section 4 of the specification describes it: parsed, not yet verified.
//!
//! | role | type | says | section |
//! |---|---|---|---|
//! | `root` | [`Root`] | which keys sign for the four top-level roles | 4.3 |
//! | `timestamp` | [`Timestamp`] | which snapshot is the latest | 4.6 |
//! | `snapshot` | [`Snapshot`] | which versions of targets metadata belong together | 4.4 |
//! | `targets` and delegated ones | [`Targets`] | length and hashes of target files; to whom it delegates | 4.5 |
//!
//! A repository fills these in and hands them to [`sign`](crate::sign::sign). A client gets them verified, from
//! [`Updater`](crate::Updater) or [`trusted`](crate::trusted). A tool that shows or edits what is not trusted yet reads
//! [`Unverified`].
//!
//! Members of later specifications, or of an application, are kept in the `unrecognized` of the object they stand in
//! and are written again: metadata that is read and signed anew loses nothing. Reading is strict otherwise: a member
//! twice, a key id twice, a fraction or a threshold of 0 is an error.

mod delegations;
mod fields;
mod root;
mod snapshot;
mod targets;
mod timestamp;
mod unverified;

use std::borrow::Cow;

use jiff::Timestamp as Time;
use jiff::civil::DateTime;
use jiff::tz::Offset;

pub use delegations::{DelegatedRole, DelegatedRoles, Delegations, PathHashPrefix, PathSet, SuccinctRoles};
pub use root::{RoleKeys, Root};
pub use snapshot::{MetaFile, Snapshot};
pub use targets::{ROLE_MEMBER, TargetFile, Targets};
pub use timestamp::Timestamp;
pub use unverified::{MetadataSignature, Unverified};

use crate::error::{Error, Malformed};
use crate::json::{Entry, Members, Node, Object};
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
    fn to_object(&self) -> Object {
        self.members().into_object()
    }
}

pub(crate) mod private {
    use super::{Error, Fields, Members};

    pub trait Sealed: Sized {
        /// Reads the role's own members; the common ones have been taken already.
        fn read(common: super::Common, fields: &mut Fields<'_>) -> Result<Self, Error>;
        fn unrecognized(&mut self) -> &mut super::Object;
        /// The signed object, to be written.
        fn members(&self) -> Members<'_>;
    }
}

/// Reads the signed object of a role.
fn read_signed<M: Metadata>(members: Members<'_>) -> Result<M, Error> {
    let mut fields = Fields::new(M::TYPE, members);
    let kind = fields.string("_type")?;
    if kind != M::TYPE {
        return Err(fields.malformed(format!("_type is {}", kind.escape_debug())));
    }
    let spec_version = fields.string("spec_version")?.into_owned();
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

/// The object that the common members, those of the role and the unknown ones make.
fn signed_members<'a, M: Metadata>(
    common: &'a Common,
    own: impl IntoIterator<Item = Entry<'a>>,
) -> Members<'a> {
    let mut members = vec![
        member("_type", Node::String(M::TYPE.into())),
        member("spec_version", Node::String(common.spec_version.as_str().into())),
        member("version", Node::Unsigned(common.version.number())),
        member("expires", Node::String(format_time(common.expires).into())),
    ];
    members.extend(own);
    Members::written(members, &common.unrecognized)
}

fn member<'a>(key: &'a str, value: Node<'a>) -> Entry<'a> {
    (Cow::Borrowed(key), value)
}

/// `YYYY-MM-DDTHH:MM:SSZ` (4.2.3); fractions are dropped. The end of the clock's range is written as what it stands for.
fn format_time(time: Time) -> String {
    if time == Time::MAX {
        return "9999-12-31T23:59:59Z".to_owned();
    }
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads exactly the form of 4.2.3. The last hours of the year 9999, in which some metadata expires that never should,
/// lie beyond the clock's range and become its end.
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
    // A leap second would be read as the second before: written again, it would be another text than was signed.
    let leap_second = text.ends_with(":60Z");
    let time: DateTime =
        text.trim_end_matches('Z').parse().ok().filter(|_| !leap_second).ok_or_else(malformed)?;
    Ok(Offset::UTC.to_timestamp(time).unwrap_or(Time::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_form() {
        assert_eq!(format_time(parse_time("1985-10-21T01:21:00Z").unwrap()), "1985-10-21T01:21:00Z");
        assert_eq!(parse_time("9999-12-30T22:00:00Z").unwrap().as_second(), Time::MAX.as_second());
        assert_eq!(parse_time("9999-12-31T23:59:59Z").unwrap(), Time::MAX);
        assert_eq!(format_time(Time::MAX), "9999-12-31T23:59:59Z");
        assert!(parse_time("9999-12-30T21:59:59Z").unwrap() < Time::MAX);
        assert!(parse_time("0000-01-01T00:00:00Z").unwrap() < Time::UNIX_EPOCH);
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

//! What can go wrong while metadata is read, verified or signed.
//!
//! Attacks are told apart from faults: [`Error::attack`] names the attack of the specification's section 1.5.2 that a
//! refusal looks like, so that callers can say it to a person.

use std::fmt;

use jiff::Timestamp;

use crate::name::RoleName;

/// A refusal of this crate. Nothing was trusted because of the input that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not metadata as section 4 describes it.
    Malformed(Malformed),
    /// Too few distinct keys made valid signatures (5.3.4, 5.4.2, 5.5.3, 5.6.3).
    Threshold {
        /// The role whose metadata was offered.
        role: RoleName,
        /// The role whose keys were asked for: an older or the same `root`, or a delegating targets role.
        delegator: String,
        /// Distinct keys with a valid signature.
        valid: usize,
        /// Distinct keys needed.
        threshold: u64,
    },
    /// A version is lower than what is already trusted (5.3.5, 5.4.3, 5.5.5).
    Rollback {
        /// The role that went back.
        role: RoleName,
        /// The version trusted before.
        trusted: u64,
        /// The version offered now.
        offered: u64,
    },
    /// A targets role that the trusted snapshot listed is missing from the new one (5.5.5).
    RemovedFromSnapshot {
        /// The role that vanished.
        role: RoleName,
    },
    /// A version is not the one that the trusted parent metadata lists (5.3.5, 5.5.4, 5.6.4).
    WrongVersion {
        /// The role whose metadata was offered.
        role: RoleName,
        /// The version listed by trusted metadata.
        expected: u64,
        /// The version offered.
        found: u64,
    },
    /// Metadata has expired at the update's start time (5.3.10, 5.4.4, 5.5.6, 5.6.5).
    Expired {
        /// The expired role.
        role: RoleName,
        /// When it expired.
        expires: Timestamp,
        /// The fixed start time of the update (5.1).
        now: Timestamp,
    },
    /// The bytes do not have the digest that trusted metadata lists (5.5.2, 5.6.2, 5.7.3).
    WrongHash {
        /// Metadata file name or target path.
        file: String,
        /// The hash function's name in the metadata.
        algorithm: String,
        /// Lower-case hex digest listed.
        expected: String,
        /// Lower-case hex digest of the bytes offered.
        found: String,
    },
    /// The number of bytes differs from what trusted metadata lists.
    WrongLength {
        /// Metadata file name or target path.
        file: String,
        /// Bytes listed.
        expected: u64,
        /// Bytes offered; when more were offered than listed, where reading stopped.
        found: u64,
    },
    /// More bytes than the limit allows for a file whose length is not known.
    TooLong {
        /// Metadata file name.
        file: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// None of the listed hash functions is one this crate knows.
    NoKnownHash {
        /// Metadata file name or target path.
        file: String,
        /// The names listed, separated by commas.
        listed: String,
    },
    /// A role that a delegation names is not listed in the snapshot.
    NotInSnapshot {
        /// The missing role.
        role: RoleName,
    },
    /// Metadata that is signed for one role was offered as another's.
    WrongRole {
        /// The role whose metadata was asked for.
        role: RoleName,
        /// The role that the metadata names.
        named: String,
    },
    /// One version of a role was seen with two contents in one update. Verified through one delegator, the first is
    /// not to be mixed with the second.
    TwoContents {
        /// The role.
        role: RoleName,
        /// The version that both have.
        version: u64,
    },
    /// The repository does not have a metadata file that trusted metadata lists.
    Missing {
        /// The file asked for.
        file: String,
    },
    /// More delegated roles than allowed were visited in search of one target (5.6.7.1).
    TooManyDelegations {
        /// The target searched for.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// More new root versions than allowed were asked for in one update (5.3.3). [`crate::Updater`] goes on with the
    /// last one instead, as the specification has it.
    TooManyRoots {
        /// The limit.
        limit: u64,
    },
    /// An answer was given that the updater did not ask for. A fault of the calling program.
    OutOfOrder {
        /// What was given.
        given: &'static str,
        /// What it asked for.
        asked: &'static str,
    },
    /// A key could not sign.
    Signing(String),
}

// Written by hand: a procedural macro, and the six crates that come with it, would be most of what this crate is built
// with.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Threshold { role, delegator, valid, threshold } => {
                write!(f, "{role} is signed by {valid} of the {threshold} keys that {delegator} asks for")
            }
            Self::Rollback { role, trusted, offered } => {
                write!(f, "{role} went back from version {trusted} to version {offered}")
            }
            Self::RemovedFromSnapshot { role } => {
                write!(f, "{role} was listed in the trusted snapshot and is missing from the new one")
            }
            Self::WrongVersion { role, expected, found } => {
                write!(f, "{role} is version {found}, but version {expected} was expected")
            }
            Self::Expired { role, expires, now } => {
                write!(f, "{role} expired at {expires} (it is {now} now)")
            }
            Self::WrongHash { file, algorithm, expected, found } => {
                write!(f, "{file} has {algorithm} {found}, but {expected} was expected")
            }
            Self::WrongLength { file, expected, found } => {
                write!(f, "{file} has {found} bytes, but {expected} were expected")
            }
            Self::TooLong { file, limit } => write!(f, "{file} is longer than the limit of {limit} bytes"),
            Self::NoKnownHash { file, listed } => {
                write!(f, "{file} is listed with no hash function known here ({listed})")
            }
            Self::NotInSnapshot { role } => {
                write!(f, "{role} is delegated to, but the snapshot does not list it")
            }
            Self::WrongRole { role, named } => {
                write!(f, "what was offered as {role} is the metadata of {named}")
            }
            Self::TwoContents { role, version } => {
                write!(f, "two different files were offered as {role} version {version}")
            }
            Self::Missing { file } => {
                write!(f, "the repository does not have {file}, which trusted metadata lists")
            }
            Self::TooManyDelegations { path, limit } => {
                write!(f, "no answer for {path} within {limit} delegated roles")
            }
            Self::TooManyRoots { limit } => write!(f, "more than {limit} new root versions in one update"),
            Self::OutOfOrder { given, asked } => {
                write!(f, "the updater was given {given} where it asked for {asked}")
            }
            Self::Signing(reason) => write!(f, "signing failed: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Metadata, a key or a name that is not well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What was being read.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is malformed: {}", self.what, self.reason)
    }
}

impl std::error::Error for Malformed {}

impl Malformed {
    /// `what` is malformed because of `reason`.
    pub(crate) fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

/// The attacks of the specification's section 1.5.2 that a client refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attack {
    /// Software signed by nobody entitled to.
    ArbitrarySoftware,
    /// An older state presented as the current one.
    Rollback,
    /// A stale state presented for ever.
    IndefiniteFreeze,
    /// Parts of different states presented together.
    MixAndMatch,
    /// More data than announced.
    EndlessData,
    /// Another file than the one signed for.
    WrongSoftware,
}

impl fmt::Display for Attack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ArbitrarySoftware => "arbitrary software attack",
            Self::Rollback => "rollback attack",
            Self::IndefiniteFreeze => "freeze attack",
            Self::MixAndMatch => "mix-and-match attack",
            Self::EndlessData => "endless data attack",
            Self::WrongSoftware => "wrong software attack",
        })
    }
}

impl Error {
    /// The attack this refusal looks like; `None` where it can only be a fault.
    #[must_use]
    pub fn attack(&self) -> Option<Attack> {
        match self {
            Self::Threshold { .. } => Some(Attack::ArbitrarySoftware),
            Self::Rollback { .. } | Self::RemovedFromSnapshot { .. } => Some(Attack::Rollback),
            Self::Expired { .. } => Some(Attack::IndefiniteFreeze),
            Self::WrongVersion { .. }
            | Self::NotInSnapshot { .. }
            | Self::TwoContents { .. }
            | Self::WrongRole { .. } => Some(Attack::MixAndMatch),
            Self::WrongHash { .. } | Self::WrongLength { .. } => Some(Attack::WrongSoftware),
            Self::TooLong { .. } | Self::TooManyDelegations { .. } | Self::TooManyRoots { .. } => {
                Some(Attack::EndlessData)
            }
            Self::Malformed(_)
            | Self::NoKnownHash { .. }
            | Self::Missing { .. }
            | Self::OutOfOrder { .. }
            | Self::Signing(_) => None,
        }
    }
}

//! What can be asked of a repository, and what is given for it.

use std::fmt;

use jiff::Timestamp;
use sealdex_simple::{DistributionFilename, DistributionMetadata, FileName, ProjectName};
use sealdex_tuf::{TargetPath, Version};
use serde::Serialize;

use crate::error::Error;
use crate::staging::Received;
use crate::store::Versions;
use crate::token::TokenId;

/// One change of a repository. It happens as a whole, in one consistent snapshot, or not at all.
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "one is made for each request and moved once")]
pub enum Transaction {
    /// Adds a distribution to its project, which is created by its first one.
    AddDistribution(AddDistribution),
    /// Takes a distribution off its project's page. Its name stays used.
    RemoveDistribution {
        /// The project.
        project: ProjectName,
        /// The distribution.
        filename: FileName,
    },
    /// Marks a distribution as not to be chosen unless asked for exactly (PEP 592).
    Yank {
        /// The project.
        project: ProjectName,
        /// The distribution.
        filename: FileName,
        /// Why, for people.
        reason: Option<String>,
    },
    /// Takes the mark back.
    Unyank {
        /// The project.
        project: ProjectName,
        /// The distribution.
        filename: FileName,
    },
    /// Adds a file that is no distribution.
    AddTarget(AddTarget),
    /// Removes a file that is no distribution.
    RemoveTarget {
        /// The target path.
        path: TargetPath,
    },
}

/// A distribution to add.
#[derive(Debug)]
pub struct AddDistribution {
    /// Its file name, which names the project.
    pub filename: DistributionFilename,
    /// Its bytes.
    pub received: Received,
    /// Its core metadata, read from those bytes ([`sealdex_simple::inspect`]). Without it the page says neither
    /// `requires-python` nor `core-metadata`.
    pub metadata: Option<DistributionMetadata>,
    /// When it was uploaded, where that is not now: imports keep the time of the original (PEP 700).
    pub upload_time: Option<Timestamp>,
}

/// A file to add.
#[derive(Debug)]
pub struct AddTarget {
    /// Its target path.
    pub path: TargetPath,
    /// Its bytes.
    pub received: Received,
    /// What to do where there is a file of that path with other contents.
    pub existing: Existing,
}

/// What to do with a file that is there already, with other contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Keep it and refuse the new one.
    #[default]
    Keep,
    /// Replace it, as TUF targets may be.
    Replace,
}

/// Who asked for a transaction: what the log keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Someone with access to the repository's directory.
    Local,
    /// The bearer of a token.
    Token(TokenId),
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => formatter.write_str("local"),
            Self::Token(id) => write!(formatter, "token:{id}"),
        }
    }
}

/// The number of a transaction in the log. Later ones have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TransactionId(pub(crate) u64);

impl TransactionId {
    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A transaction is durable: it survives every crash, and will be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The transaction; where nothing had to be changed, the one that made it so.
    pub transaction: TransactionId,
    /// Whether something was changed.
    pub outcome: Outcome,
    /// Whether the transaction is, or may be, one of an import: those are published by themselves.
    #[serde(skip)]
    pub(crate) may_be_import: bool,
}

impl Receipt {
    /// Whether the repository was as asked for already.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.outcome == Outcome::Unchanged
    }
}

/// Whether a transaction changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did.
    Accepted,
    /// The repository was as asked for already: the same file, the same mark.
    Unchanged,
}

/// A consistent snapshot that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The snapshot's version.
    pub snapshot_version: Version,
    /// The version of the timestamp that made it the current one.
    pub timestamp_version: Version,
}

impl Publication {
    pub(crate) fn of(found: &Versions) -> Result<Self, Error> {
        let damaged = || Error::State { reason: "a publication has version 0".to_owned() };
        Ok(Self {
            snapshot_version: Version::new(found.snapshot).ok_or_else(damaged)?,
            timestamp_version: Version::new(found.timestamp).ok_or_else(damaged)?,
        })
    }
}

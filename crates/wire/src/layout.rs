//! What is compared: layouts, and clients by what they know.

use crate::metadata::{Set, Style};
use crate::moment::Away;

/// A layout, read in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its name in tables.
    pub name: &'static str,
    /// The sets of bins that there are.
    pub sets: &'static [Set],
    /// The sets that a client looks things up in.
    pub read: &'static [Set],
    /// How bins are delegated to.
    pub style: Style,
    /// Whether versions are in a snapshot or in a Merkle tree.
    pub versions: Versions,
}

/// Where a client learns the versions of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// One file for all.
    Snapshot,
    /// A proof for each role (TAP 16).
    Merkle,
}

const PAGES: &[Set] = &[Set::Index];
const BOTH: &[Set] = &[Set::Index, Set::Files];

/// Everything that is compared.
pub const LAYOUTS: [Layout; 6] = [
    Layout {
        name: "explicit, pages and files",
        sets: BOTH,
        read: BOTH,
        style: Style::Explicit,
        versions: Versions::Snapshot,
    },
    Layout {
        name: "explicit, index-only",
        sets: PAGES,
        read: PAGES,
        style: Style::Explicit,
        versions: Versions::Snapshot,
    },
    Layout {
        name: "succinct, pages and files",
        sets: BOTH,
        read: BOTH,
        style: Style::Succinct,
        versions: Versions::Snapshot,
    },
    Layout {
        name: "succinct, files signed but not read",
        sets: BOTH,
        read: PAGES,
        style: Style::Succinct,
        versions: Versions::Snapshot,
    },
    Layout {
        name: "succinct, index-only",
        sets: PAGES,
        read: PAGES,
        style: Style::Succinct,
        versions: Versions::Snapshot,
    },
    Layout {
        name: "succinct, index-only, Merkle",
        sets: PAGES,
        read: PAGES,
        style: Style::Succinct,
        versions: Versions::Merkle,
    },
];

/// What a client knows when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The root, or its fingerprint.
    New,
    /// Everything it fetched when it installed the same packages.
    Same(Away),
    /// The same roles but other bins: it installed other packages then.
    Other(Away),
}

impl Client {
    /// All: new, then by absence.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let returning = |kind: fn(Away) -> Self| Away::ALL.into_iter().map(kind);
        [Self::New].into_iter().chain(returning(Self::Same)).chain(returning(Self::Other)).collect()
    }

    /// For tables.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::New => "new".to_owned(),
            Self::Same(away) => format!("{} away", away.name()),
            Self::Other(away) => format!("{} away, other packages", away.name()),
        }
    }
}

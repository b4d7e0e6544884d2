//! What a client made of a case, in terms that every client has.

use std::collections::BTreeMap;

/// How an update ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The top-level metadata is trusted and fresh.
    Accepted,
    /// Refused, with the client's own reason.
    Refused(String),
    /// Ended by an error of a kind that the client's documentation does not speak of, or by a panic.
    Crashed(String),
}

/// How a search for a target ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Trusted metadata describes the target.
    Found {
        /// LENGTH, as text.
        length: String,
        /// HASHES, by function.
        hashes: BTreeMap<String, String>,
        /// Whether the target, as served, was downloaded and verified.
        content: bool,
    },
    /// Trusted metadata says that there is none.
    NotFound,
    /// The search was ended by an error, with the client's own reason.
    Failed(String),
    /// As [`Refresh::Crashed`].
    Crashed(String),
}

/// What one step brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The refresh.
    pub refresh: Refresh,
    /// SHA-256 of what the client's storage holds afterwards, by role.
    pub stored: BTreeMap<String, String>,
    /// The searches, in the order asked for; none after a refresh that was not accepted.
    pub found: Vec<Lookup>,
}

impl Refresh {
    /// `accepted`, `refused` or `crashed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused(_) => "refused",
            Self::Crashed(_) => "crashed",
        }
    }

    /// The client's own words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Accepted => "",
            Self::Refused(reason) | Self::Crashed(reason) => reason,
        }
    }
}

impl Lookup {
    /// `found`, `found but refused`, `not found`, `failed` or `crashed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Found { content: true, .. } => "found",
            Self::Found { content: false, .. } => "found but refused",
            Self::NotFound => "not found",
            Self::Failed(_) => "failed",
            Self::Crashed(_) => "crashed",
        }
    }

    /// The client's own words, or what was found.
    pub fn reason(&self) -> String {
        match self {
            Self::Found { length, hashes, .. } => format!("{length} bytes, {hashes:?}"),
            Self::NotFound => String::new(),
            Self::Failed(reason) | Self::Crashed(reason) => reason.clone(),
        }
    }
}

//! Tokens: who may do what to which project. Only their hashes are kept.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use sealdex_simple::ProjectName;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What a token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenScope {
    /// For which projects.
    pub projects: Projects,
    /// What.
    pub actions: BTreeSet<Action>,
    /// From when on it allows nothing.
    pub expires: Option<Timestamp>,
}

/// The projects that a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projects {
    /// Every project, also those yet to come.
    All,
    /// These alone.
    Only(BTreeSet<ProjectName>),
}

/// What can be done to a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Add distributions.
    Upload,
    /// Yank and unyank distributions.
    Yank,
    /// Remove distributions.
    Remove,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Upload, Self::Yank, Self::Remove];

    /// As it stands in settings and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Yank => "yank",
            Self::Remove => "remove",
        }
    }
}

/// A token's identifier: no secret, fit for logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TokenId(String);

impl TokenId {
    /// Reads an identifier.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let plain = id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        plain.then(|| Self(id.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A token itself, `sdx_...`: shown once when it is made, never kept, never logged.
pub struct TokenSecret(Zeroizing<String>);

impl TokenSecret {
    pub(crate) fn new(secret: Zeroizing<String>) -> Self {
        Self(secret)
    }

    /// The text, to be shown to its owner once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenSecret(..)")
    }
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its identifier.
    pub id: TokenId,
    /// What it allows.
    pub scope: TokenScope,
    /// When it was made.
    pub created: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

//! Who publishes a project: whose keys vouch for its page, and whether its developers have claimed it.

use std::collections::BTreeSet;
use std::fmt;

use sealdex_tuf::{ChainedRole, Grant, RoleName, TargetPath, VerifiedTarget};
use serde::Serialize;

use crate::name::Sha256Digest;

/// Who vouches for a target, as verified metadata has it: the role that lists it, and that role's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Publisher {
    /// The role that lists the target.
    pub role: String,
    /// The version of its metadata.
    pub role_version: u64,
    /// How many of its keys have to sign.
    pub threshold: u64,
    /// Its keys.
    pub keys: Vec<PublisherKey>,
    /// Whether the project is its developers'.
    pub claim: Claim,
}

/// A key that may sign for what is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PublisherKey {
    /// SHA-256 of the key itself, which is the KEYID of the TUF specification (4.2.1). This is what is pinned: an
    /// identifier that metadata merely gives to a key could be given to another one (TAP 12).
    pub key: Sha256Digest,
    /// What metadata calls it: the same, unless the repository names its keys otherwise.
    pub key_id: String,
    /// Whether it has signed.
    pub has_signed: bool,
}

/// Whether a project is claimed in the sense of PEP 480: its developers' own keys sign for it, and who breaks into the
/// index's servers cannot take it from them.
///
/// It is when all of this holds of the chain of delegations from `targets` to the role that lists the project's page:
///
/// 1. a delegation names the project: one of its path patterns begins with `simple/PROJECT/`;
/// 2. none hands out paths by their hashes, as bins do, which have whatever projects fall to them;
/// 3. no role of the chain, `targets` included, can be signed with online keys alone, those of timestamp and snapshot. So
///    a project of PEP 480's `recently-claimed` is not claimed yet: that role's key is online, and could replace the
///    developers' keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Claim {
    /// It is claimed.
    Claimed,
    /// It is not, for this reason.
    Unclaimed(String),
}

impl Publisher {
    /// Who vouches for a target.
    #[must_use]
    pub fn of(target: &VerifiedTarget) -> Self {
        let chain = target.chain();
        let own = chain.last();
        let key = |own: &sealdex_tuf::ChainedKey| PublisherKey {
            // Identifiers that are computed are such digests.
            key: Sha256Digest::parse(own.computed_id.as_str())
                .unwrap_or_else(|_| Sha256Digest::of(own.computed_id.as_str().as_bytes())),
            key_id: own.key_id.to_string(),
            has_signed: own.has_signed,
        };
        Self {
            role: target.role().to_string(),
            role_version: target.role_version().number(),
            threshold: own.map_or(1, |own| own.threshold),
            keys: own.map(|own| own.keys.iter().map(key).collect()).unwrap_or_default(),
            claim: claim(chain, target.path()),
        }
    }

    /// Whether the signatures of these keys alone reach the threshold: as if the role had no others.
    pub(crate) fn is_signed_by(&self, pinned: impl Fn(&Sha256Digest) -> bool) -> bool {
        let signed = self.keys.iter().filter(|own| own.has_signed && pinned(&own.key));
        // A key may be listed under several names.
        let signed: BTreeSet<&Sha256Digest> = signed.map(|own| &own.key).collect();
        !signed.is_empty() && signed.len() as u64 >= self.threshold
    }
}

impl Claim {
    /// Whether it is claimed.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        matches!(self, Self::Claimed)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claimed => formatter.write_str("claimed"),
            Self::Unclaimed(reason) => write!(formatter, "not claimed: {reason}"),
        }
    }
}

fn claim(chain: &[ChainedRole], path: &TargetPath) -> Claim {
    let reason = match chain.iter().find(|role| role.grant == Grant::Hash) {
        Some(bin) => Some(format!("the role {} has whatever projects' hashes fall to it", bin.role)),
        None if !chain.iter().any(|role| names_project(role, path)) => {
            let role = chain.last().map_or_else(RoleName::targets, |role| role.role.clone());
            Some(format!("no delegation on the way to the role {role} names the project"))
        }
        None => chain.iter().find(|role| role.can_be_signed_online()).map(|role| {
            format!("online keys, which sign timestamp or snapshot, can sign for the role {}", role.role)
        }),
    };
    reason.map_or(Claim::Claimed, Claim::Unclaimed)
}

/// Whether paths are delegated to the role as those of this very project. The names of projects have no characters that
/// mean anything in a pattern.
fn names_project(role: &ChainedRole, path: &TargetPath) -> bool {
    let Some((end, _)) = path.as_str().match_indices('/').nth(1) else { return false };
    let project = &path.as_str()[..=end];
    match &role.grant {
        Grant::Patterns(patterns) => patterns.iter().any(|own| own.as_str().starts_with(project)),
        _ => false,
    }
}

//! Policies that a repository signs, as targets: verified like all that comes from it, and changed in one place for all who
//! trust it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sealdex_tuf::TargetPath;
use serde::Deserialize;

use super::Policy;
use crate::client::Client;
use crate::error::Error;
use crate::name::{RepositoryName, printable};
use crate::proxy::OfflineUse;
use crate::session::{RoleVersions, Session};
use crate::trust::{TrustStore, TrustedRepository};

/// Signed policies of one run.
const MAX_POLICIES: usize = 16;

/// A policy that a repository signs: `REPOSITORY:TARGET`, as in `company:policies/base.toml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct PolicyTarget {
    repository: RepositoryName,
    path: TargetPath,
}

/// Where a policy is from that a repository signs.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) target: PolicyTarget,
    pub(crate) repository: TrustedRepository,
    /// Of the snapshot that has it.
    pub(crate) versions: RoleVersions,
    pub(crate) length: u64,
}

impl PolicyTarget {
    /// Reads `REPOSITORY:TARGET`. `None` for what can be a file's name alone: without a colon, or with something else than
    /// a repository's name before it. A drive of one letter is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (repository, path) = text.split_once(':')?;
        let repository = RepositoryName::parse(repository).ok().filter(|name| name.as_str().len() > 1)?;
        Some(Self { repository, path: TargetPath::parse(path).ok()? })
    }

    /// The repository, by its name on this machine.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// The target's path there.
    #[must_use]
    pub fn path(&self) -> &TargetPath {
        &self.path
    }

    /// Gets these policies, each from the repository that is trusted under its name there; those of one repository are of
    /// one snapshot. Offline, from what is kept.
    ///
    /// # Errors
    /// [`Error::SignedPolicy`], [`Error::NoSuchPolicy`] or [`Error::Policy`]: without all of them, nobody knows what is
    /// forbidden.
    pub async fn fetch_all(
        targets: &[Self],
        client: &Client,
        store: &TrustStore,
        offline: OfflineUse,
    ) -> Result<Vec<Policy>, Error> {
        let mut sessions: BTreeMap<&RepositoryName, Session> = BTreeMap::new();
        let mut policies = Vec::new();
        let mut targets: Vec<&Self> = targets.iter().collect();
        targets.sort();
        targets.dedup();
        if let Some(next) = targets.get(MAX_POLICIES) {
            let reason = format!("more than {MAX_POLICIES} signed policies are named");
            return Err(Error::Policy { path: next.to_string(), reason });
        }
        for target in targets {
            let failed = |source| target.failed(source);
            let session = match sessions.get(&target.repository) {
                Some(session) => session.clone(),
                None => {
                    let repository = store.repository(&target.repository).map_err(failed)?;
                    let session = match offline {
                        OfflineUse::Always => Session::offline(client, &repository).await,
                        _ => Session::refresh(client, &repository).await,
                    };
                    session.map_err(failed)?
                }
            };
            policies.push(target.fetch(&session).await?);
            sessions.insert(&target.repository, session);
        }
        Ok(policies)
    }

    /// That it is not to be had, for this reason.
    pub(crate) fn failed(&self, source: impl Into<Arc<Error>>) -> Error {
        Error::SignedPolicy { policy: self.clone(), source: source.into() }
    }

    /// Gets it from the repository, as this snapshot has it.
    pub(crate) async fn fetch(&self, session: &Session) -> Result<Policy, Error> {
        let failed = |source| self.failed(source);
        let found = session.target(&self.path).await.map_err(failed)?;
        let versions = session.versions();
        let snapshot = versions.snapshot;
        let target = found.ok_or_else(|| Error::NoSuchPolicy { policy: self.clone(), snapshot })?;
        let bytes = session.read_target(&target, Policy::MAX_BYTES).await.map_err(failed)?;
        let source = format!("{self}, snapshot {snapshot}");
        let unusable = |reason: &str| Error::Policy { path: source.clone(), reason: reason.to_owned() };
        let text = String::from_utf8(bytes).map_err(|_| unusable("it is not valid UTF-8"))?;
        let mut policy = Policy::parse(&source, &text)?;
        if !policy.includes().is_empty() {
            return Err(unusable("a policy that is included includes no others"));
        }
        policy.signed = Some(Signed {
            target: self.clone(),
            repository: session.repository().clone(),
            versions,
            length: target.file().length,
        });
        Ok(policy)
    }
}

impl TryFrom<String> for PolicyTarget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| {
            let shown: String = text.chars().take(200).collect();
            format!("\"{}\" is no policy of a repository: REPOSITORY:TARGET", printable(&shown))
        })
    }
}

impl fmt::Display for PolicyTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.repository, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_only_be_a_file_is_one() {
        for (text, expected) in [
            ("company:policies/base.toml", Some(("company", "policies/base.toml"))),
            ("my-company.2:base.toml", Some(("my-company.2", "base.toml"))),
            ("company:a:b", Some(("company", "a:b"))),
            ("policy.toml", None),
            ("./company:policies/base.toml", None),
            ("/etc/company:policies/base.toml", None),
            ("C:\\policies\\base.toml", None),
            ("c:/policies/base.toml", None),
            (":base.toml", None),
            ("company:", None),
        ] {
            let found = PolicyTarget::parse(text);
            let found = found.as_ref().map(|own| (own.repository().as_str(), own.path().as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }
}

//! Tokens: who may do what to which project. Only their hashes are kept.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sealdex_simple::ProjectName;
use sealdex_tuf::digest::HashAlgorithm;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::repository::Repository;
use crate::store::{TokenRow, commit, tokens};
use crate::together::{Together, answers};

/// Who asks for tokens at the moment.
pub(crate) type TokenLooks = Together<TokenId, Result<Option<TokenRow>, Error>>;

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

impl Token {
    /// Whether it allows an action on a project.
    ///
    /// # Errors
    /// [`Error::TokenScope`]: refused.
    pub fn authorize(&self, project: &ProjectName, action: Action) -> Result<(), Error> {
        let project_allowed = match &self.scope.projects {
            Projects::All => true,
            Projects::Only(projects) => projects.contains(project),
        };
        if project_allowed && self.scope.actions.contains(&action) {
            return Ok(());
        }
        let (token, project) = (self.id.to_string(), project.to_string());
        Err(Error::TokenScope { token, action: action.name(), project })
    }
}

/// What tokens begin with: secret scanners and people know them by it.
const PREFIX: &str = "sdx_";

impl Repository {
    /// Makes a token. Its secret is not kept: show it now.
    ///
    /// # Errors
    /// [`Error::Database`], or [`Error::State`] when the system has no randomness.
    pub async fn create_token(&self, scope: TokenScope) -> Result<(TokenId, TokenSecret), Error> {
        let id = TokenId(random_hex::<8>()?.to_string());
        let secret = Zeroizing::new(format!("{PREFIX}{id}_{}", random_hex::<32>()?.as_str()));
        let row = TokenRow {
            id: id.0.clone(),
            secret_sha256: HashAlgorithm::Sha256.hex_digest(secret.as_bytes()),
            projects: to_json(&scope.projects)?,
            actions: to_json(&scope.actions)?,
            created: self.clock().now(),
            expires: scope.expires,
            revoked: None,
        };
        let mut write = self.store().write().await?;
        tokens::add(&mut write, &row).await?;
        commit(write).await?;
        Ok((id, TokenSecret(secret)))
    }

    /// All tokens, expired and revoked ones included, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`] or [`Error::State`].
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        let mut read = self.store().read().await?;
        tokens::all(&mut read).await?.iter().map(read_row).collect()
    }

    /// Revokes a token: from now on it allows nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Database`].
    pub async fn revoke_token(&self, id: &TokenId) -> Result<(), Error> {
        let mut write = self.store().write().await?;
        let known = tokens::revoke(&mut write, id.as_str(), self.clock().now()).await?;
        commit(write).await?;
        if known { Ok(()) } else { Err(Error::NotFound { what: format!("the token {id}") }) }
    }

    /// The token with this secret; unless it was revoked or has expired, it allows something now.
    ///
    /// # Errors
    /// [`Error::InvalidToken`]: refused. [`Error::Database`].
    pub async fn authenticate(&self, secret: &str) -> Result<Token, Error> {
        let id = secret.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).map(|(id, _)| id);
        let id = id.and_then(TokenId::parse).ok_or(Error::InvalidToken)?;
        let own = self.clone();
        let look = |ids: Vec<TokenId>| async move { answers(ids.len(), own.tokens_by_id(&ids).await) };
        let row = self.token_looks().ask(id, look).await??.ok_or(Error::InvalidToken)?;
        let found = HashAlgorithm::Sha256.hex_digest(secret.as_bytes());
        if !equal_in_constant_time(found.as_bytes(), row.secret_sha256.as_bytes()) {
            return Err(Error::InvalidToken);
        }
        let token = read_row(&row)?;
        let now = self.clock().now();
        if token.revoked.is_some() || token.scope.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::InvalidToken);
        }
        Ok(token)
    }

    async fn tokens_by_id(&self, ids: &[TokenId]) -> Result<Vec<Option<TokenRow>>, Error> {
        let mut look = self.store().look().await?;
        let wanted: BTreeSet<&str> = ids.iter().map(TokenId::as_str).collect();
        let found = tokens::by_ids(&mut look, &wanted.into_iter().collect::<Vec<_>>()).await?;
        Ok(ids.iter().map(|id| found.get(id.as_str()).cloned()).collect())
    }
}

fn read_row(row: &TokenRow) -> Result<Token, Error> {
    let damaged = |_| Error::State { reason: format!("the scope of the token {} cannot be read", row.id) };
    Ok(Token {
        id: TokenId(row.id.clone()),
        scope: TokenScope {
            projects: serde_json::from_str(&row.projects).map_err(damaged)?,
            actions: serde_json::from_str(&row.actions).map_err(damaged)?,
            expires: row.expires,
        },
        created: row.created,
        revoked: row.revoked,
    })
}

fn to_json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::State { reason: error.to_string() })
}

fn random_hex<const BYTES: usize>() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    OsRng
        .try_fill_bytes(bytes.as_mut())
        .map_err(|error| Error::State { reason: format!("the system gives no random bytes: {error}") })?;
    Ok(Zeroizing::new(hex::encode(bytes.as_ref())))
}

/// Compares without stopping at the first difference. What is compared are digests of what a caller sent, so even the
/// place of a difference would tell little.
fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && std::hint::black_box(left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let secret = TokenSecret(Zeroizing::new("sdx_0123".to_owned()));
        assert_eq!(format!("{secret:?}"), "TokenSecret(..)");
    }

    #[test]
    fn identifiers_are_sixteen_hex_digits() {
        assert!(TokenId::parse("0123456789abcdef").is_some());
        for id in ["", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdefa", "../../../../../x"] {
            assert!(TokenId::parse(id).is_none(), "{id}");
        }
    }

    #[test]
    fn comparison_compares() {
        assert!(equal_in_constant_time(b"abc", b"abc"));
        assert!(!equal_in_constant_time(b"abc", b"abd"));
        assert!(!equal_in_constant_time(b"abc", b"ab"));
    }
}

//! (being written) the signatures are final.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sealdex_simple::{ProjectList, ProjectName};
use sealdex_tuf::Clock;

use crate::audit::AuditEntry;
use crate::create::InitialKeys;
use crate::directory::RepositoryDirectory;
use crate::error::Error;
use crate::page::{PublishedFile, PublishedPage};
use crate::settings::Settings;
use crate::staging::StagedFile;
use crate::status::Status;
use crate::token::{Action, Token, TokenId, TokenScope, TokenSecret};
use crate::transaction::{Actor, Publication, Receipt, Transaction, TransactionId};

/// A repository on disk. Cheap to clone; several processes may have it open.
#[derive(Clone)]
pub struct Repository {
    directory: RepositoryDirectory,
    settings: Arc<Settings>,
}

#[expect(clippy::unused_async, unused_variables, reason = "bodies follow")]
impl Repository {
    /// Creates a repository. The directory may exist and hold `keys/` alone.
    ///
    /// # Errors
    /// x
    pub async fn create(
        directory: RepositoryDirectory,
        settings: Settings,
        keys: &InitialKeys,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Err(Error::Interrupted)
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// x
    pub async fn open(directory: RepositoryDirectory, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Err(Error::Interrupted)
    }

    /// Its paths; see `servable_metadata` and `servable_target`.
    #[must_use]
    pub fn directory(&self) -> &RepositoryDirectory {
        &self.directory
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The latest root metadata.
    ///
    /// # Errors
    /// x
    pub async fn root_bytes(&self) -> Result<Arc<[u8]>, Error> {
        Err(Error::Interrupted)
    }

    /// Whether its keys are for development.
    ///
    /// # Errors
    /// x
    pub async fn is_development(&self) -> Result<bool, Error> {
        Err(Error::Interrupted)
    }

    /// A project's published page; cached.
    ///
    /// # Errors
    /// x
    pub async fn project_page(&self, project: &ProjectName) -> Result<Option<Arc<PublishedPage>>, Error> {
        Err(Error::Interrupted)
    }

    /// All projects with a published page.
    ///
    /// # Errors
    /// x
    pub async fn projects(&self) -> Result<ProjectList, Error> {
        Err(Error::Interrupted)
    }

    /// A file on a project's published page.
    ///
    /// # Errors
    /// x
    pub async fn file(&self, project: &ProjectName, filename: &str) -> Result<Option<PublishedFile>, Error> {
        Err(Error::Interrupted)
    }

    /// Begins to receive a file.
    ///
    /// # Errors
    /// x
    pub fn stage(&self) -> Result<StagedFile, Error> {
        Err(Error::Interrupted)
    }

    /// Makes a transaction durable.
    ///
    /// # Errors
    /// x
    pub async fn submit(&self, transaction: Transaction, actor: Actor) -> Result<Receipt, Error> {
        Err(Error::Interrupted)
    }

    /// Waits until it is served.
    ///
    /// # Errors
    /// [`Error::NotPublishedYet`]
    pub async fn published(&self, receipt: &Receipt, timeout: Duration) -> Result<Publication, Error> {
        Err(Error::Interrupted)
    }

    /// How it is.
    ///
    /// # Errors
    /// x
    pub async fn status(&self) -> Result<Status, Error> {
        Err(Error::Interrupted)
    }

    /// The log, from `after` on, at most `limit` entries.
    ///
    /// # Errors
    /// x
    pub async fn log(&self, after: Option<TransactionId>, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        Err(Error::Interrupted)
    }

    /// Makes a token.
    ///
    /// # Errors
    /// x
    pub async fn create_token(&self, scope: TokenScope) -> Result<(TokenId, TokenSecret), Error> {
        let _ = BTreeSet::<Action>::new();
        Err(Error::Interrupted)
    }

    /// All tokens, revoked ones included.
    ///
    /// # Errors
    /// x
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        Err(Error::Interrupted)
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub async fn revoke_token(&self, id: &TokenId) -> Result<(), Error> {
        Err(Error::Interrupted)
    }

    /// Whether the token allows the action.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] or [`Error::TokenScope`]
    pub async fn authorize(
        &self,
        secret: &str,
        project: &ProjectName,
        action: Action,
    ) -> Result<TokenId, Error> {
        Err(Error::Interrupted)
    }
}

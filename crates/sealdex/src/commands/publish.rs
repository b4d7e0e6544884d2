//! Publishing from the command line: through the process that serves, or as the writer for a moment.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sealdex_keys::{StoredAs, read_key, stored_as};
use sealdex_repository::{Publication, Receipt, Repository, RepositoryDirectory, SnapshotProcess};
use sealdex_tuf::Signer;

use crate::cli::OnlineKeyArguments;
use crate::environment;
use crate::failure::{Failure, Kind};
use crate::passphrase::Source;

/// How long a command waits for the process that publishes.
const PATIENCE: Duration = Duration::from_secs(120);

/// An open repository, and the right to publish in it unless another process has it.
pub(super) struct Publisher {
    pub(super) repository: Repository,
    process: Option<SnapshotProcess>,
}

impl Publisher {
    /// Opens the repository and, where no other process publishes, its online key. What is wrong with the key is found
    /// before anything is changed.
    pub(super) async fn open(directory: &Path, online: &OnlineKeyArguments) -> Result<Self, Failure> {
        let repository = open(directory).await?;
        if repository.status().await?.writer.is_some() {
            return Ok(Self { repository, process: None });
        }
        let key = online_key(repository.directory(), online)?;
        let process = SnapshotProcess::acquire(&repository, key).await?;
        Ok(Self { repository, process })
    }

    /// Publishes what was submitted; completes when clients can see it.
    pub(super) async fn publish(&mut self, receipts: &[Receipt]) -> Result<Option<Publication>, Failure> {
        if let Some(process) = &mut self.process {
            process.publish_pending().await?;
        }
        let Some(last) = receipts.iter().max_by_key(|receipt| receipt.transaction) else { return Ok(None) };
        let published = self.repository.published(last, PATIENCE).await.map_err(|error| {
            Failure::new(Kind::Failed, error)
                .hint("the process that publishes is slow or stuck; nothing is lost, it goes on when that process does")
        })?;
        Ok(Some(published))
    }
}

/// Opens a repository.
pub(super) async fn open(directory: &Path) -> Result<Repository, Failure> {
    let clock = Arc::new(jiff::Timestamp::now);
    Repository::open(RepositoryDirectory::new(directory), clock).await.map_err(|error| match error {
        error @ sealdex_repository::Error::NotARepository { .. } => Failure::new(Kind::Usage, error)
            .hint("name one with --repository DIR, or make one: sealdex init --dev DIR"),
        other => other.into(),
    })
}

/// The repository's online key.
pub(super) fn online_key(
    directory: &RepositoryDirectory,
    online: &OnlineKeyArguments,
) -> Result<Arc<dyn Signer>, Failure> {
    let file = directory.online_key_file();
    let passphrase = match stored_as(&file)? {
        StoredAs::Plain => None,
        StoredAs::Encrypted => Some(online_passphrase(online).existing()?),
    };
    Ok(Arc::new(read_key(&file, passphrase.as_ref())?))
}

/// Where the online key's passphrase comes from.
pub(super) fn online_passphrase(online: &OnlineKeyArguments) -> Source<'_> {
    Source {
        what: "the online key",
        file: online.online_passphrase_file.as_deref(),
        flag: "--online-passphrase-file",
        variable: environment::ONLINE_PASSPHRASE,
    }
}

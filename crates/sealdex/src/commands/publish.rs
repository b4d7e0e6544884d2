//! Publishing from the command line: through the process that serves, or as the writer for a moment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealdex_keys::{StoredAs, read_key, stored_as};
use sealdex_repository::Error::{NotPublishedYet, RelayoutNotPublishedYet};
use sealdex_repository::{
    DatabaseUrl, Publication, Receipt, RelayoutId, Repository, RepositoryDirectory, SnapshotProcess,
};
use sealdex_tuf::Signer;

use crate::cli::OnlineKeyArguments;
use crate::environment;
use crate::failure::{Failure, Kind};
use crate::passphrase::Source;

/// How long a command waits for the process that publishes.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a command waits before it looks whether that process is still there.
const LOOK_AFTER: Duration = Duration::from_secs(2);

/// An open repository, and the right to publish in it unless another process has it.
pub(super) struct Publisher<'a> {
    pub(super) repository: Repository,
    online: &'a OnlineKeyArguments,
    process: Option<SnapshotProcess>,
}

impl<'a> Publisher<'a> {
    /// Opens the repository and, where no other process publishes, its online key. What is wrong with the key is found
    /// before anything is changed.
    pub(super) async fn open(directory: &Path, online: &'a OnlineKeyArguments) -> Result<Self, Failure> {
        let mut this = Self { repository: open(directory).await?, online, process: None };
        this.become_writer().await?;
        Ok(this)
    }

    /// Publishes what was submitted; completes when clients can see it.
    pub(super) async fn publish(&mut self, receipts: &[Receipt]) -> Result<Option<Publication>, Failure> {
        self.publish_within(receipts, PATIENCE).await
    }

    /// The same, with so much patience with another process.
    pub(super) async fn publish_within(
        &mut self,
        receipts: &[Receipt],
        patience: Duration,
    ) -> Result<Option<Publication>, Failure> {
        let Some(last) = receipts.iter().max_by_key(|receipt| receipt.transaction) else { return Ok(None) };
        let began = Instant::now();
        loop {
            if let Some(process) = &mut self.process {
                // Each takes a bounded number of transactions.
                while process.publish_pending().await?.is_some() {}
            }
            match self.repository.published(last, LOOK_AFTER).await {
                Ok(published) => return Ok(Some(published)),
                // The process that was to publish may have ended: then this one takes its place.
                Err(NotPublishedYet { .. }) if began.elapsed() < patience => self.become_writer().await?,
                Err(error) => {
                    return Err(Failure::new(Kind::Failed, error).hint(
                        "the process that publishes is slow or stuck; nothing is lost, it goes on when that process does",
                    ));
                }
            }
        }
    }

    /// Publishes a change of the layout, with so much patience with another process.
    pub(super) async fn publish_relayout(
        &mut self,
        id: RelayoutId,
        patience: Duration,
    ) -> Result<Publication, Failure> {
        let began = Instant::now();
        loop {
            if let Some(process) = &mut self.process {
                while process.publish_pending().await?.is_some() {}
            }
            match self.repository.relayout_published(id, LOOK_AFTER).await {
                Ok(published) => return Ok(published),
                Err(RelayoutNotPublishedYet { .. }) if began.elapsed() < patience => {
                    self.become_writer().await?;
                }
                Err(error @ RelayoutNotPublishedYet { .. }) => {
                    return Err(Failure::new(Kind::Failed, error).hint(
                        "it goes on when the process that publishes does; `sealdex layout abandon` takes it back",
                    ));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes the right to publish, unless this process or another one has it.
    async fn become_writer(&mut self) -> Result<(), Failure> {
        if self.process.is_none() && self.repository.writer().await?.is_none() {
            let key = online_key(self.repository.directory(), self.online)?;
            self.process = SnapshotProcess::acquire(&self.repository, key).await?;
        }
        Ok(())
    }
}

/// Opens a repository.
pub(super) async fn open(directory: &Path) -> Result<Repository, Failure> {
    let clock = Arc::new(jiff::Timestamp::now);
    let opened =
        Repository::open_with_database(RepositoryDirectory::new(directory), clock, database_named()?).await;
    opened.map_err(not_opened)
}

/// Why a repository could not be opened, and what to do.
pub(super) fn not_opened(error: sealdex_repository::Error) -> Failure {
    match error {
        error @ sealdex_repository::Error::NotARepository { .. } => Failure::new(Kind::Usage, error)
            .hint("name one with --repository DIR, or make one: sealdex init --dev DIR"),
        error @ sealdex_repository::Error::LayoutChanged { .. } => Failure::new(Kind::Usage, error).hint(
            "remove [layout] and all [[layout.roles]] from the file: the state keeps the layout, and `sealdex layout` \
             shows and changes it",
        ),
        error if error.is_database_away() => Failure::new(Kind::Failed, error)
            .hint("start the database, or see to it that it can be reached; nothing is lost meanwhile"),
        other => other.into(),
    }
}

/// The database that the environment names, in place of the one in the settings.
pub(super) fn database_named() -> Result<Option<DatabaseUrl>, Failure> {
    let named = environment::text(environment::DATABASE);
    named.map(|named| DatabaseUrl::parse(&named)).transpose().map_err(|error| {
        Failure::new(Kind::Usage, error).hint(format!("correct the variable {}", environment::DATABASE))
    })
}

/// The first root metadata, as a file that can be handed out.
pub(super) fn root_file(repository: &Repository) -> PathBuf {
    let directory = repository.directory();
    match repository.settings().storage.bucket {
        None => directory.metadata().join("1.root.json"),
        Some(_) => directory.path().join("1.root.json"),
    }
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

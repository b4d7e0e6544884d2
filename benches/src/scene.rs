//! A repository to measure with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use sealdex_repository::layout::BinStyle;
use sealdex_repository::{
    Actor, AddDistribution, DEFAULT_ONLINE_SCHEME, Development, InitialKeys, Layout, Receipt, Repository,
    RepositoryDirectory, Settings, SnapshotProcess, Transaction,
};
use sealdex_simple::DistributionFilename;
use sealdex_simple::distribution::{ArchiveLimits, inspect};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::{Clock, KeyPair, Scheme, Signer};
use tempfile::TempDir;

/// A repository in memory where the system has such a place, so that the disk's fsync is not what is measured.
pub(crate) struct Scene {
    pub(crate) repository: Repository,
    pub(crate) process: SnapshotProcess,
    pub(crate) place: TempDir,
}

impl Scene {
    /// The layout `index-only`, with so many bins.
    pub(crate) async fn new(style: BinStyle, bit_length: u8) -> anyhow::Result<Self> {
        Self::with(Layout::index_only(style, bit_length)?, Arc::new(jiff::Timestamp::now)).await
    }

    /// A layout and a clock of the caller's.
    pub(crate) async fn with(layout: Layout, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Self::with_settings(Settings::new(layout), clock).await
    }

    /// The layout `index-only` with the state in this PostgreSQL.
    pub(crate) async fn on(database: String, style: BinStyle, bit_length: u8) -> anyhow::Result<Self> {
        let mut settings = Settings::new(Layout::index_only(style, bit_length)?);
        settings.storage.database = Some(database);
        Self::with_settings(settings, Arc::new(jiff::Timestamp::now)).await
    }

    async fn with_settings(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let place = TempDir::new_in(memory())?;
        let signer =
            |scheme: &Scheme| -> anyhow::Result<Arc<dyn Signer>> { Ok(Arc::new(KeyPair::generate(scheme)?)) };
        let online = signer(&DEFAULT_ONLINE_SCHEME)?;
        let keys = InitialKeys {
            root: vec![signer(&Scheme::Ed25519)?],
            root_threshold: 1,
            targets: vec![signer(&Scheme::Ed25519)?],
            targets_threshold: 1,
            online: Arc::clone(&online),
            development: Development::Yes,
        };
        let directory = RepositoryDirectory::new(place.path().join("repository"));
        let repository = Repository::create(directory, settings, &keys, clock).await?;
        let process =
            SnapshotProcess::acquire(&repository, online).await?.context("somebody else publishes")?;
        Ok(Self { repository, process, place })
    }

    /// A directory beside the repository, on the same file system.
    pub(crate) fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let directory = self.place.path().join(name);
        std::fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Stages and submits a small wheel of a project of its own.
    pub(crate) async fn submit(&self, name: &str) -> anyhow::Result<Receipt> {
        self.submit_version(name, "1.0").await
    }

    /// Stages and submits a small wheel.
    pub(crate) async fn submit_version(&self, name: &str, version: &str) -> anyhow::Result<Receipt> {
        submit(&self.repository, &WheelBuilder::new(name, version).build()).await
    }
}

/// Stages and submits a wheel.
pub(crate) async fn submit(repository: &Repository, wheel: &Archive) -> anyhow::Result<Receipt> {
    let filename = DistributionFilename::parse(&wheel.file_name)?;
    let mut staged = repository.stage()?;
    staged.write(&wheel.bytes)?;
    let received = staged.finish().await?;
    let metadata = inspect(received.open()?, &filename, &ArchiveLimits::default())?;
    let add = AddDistribution { filename, received, metadata: Some(metadata), upload_time: None };
    Ok(repository.submit(Transaction::AddDistribution(add), Actor::Local).await?)
}

/// Where the system keeps files in memory; elsewhere its folder for temporary ones.
pub(crate) fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

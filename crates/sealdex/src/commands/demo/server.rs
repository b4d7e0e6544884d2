//! The demo's repository and server: what an operator runs, in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use sealdex_repository::{
    Actor, DEFAULT_ONLINE_SCHEME, Development, InitialKeys, Receipt, Repository, RepositoryDirectory,
    Settings, SnapshotProcess, Transaction,
};
use sealdex_server::{Server, ServerConfig, WriterState};
use sealdex_tuf::{KeyPair, Scheme, Signer};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::commands::add::distribution;

/// A repository of the demo's own, with keys that live as long as the demo.
pub(in crate::commands) struct Operator {
    directory: RepositoryDirectory,
    online: Arc<dyn Signer>,
}

/// A running server, and the process that publishes beside it.
pub(in crate::commands) struct Running {
    pub(super) repository: Repository,
    pub(in crate::commands) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Operator {
    /// Makes a repository with the defaults of `init`.
    pub(in crate::commands) async fn init(directory: &Path) -> anyhow::Result<Self> {
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
        let directory = RepositoryDirectory::new(directory);
        Repository::create(directory.clone(), Settings::default(), &keys, Arc::new(jiff::Timestamp::now))
            .await?;
        Ok(Self { directory, online })
    }

    /// The first root: what users are given to trust the repository.
    pub(in crate::commands) fn root_file(&self) -> PathBuf {
        self.directory.metadata().join("1.root.json")
    }

    /// Serves; port 0 takes a free port.
    pub(in crate::commands) async fn serve(&self, listen: SocketAddr) -> anyhow::Result<Running> {
        let repository = Repository::open(self.directory.clone(), Arc::new(jiff::Timestamp::now)).await?;
        let process = SnapshotProcess::acquire(&repository, Arc::clone(&self.online)).await?;
        let process = process.context("another process publishes in the demo's repository")?;
        let server =
            Server::bind(repository.clone(), ServerConfig { listen, ..ServerConfig::default() }).await?;
        let (address, health) = (server.local_addr(), server.writer_health());
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            let (stop_writer, writer_stopped) = oneshot::channel::<()>();
            health.set(WriterState::Running);
            let writer = tokio::spawn(process.run(async move { drop(writer_stopped.await) }));
            server.run(async move { drop(stopped.await) }).await;
            drop(stop_writer);
            Ok(writer.await??)
        });
        Ok(Running { repository, address, stop, ended })
    }
}

impl Running {
    /// Seals distributions; completes when clients can see all of them. Gives the snapshot's version.
    pub(in crate::commands) async fn publish(&self, files: &[PathBuf]) -> anyhow::Result<u64> {
        let mut last: Option<Receipt> = None;
        for file in files {
            let add =
                distribution(&self.repository, file).await.with_context(|| file.display().to_string())?;
            last = Some(self.repository.submit(Transaction::AddDistribution(add), Actor::Local).await?);
        }
        let last = last.context("there is nothing to publish")?;
        let published = self.repository.published(&last, Duration::from_secs(60)).await?;
        Ok(published.snapshot_version.number())
    }

    /// Stops the server, as an attacker who owns the machine can, and waits until it has stopped.
    pub(in crate::commands) async fn stop(self) -> anyhow::Result<()> {
        let _already_gone = self.stop.send(());
        self.ended.await?
    }

    /// Waits until the server ends by itself.
    pub(super) fn is_running(&self) -> anyhow::Result<()> {
        ensure!(!self.ended.is_finished(), "the server ended");
        Ok(())
    }
}

//! A small repository on disk, a static file server in front of it, and clients of it.

mod certificate;
mod http;
mod repository;
mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealdex_client::{
    Client, ClientSettings, FetchLimits, InitialTrust, ProxyOptions, RepositoryName, RepositoryUrl,
    TrustStore, TrustedRepository, VerifyingProxy,
};
use sealdex_simple::ProjectName;
use sealdex_testkit::hostile::{Behaviour, HostileServer, Limits, Origin};
use sealdex_tuf::{Clock, TargetPath};
use tempfile::TempDir;

pub(crate) use certificate::Authority;
pub(crate) use http::{get, send};
pub(crate) use repository::TestRepository;
pub(crate) use server::{Rounds, StaticServer};

/// Limits under which attacks on time are over soon.
pub(crate) const FAST: FetchLimits = FetchLimits {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_millis(1500),
    min_bytes_per_second: 100,
    rate_window: Duration::from_millis(1000),
    total: Duration::from_secs(30),
};

/// A repository, a hostile server in front of it that is honest so far, and a client that trusts it.
pub(crate) struct World {
    pub(crate) repository: TestRepository,
    pub(crate) server: HostileServer,
    pub(crate) home: TempDir,
    pub(crate) trusted: TrustedRepository,
    pub(crate) client: Client,
    pub(crate) _origin: StaticServer,
}

impl World {
    /// A world with the wheels `hello` 1.0, which needs `helper`, and `helper` 1.0.
    pub(crate) async fn new() -> Self {
        Self::with(TestRepository::with_hello()).await
    }

    pub(crate) async fn with(repository: TestRepository) -> Self {
        let origin = StaticServer::start(repository.path());
        Self::before(repository, origin).await
    }

    /// A world whose repository answers in rounds.
    pub(crate) async fn in_rounds(repository: TestRepository, rounds: &Rounds) -> Self {
        let origin = StaticServer::start_in_rounds(repository.path(), rounds);
        let mut world = Self::before(repository, origin).await;
        // A round is over when all of it has come, on a busy machine as well.
        world.client =
            world.client_with(|settings| settings.metadata_fetch.first_byte = Duration::from_secs(60));
        world
    }

    async fn before(repository: TestRepository, origin: StaticServer) -> Self {
        let limits = Limits { body_bytes: 256 << 20, ..Limits::default() };
        let server =
            HostileServer::start_with(Origin::server(&origin.url()), limits, |_| Behaviour::PassThrough);
        let home = tempfile::tempdir().unwrap();
        let client = client(home.path(), Arc::new(Timestamp::now));
        let store = TrustStore::open(home.path().join("trust")).unwrap();
        let url = RepositoryUrl::parse(&server.url()).unwrap();
        let initial = InitialTrust::Root(repository.root().to_vec());
        let trusted = store.add(&client, &name("test"), &url, &initial).await.unwrap();
        server.clear_requests();
        Self { repository, server, home, trusted, client, _origin: origin }
    }

    /// A client with an empty cache and the same trusted state, at another time.
    pub(crate) fn client_at(&self, clock: Arc<dyn Clock>) -> Client {
        client(&tempfile::tempdir_in(self.home.path()).unwrap().keep(), clock)
    }

    /// A client with an empty cache and the same trusted state, and with other settings.
    pub(crate) fn client_with(&self, change: impl FnOnce(&mut ClientSettings)) -> Client {
        let mut settings = self.client.settings().clone();
        settings.cache_directory = tempfile::tempdir_in(self.home.path()).unwrap().keep();
        change(&mut settings);
        Client::new(settings, Arc::new(Timestamp::now)).unwrap()
    }

    pub(crate) async fn proxy(&self) -> VerifyingProxy {
        self.proxy_with(ProxyOptions::default()).await
    }

    pub(crate) async fn proxy_with(&self, options: ProxyOptions) -> VerifyingProxy {
        let address = "127.0.0.1:0".parse().unwrap();
        VerifyingProxy::start(&self.client, &self.trusted, address, options).await.unwrap()
    }

    /// A proxy with another client than the world's own.
    pub(crate) async fn proxy_of(client: &Client, trusted: &TrustedRepository) -> VerifyingProxy {
        let address = "127.0.0.1:0".parse().unwrap();
        VerifyingProxy::start(client, trusted, address, ProxyOptions::default()).await.unwrap()
    }
}

/// A client with its cache below `home`.
pub(crate) fn client(home: &Path, clock: Arc<dyn Clock>) -> Client {
    let settings = ClientSettings {
        metadata_fetch: FAST,
        file_fetch: FAST,
        lock_wait: Duration::from_secs(30),
        ..ClientSettings::new(home.join("cache"))
    };
    Client::new(settings, clock).unwrap()
}

pub(crate) fn name(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

pub(crate) fn project(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

pub(crate) fn target(path: &str) -> TargetPath {
    TargetPath::parse(path).unwrap()
}

//! A repository with development keys in a folder of its own, its snapshot process, and a server over it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealdex_repository::{
    Action, Actor, BlobName, BucketSettings, Development, InitialKeys, Layout, Projects, Repository,
    RepositoryDirectory, Settings, SnapshotProcess, Storage, TokenScope, Transaction, Turn,
};
use sealdex_server::{Server, ServerConfig, UploadLimits, WriterHealth, WriterState};
use sealdex_simple::ProjectName;
use sealdex_testkit::archive::Archive;
use sealdex_testkit::object_store::ObjectStore;
use sealdex_tuf::{KeyPair, Scheme, Signer};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{self, Response};
use crate::form::{Form, authorization, content_type};

/// A served repository. Dropping it stops everything, and fails the test if files that were being received are left.
pub(crate) struct TestApp {
    address: SocketAddr,
    repository: Repository,
    token: String,
    online: Arc<dyn Signer>,
    health: WriterHealth,
    stop_server: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    stop_writer: Option<oneshot::Sender<()>>,
    writer: Option<JoinHandle<()>>,
    runtime: Runtime,
    _folder: TempDir,
}

impl TestApp {
    /// With settings that tests like: no long waits.
    pub(crate) fn start() -> Self {
        Self::start_with(config())
    }

    /// With other settings.
    pub(crate) fn start_with(config: ServerConfig) -> Self {
        Self::start_at(config, jiff::Timestamp::now)
    }

    /// With a server that believes another time than the repository.
    pub(crate) fn start_at(
        config: ServerConfig,
        clock: impl Fn() -> jiff::Timestamp + Send + Sync + 'static,
    ) -> Self {
        // In a run over an object store, each test has a bucket of its own; over PostgreSQL, a schema.
        Self::start_all(config, clock, Self::storage())
    }

    fn storage() -> Storage {
        let bucket = ObjectStore::shared().map(|store| bucket(&store, store.endpoint()));
        Storage { database: sealdex_testdatabase::schema().unwrap(), bucket }
    }

    /// With its state in this database, and everything public in a directory.
    pub(crate) fn start_on(config: ServerConfig, database: Option<String>) -> Self {
        Self::start_all(config, jiff::Timestamp::now, Storage { database, bucket: None })
    }

    /// With everything public in a bucket, or in a directory.
    pub(crate) fn start_over(
        bucket: Option<BucketSettings>,
        config: ServerConfig,
        clock: impl Fn() -> jiff::Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self::start_all(config, clock, Storage { bucket, ..Self::storage() })
    }

    fn start_all(
        config: ServerConfig,
        clock: impl Fn() -> jiff::Timestamp + Send + Sync + 'static,
        storage: Storage,
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let directory = RepositoryDirectory::new(folder.path().join("repository"));
        let key = || -> Arc<dyn Signer> { Arc::new(KeyPair::generate(&Scheme::Ed25519).unwrap()) };
        let online = key();
        let keys = InitialKeys {
            root: vec![key()],
            root_threshold: 1,
            targets: vec![key()],
            targets_threshold: 1,
            online: Arc::clone(&online),
            development: Development::Yes,
        };
        let mut settings = Settings::new(Layout::default());
        settings.storage = storage;
        let system_clock = Arc::new(jiff::Timestamp::now);
        let created = Repository::create(directory, settings, &keys, system_clock);
        let repository = runtime.block_on(created).unwrap();

        let server = runtime.block_on(Server::bind(repository.clone(), config)).unwrap();
        let server = server.with_clock(Arc::new(clock));
        let health = server.writer_health();
        let address = server.local_addr();
        let (stop_server, server_stopped) = oneshot::channel::<()>();
        let server = runtime.spawn(server.run(async { drop(server_stopped.await) }));
        let mut app = Self {
            address,
            repository,
            token: String::new(),
            online,
            health,
            stop_server: Some(stop_server),
            server: Some(server),
            stop_writer: None,
            writer: None,
            runtime,
            _folder: folder,
        };
        app.start_writer();
        app.token = app.new_token(Projects::All);
        app
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn directory(&self) -> &RepositoryDirectory {
        self.repository.directory()
    }

    /// Something public, as it is stored.
    pub(crate) fn stored(&self, name: &BlobName) -> Vec<u8> {
        self.block_on(self.repository.blobs().fetch(name, 1 << 30)).unwrap().unwrap()
    }

    /// The names in `metadata/`.
    pub(crate) fn metadata_names(&self) -> Vec<String> {
        let (_, entries) = self.block_on(self.repository.blobs().walk("metadata").next()).unwrap().unwrap();
        entries.iter().map(|entry| entry.name.name().to_owned()).collect()
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// A token that may upload to every project.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A token that may upload to one project.
    pub(crate) fn token_for(&self, project: &str) -> String {
        let projects = BTreeSet::from([ProjectName::parse(project).unwrap()]);
        self.new_token(Projects::Only(projects))
    }

    fn new_token(&self, projects: Projects) -> String {
        let scope = TokenScope { projects, actions: BTreeSet::from([Action::Upload]), expires: None };
        let (_, secret) = self.block_on(self.repository.create_token(scope)).unwrap();
        secret.expose().to_owned()
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        client::request(self.address, "GET", path, headers)
    }

    pub(crate) fn head_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        client::request(self.address, "HEAD", path, headers)
    }

    /// Sends a form as it is.
    pub(crate) fn upload(&self, token: &str, form: &Form) -> Response {
        let headers = [("authorization", &*authorization(token)), ("content-type", &*content_type())];
        client::send(self.address, "POST", "/legacy/", &headers, &form.to_bytes())
    }

    /// Uploads a file, which must succeed.
    pub(crate) fn publish(&self, archive: &Archive) {
        let response = self.upload(&self.token, &Form::new(archive));
        assert_eq!(response.status, 200, "{}", response.text());
    }

    /// Files that lie in the folder for what is being received.
    pub(crate) fn staged(&self) -> Vec<PathBuf> {
        let entries =
            std::fs::read_dir(self.directory().staging()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).collect()
    }

    /// Asks the server to stop; the snapshot process goes on.
    pub(crate) fn ask_to_stop(&mut self) {
        drop(self.stop_server.take());
    }

    /// Waits until the server has stopped.
    pub(crate) fn wait_until_stopped(&mut self) {
        if let Some(server) = self.server.take() {
            let stopped =
                self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), server).await });
            stopped.expect("the server stops in time").unwrap();
        }
    }

    /// Makes a change without HTTP, and waits until it is published.
    pub(crate) fn transact(&self, transaction: Transaction) {
        let receipt = self.block_on(self.repository.submit(transaction, Actor::Local)).unwrap();
        self.block_on(self.repository.published(&receipt, Duration::from_secs(30))).unwrap();
    }

    /// Starts a snapshot process, as it is from the start.
    pub(crate) fn start_writer(&mut self) {
        let (stop, stopped) = oneshot::channel::<()>();
        self.stop_writer = Some(stop);
        if self.repository.is_shared() {
            let (repository, online) = (self.repository.clone(), Arc::clone(&self.online));
            let health = self.health.clone();
            self.writer = Some(self.runtime.spawn(async move {
                let told = |turn: Turn| health.set(turn.into());
                let stopped = async { drop(stopped.await) };
                SnapshotProcess::take_turns(&repository, online, told, stopped).await.unwrap();
            }));
            return;
        }
        let acquired = SnapshotProcess::acquire(&self.repository, Arc::clone(&self.online));
        let writer = self.runtime.block_on(acquired).unwrap().expect("nobody else writes");
        self.health.set(WriterState::Running);
        self.writer = Some(self.runtime.spawn(async move {
            writer.run(async { drop(stopped.await) }).await.unwrap();
        }));
    }

    /// Stops the snapshot process alone.
    pub(crate) fn stop_writer(&mut self) {
        drop(self.stop_writer.take());
        if let Some(writer) = self.writer.take() {
            self.runtime.block_on(writer).unwrap();
            self.health.set(WriterState::Stopped);
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.ask_to_stop();
        self.wait_until_stopped();
        self.stop_writer();
        assert_eq!(self.staged(), Vec::<PathBuf>::new(), "files that were being received are left");
    }
}

/// A new bucket, reached at `endpoint`.
pub(crate) fn bucket(store: &ObjectStore, endpoint: &str) -> BucketSettings {
    BucketSettings {
        endpoint: Some(endpoint.to_owned()),
        region: None,
        name: store.new_bucket(),
        prefix: String::new(),
    }
}

/// Settings without long waits.
pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        shutdown_grace_seconds: 5,
        uploads: UploadLimits { max_file_bytes: 2 * 1024 * 1024, ..UploadLimits::default() },
        ..ServerConfig::default()
    }
}

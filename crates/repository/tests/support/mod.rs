//! What the tests share: a repository with keys and a clock of its own, and a client as the judge.
#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses a part of this, and a panic is a test's failure report"
)]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use sealdex_repository::{
    Actor, AddDistribution, AddTarget, BucketSettings, Development, Existing, InitialKeys, Layout, Receipt,
    Repository, RepositoryDirectory, Settings, SnapshotProcess, Transaction,
};
use sealdex_simple::{ArchiveLimits, DistributionFilename, FileName, ProjectName};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::clock::START;
use sealdex_testkit::object_store::ObjectStore;
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::metadata::{self, Snapshot, Unverified};
use sealdex_tuf::{
    Answer, Clock, KeyPair, Limits, RoleName, Scheme, Signer, Step, TargetPath, Updater, VerifiedTarget,
    Version,
};

/// A clock that goes when it is told to.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START.as_second())))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_second(), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub(crate) fn key() -> Arc<dyn Signer> {
    Arc::new(KeyPair::generate(&Scheme::Ed25519).unwrap())
}

/// A new repository in a temporary folder, and its online key.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) repository: Repository,
    pub(crate) online: Arc<dyn Signer>,
    /// The targets keys.
    pub(crate) offline: Vec<Arc<dyn Signer>>,
    pub(crate) clock: Arc<TestClock>,
}

/// Initial keys with thresholds of two, and their online key as given.
pub(crate) fn initial_keys(online: Arc<dyn Signer>) -> InitialKeys {
    InitialKeys {
        root: vec![key(), key(), key()],
        root_threshold: 2,
        targets: vec![key(), key()],
        targets_threshold: 2,
        online,
        development: Development::No,
    }
}

impl World {
    pub(crate) async fn new(layout: Layout) -> Self {
        Self::with_settings(Settings::new(layout)).await
    }

    /// In a directory whatever the run says: for what can be done to files alone.
    pub(crate) async fn in_directory(layout: Layout) -> Self {
        let mut settings = Settings::new(layout);
        settings.storage.database = sealdex_testdatabase::schema().unwrap();
        Self::as_set(settings).await
    }

    /// In a database of its own where the tests are run over PostgreSQL, in a bucket of its own where they are run over an
    /// object store.
    pub(crate) async fn with_settings(mut settings: Settings) -> Self {
        settings.storage.database = sealdex_testdatabase::schema().unwrap();
        settings.storage.bucket = shared_bucket();
        Self::as_set(settings).await
    }

    pub(crate) async fn as_set(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, online) = (TestClock::new(), key());
        let keys = initial_keys(Arc::clone(&online));
        let directory = RepositoryDirectory::new(folder.path().join("repository"));
        let repository =
            Repository::create(directory, settings, &keys, Arc::<TestClock>::clone(&clock)).await.unwrap();
        Self { folder, repository, online, offline: keys.targets, clock }
    }

    pub(crate) async fn writer(&self) -> SnapshotProcess {
        SnapshotProcess::acquire(&self.repository, Arc::clone(&self.online)).await.unwrap().unwrap()
    }

    pub(crate) fn judge(&self) -> Judge {
        Judge::new(self.repository.directory(), self.clock.now()).unwrap()
    }

    /// The versions in the snapshot that is served.
    pub(crate) fn versions(&self) -> BTreeMap<String, Version> {
        let public = Public::of(self.repository.directory());
        let read = |name: String| public.read(&format!("metadata/{name}")).unwrap();
        let timestamp = Unverified::<metadata::Timestamp>::parse(&read("timestamp.json".to_owned())).unwrap();
        let version = timestamp.unverified_metadata().snapshot.version;
        let snapshot = Unverified::<Snapshot>::parse(&read(format!("{version}.snapshot.json"))).unwrap();
        let meta = &snapshot.unverified_metadata().meta;
        meta.iter().map(|(role, file)| (role.as_str().to_owned(), file.version)).collect()
    }
}

/// The state as a backup keeps it.
pub(crate) fn back_up(repository: &Repository) -> Vec<u8> {
    match &repository.settings().storage.database {
        Some(schema) => sealdex_testdatabase::dump(schema).unwrap().into_bytes(),
        None => std::fs::read(repository.directory().state_file()).unwrap(),
    }
}

/// Puts a backup in the place of the state. Nobody has the repository open.
pub(crate) fn restore(repository: &Repository, backup: &[u8]) {
    match &repository.settings().storage.database {
        Some(schema) => sealdex_testdatabase::restore(schema, std::str::from_utf8(backup).unwrap()).unwrap(),
        None => std::fs::write(repository.directory().state_file(), backup).unwrap(),
    }
}

/// A bucket for one test, in a run in which everything public goes to an object store.
pub(crate) fn shared_bucket() -> Option<BucketSettings> {
    ObjectStore::shared().map(|store| new_bucket(&store))
}

/// A part of a new bucket.
pub(crate) fn new_bucket(store: &ObjectStore) -> BucketSettings {
    BucketSettings {
        endpoint: Some(store.endpoint().to_owned()),
        region: None,
        name: store.new_bucket(),
        prefix: "some/where".to_owned(),
    }
}

/// What is public, as a web server or a cache in front of the bucket sees it.
pub(crate) enum Public {
    Folder(PathBuf),
    Bucket(ObjectStore, BucketSettings),
}

impl Public {
    pub(crate) fn of(directory: &RepositoryDirectory) -> Self {
        let file = directory.settings_file();
        let settings = Settings::from_toml(&std::fs::read_to_string(&file).unwrap(), &file).unwrap();
        match settings.storage.bucket {
            None => Self::Folder(directory.public()),
            Some(bucket) => Self::Bucket(ObjectStore::at(bucket.endpoint.as_ref().unwrap()), bucket),
        }
    }

    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self {
            Self::Folder(folder) => std::fs::read(folder.join(name)).ok(),
            Self::Bucket(store, bucket) => store.object(&bucket.name, &format!("{}/{name}", bucket.prefix)),
        }
    }

    /// Names below `folder` that have something new, since each was `known` last.
    pub(crate) fn changed(&self, folder: &str, known: &mut HashMap<String, String>) -> Vec<String> {
        let stamps: Vec<(String, String)> = match self {
            Self::Folder(public) => std::fs::read_dir(public.join(folder))
                .unwrap()
                .map(|entry| {
                    let entry = entry.unwrap();
                    let found = entry.metadata().unwrap();
                    let inode = std::os::unix::fs::MetadataExt::ino(&found);
                    let stamp = format!("{:?} {inode}", found.modified().unwrap());
                    (format!("{folder}/{}", entry.file_name().to_str().unwrap()), stamp)
                })
                .collect(),
            Self::Bucket(store, bucket) => {
                let start = format!("{}/", bucket.prefix);
                let found = store.list(&bucket.name, &format!("{start}{folder}/"));
                found
                    .into_iter()
                    .map(|(key, tag)| (key.strip_prefix(&start).unwrap().to_owned(), tag))
                    .collect()
            }
        };
        let new = stamps
            .into_iter()
            .filter(|(name, stamp)| known.insert(name.clone(), stamp.clone()).as_ref() != Some(stamp));
        new.map(|(name, _)| name).collect()
    }
}

pub(crate) fn wheel(name: &str, version: &str) -> Archive {
    WheelBuilder::new(name, version).requires_python(">=3.9").build()
}

pub(crate) async fn stage(repository: &Repository, bytes: &[u8]) -> sealdex_repository::Received {
    let mut staged = repository.stage().unwrap();
    for chunk in bytes.chunks(1000) {
        staged.write(chunk).unwrap();
    }
    staged.finish().await.unwrap()
}

/// Adds a wheel as a server does: receive, look into it, submit.
pub(crate) async fn add_wheel(
    repository: &Repository,
    wheel: &Archive,
) -> Result<Receipt, sealdex_repository::Error> {
    let received = stage(repository, &wheel.bytes).await;
    let filename = DistributionFilename::parse(&wheel.file_name).unwrap();
    let metadata =
        sealdex_simple::inspect(received.open().unwrap(), &filename, &ArchiveLimits::default()).unwrap();
    let add = AddDistribution { filename, received, metadata: Some(metadata), upload_time: None };
    repository.submit(Transaction::AddDistribution(add), Actor::Local).await
}

pub(crate) async fn add_target(
    repository: &Repository,
    path: &str,
    bytes: &[u8],
    existing: Existing,
) -> Result<Receipt, sealdex_repository::Error> {
    let received = stage(repository, bytes).await;
    let add = AddTarget { path: TargetPath::parse(path).unwrap(), received, existing };
    repository.submit(Transaction::AddTarget(add), Actor::Local).await
}

pub(crate) fn project(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

pub(crate) fn file_name(name: &str) -> FileName {
    FileName::parse(name).unwrap()
}

/// A client that knows the first root and sees what a web server would serve: the public directory, nothing else.
pub(crate) struct Judge {
    updater: Updater,
    public: Public,
    /// Every metadata file it read.
    pub(crate) seen: Vec<(String, Vec<u8>)>,
    stored: Stored,
}

/// What a refreshed client came to trust, for the next one to start from.
#[derive(Clone, Default)]
pub(crate) struct Stored(Arc<Mutex<HashMap<RoleName, Vec<u8>>>>);

impl Judge {
    /// Refreshes a new client.
    pub(crate) fn new(directory: &RepositoryDirectory, now: Timestamp) -> Result<Self, sealdex_tuf::Error> {
        Self::with_stored(directory, now, &Stored::default())
    }

    /// Refreshes a client that was here before: it also notices what went back.
    pub(crate) fn with_stored(
        directory: &RepositoryDirectory,
        now: Timestamp,
        stored: &Stored,
    ) -> Result<Self, sealdex_tuf::Error> {
        let public = Public::of(directory);
        let root = public.read("metadata/1.root.json").unwrap();
        let updater = Updater::new(&root, now, Limits::default())?;
        let stored = Stored::clone(stored);
        let mut this = Self { updater, public, seen: Vec::new(), stored };
        this.drive()?;
        Ok(this)
    }

    fn drive(&mut self) -> Result<(), sealdex_tuf::Error> {
        loop {
            let answer = match self.updater.step()? {
                Step::Done => return Ok(()),
                Step::Read(role) => {
                    self.stored.0.lock().unwrap().get(&role).cloned().map_or(Answer::Absent, Answer::Bytes)
                }
                Step::Write(role, bytes) => {
                    self.stored.0.lock().unwrap().insert(role, bytes.to_vec());
                    Answer::Written
                }
                Step::Delete(role) => {
                    self.stored.0.lock().unwrap().remove(&role);
                    Answer::Written
                }
                Step::Fetch(request) => match self.public.read(&format!("metadata/{}", request.path)) {
                    Some(bytes) => {
                        assert!(bytes.len() as u64 <= request.max_bytes, "{} is too long", request.path);
                        self.seen.push((request.path, bytes.clone()));
                        Answer::Bytes(bytes)
                    }
                    None => Answer::Absent,
                },
            };
            self.updater.answer(answer)?;
        }
    }

    /// Searches a target; its bytes must be the listed ones.
    pub(crate) fn target(&mut self, path: &str) -> Option<Vec<u8>> {
        let target = self.search(path).unwrap()?;
        let name = format!("targets/{}", percent_decoded(&target.url_path()));
        let bytes = self.public.read(&name).unwrap_or_else(|| panic!("there is no {name}"));
        target.verify(&bytes).unwrap();
        Some(bytes)
    }

    pub(crate) fn search(&mut self, path: &str) -> Result<Option<VerifiedTarget>, sealdex_tuf::Error> {
        self.updater.search(TargetPath::parse(path).unwrap())?;
        self.drive()?;
        Ok(self.updater.found()?.cloned())
    }
}

/// What a web server makes of a URL's path.
fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                bytes.extend(hex::decode([*high, *low]).unwrap());
                rest = tail;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap()
}

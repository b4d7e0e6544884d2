//! Processes that are killed while they work in a repository, and a witness of what they leave behind.
#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use sealdex_repository::{
    Actor, AddDistribution, Error, Layout, Receipt, Repository, RepositoryDirectory, Settings,
    SnapshotProcess, Storage, Transaction,
};
use sealdex_simple::DistributionFilename;
use sealdex_testkit::archive::sha256_hex;
use sealdex_testkit::clock::START;
use sealdex_tuf::{KeyPair, Scheme, Signer};

use crate::support::{self, Public, stage};

const PROJECTS: u64 = 101;

pub(crate) fn clock() -> Arc<dyn sealdex_tuf::Clock> {
    Arc::new(|| START)
}

/// The file of this number: name, target path and bytes.
pub(crate) fn file(number: u64) -> (String, String, Vec<u8>) {
    let project = format!("p{}", number % PROJECTS);
    let name = format!("{project}-{number}.tar.gz");
    let path = format!("files/{project}/{name}");
    (name, path, format!("content of {number}").into_bytes())
}

/// Makes a key and keeps it in the folder for those who come later.
fn new_key(folder: &Path, name: &str) -> Arc<dyn Signer> {
    let pair = KeyPair::generate(&Scheme::Ed25519).unwrap();
    std::fs::write(folder.join(name), pair.pkcs8()).unwrap();
    Arc::new(pair)
}

pub(crate) fn kept_key(folder: &Path, name: &str) -> Arc<dyn Signer> {
    let pkcs8 = std::fs::read(folder.join(name)).unwrap();
    Arc::new(KeyPair::from_pkcs8(&Scheme::Ed25519, &pkcs8).unwrap())
}

pub(crate) const ONLINE: &str = "online.pkcs8";
pub(crate) const TARGETS: &str = "targets.pkcs8";

pub(crate) fn online_key(folder: &Path) -> Arc<dyn Signer> {
    kept_key(folder, ONLINE)
}

pub(crate) async fn open(folder: &Path) -> Repository {
    open_at(folder, clock()).await
}

pub(crate) async fn open_at(folder: &Path, clock: Arc<dyn sealdex_tuf::Clock>) -> Repository {
    Repository::open(RepositoryDirectory::new(folder.join("repository")), clock).await.unwrap()
}

pub(crate) async fn submit(repository: &Repository, number: u64) -> Result<Receipt, Error> {
    let (name, _, bytes) = file(number);
    let received = stage(repository, &bytes).await;
    let filename = DistributionFilename::parse(&name).unwrap();
    let add = AddDistribution { filename, received, metadata: None, upload_time: None };
    repository.submit(Transaction::AddDistribution(add), Actor::Local).await
}

/// One line, in one write.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("@{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// A process to be killed: this test binary, started once more.
pub(crate) struct Victim {
    pub(crate) child: Child,
    /// What it says, line by line.
    pub(crate) lines: Receiver<String>,
}

impl Victim {
    /// Starts the binary with this test alone, which finds `order` in the variable.
    pub(crate) fn start(test: &str, variable: &str, order: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(variable, order)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(line) = line.split('@').nth(1) {
                    let _ = sender.send(line.to_owned());
                }
            }
        });
        Self { child, lines }
    }

    /// Kills it, and gives the lines it said before.
    pub(crate) fn kill(mut self, mut before: Vec<String>) -> Vec<String> {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(!status.success() && status.code().is_none(), "it ended by itself: {status}");
        before.extend(self.lines.iter());
        before
    }

    pub(crate) fn wait_until_ready(&self) -> Vec<String> {
        let line = self.lines.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(line, "ready");
        vec![line]
    }
}

/// A test that fails leaves no process behind.
impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every metadata file ever seen: a version has one content, for ever.
#[derive(Default)]
pub(crate) struct Witness {
    pub(crate) contents: BTreeMap<String, String>,
    looked_at: HashMap<String, String>,
}

impl Witness {
    pub(crate) fn look(&mut self, public: &Public) {
        for path in public.changed("metadata", &mut self.looked_at) {
            let mut name = path.strip_prefix("metadata/").unwrap().to_owned();
            let digest = if name == "timestamp.json" {
                let bytes = public.read(&path).unwrap();
                let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                name = format!("{}.timestamp.json", json["signed"]["version"]);
                sha256_hex(&bytes)
            } else if let Public::Bucket(..) = public {
                // The tag that an object store gives, which is made of the content.
                self.looked_at[&path].clone()
            } else {
                sha256_hex(&public.read(&path).unwrap())
            };
            assert!(name.ends_with(".json"), "{name} is left in the metadata folder");
            let before = self.contents.entry(name.clone()).or_insert_with(|| digest.clone());
            assert_eq!(*before, digest, "{name} was seen with two contents");
        }
    }
}

/// Makes the repository that the processes work in, and keeps its online key and its targets key beside it.
pub(crate) fn create_with(
    folder: &Path,
    layout: Layout,
    storage: Storage,
    runtime: &tokio::runtime::Runtime,
) {
    let mut keys = support::initial_keys(new_key(folder, ONLINE));
    (keys.targets, keys.targets_threshold) = (vec![new_key(folder, TARGETS)], 1);
    let mut settings = Settings::new(layout);
    settings.storage = storage;
    let directory = RepositoryDirectory::new(folder.join("repository"));
    runtime.block_on(Repository::create(directory, settings, &keys, clock())).unwrap();
}

/// Becomes the writer, as soon as the last one's lock is free, and publishes what is pending.
pub(crate) async fn recover(folder: &Path) {
    let repository = open(folder).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut writer = loop {
        match SnapshotProcess::acquire(&repository, online_key(folder)).await.unwrap() {
            Some(writer) => break writer,
            None => assert!(Instant::now() < deadline, "the lock of a process that is gone is still held"),
        }
    };
    while writer.publish_pending().await.unwrap().is_some() {}
    drop(writer);
    repository.close().await;
}

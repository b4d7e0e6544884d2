//! Killed at any moment (SIGKILL), hundreds of times: nothing acknowledged is lost, no version is used twice, and what
//! is served can always be verified.
//!
//! The test binary starts itself as the process to be killed: it submits and publishes, and says on its standard output
//! what it was given receipts for.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sealdex_repository::layout::BinStyle;
use sealdex_repository::{
    Actor, AddDistribution, Layout, Receipt, Repository, RepositoryDirectory, Settings, SnapshotProcess,
    Transaction,
};
use sealdex_simple::DistributionFilename;
use sealdex_testkit::archive::sha256_hex;
use sealdex_testkit::clock::START;
use sealdex_tuf::{KeyPair, Scheme, Signer};
use support::{Judge, Public, Stored, stage};

/// How often the process is killed.
const KILLS: usize = 220;
const KILLS_OVER_BUCKET: usize = 40;

/// Tells the process to be killed where its repository is.
const CHILD: &str = "SEALDEX_TEST_CRASH_CHILD";

const PROJECTS: u64 = 101;

fn clock() -> Arc<dyn sealdex_tuf::Clock> {
    Arc::new(|| START)
}

/// The file of this number: name, target path and bytes.
fn file(number: u64) -> (String, String, Vec<u8>) {
    let project = format!("p{}", number % PROJECTS);
    let name = format!("{project}-{number}.tar.gz");
    let path = format!("files/{project}/{name}");
    (name, path, format!("content of {number}").into_bytes())
}

fn online_key_file(folder: &Path) -> PathBuf {
    folder.join("online.pkcs8")
}

fn online_key(folder: &Path) -> Arc<dyn Signer> {
    let pkcs8 = std::fs::read(online_key_file(folder)).unwrap();
    Arc::new(KeyPair::from_pkcs8(&Scheme::Ed25519, &pkcs8).unwrap())
}

async fn open(folder: &Path) -> Repository {
    Repository::open(RepositoryDirectory::new(folder.join("repository")), clock()).await.unwrap()
}

async fn submit(repository: &Repository, number: u64) -> Receipt {
    let (name, _, bytes) = file(number);
    let received = stage(repository, &bytes).await;
    let filename = DistributionFilename::parse(&name).unwrap();
    let add = AddDistribution { filename, received, metadata: None, upload_time: None };
    repository.submit(Transaction::AddDistribution(add), Actor::Local).await.unwrap()
}

/// What the process to be killed does.
fn work_until_killed(folder: &str) {
    let (folder, first) =
        folder.split_once('|').map(|(folder, first)| (PathBuf::from(folder), first)).unwrap();
    let first: u64 = first.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let repository = open(&folder).await;
        let writer = SnapshotProcess::acquire(&repository, online_key(&folder)).await.unwrap().unwrap();
        say("ready");
        tokio::spawn(writer.run(std::future::pending()));
        let lanes = (0..3).map(|lane| {
            let repository = repository.clone();
            tokio::spawn(async move {
                for number in (first + lane..).step_by(3) {
                    let receipt = submit(&repository, number).await;
                    say(&format!("durable {number}"));
                    // The third waits for nothing but a while: transactions pile up behind a publication.
                    if lane == 2 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    } else {
                        repository.published(&receipt, Duration::from_secs(60)).await.unwrap();
                        say(&format!("published {number}"));
                    }
                }
            })
        });
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.unwrap();
        }
    });
}

/// One line, in one write.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("@{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

struct Victim {
    child: Child,
    lines: Receiver<String>,
}

impl Victim {
    fn start(folder: &Path, first: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "nothing_is_lost_and_nothing_is_served_by_halves",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, format!("{}|{first}", folder.display()))
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
    fn kill(mut self, mut before: Vec<String>) -> Vec<String> {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(!status.success() && status.code().is_none(), "it ended by itself: {status}");
        before.extend(self.lines.iter());
        before
    }

    fn wait_until_ready(&self) -> Vec<String> {
        let line = self.lines.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(line, "ready");
        vec![line]
    }
}

/// Every metadata file ever seen: a version has one content, for ever.
#[derive(Default)]
struct Witness {
    contents: BTreeMap<String, String>,
    looked_at: HashMap<String, String>,
}

impl Witness {
    fn look(&mut self, public: &Public) {
        for path in public.changed("metadata", &mut self.looked_at) {
            let bytes = public.read(&path).unwrap();
            let mut name = path.strip_prefix("metadata/").unwrap().to_owned();
            if name == "timestamp.json" {
                let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                name = format!("{}.timestamp.json", json["signed"]["version"]);
            }
            assert!(name.ends_with(".json"), "{name} is left in the metadata folder");
            let digest = sha256_hex(&bytes);
            let before = self.contents.entry(name.clone()).or_insert_with(|| digest.clone());
            assert_eq!(*before, digest, "{name} was seen with two contents");
        }
    }
}

#[test]
fn nothing_is_lost_and_nothing_is_served_by_halves() {
    if let Ok(folder) = std::env::var(CHILD) {
        return work_until_killed(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    create(folder.path(), &runtime);
    let directory = RepositoryDirectory::new(folder.path().join("repository"));
    let public = Public::of(&directory);
    // In a bucket everything takes longer, the looking too.
    let (kills, longest) = match public {
        Public::Folder(_) => (KILLS, 150_000),
        Public::Bucket(..) => (KILLS_OVER_BUCKET, 900_000),
    };
    let seed =
        std::env::var("SEALDEX_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    let (mut witness, stored, started) = (Witness::default(), Stored::default(), Instant::now());
    let (mut durable, mut published): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut first = 0;
    for kill in 0..kills {
        let victim = Victim::start(folder.path(), first);
        // Most while they work, some while they start and make good what the last one left.
        let lines = if random.random_ratio(4, 5) { victim.wait_until_ready() } else { Vec::new() };
        std::thread::sleep(Duration::from_micros(random.random_range(2_000..longest)));
        let lines = victim.kill(lines);
        let (mut new_durable, mut new_published) = (Vec::new(), Vec::new());
        for line in &lines {
            match line.split_once(' ') {
                Some(("durable", number)) => new_durable.push(number.parse().unwrap()),
                Some(("published", number)) => new_published.push(number.parse().unwrap()),
                _ => {}
            }
        }

        // Before anybody writes again: a client that was here before finds everything that was said to be public.
        witness.look(&public);
        let mut judge = Judge::with_stored(&directory, START, &stored).unwrap_or_else(|error| {
            panic!("seed {seed}, kill {kill}: what is served does not verify: {error}")
        });
        published.extend(&new_published);
        let older = (0..10.min(published.len())).map(|_| published[random.random_range(0..published.len())]);
        for number in new_published.iter().copied().chain(older.collect::<Vec<_>>()) {
            let (_, path, bytes) = file(number);
            assert_eq!(judge.target(&path), Some(bytes), "seed {seed}, kill {kill}: {path} was public");
        }

        // No number is used again: a submission may have got further than its receipt.
        first = lines.len() as u64 + first + 1000;
        durable.extend(&new_durable);
        // Every other time the next victim has to make good what this one left.
        if kill % 2 == 0 {
            runtime.block_on(recover(folder.path()));
            witness.look(&public);
            let mut judge = Judge::with_stored(&directory, START, &stored).unwrap();
            for number in &new_durable {
                let (_, path, bytes) = file(*number);
                assert_eq!(judge.target(&path), Some(bytes), "seed {seed}, kill {kill}: {path} was durable");
            }
        }
    }
    runtime.block_on(recover(folder.path()));
    witness.look(&public);
    let mut judge = Judge::with_stored(&directory, START, &stored).unwrap();
    for number in &durable {
        let (_, path, bytes) = file(*number);
        assert_eq!(judge.target(&path), Some(bytes), "seed {seed}: {path} was durable");
    }
    println!(
        "{kills} kills in {:.1} s: {} durable, {} public, {} metadata files seen, none lost, none twice",
        started.elapsed().as_secs_f64(),
        durable.len(),
        published.len(),
        witness.contents.len()
    );
    assert!(published.len() > kills / 4, "too little was done between the kills to say anything");
}

fn create(folder: &Path, runtime: &tokio::runtime::Runtime) {
    let online = KeyPair::generate(&Scheme::Ed25519).unwrap();
    std::fs::write(online_key_file(folder), online.pkcs8()).unwrap();
    let keys = support::initial_keys(Arc::new(online));
    let mut settings = Settings::new(Layout::pep458(BinStyle::Succinct, 4).unwrap());
    settings.storage.bucket = support::shared_bucket();
    let directory = RepositoryDirectory::new(folder.join("repository"));
    runtime.block_on(Repository::create(directory, settings, &keys, clock())).unwrap();
}

/// Becomes the writer and publishes what is pending.
async fn recover(folder: &Path) {
    let repository = open(folder).await;
    let mut writer = SnapshotProcess::acquire(&repository, online_key(folder)).await.unwrap().unwrap();
    while writer.publish_pending().await.unwrap().is_some() {}
    drop(writer);
    repository.close().await;
}

//! Several processes on one PostgreSQL, uploads going to all of them: whatever becomes of the one that publishes, another
//! takes over within seconds, nothing acknowledged is lost, no version is used twice, and the timestamp never goes back.
//! Once with everything public in a directory, once in an object store.
//!
//! The test binary starts itself as these processes. The database server and the object store are the test's own.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

#[path = "support/processes.rs"]
mod processes;
mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use sealdex_repository::layout::BinStyle;
use sealdex_repository::{BucketSettings, Layout, RepositoryDirectory, SnapshotProcess, Storage, Turn};
use sealdex_testdatabase::{PostgresServer, Synchronise};
use sealdex_testkit::clock::START;
use sealdex_testkit::hostile::{Behaviour, HostileServer, Limits, Origin, Request};
use sealdex_testkit::object_store::ObjectStore;

use processes::{ONLINE, Victim, Witness, create_with, file, online_key, open, recover, say, submit};
use support::{Judge, Public, new_bucket};

/// Tells a process where its repository is, the number of its first file, and the milliseconds between two files that it
/// does not wait for.
const CHILD: &str = "SEALDEX_TEST_SERVER_CHILD";

/// Where everything public lies, and how often the process that publishes is killed, and stopped in the middle of it.
struct Scene {
    test: &'static str,
    bucket: Option<Arc<Bucket>>,
    kills: usize,
    /// And once more, without its session being cut off.
    stops: usize,
    /// Within so long another process publishes. A process that is silent keeps its session for five seconds.
    takeover: Duration,
}

/// An object store, and a server before it at which a process can be stopped.
struct Bucket {
    store: ObjectStore,
    settings: BucketSettings,
    _proxy: HostileServer,
    trap: Arc<Mutex<Trap>>,
}

/// Stops a process when a request comes in that is its own, or goes along with those.
#[derive(Default)]
struct Trap {
    set_for: Option<(Pid, Moment)>,
    sprung: bool,
    /// Whether the snapshot has come in whose timestamp is waited for.
    snapshot: bool,
}

/// When a process is stopped that publishes into a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// It is putting a snapshot.
    Snapshot,
    /// It puts its timestamp, and does not hear the answer.
    Timestamp,
    /// The same, but what it puts is long on the way: another one's timestamp is there first.
    Late,
}

const MOMENTS: [Moment; 3] = [Moment::Late, Moment::Timestamp, Moment::Snapshot];

/// How long it is on the way: longer than it takes until another publishes.
const LATE: Duration = Duration::from_secs(10);

impl Trap {
    fn look(&mut self, request: &Request) -> Behaviour {
        let Some((process, moment)) = self.set_for else { return Behaviour::PassThrough };
        let (is_put, path) = (request.method == "PUT", request.path());
        let is_timestamp = path.ends_with("/metadata/timestamp.json");
        self.snapshot |= is_put && path.ends_with(".snapshot.json");
        let is_now = match moment {
            Moment::Snapshot => self.snapshot,
            Moment::Timestamp | Moment::Late => self.snapshot && is_put && is_timestamp,
        };
        if !is_now {
            return Behaviour::PassThrough;
        }
        kill_process(process, Signal::STOP).unwrap();
        *self = Self { sprung: true, ..Self::default() };
        if moment == Moment::Late { Behaviour::Late(LATE) } else { Behaviour::PassThrough }
    }
}

impl Bucket {
    fn new() -> Arc<Self> {
        let (store, trap) = (ObjectStore::start(), Arc::<Mutex<Trap>>::default());
        let looked = Arc::clone(&trap);
        let look = move |request: &Request| looked.lock().unwrap().look(request);
        let limits = Limits { connection_time: Duration::from_secs(600), ..Limits::default() };
        let proxy = HostileServer::start_with(Origin::server(store.endpoint()), limits, look);
        let settings = BucketSettings { endpoint: Some(proxy.url()), ..new_bucket(&store) };
        Arc::new(Self { store, settings, _proxy: proxy, trap })
    }

    fn stop(&self, server: &Server, moment: Moment) {
        *self.trap.lock().unwrap() = Trap { set_for: Some((server.process(), moment)), ..Trap::default() };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.trap.lock().unwrap().sprung {
            assert!(Instant::now() < deadline, "no publication could be caught at {moment:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Scene {
    fn storage(&self, database: &PostgresServer) -> Storage {
        let bucket = self.bucket.as_ref().map(|bucket| bucket.settings.clone());
        Storage { database: Some(database.schema().unwrap()), bucket }
    }

    /// What is public, as everybody sees it: past the server with the trap.
    fn public(&self, directory: &RepositoryDirectory) -> Public {
        match &self.bucket {
            None => Public::of(directory),
            Some(bucket) => Public::Bucket(ObjectStore::at(bucket.store.endpoint()), bucket.settings.clone()),
        }
    }

    /// The folder for one of the processes. With a bucket it is its own, as on a machine of its own: settings and the key.
    fn folder_of_server(&self, folder: &Path, number: u64) -> PathBuf {
        if self.bucket.is_none() {
            return folder.to_owned();
        }
        let own = folder.join(number.to_string());
        std::fs::create_dir_all(own.join("repository/staging")).unwrap();
        for name in ["repository/sealdex.toml", ONLINE] {
            std::fs::copy(folder.join(name), own.join(name)).unwrap();
        }
        own
    }

    /// Stops the process that publishes where it is about to put its timestamp in its place, or nearly so. Gives how long
    /// it takes from then on until what it did has come to its end.
    fn stop(&self, round: usize, server: &Server, directory: &RepositoryDirectory) -> Duration {
        let Some(bucket) = &self.bucket else {
            stop_before_timestamp(server, directory);
            return Duration::ZERO;
        };
        let moment = MOMENTS[round % MOMENTS.len()];
        bucket.stop(server, moment);
        if moment == Moment::Late { LATE } else { Duration::ZERO }
    }
}

/// What each of the processes does: it takes files in, and publishes when it is its turn.
fn serve_until_killed(order: &str) {
    let [folder, first, pause] = order.split('|').collect::<Vec<_>>().try_into().unwrap();
    let (folder, first) = (PathBuf::from(folder), first.parse::<u64>().unwrap());
    let pause = Duration::from_millis(pause.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let repository = open(&folder).await;
        say("ready");
        let own = repository.clone();
        let key = online_key(&folder);
        tokio::spawn(async move {
            let told = |turn: Turn| say(&format!("turn {turn:?}"));
            let ended = SnapshotProcess::take_turns(&own, key, told, std::future::pending()).await;
            say(&format!("ended {ended:?}"));
        });
        let lanes = (0..2).map(|lane| {
            let repository = repository.clone();
            tokio::spawn(async move {
                for number in (first + lane..).step_by(2) {
                    // A session that was cut off takes what was under way in it with it: once more.
                    let receipt = loop {
                        match submit(&repository, number).await {
                            Ok(receipt) => break receipt,
                            // What took too long, too, while the process was stopped.
                            Err(error) => assert!(
                                error.is_database_away() || error.is_bucket_failing(),
                                "{error}: {error:?}"
                            ),
                        }
                    };
                    say(&format!("durable {number}"));
                    if lane == 0 {
                        tokio::time::sleep(pause).await;
                        continue;
                    }
                    // Whichever process publishes it.
                    while repository.published(&receipt, Duration::from_secs(30)).await.is_err() {}
                    say(&format!("published {number}"));
                }
            })
        });
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.unwrap();
        }
    });
}

/// One of the processes, and what it said.
struct Server {
    victim: Victim,
    said: Vec<String>,
}

impl Server {
    fn start(scene: &Scene, folder: &Path, next: &mut u64) -> Self {
        *next += 1_000_000;
        let folder = scene.folder_of_server(folder, *next);
        let pause = if scene.bucket.is_some() { 100 } else { 5 };
        let victim = Victim::start(scene.test, CHILD, &format!("{}|{next}|{pause}", folder.display()));
        let said = victim.wait_until_ready();
        Self { victim, said }
    }

    fn turn(&mut self) -> Option<&str> {
        self.said.extend(self.victim.lines.try_iter());
        self.said.iter().rev().find_map(|line| line.strip_prefix("turn "))
    }

    fn process(&self) -> Pid {
        Pid::from_raw(self.victim.child.id().try_into().unwrap()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap();
    }
}

/// Waits until one of these publishes; gives its place.
fn publisher(servers: &mut [Server], but: Option<usize>) -> usize {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let found = servers.iter_mut().enumerate().find_map(|(place, server)| {
            (Some(place) != but && server.turn() == Some("Publishing")).then_some(place)
        });
        if let Some(place) = found {
            return place;
        }
        assert!(Instant::now() < deadline, "nobody publishes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Looks at the timestamp all the time: it must not go back.
struct Watch {
    version: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn start(public: Public) -> Self {
        let (version, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, end) = (Arc::clone(&version), Arc::clone(&ended));
        // Each look at an object store takes some of its time.
        let pause = Duration::from_micros(if matches!(public, Public::Folder(_)) { 500 } else { 10_000 });
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let bytes = public.read("metadata/timestamp.json").unwrap();
                let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                let found = json["signed"]["version"].as_u64().unwrap();
                let before = seen.swap(found, Ordering::SeqCst);
                assert!(before <= found, "the timestamp went back from version {before} to {found}");
                std::thread::sleep(pause);
            }
        });
        Self { version, ended, thread }
    }

    /// Waits until `count` more publications are served; gives how long it took.
    fn wait_for(&self, count: u64) -> Duration {
        let (start, from) = (Instant::now(), self.version.load(Ordering::SeqCst));
        while self.version.load(Ordering::SeqCst) < from + count {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing is published");
            assert!(!self.thread.is_finished(), "the timestamp went back");
            std::thread::sleep(Duration::from_millis(1));
        }
        start.elapsed()
    }

    fn end(self) {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}

#[test]
fn another_takes_over() {
    if let Ok(order) = std::env::var(CHILD) {
        return serve_until_killed(&order);
    }
    let test = "another_takes_over";
    let takeover = Duration::from_secs(10);
    everything_survives(&Scene { test, bucket: None, kills: 6, stops: 12, takeover });
}

/// Publications take longer there: fewer of them are disturbed, at moments that are chosen.
#[test]
fn another_takes_over_at_a_bucket() {
    if let Ok(order) = std::env::var(CHILD) {
        return serve_until_killed(&order);
    }
    let test = "another_takes_over_at_a_bucket";
    let takeover = Duration::from_secs(20);
    everything_survives(&Scene { test, bucket: Some(Bucket::new()), kills: 3, stops: 3, takeover });
}

#[expect(clippy::print_stdout, reason = "the seed, and figures for whoever runs it")]
fn everything_survives(scene: &Scene) {
    let (kills, stops, takeover) = (scene.kills, scene.stops, scene.takeover);
    let database = PostgresServer::start(Synchronise::No).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let layout = Layout::pep458(BinStyle::Succinct, 4).unwrap();
    create_with(folder.path(), layout, scene.storage(&database), &runtime);
    let directory = RepositoryDirectory::new(folder.path().join("repository"));
    let public = scene.public(&directory);
    let seed =
        std::env::var("SEALDEX_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut next = 0;
    let mut servers: Vec<Server> = (0..3).map(|_| Server::start(scene, folder.path(), &mut next)).collect();
    let watch = Watch::start(scene.public(&directory));
    let (mut witness, mut said) = (Witness::default(), Vec::new());
    let mut slowest = [Duration::ZERO; 2];

    for _ in 0..kills {
        let place = publisher(&mut servers, None);
        watch.wait_for(2);
        std::thread::sleep(Duration::from_micros(random.random_range(0..100_000)));
        let killed = servers.remove(place);
        said.extend(killed.victim.kill(killed.said));
        let start = Instant::now();
        publisher(&mut servers, None);
        watch.wait_for(1);
        slowest[0] = slowest[0].max(start.elapsed());
        assert!(start.elapsed() < takeover, "seed {seed}: taken over after {:?}", start.elapsed());
        servers.push(Server::start(scene, folder.path(), &mut next));
        witness.look(&public);
    }

    for round in 0..=stops {
        let place = publisher(&mut servers, None);
        watch.wait_for(2);
        let under_way = scene.stop(round, &servers[place], &directory);
        let start = Instant::now();
        // Once its silence alone must be enough.
        while round != stops && start.elapsed() < takeover {
            cut_off(&database);
            let mut others = servers.iter_mut().enumerate().filter(|(other, _)| *other != place);
            if others.any(|(_, other)| other.turn() == Some("Publishing")) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        publisher(&mut servers, Some(place));
        watch.wait_for(3);
        slowest[1] = slowest[1].max(start.elapsed());
        assert!(start.elapsed() < 2 * takeover, "seed {seed}: taken over after {:?}", start.elapsed());
        std::thread::sleep((under_way + Duration::from_millis(200)).saturating_sub(start.elapsed()));
        servers[place].signal(Signal::CONT);
        let deadline = Instant::now() + takeover;
        while servers[place].turn() == Some("Publishing") {
            assert!(
                Instant::now() < deadline,
                "seed {seed}: a process that was overtaken does not notice it"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        watch.wait_for(1);
        witness.look(&public);
    }

    let shares: Vec<usize> = servers
        .iter_mut()
        .map(|server| {
            server.turn();
            server.said.iter().filter(|line| line.starts_with("published ")).count()
        })
        .collect();
    for server in servers {
        said.extend(server.victim.kill(server.said));
    }
    runtime.block_on(recover(folder.path()));
    witness.look(&public);
    watch.end();
    let mut judge = Judge::new(&directory, START).unwrap();
    let numbers = |what: &str| -> Vec<u64> {
        said.iter().filter_map(|line| line.strip_prefix(what)?.parse().ok()).collect()
    };
    assert!(!said.iter().any(|line| line.starts_with("ended")), "{:?}", numbers("ended"));
    let (durable, published) = (numbers("durable "), numbers("published "));
    for number in &durable {
        let (_, path, bytes) = file(*number);
        assert_eq!(judge.target(&path), Some(bytes), "seed {seed}: {path} was durable");
    }
    println!(
        "{kills} kills and {} stops: {} durable, {} answered as published (by those left: {shares:?}), {} metadata \
         files, slowest change of hands after a kill and a stop {slowest:?}",
        stops + 1,
        durable.len(),
        published.len(),
        witness.contents.len()
    );
    assert!(shares.iter().all(|share| *share > 0), "an upload to each process is answered: {shares:?}");
}

/// Stops the process that publishes where it has written a timestamp aside, and is about to put it in its place.
fn stop_before_timestamp(server: &Server, directory: &RepositoryDirectory) {
    let under_way = || -> Option<PathBuf> {
        let folders = std::fs::read_dir(directory.staging()).unwrap().map(|entry| entry.unwrap().path());
        let gate = folders.max_by_key(|path| epoch(path))?;
        std::fs::read_dir(gate).ok()?.next()?.ok().map(|entry| entry.path())
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < deadline, "no publication could be caught");
        let Some(file) = under_way() else { continue };
        server.signal(Signal::STOP);
        // What it was doing in the kernel comes to its end first.
        std::thread::sleep(Duration::from_millis(20));
        if file.exists() {
            return;
        }
        server.signal(Signal::CONT);
    }
}

/// That of a folder through which timestamps go.
fn epoch(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("writer-")?.parse().ok()
}

/// Ends the session that holds the writer's lock, and those that keep others waiting.
fn cut_off(database: &PostgresServer) {
    database
        .query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \
             (state = 'idle in transaction' AND now() - state_change > interval '200 milliseconds') OR \
             (pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted) \
              AND now() - state_change > interval '1500 milliseconds')",
        )
        .unwrap();
}

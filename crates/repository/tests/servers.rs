//! Several processes on one PostgreSQL, uploads going to all of them: whatever becomes of the one that publishes, another
//! takes over within seconds, nothing acknowledged is lost, no version is used twice, and the timestamp never goes back.
//!
//! The test binary starts itself as these processes. The database server is the test's own.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

#[path = "support/processes.rs"]
mod processes;
mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use sealdex_repository::{RepositoryDirectory, SnapshotProcess, Turn};
use sealdex_testdatabase::{PostgresServer, Synchronise};
use sealdex_testkit::clock::START;

use processes::{Victim, Witness, create, file, online_key, open, recover, say, submit};
use support::{Judge, Public};

/// Tells a process where its repository is, and the number of its first file.
const CHILD: &str = "SEALDEX_TEST_SERVER_CHILD";

const TEST: &str = "another_takes_over";

/// How often the process that publishes is killed, and stopped while its session is cut off.
const KILLS: usize = 6;
const STOPS: usize = 12;

/// Within so long another process publishes. A process that is silent keeps its session for five seconds.
const TAKEOVER: Duration = Duration::from_secs(10);

/// What each of the processes does: it takes files in, and publishes when it is its turn.
fn serve_until_killed(order: &str) {
    let (folder, first) = order.split_once('|').unwrap();
    let (folder, first) = (PathBuf::from(folder), first.parse::<u64>().unwrap());
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
                            Err(error) => assert!(error.is_database_away(), "{error}: {:?}", error),
                        }
                    };
                    say(&format!("durable {number}"));
                    if lane == 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
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
    fn start(folder: &Path, next: &mut u64) -> Self {
        *next += 1_000_000;
        let victim = Victim::start(TEST, CHILD, &format!("{}|{next}", folder.display()));
        let said = victim.wait_until_ready();
        Self { victim, said }
    }

    fn turn(&mut self) -> Option<&str> {
        self.said.extend(self.victim.lines.try_iter());
        self.said.iter().rev().find_map(|line| line.strip_prefix("turn "))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.victim.child.id().try_into().unwrap()).unwrap(), signal).unwrap();
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
    fn start(directory: &RepositoryDirectory) -> Self {
        let (version, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (file, seen, end) = (directory.timestamp_file(), Arc::clone(&version), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
                let found = json["signed"]["version"].as_u64().unwrap();
                let before = seen.swap(found, Ordering::SeqCst);
                assert!(before <= found, "the timestamp went back from version {before} to {found}");
                std::thread::sleep(Duration::from_micros(500));
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
    let database = PostgresServer::start(Synchronise::No).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    create(folder.path(), Some(database.schema().unwrap()), &runtime);
    let directory = RepositoryDirectory::new(folder.path().join("repository"));
    let seed =
        std::env::var("SEALDEX_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut next = 0;
    let mut servers: Vec<Server> = (0..3).map(|_| Server::start(folder.path(), &mut next)).collect();
    let watch = Watch::start(&directory);
    let (mut witness, mut said) = (Witness::default(), Vec::new());
    let mut slowest = [Duration::ZERO; 2];

    for _ in 0..KILLS {
        let place = publisher(&mut servers, None);
        watch.wait_for(2);
        std::thread::sleep(Duration::from_micros(random.random_range(0..100_000)));
        let killed = servers.remove(place);
        said.extend(killed.victim.kill(killed.said));
        let start = Instant::now();
        publisher(&mut servers, None);
        watch.wait_for(1);
        slowest[0] = slowest[0].max(start.elapsed());
        assert!(start.elapsed() < TAKEOVER, "seed {seed}: taken over after {:?}", start.elapsed());
        servers.push(Server::start(folder.path(), &mut next));
        witness.look(&Public::of(&directory));
    }

    for round in 0..=STOPS {
        let place = publisher(&mut servers, None);
        watch.wait_for(2);
        stop_before_timestamp(&servers[place], &directory);
        let start = Instant::now();
        // Once its silence alone must be enough.
        while round != STOPS && start.elapsed() < TAKEOVER {
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
        assert!(start.elapsed() < 2 * TAKEOVER, "seed {seed}: taken over after {:?}", start.elapsed());
        servers[place].signal(Signal::CONT);
        let deadline = Instant::now() + TAKEOVER;
        while servers[place].turn() == Some("Publishing") {
            assert!(
                Instant::now() < deadline,
                "seed {seed}: a process that was overtaken does not notice it"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        watch.wait_for(1);
        witness.look(&Public::of(&directory));
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
    witness.look(&Public::of(&directory));
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
        "{KILLS} kills and {} stops: {} durable, {} answered as published (by those left: {shares:?}), {} metadata \
         files, slowest change of hands after a kill and a stop {slowest:?}",
        STOPS + 1,
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

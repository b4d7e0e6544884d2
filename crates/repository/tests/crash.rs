//! Killed at any moment (SIGKILL), hundreds of times: nothing acknowledged is lost, no version is used twice, and what
//! is served can always be verified.
//!
//! The test binary starts itself as the process to be killed: it submits and publishes, and says on its standard output
//! what it was given receipts for.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

#[path = "support/processes.rs"]
mod processes;
mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sealdex_repository::{RepositoryDirectory, SnapshotProcess};
use sealdex_testkit::clock::START;

use processes::{Victim, Witness, create, file, online_key, open, recover, say, submit};
use support::{Judge, Stored};

/// How often the process is killed.
const KILLS: usize = 220;

/// Tells the process to be killed where its repository is.
const CHILD: &str = "SEALDEX_TEST_CRASH_CHILD";

const TEST: &str = "nothing_is_lost_and_nothing_is_served_by_halves";

/// What the process to be killed does.
fn work_until_killed(folder: &str) {
    let (folder, first) =
        folder.split_once('|').map(|(folder, first)| (PathBuf::from(folder), first)).unwrap();
    let first: u64 = first.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let repository = open(&folder).await;
        // The lock of the one killed before may be held for some milliseconds.
        let writer = loop {
            if let Some(writer) = SnapshotProcess::acquire(&repository, online_key(&folder)).await.unwrap() {
                break writer;
            }
        };
        say("ready");
        tokio::spawn(writer.run(std::future::pending()));
        let lanes = (0..3).map(|lane| {
            let repository = repository.clone();
            tokio::spawn(async move {
                for number in (first + lane..).step_by(3) {
                    let receipt = submit(&repository, number).await.unwrap();
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

#[test]
fn nothing_is_lost_and_nothing_is_served_by_halves() {
    if let Ok(folder) = std::env::var(CHILD) {
        return work_until_killed(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = sealdex_testdatabase::schema().unwrap();
    // A process that has just started has to connect to PostgreSQL first.
    let longest = if database.is_some() { 300_000 } else { 150_000 };
    create(folder.path(), database, &runtime);
    let directory = RepositoryDirectory::new(folder.path().join("repository"));
    let seed =
        std::env::var("SEALDEX_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    let (mut witness, stored, started) = (Witness::default(), Stored::default(), Instant::now());
    let (mut durable, mut published): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut first = 0;
    for kill in 0..KILLS {
        let victim = Victim::start(TEST, CHILD, &format!("{}|{first}", folder.path().display()));
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
        witness.look(&directory.metadata());
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
            witness.look(&directory.metadata());
            let mut judge = Judge::with_stored(&directory, START, &stored).unwrap();
            for number in &new_durable {
                let (_, path, bytes) = file(*number);
                assert_eq!(judge.target(&path), Some(bytes), "seed {seed}, kill {kill}: {path} was durable");
            }
        }
    }
    runtime.block_on(recover(folder.path()));
    witness.look(&directory.metadata());
    let mut judge = Judge::with_stored(&directory, START, &stored).unwrap();
    for number in &durable {
        let (_, path, bytes) = file(*number);
        assert_eq!(judge.target(&path), Some(bytes), "seed {seed}: {path} was durable");
    }
    println!(
        "{KILLS} kills in {:.1} s: {} durable, {} public, {} metadata files seen, none lost, none twice",
        started.elapsed().as_secs_f64(),
        durable.len(),
        published.len(),
        witness.contents.len()
    );
    assert!(published.len() > KILLS / 4, "too little was done between the kills to say anything");
}

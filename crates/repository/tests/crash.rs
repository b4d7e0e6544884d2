//! Killed at any moment (SIGKILL), hundreds of times: nothing acknowledged is lost, no version is used twice, and what
//! is served can always be verified.
//!
//! The test binary starts itself as the process to be killed: it submits and publishes, and says on its standard output
//! what it was given receipts for.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is a test's failure report, and a line says what was done"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Actor, Error, Layout, Repository, RepositoryDirectory, SnapshotProcess, Storage};
use sealdex_testkit::clock::START;
use sealdex_tuf::Signer;

use processes::{
    TARGETS, Victim, Witness, create_with, file, kept_key, online_key, open_at, recover, say, submit,
};
use support::{Judge, Public, Stored};

/// How often the process is killed.
const KILLS: usize = 220;
/// In their place, where everything public is in a bucket.
const KILLS_OVER_BUCKET: usize = 25;

/// How often while the layout changes all the time, which takes longer.
const KILLS_OF_RELAYOUTS: usize = 60;

/// Tells the process to be killed where its repository is.
const CHILD: &str = "SEALDEX_TEST_CRASH_CHILD";

/// What goes on beside uploads.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    Relayouts,
}

impl Beside {
    /// How long the process lives at most.
    fn longest_micros(self) -> u64 {
        match self {
            Self::Nothing => 150_000,
            Self::Relayouts => 800_000,
        }
    }

    fn test(self) -> &'static str {
        match self {
            Self::Nothing => "nothing_is_lost_and_nothing_is_served_by_halves",
            Self::Relayouts => "a_layout_changes_as_a_whole_or_not_at_all",
        }
    }
}

/// Layouts to go through, over and over. Some bins of one have names of another's.
fn layouts() -> [Layout; 4] {
    [
        Layout::pep458(BinStyle::Succinct, 4).unwrap(),
        Layout::index_only(BinStyle::Succinct, 6).unwrap(),
        Layout::pep458(BinStyle::Explicit, 3).unwrap(),
        Layout::index_only(BinStyle::Explicit, 4).unwrap(),
    ]
}

/// Changes the layout without end.
async fn relayout(repository: &Repository, keys: &[Arc<dyn Signer>]) {
    loop {
        let layouts = layouts();
        let now = repository.layout();
        let at = layouts.iter().position(|layout| *layout == *now).unwrap();
        match repository.relayout(&layouts[(at + 1) % layouts.len()], keys, Actor::Local).await {
            Ok(id) => {
                repository.relayout_published(id, Duration::from_secs(60)).await.unwrap();
                say("relayout done");
            }
            // The one before left it.
            Err(Error::RelayoutWaiting { .. } | Error::Layout { .. }) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => say(&format!("failed {error:?}")),
        }
    }
}

/// What the process to be killed does.
fn work_until_killed(folder: &str, beside: Beside) {
    let (folder, first) =
        folder.split_once('|').map(|(folder, first)| (PathBuf::from(folder), first)).unwrap();
    let first: u64 = first.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // At a time of its own: what it signs differs from what those before it would have signed.
        let now = START + SignedDuration::from_secs(i64::try_from(first).unwrap());
        let repository = open_at(&folder, Arc::new(move || now)).await;
        // The lock of the one killed before may be held for some milliseconds.
        let writer = loop {
            if let Some(writer) = SnapshotProcess::acquire(&repository, online_key(&folder)).await.unwrap() {
                break writer;
            }
        };
        say("ready");
        tokio::spawn(writer.run(std::future::pending()));
        if beside == Beside::Relayouts {
            let (repository, keys) = (repository.clone(), [kept_key(&folder, TARGETS)]);
            tokio::spawn(async move { relayout(&repository, &keys).await });
        }
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
    kill_again_and_again(KILLS, Beside::Nothing);
}

/// The same while the layout changes without end: a client from before finds all of it, before and after each kill.
#[test]
fn a_layout_changes_as_a_whole_or_not_at_all() {
    kill_again_and_again(KILLS_OF_RELAYOUTS, Beside::Relayouts);
}

/// That a file is public: on its page, and a target of its own where the layout has such.
fn expect_public(judge: &mut Judge, number: u64, beside: Beside, seed: u64) -> bool {
    let (name, path, bytes) = file(number);
    let project = name.split_once('-').unwrap().0;
    let page = judge.target(&format!("simple/{project}/index.json"));
    let page = String::from_utf8(page.unwrap_or_default()).unwrap();
    assert!(page.contains(&format!("{name:?}")), "seed {seed}: {name} is not on its page");
    match judge.target(&path) {
        Some(found) => {
            assert_eq!(found, bytes);
            true
        }
        None => {
            assert!(beside == Beside::Relayouts, "seed {seed}: {path} is no target");
            false
        }
    }
}

fn kill_again_and_again(kills: usize, beside: Beside) {
    if let Ok(folder) = std::env::var(CHILD) {
        return work_until_killed(&folder, beside);
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = sealdex_testdatabase::schema().unwrap();
    // A process that has just started has to connect to PostgreSQL first.
    let slower = if database.is_some() { 2 } else { 1 };
    let [layout, ..] = layouts();
    let storage = Storage { database, bucket: support::shared_bucket() };
    create_with(folder.path(), layout, storage, &runtime);
    let directory = RepositoryDirectory::new(folder.path().join("repository"));
    let public = Public::of(&directory);
    // In a bucket everything takes longer, the looking too.
    let (kills, longest) = match public {
        Public::Folder(_) => (kills, slower * beside.longest_micros()),
        Public::Bucket(..) => (kills * KILLS_OVER_BUCKET / KILLS, 6 * beside.longest_micros()),
    };
    let seed =
        std::env::var("SEALDEX_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    let (mut witness, stored, started) = (Witness::default(), Stored::default(), Instant::now());
    let (mut durable, mut published): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    let (mut first, mut relayouts) = (0, 0);
    for kill in 0..kills {
        let victim = Victim::start(beside.test(), CHILD, &format!("{}|{first}", folder.path().display()));
        // Most while they work, some while they start and make good what the last one left.
        let lines = if random.random_ratio(4, 5) { victim.wait_until_ready() } else { Vec::new() };
        std::thread::sleep(Duration::from_micros(random.random_range(2_000..longest)));
        let lines = victim.kill(lines);
        let (mut new_durable, mut new_published) = (Vec::new(), Vec::new());
        for line in &lines {
            match line.split_once(' ') {
                Some(("durable", number)) => new_durable.push(number.parse().unwrap()),
                Some(("published", number)) => new_published.push(number.parse().unwrap()),
                Some(("relayout", _)) => relayouts += 1,
                Some(("failed", what)) => panic!("seed {seed}, kill {kill}: {what}"),
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
        let mut as_targets = BTreeSet::new();
        for number in new_published.iter().copied().chain(older.collect::<Vec<_>>()) {
            as_targets.insert(expect_public(&mut judge, number, beside, seed));
        }
        assert!(as_targets.len() <= 1, "seed {seed}, kill {kill}: half of the files are targets");

        // No number is used again: a submission may have got further than its receipt.
        first = lines.len() as u64 + first + 1000;
        durable.extend(&new_durable);
        // Every other time the next victim has to make good what this one left.
        if kill % 2 == 0 {
            runtime.block_on(recover(folder.path()));
            witness.look(&public);
            let mut judge = Judge::with_stored(&directory, START, &stored).unwrap();
            for number in &new_durable {
                expect_public(&mut judge, *number, beside, seed);
            }
        }
    }
    runtime.block_on(recover(folder.path()));
    witness.look(&public);
    let mut judge = Judge::with_stored(&directory, START, &stored).unwrap();
    for number in &durable {
        expect_public(&mut judge, *number, beside, seed);
    }
    println!(
        "{kills} kills in {:.1} s: {} durable, {} public, {} metadata files seen, none lost, none twice; \
         {relayouts} changes of the layout",
        started.elapsed().as_secs_f64(),
        durable.len(),
        published.len(),
        witness.contents.len()
    );
    if beside == Beside::Relayouts {
        assert!(relayouts > kills / 4, "{relayouts} changes of the layout are too few to say anything");
    }
    assert!(published.len() > kills / 4, "too little was done between the kills to say anything");
}

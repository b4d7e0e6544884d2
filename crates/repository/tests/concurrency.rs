//! Many submit while one publishes, and one alone publishes.

mod support;

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::Poll;
use std::time::Duration;

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Error, Layout, Outcome, Repository, SnapshotProcess};
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::{Clock, Key, Signer};
use support::{Judge, Stored, TestClock, World, add_wheel, wheel};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_submit_while_one_publishes() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 4).unwrap()).await;
    let writer = world.writer().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(writer.run(async {
        let _ = stopped.await;
    }));
    // A second opening has its own connections, as another process would.
    let other = Repository::open(world.repository.directory().clone(), Arc::<TestClock>::clone(&world.clock));
    let repositories = [world.repository.clone(), other.await.unwrap()];
    let mut tasks = Vec::new();
    for task in 0..16 {
        let repository = repositories[task % 2].clone();
        tasks.push(tokio::spawn(async move {
            let mut done = Vec::new();
            for number in 0..6 {
                let wheel = wheel(&format!("p{}", task % 5), &format!("{task}.{number}"));
                let receipt = add_wheel(&repository, &wheel).await.unwrap();
                assert_eq!(receipt.outcome, Outcome::Accepted);
                let publication = repository.published(&receipt, Duration::from_secs(30)).await.unwrap();
                done.push((wheel, publication));
            }
            done
        }));
    }
    // A client that comes again and again never sees anything go back or break.
    let (directory, now) = (world.repository.directory().clone(), world.clock.now());
    let watching = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let watch = Arc::clone(&watching);
    let watcher = std::thread::spawn(move || {
        let (stored, mut refreshes) = (Stored::default(), 0);
        while watch.load(std::sync::atomic::Ordering::SeqCst) {
            let mut judge = Judge::with_stored(&directory, now, &stored).unwrap();
            let _ = judge.target("simple/p0/index.json");
            refreshes += 1;
        }
        refreshes
    });
    let mut done = Vec::new();
    for task in tasks {
        done.extend(task.await.unwrap());
    }
    watching.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(watcher.join().unwrap() > 1);
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    let mut judge = world.judge();
    for (wheel, _) in &done {
        let name = wheel.file_name.split('-').next().unwrap();
        assert_eq!(judge.target(&format!("files/{name}/{}", wheel.file_name)).unwrap(), wheel.bytes);
    }
    let last = done.iter().map(|(_, publication)| publication.snapshot_version.number()).max().unwrap();
    assert!(last < 96 + 1, "no group commit: {last} snapshots for 96 files");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_goes_to_one_of_those_who_offer_it_at_once() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 4).unwrap()).await;
    // A second opening has its own connections, as another process would.
    let other = Repository::open(world.repository.directory().clone(), Arc::<TestClock>::clone(&world.clock));
    let other = other.await.unwrap();
    let mut writer = world.writer().await;
    for round in 0..20 {
        let wheel =
            |content: &str| WheelBuilder::new("six", &round.to_string()).module("six.py", content).build();
        let (mine, theirs) = (wheel("a = 1"), wheel("b = 2"));
        let offered = tokio::join!(add_wheel(&world.repository, &mine), add_wheel(&other, &theirs));
        let kept = match offered {
            (Ok(_), Err(Error::FileExists { .. })) => mine,
            (Err(Error::FileExists { .. }), Ok(_)) => theirs,
            both => panic!("round {round}: {both:?}"),
        };
        writer.publish_pending().await.unwrap().unwrap();
        let path = format!("files/six/{}", kept.file_name);
        assert_eq!(world.judge().target(&path), Some(kept.bytes), "round {round}");
    }
}

#[tokio::test]
async fn one_writer_at_a_time() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 8).unwrap()).await;
    let first = world.writer().await;
    let other = Repository::open(world.repository.directory().clone(), Arc::<TestClock>::clone(&world.clock));
    let other = other.await.unwrap();
    assert!(SnapshotProcess::acquire(&other, Arc::clone(&world.online)).await.unwrap().is_none());
    assert!(SnapshotProcess::acquire(&world.repository, Arc::clone(&world.online)).await.unwrap().is_none());
    drop(first);
    assert!(SnapshotProcess::acquire(&other, Arc::clone(&world.online)).await.unwrap().is_some());
}

/// A key that signs once the other end of its gate is gone: a slow device.
struct SlowKey {
    key: Arc<dyn Signer>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Signer for SlowKey {
    fn key(&self) -> &Key {
        self.key.key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, sealdex_tuf::Error> {
        let _open = self.gate.lock().unwrap_or_else(PoisonError::into_inner).recv();
        self.key.sign(message)
    }
}

#[tokio::test]
async fn a_publication_given_up_ends_before_another_writer_begins() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 8).unwrap()).await;
    let (closed, gate) = mpsc::channel();
    let slow = SlowKey { key: Arc::clone(&world.online), gate: Mutex::new(gate) };
    let wheel = wheel("six", "1.0");
    add_wheel(&world.repository, &wheel).await.unwrap();
    let mut writer = SnapshotProcess::acquire(&world.repository, Arc::new(slow)).await.unwrap().unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(200), writer.publish_pending()).await;
    assert!(given_up.is_err(), "the key did not sign, and still something was published");
    drop(writer);
    let again = || SnapshotProcess::acquire(&world.repository, Arc::clone(&world.online));
    assert!(again().await.unwrap().is_none(), "what the first writer began is still under way");
    drop(closed);
    let mut next = loop {
        match again().await.unwrap() {
            Some(next) => break next,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    next.publish_pending().await.unwrap().unwrap();
    assert!(world.judge().target(&format!("files/six/{}", wheel.file_name)).is_some());
}

#[tokio::test]
async fn a_publication_given_up_at_any_point_is_made_good() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 8).unwrap()).await;
    let mut writer = world.writer().await;
    let stored = Stored::default();
    let mut given_up = 0;
    for polls in 0..60 {
        let wheel = wheel("six", &polls.to_string());
        add_wheel(&world.repository, &wheel).await.unwrap();
        let mut left = polls;
        let mut publishing = Box::pin(writer.publish_pending());
        let outcome = poll_fn(|context| match publishing.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        });
        given_up += usize::from(outcome.await.is_none());
        drop(publishing);
        while writer.publish_pending().await.unwrap().is_some() {}
        let now = world.clock.now();
        let mut judge = Judge::with_stored(world.repository.directory(), now, &stored).unwrap();
        assert!(judge.target(&format!("files/six/{}", wheel.file_name)).is_some(), "{polls}");
    }
    assert!(given_up > 5, "given up {given_up} times");
}

#[tokio::test]
async fn submitted_is_published_at_shutdown() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 8).unwrap()).await;
    let writer = world.writer().await;
    let wheel = wheel("six", "1.0");
    add_wheel(&world.repository, &wheel).await.unwrap();
    writer.run(std::future::ready(())).await.unwrap();
    assert!(world.judge().target(&format!("files/six/{}", wheel.file_name)).is_some());
}

#[tokio::test]
async fn only_what_nobody_holds_is_cleaned_away() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 8).unwrap()).await;
    let repository = &world.repository;
    let mut staged = repository.stage().unwrap();
    staged.write(b"held").unwrap();
    std::fs::write(repository.directory().staging().join("incoming-left"), b"left").unwrap();
    let _writer = world.writer().await;
    let left =
        std::fs::read_dir(repository.directory().staging()).unwrap().map(|entry| entry.unwrap().path());
    // A folder is the writer's.
    let left: Vec<_> = left.filter(|path| path.is_file()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(staged.finish().await.unwrap().length(), 4);
}

//! Many submit while one publishes, and one alone publishes.

mod support;

use std::sync::Arc;
use std::time::Duration;

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Layout, Outcome, Repository, SnapshotProcess};
use sealdex_tuf::Clock;
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

#[tokio::test]
async fn one_writer_at_a_time() {
    let world = World::new(Layout::default()).await;
    let first = world.writer().await;
    let other = Repository::open(world.repository.directory().clone(), Arc::<TestClock>::clone(&world.clock));
    let other = other.await.unwrap();
    assert!(SnapshotProcess::acquire(&other, Arc::clone(&world.online)).await.unwrap().is_none());
    assert!(SnapshotProcess::acquire(&world.repository, Arc::clone(&world.online)).await.unwrap().is_none());
    drop(first);
    assert!(SnapshotProcess::acquire(&other, Arc::clone(&world.online)).await.unwrap().is_some());
}

#[tokio::test]
async fn submitted_is_published_at_shutdown() {
    let world = World::new(Layout::default()).await;
    let writer = world.writer().await;
    let wheel = wheel("six", "1.0");
    add_wheel(&world.repository, &wheel).await.unwrap();
    writer.run(std::future::ready(())).await.unwrap();
    assert!(world.judge().target(&format!("files/six/{}", wheel.file_name)).is_some());
}

#[tokio::test]
async fn only_what_nobody_holds_is_cleaned_away() {
    let world = World::new(Layout::default()).await;
    let repository = &world.repository;
    let mut staged = repository.stage().unwrap();
    staged.write(b"held").unwrap();
    std::fs::write(repository.directory().staging().join("incoming-left"), b"left").unwrap();
    let _writer = world.writer().await;
    let left: Vec<_> = std::fs::read_dir(repository.directory().staging()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(staged.finish().await.unwrap().length(), 4);
}

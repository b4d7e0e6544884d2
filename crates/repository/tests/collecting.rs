//! Cleaning up a directory, file times and all (`bucket.rs` has the same of a bucket): what clients may still want stays, the rest goes, and nothing else.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Actor, Collected, Existing, Layout, Sweep, Transaction};
use sealdex_tuf::Clock as _;
use support::{Judge, Stored, World, add_target, add_wheel, file_name, project, stage, wheel};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

/// Lets a day pass: the clock goes, and what was written since the day before gets the clock's time.
fn pass_a_day(world: &World, known: &mut BTreeSet<PathBuf>) {
    let now = SystemTime::from(world.clock.now());
    let all = files(&world.repository.directory().public());
    for path in all.difference(known) {
        File::options().write(true).open(path).unwrap().set_modified(now).unwrap();
    }
    *known = all;
    world.clock.advance(DAY);
}

async fn collect(world: &World, sweep: Sweep) -> Collected {
    world.repository.collect(3 * DAY, sweep, |_| {}).await.unwrap()
}

#[tokio::test]
async fn what_was_superseded_for_long_goes_and_roots_stay() {
    let world = World::in_directory(Layout::pep458(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    let mut known = BTreeSet::new();
    let stored = Stored::default();
    for day in 0..8 {
        add_wheel(repository, &wheel("six", &format!("{day}.0"))).await.unwrap();
        writer.publish_pending().await.unwrap().unwrap();
        pass_a_day(&world, &mut known);
    }
    let remove = Transaction::RemoveDistribution {
        project: project("six"),
        filename: file_name("six-0.0-py3-none-any.whl"),
    };
    repository.submit(remove, Actor::Local).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    // Received and never submitted under its name: as after a refusal at the last moment.
    let orphan = repository
        .directory()
        .targets()
        .join(format!("files/six/{}.six-9.0-py3-none-any.whl", "ab".repeat(32)));
    std::fs::write(&orphan, b"nobody knows me").unwrap();
    pass_a_day(&world, &mut known);

    let before = files(&repository.directory().public());
    let counted = collect(&world, Sweep::Count).await;
    assert_eq!(files(&repository.directory().public()), before, "a dry run removes nothing");
    let done = collect(&world, Sweep::Remove).await;
    assert_eq!(done, counted);
    // Nine versions after the first; superseded more than three days ago are those of the days up to the fifth.
    assert_eq!((done.pages, done.files), (5, 0));
    let left = files(&repository.directory().public());
    let gone: BTreeSet<&PathBuf> = before.difference(&left).collect();
    assert_eq!(gone.len() as u64, done.metadata_files + done.pages);
    assert!(gone.iter().all(|path| !path.to_string_lossy().contains("root.json")));
    writer.renew().await.unwrap();
    let mut judge = Judge::with_stored(repository.directory(), world.clock.now(), &stored).unwrap();
    assert!(judge.target("simple/six/index.json").is_some());
    assert!(judge.target("files/six/six-7.0-py3-none-any.whl").is_some());

    // Later the removed file, its metadata and the orphan have been out of the index for long enough.
    for _ in 0..4 {
        pass_a_day(&world, &mut known);
    }
    writer.renew().await.unwrap();
    let done = collect(&world, Sweep::Remove).await;
    assert_eq!(done.files, 3, "{done:?}");
    assert!(!orphan.exists());
    let mut judge = Judge::with_stored(repository.directory(), world.clock.now(), &stored).unwrap();
    assert!((1..8).all(|day| judge.target(&format!("files/six/six-{day}.0-py3-none-any.whl")).is_some()));
    assert_eq!(
        collect(&world, Sweep::Remove).await,
        Collected { examined: done.examined - 3 - done.pages - done.metadata_files, ..Collected::default() }
    );
    assert!(repository.verify(|_, _| {}).await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn what_is_new_or_waits_is_left_alone() {
    let world = World::in_directory(Layout::tree(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    let mut known = BTreeSet::new();
    for text in ["one", "two"] {
        add_target(repository, "a/b.txt", text.as_bytes(), Existing::Replace).await.unwrap();
        add_target(repository, "top.txt", text.as_bytes(), Existing::Replace).await.unwrap();
        writer.publish_pending().await.unwrap().unwrap();
        pass_a_day(&world, &mut known);
    }
    for _ in 0..4 {
        pass_a_day(&world, &mut known);
    }
    // Submitted and not published; and a file that is being received.
    add_target(repository, "a/b.txt", b"three", Existing::Replace).await.unwrap();
    let received = stage(repository, b"four").await;
    // `two` was replaced just now, though it is old; `one` was long ago.
    let done = collect(&world, Sweep::Remove).await;
    assert_eq!(done.files, 2, "{done:?}");
    drop(received);
    writer.renew().await.unwrap();
    assert_eq!(world.judge().target("a/b.txt").unwrap(), b"two");
    writer.publish_pending().await.unwrap().unwrap();
    let mut judge = world.judge();
    assert_eq!(judge.target("a/b.txt").unwrap(), b"three");
    assert_eq!(judge.target("top.txt").unwrap(), b"two");
}

#[tokio::test]
async fn what_a_killed_collection_left_half_removed_is_finished() {
    let world = World::in_directory(Layout::tree(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &world.repository;
    let mut known = BTreeSet::new();
    add_target(repository, "a/b.txt", b"one", Existing::Keep).await.unwrap();
    world.writer().await.publish_pending().await.unwrap().unwrap();
    let folder = repository.directory().targets().join("a");
    // Moved out of the way, and then the process was killed: old files are to go, and one written anew is wanted.
    let (old, young) = (folder.join(".collected-old"), folder.join(".collected-young"));
    let metadata = repository.directory().metadata().join(".collected-1.bin-0.json");
    for path in [&old, &metadata] {
        std::fs::write(path, b"nobody wants this").unwrap();
    }
    for _ in 0..5 {
        pass_a_day(&world, &mut known);
    }
    std::fs::write(&young, b"uploaded again").unwrap();
    File::options().write(true).open(&young).unwrap().set_modified(world.clock.now().into()).unwrap();
    collect(&world, Sweep::Count).await;
    assert!(old.exists() && young.exists() && metadata.exists(), "a dry run changes nothing");
    collect(&world, Sweep::Remove).await;
    assert!(!old.exists() && !young.exists() && !metadata.exists());
    assert_eq!(std::fs::read(folder.join("young")).unwrap(), b"uploaded again");
    world.writer().await.renew().await.unwrap();
    assert_eq!(world.judge().target("a/b.txt").unwrap(), b"one");
}

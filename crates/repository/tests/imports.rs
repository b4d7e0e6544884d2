//! Imports: in batches, unseen until complete, then all of it in one snapshot.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::sync::Arc;

use jiff::Timestamp;
use sealdex_repository::layout::BinStyle;
use sealdex_repository::{
    Actor, Error, ImportOutcome, ImportedFile, Layout, Repository, RepositoryDirectory, SnapshotProcess,
    Transaction,
};
use sealdex_simple::{DistributionFilename, Yanked};
use support::{World, add_wheel, file_name, project, wheel};

fn imported(name: &str, digit: char) -> ImportedFile {
    ImportedFile {
        filename: DistributionFilename::parse(name).unwrap(),
        sha256: digit.to_string().repeat(64),
        length: 12,
        upload_time: "2026-01-02T03:04:05.678901Z".parse::<Timestamp>().unwrap(),
        requires_python: Some(">=3.9".to_owned()),
        yanked: Yanked::No,
        core_metadata_sha256: None,
        url: Some(format!("https://files.example/{name}")),
    }
}

async fn import(repository: &Repository, files: Vec<ImportedFile>) -> ImportOutcome {
    let checked = repository.check_import(files);
    repository
        .import(checked, "test", |outcome| outcome.refused.len().to_string(), Actor::Local)
        .await
        .unwrap()
}

fn layouts() -> [Layout; 2] {
    [Layout::index_only(BinStyle::Succinct, 4).unwrap(), Layout::pep458(BinStyle::Explicit, 3).unwrap()]
}

#[tokio::test]
async fn an_import_is_seen_as_a_whole_or_not_at_all() {
    for layout in layouts() {
        let has_files = layout.name == "pep458";
        let world = World::new(layout).await;
        let repository = &world.repository;
        let mut writer = world.writer().await;
        // What is there before stays, also in the bins that are signed anew.
        for number in 0..8 {
            add_wheel(repository, &wheel(&format!("old{number}"), "1.0")).await.unwrap();
        }
        writer.publish_pending().await.unwrap().unwrap();
        let files = |from: usize, to: usize| {
            (from..to)
                .map(|n| imported(&format!("new{}-{n}.0-py3-none-any.whl", n % 40), 'a'))
                .collect::<Vec<_>>()
        };
        let first = import(repository, files(0, 60)).await;
        assert_eq!((first.added, first.unchanged, first.refused.len()), (60, 0, 0));
        assert!(writer.publish_pending().await.unwrap().is_none(), "published before it is complete");
        assert!(world.judge().target("simple/new1/index.json").is_none());
        assert_eq!(repository.import_position("test").await.unwrap().as_deref(), Some("0"));
        let second = import(repository, files(50, 100)).await;
        assert_eq!((second.added, second.unchanged), (40, 10));
        let receipt = repository.finish_import("test").await.unwrap().unwrap();
        assert_eq!(repository.import_position("test").await.unwrap(), None);
        let publication = writer.publish_pending().await.unwrap().unwrap();
        let published = repository.published(&receipt, std::time::Duration::ZERO).await.unwrap();
        assert_eq!(publication, published);
        assert!(writer.publish_pending().await.unwrap().is_none());

        let mut judge = world.judge();
        for number in 0..8 {
            assert!(judge.target(&format!("simple/old{number}/index.json")).is_some());
            assert_eq!(
                judge.target(&format!("files/old{number}/old{number}-1.0-py3-none-any.whl")).is_some(),
                has_files
            );
        }
        for number in 0..40 {
            let page = judge.target(&format!("simple/new{number}/index.json")).unwrap();
            let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
            let listed = page["files"].as_array().unwrap();
            assert_eq!(listed.len(), if number < 20 { 3 } else { 2 });
            let file = &listed[0];
            assert_eq!(file["requires-python"], ">=3.9");
            assert_eq!(file["upload-time"], "2026-01-02T03:04:05.678901Z");
            assert!(file["url"].as_str().unwrap().starts_with("https://files.example/new"));
            let name = file["filename"].as_str().unwrap();
            let target = judge.search(&format!("files/new{number}/{name}")).unwrap();
            assert_eq!(target.is_some(), has_files);
        }
        // The log names each project.
        let log = repository.log(None, 1000).await.unwrap();
        assert_eq!(log.iter().filter(|entry| entry.action == "import").count(), 80);
        assert!(log.iter().all(|entry| entry.snapshot_version.is_some()));

        // Life goes on.
        add_wheel(repository, &wheel("new1", "9.0")).await.unwrap();
        let yank = Transaction::Yank {
            project: project("new1"),
            filename: file_name("new1-1.0-py3-none-any.whl"),
            reason: None,
        };
        repository.submit(yank, Actor::Local).await.unwrap();
        writer.publish_pending().await.unwrap().unwrap();
        let page = world.judge().target("simple/new1/index.json").unwrap();
        let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
        assert_eq!(page["files"].as_array().unwrap().len(), 4);
    }
}

/// What a first import prepares becomes all that is signed, but for what was removed before it was published.
#[tokio::test]
async fn a_first_import_is_all_there_is() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    import(repository, (0..20).map(|n| imported(&format!("p{n}-1.0.tar.gz"), 'a')).collect()).await;
    let gone =
        Transaction::RemoveDistribution { project: project("p7"), filename: file_name("p7-1.0.tar.gz") };
    repository.submit(gone, Actor::Local).await.unwrap();
    repository.finish_import("test").await.unwrap().unwrap();
    let there = |judge: &mut support::Judge, n: u32| {
        judge.search(&format!("files/p{n}/p{n}-1.0.tar.gz")).unwrap().is_some()
    };
    // The import; then the removal, by itself; then more, into the same bins.
    for more in [None, None, Some("q")] {
        if let Some(name) = more {
            let files = (0..20).map(|n| imported(&format!("{name}{n}-1.0.tar.gz"), 'b')).collect();
            import(repository, files).await;
            repository.finish_import("test").await.unwrap().unwrap();
        }
        writer.publish_pending().await.unwrap().unwrap();
        let mut judge = world.judge();
        for n in 0..20 {
            assert_eq!(there(&mut judge, n), n != 7, "p{n}");
            assert!(judge.target(&format!("simple/p{n}/index.json")).is_some(), "p{n}");
        }
    }
    assert!((0..20).all(|n| world.judge().target(&format!("simple/q{n}/index.json")).is_some()));
}

#[tokio::test]
async fn there_is_one_import_at_a_time() {
    let world = World::new(Layout::index_only(BinStyle::Succinct, 1).unwrap()).await;
    let held = world.repository.begin_import().await.unwrap().unwrap();
    assert!(world.repository.begin_import().await.unwrap().is_none());
    drop(held);
    assert!(world.repository.begin_import().await.unwrap().is_some());
}

#[tokio::test]
async fn wrong_files_are_refused_and_the_others_taken() {
    let world = World::new(Layout::index_only(BinStyle::Succinct, 2).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    add_wheel(repository, &wheel("there", "1.0")).await.unwrap();
    add_wheel(repository, &wheel("gone", "1.0")).await.unwrap();
    let gone = Transaction::RemoveDistribution {
        project: project("gone"),
        filename: file_name("gone-1.0-py3-none-any.whl"),
    };
    repository.submit(gone, Actor::Local).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();

    let good = |name: &str| imported(name, 'a');
    let files = vec![
        good("a-1.0.tar.gz"),
        good("there-1.0-py3-none-any.whl"),
        good("gone-1.0-py3-none-any.whl"),
        ImportedFile { sha256: "AB".repeat(32), ..good("b-1.0.tar.gz") },
        ImportedFile { sha256: "ab".to_owned(), ..good("b-2.0.tar.gz") },
        ImportedFile { length: u64::MAX, ..good("b-3.0.tar.gz") },
        ImportedFile { url: Some("file:///etc/passwd".to_owned()), ..good("b-4.0.tar.gz") },
        ImportedFile { url: Some(format!("https://h/{}", "a".repeat(9000))), ..good("b-5.0.tar.gz") },
        ImportedFile { requires_python: Some("x".repeat(100_000)), ..good("b-6.0.tar.gz") },
        ImportedFile { core_metadata_sha256: Some("no".to_owned()), ..good("b-7.0.tar.gz") },
        good("a-1.0.tar.gz"),
        imported("a-1.0.tar.gz", 'b'),
        good("b-8.0.tar.gz"),
    ];
    let outcome = import(repository, files).await;
    let refused: Vec<usize> = outcome.refused.iter().map(|(position, _)| *position).collect();
    assert_eq!(refused, [1, 2, 3, 4, 5, 6, 7, 8, 9, 11], "{outcome:?}");
    assert_eq!((outcome.added, outcome.unchanged), (2, 1));
    assert_eq!(
        repository.import_position("test").await.unwrap().as_deref(),
        Some("10"),
        "some are forgotten"
    );
    let kind = |position: usize| &outcome.refused.iter().find(|(at, _)| *at == position).unwrap().1;
    assert!(matches!(kind(1), Error::FileExists { .. }));
    assert!(matches!(kind(2), Error::FileNameUsed { .. }));
    assert!(matches!(kind(3), Error::InvalidImport { .. }));
    assert!(matches!(kind(11), Error::FileExists { .. }));
    repository.finish_import("test").await.unwrap().unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    let mut judge = world.judge();
    assert!(judge.target("simple/a/index.json").is_some());
    let page: serde_json::Value =
        serde_json::from_slice(&judge.target("simple/b/index.json").unwrap()).unwrap();
    assert_eq!(page["versions"], serde_json::json!(["8.0"]));
}

/// A bulk publication that failed has used up its versions: what it signed may have been seen.
#[tokio::test]
async fn versions_of_a_failed_publication_are_not_used_again() {
    let world = World::in_directory(Layout::index_only(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    import(repository, (0..20).map(|n| imported(&format!("p{n}-1.0.tar.gz"), 'a')).collect()).await;
    repository.finish_import("test").await.unwrap().unwrap();
    // The first bin is signed, the second cannot be written.
    let metadata = repository.directory().metadata();
    let obstacle = metadata.join("2.index-1.json");
    std::fs::create_dir(&obstacle).unwrap();
    writer.publish_pending().await.unwrap_err();
    let seen = std::fs::read(metadata.join("2.index-0.json")).unwrap();
    drop(writer);
    std::fs::remove_dir(&obstacle).unwrap();

    let reopened = Repository::open(
        RepositoryDirectory::new(repository.directory().path()),
        Arc::<support::TestClock>::clone(&world.clock),
    )
    .await
    .unwrap();
    let mut writer = SnapshotProcess::acquire(&reopened, Arc::clone(&world.online)).await.unwrap().unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(std::fs::read(metadata.join("2.index-0.json")).unwrap(), seen);
    assert!(metadata.join("3.index-0.json").exists() && metadata.join("3.index-1.json").exists());
    let mut judge = world.judge();
    assert!((0..20).all(|n| judge.target(&format!("simple/p{n}/index.json")).is_some()));
    // The next publication goes on from there.
    add_wheel(&reopened, &wheel("p1", "2.0")).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    assert!(world.judge().target("simple/p1/index.json").is_some());
}

/// A file uploaded while an import of its project waits is published at once, and the page tells of all of them.
#[tokio::test]
async fn uploads_go_on_while_an_import_waits() {
    for layout in layouts() {
        let has_files = layout.name == "pep458";
        let world = World::new(layout).await;
        let mut writer = world.writer().await;
        import(&world.repository, vec![imported("six-1.0.tar.gz", 'a'), imported("seven-1.0.tar.gz", 'a')])
            .await;
        add_wheel(&world.repository, &wheel("six", "2.0")).await.unwrap();
        writer.publish_pending().await.unwrap().unwrap();
        let mut judge = world.judge();
        let page: serde_json::Value =
            serde_json::from_slice(&judge.target("simple/six/index.json").unwrap()).unwrap();
        let listed: Vec<&str> =
            page["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap()).collect();
        for name in listed {
            let target = judge.search(&format!("files/six/{name}")).unwrap();
            assert_eq!(target.is_some(), has_files, "{name}: on the page, and half published");
        }
        assert!(judge.target("simple/seven/index.json").is_none());
        world.repository.finish_import("test").await.unwrap().unwrap();
        writer.publish_pending().await.unwrap().unwrap();
        assert!(world.judge().target("simple/seven/index.json").is_some());
    }
}

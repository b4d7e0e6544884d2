//! Unfinished imports given up: nothing of them stays but what became public, and their names are free again.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::collections::BTreeSet;

use jiff::Timestamp;
use sealdex_repository::layout::BinStyle;
use sealdex_repository::{
    AbandonedImport, Actor, Error, ImportOutcome, ImportState, ImportedFile, Layout, Repository, Transaction,
};
use sealdex_simple::{DistributionFilename, Yanked};
use support::{World, add_wheel, file_name, project, wheel};

fn imported(name: &str, digit: char) -> ImportedFile {
    ImportedFile {
        filename: DistributionFilename::parse(name).unwrap(),
        sha256: digit.to_string().repeat(64),
        length: 12,
        upload_time: "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap(),
        requires_python: None,
        yanked: Yanked::No,
        core_metadata_sha256: None,
        url: Some(format!("https://files.example/{name}")),
    }
}

async fn import(repository: &Repository, files: Vec<ImportedFile>) -> Result<ImportOutcome, Error> {
    let checked = repository.check_import(files);
    repository.import(checked, "manifest:1", |_| "here".to_owned(), Actor::Local).await
}

async fn abandon(repository: &Repository) -> Result<Option<AbandonedImport>, Error> {
    let lock = repository.begin_import().await?.unwrap();
    repository.abandon_import(&lock, |_| {}).await
}

fn done(files: u64) -> Option<AbandonedImport> {
    Some(AbandonedImport { files, waits_for: None })
}

/// The files on a project's page as a client finds it.
fn listed(world: &World, project: &str) -> BTreeSet<String> {
    let Some(page) = world.judge().target(&format!("simple/{project}/index.json")) else {
        return BTreeSet::new();
    };
    let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
    let files = page["files"].as_array().unwrap().iter();
    files.map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[tokio::test]
async fn what_was_never_public_is_dropped_and_the_rest_stays() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 2).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    for project in ["there", "gone", "quiet"] {
        add_wheel(repository, &wheel(project, "1.0")).await.unwrap();
    }
    let gone = wheel("gone", "1.0");
    let remove =
        Transaction::RemoveDistribution { project: project("gone"), filename: file_name(&gone.file_name) };
    repository.submit(remove, Actor::Local).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    let before = repository.counts().await.unwrap();
    assert_eq!(abandon(repository).await.unwrap(), None, "there is none");

    // More transactions than are dropped at once, and a file that was removed once.
    let mut files: Vec<_> =
        (0..600).map(|n| imported(&format!("new{}-{n}.0.tar.gz", n % 450), 'a')).collect();
    files.push(ImportedFile { sha256: gone.sha256(), ..imported(&gone.file_name, '0') });
    files.extend(["there-2.0.tar.gz", "quiet-2.0.tar.gz", "gone-2.0.tar.gz"].map(|name| imported(name, 'a')));
    assert_eq!(import(repository, files).await.unwrap().added, 604);
    let unfinished = repository.status().await.unwrap().import.unwrap();
    assert_eq!(
        (unfinished.state, &unfinished.names[..]),
        (ImportState::Interrupted, &["manifest:1".to_owned()][..])
    );
    assert!(unfinished.first_entered.is_some() && unfinished.last_entered.is_some());
    // An upload makes the page of its project public, with what was imported.
    for (project, version) in [("there", "3.0"), ("new7", "9.9")] {
        add_wheel(repository, &wheel(project, version)).await.unwrap();
    }
    writer.publish_pending().await.unwrap().unwrap();
    // Another batch for the same project comes after it.
    assert_eq!(import(repository, vec![imported("there-4.0.tar.gz", 'a')]).await.unwrap().added, 1);

    // new7-7.0, new7-457.0 and there-2.0 are public.
    assert_eq!(abandon(repository).await.unwrap(), done(602));
    assert_eq!(repository.status().await.unwrap().import, None);
    assert_eq!(repository.import_position("manifest:1").await.unwrap(), None);
    let there = set(["there-1.0-py3-none-any.whl", "there-2.0.tar.gz", "there-3.0-py3-none-any.whl"]);
    assert_eq!(listed(&world, "there"), there);
    let after = repository.counts().await.unwrap();
    assert_eq!((after.projects, after.files), (before.projects + 1, before.files + 2 + 3));
    assert!(writer.publish_pending().await.unwrap().is_none(), "nothing of it is published");

    // What the log says: what stays is public, nothing of the rest ever was.
    let log = repository.log(None, 1000).await.unwrap();
    let published = |action: &str| {
        let own = log.iter().filter(|entry| entry.action == action);
        own.map(|entry| entry.snapshot_version.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(published("import"), [true; 2]);
    assert_eq!(published("import-abandoned").len(), 453);
    assert!(!published("import-abandoned").contains(&true));

    // Later pages have nothing of it, and are consistent.
    for project in ["there", "quiet", "gone"] {
        add_wheel(repository, &wheel(project, "5.0")).await.unwrap();
    }
    writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(listed(&world, "there"), &there | &set(["there-5.0-py3-none-any.whl"]));
    assert_eq!(listed(&world, "quiet"), set(["quiet-1.0-py3-none-any.whl", "quiet-5.0-py3-none-any.whl"]));
    assert_eq!(listed(&world, "gone"), set(["gone-5.0-py3-none-any.whl"]));
    let mut judge = world.judge();
    assert!(judge.search("files/there/there-2.0.tar.gz").unwrap().is_some());
    assert!(judge.search("files/there/there-4.0.tar.gz").unwrap().is_none());

    // Names are free, but for that of the file that was removed before.
    let again = vec![
        imported("new1-1.0.tar.gz", 'b'),
        imported("quiet-2.0.tar.gz", 'b'),
        imported(&gone.file_name, 'b'),
    ];
    let outcome = import(repository, again).await.unwrap();
    assert_eq!(outcome.added, 2);
    assert!(matches!(outcome.refused[..], [(2, Error::FileNameUsed { .. })]), "{outcome:?}");
    repository.finish_import("manifest:1").await.unwrap().unwrap();
    assert!(matches!(abandon(repository).await, Err(Error::ImportComplete)));
    assert_eq!(repository.status().await.unwrap().import.unwrap().state, ImportState::Complete);
    writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(listed(&world, "new1"), set(["new1-1.0.tar.gz"]));
    assert!(repository.verify(|_, _| {}).await.unwrap().faults.is_empty());
}

/// A writer may be making a page with what was imported: what it makes is public a moment later, and stays.
#[tokio::test]
async fn what_is_about_to_be_public_is_waited_for() {
    let world = World::new(Layout::index_only(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    import(repository, vec![imported("six-1.0.tar.gz", 'a'), imported("seven-1.0.tar.gz", 'a')])
        .await
        .unwrap();
    add_wheel(repository, &wheel("six", "2.0")).await.unwrap();
    let waits = AbandonedImport { files: 1, waits_for: Some("six".to_owned()) };
    for _ in 0..2 {
        assert_eq!(abandon(repository).await.unwrap().as_ref(), Some(&waits));
        assert_eq!(repository.status().await.unwrap().import.unwrap().state, ImportState::Abandoned);
    }
    // Nothing is imported meanwhile: it would be dropped with the rest, or the rest be published with it.
    let refused = import(repository, vec![imported("eight-1.0.tar.gz", 'a')]).await;
    assert!(matches!(refused, Err(Error::ImportAbandoned)));
    assert!(matches!(repository.finish_import("manifest:1").await, Err(Error::ImportAbandoned)));
    writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(abandon(repository).await.unwrap(), done(1));
    assert_eq!(listed(&world, "six"), set(["six-1.0.tar.gz", "six-2.0-py3-none-any.whl"]));
    assert!(import(repository, vec![imported("eight-1.0.tar.gz", 'a')]).await.is_ok());
    assert_eq!(abandon(repository).await.unwrap(), done(1));
    assert_eq!(repository.counts().await.unwrap().files, 2);
}

/// In a repository that has published nothing yet, an upload is seen to be public when it is, and not before.
#[tokio::test]
async fn a_repository_without_publications_forgets_an_import() {
    let world = World::new(Layout::index_only(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &world.repository;
    import(repository, vec![imported("six-1.0.tar.gz", 'a')]).await.unwrap();
    let lock = repository.begin_import().await.unwrap().unwrap();
    assert_eq!(repository.status().await.unwrap().import.unwrap().state, ImportState::Running);
    drop(lock);
    assert_eq!(abandon(repository).await.unwrap(), done(1));
    let receipt = add_wheel(repository, &wheel("six", "2.0")).await.unwrap();
    let soon = std::time::Duration::from_millis(100);
    assert!(matches!(repository.published(&receipt, soon).await, Err(Error::NotPublishedYet { .. })));
    let published = world.writer().await.publish_pending().await.unwrap().unwrap();
    assert_eq!(repository.published(&receipt, soon).await.unwrap(), published);
    assert_eq!(listed(&world, "six"), set(["six-2.0-py3-none-any.whl"]));
}

/// Pages are made and published all the time while the import is dropped: whatever was on a public page stays there.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_go_on_while_an_import_is_dropped() {
    const PROJECTS: usize = 150;
    let world = World::new(Layout::pep458(BinStyle::Succinct, 2).unwrap()).await;
    let repository = &world.repository;
    let files = (0..PROJECTS).map(|n| imported(&format!("p{n}-0.1.tar.gz"), 'a')).collect();
    import(repository, files).await.unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let writer = world.writer().await;
    let publishing = tokio::spawn(writer.run(async { drop(ended.await) }));
    let (own, (stop, stopped)) = (repository.clone(), tokio::sync::watch::channel(false));
    let uploading = tokio::spawn(async move {
        let mut uploads = 0;
        // From the other end: some projects are dropped first, some get their upload first, some both at once.
        for number in (0..PROJECTS).rev() {
            add_wheel(&own, &wheel(&format!("p{number}"), "1.0")).await.unwrap();
            uploads += 1;
            if *stopped.borrow() {
                break;
            }
        }
        uploads
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let files = loop {
        let abandoned = abandon(repository).await.unwrap().unwrap();
        if abandoned.waits_for.is_none() {
            break abandoned.files;
        }
        assert!(tokio::time::Instant::now() < deadline, "{abandoned:?}");
    };
    stop.send_replace(true);
    let uploads = uploading.await.unwrap();
    end.send(()).unwrap();
    publishing.await.unwrap().unwrap();

    let public: Vec<BTreeSet<String>> = (0..PROJECTS).map(|n| listed(&world, &format!("p{n}"))).collect();
    let kept =
        public.iter().enumerate().filter(|(n, listed)| listed.contains(&format!("p{n}-0.1.tar.gz"))).count();
    assert_eq!(files, (PROJECTS - kept) as u64, "{uploads} uploads");
    assert!(kept > 0 && files > 0, "{kept} are public, {files} were dropped, {uploads} uploads");
    let counts = repository.counts().await.unwrap();
    let files: usize = public.iter().map(BTreeSet::len).sum();
    assert_eq!(
        (counts.files, counts.targets),
        (files as u64, files as u64 + uploads),
        "each file is a target, as is each page"
    );
    let mut writer = world.writer().await;
    for number in 0..PROJECTS {
        add_wheel(repository, &wheel(&format!("p{number}"), "2.0")).await.unwrap();
    }
    while writer.publish_pending().await.unwrap().is_some() {}
    for (number, before) in public.iter().enumerate() {
        let now = listed(&world, &format!("p{number}"));
        assert_eq!(now, before | &set([&*format!("p{number}-2.0-py3-none-any.whl")]), "p{number}");
    }
}

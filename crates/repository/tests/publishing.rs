//! After every operation a client finds exactly what was published: all layouts, both styles of bins.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::time::Duration;

use sealdex_repository::layout::{AllPaths, BinStyle, Content, KeyHolder, LayoutName, Paths, Role, Search};
use sealdex_repository::{Actor, Counts, Existing, Layout, Publishing, Repository, Transaction};
use sealdex_simple::{IndexPage, PageLimits, Yanked};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::clock::START;
use sealdex_tuf::TargetPath;
use support::{World, add_target, add_wheel, file_name, project, wheel};

const SOON: Duration = Duration::from_secs(5);

/// The page of `six` as a client finds it.
fn page(world: &World) -> Option<IndexPage> {
    let bytes = world.judge().target("simple/six/index.json")?;
    Some(IndexPage::from_json(&bytes, &PageLimits::default()).unwrap())
}

async fn publish(world: &World, repository: &Repository, transaction: Transaction) {
    let receipt = repository.submit(transaction, Actor::Local).await.unwrap();
    let mut writer = world.writer().await;
    let publication = writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(repository.published(&receipt, SOON).await.unwrap(), publication);
}

/// The life of a distribution in an index.
async fn index_story(layout: Layout) {
    let files_are_targets = layout.name == "pep458";
    let world = World::new(layout).await;
    let repository = &world.repository;
    assert!(page(&world).is_none());

    let first = wheel("six", "1.0");
    let receipt = add_wheel(repository, &first).await.unwrap();
    assert!(page(&world).is_none(), "durable is not public yet");
    let mut writer = world.writer().await;
    let publication = writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(repository.published(&receipt, SOON).await.unwrap(), publication);
    assert!(writer.publish_pending().await.unwrap().is_none());
    drop(writer);

    let found = page(&world).unwrap();
    let listed = found.file(&first.file_name).unwrap();
    assert_eq!(listed.hashes["sha256"], first.sha256());
    assert_eq!(listed.url, format!("../../files/six/{}", first.file_name));
    assert_eq!(listed.requires_python.as_deref(), Some(">=3.9"));
    let published = repository.project_page(&project("six")).await.unwrap().unwrap();
    assert_eq!(published.page, found);
    assert_eq!(Some(published.serial), found.last_serial);
    let file = repository.file(&project("six"), &first.file_name).await.unwrap().unwrap();
    assert_eq!(repository.blobs().fetch(&file.name, file.length).await.unwrap().unwrap(), first.bytes);
    let sidecar = file.sidecar.unwrap();
    assert_eq!(
        repository.blobs().fetch(&sidecar.name, sidecar.length).await.unwrap().unwrap(),
        first.core_metadata
    );
    assert_eq!(sidecar.sha256, first.core_metadata_sha256());
    let target = format!("files/six/{}", first.file_name);
    assert_eq!(world.judge().target(&target), files_are_targets.then(|| first.bytes.clone()));

    let (six, name) = (project("six"), file_name(&first.file_name));
    let yank =
        Transaction::Yank { project: six.clone(), filename: name.clone(), reason: Some("broken".to_owned()) };
    publish(&world, repository, yank).await;
    let yanked = page(&world).unwrap().file(&first.file_name).unwrap().yanked.clone();
    assert_eq!(yanked, Yanked::Reason("broken".to_owned()));
    publish(&world, repository, Transaction::Unyank { project: six.clone(), filename: name.clone() }).await;
    assert_eq!(page(&world).unwrap().file(&first.file_name).unwrap().yanked, Yanked::No);

    publish(&world, repository, Transaction::RemoveDistribution { project: six.clone(), filename: name })
        .await;
    let empty = page(&world).unwrap();
    assert!(empty.files.is_empty());
    assert_eq!(empty.versions, ["1.0"]);
    assert_eq!(world.judge().target(&target), None);
    assert!(repository.file(&six, &first.file_name).await.unwrap().is_none());
    let names: Vec<_> = repository.projects().await.unwrap().projects;
    assert_eq!(names, [six]);
}

#[tokio::test]
async fn an_index_with_succinct_bins() {
    index_story(Layout::pep458(BinStyle::Succinct, 4).unwrap()).await;
}

#[tokio::test]
async fn an_index_with_explicit_bins() {
    index_story(Layout::pep458(BinStyle::Explicit, 5).unwrap()).await;
}

#[tokio::test]
async fn an_index_of_pages_alone() {
    index_story(Layout::index_only(BinStyle::Succinct, 1).unwrap()).await;
    index_story(Layout::index_only(BinStyle::Explicit, 3).unwrap()).await;
}

async fn tree_story(layout: Layout) {
    let world = World::new(layout).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    for (path, bytes) in [("a.txt", "one"), ("deep/er/b c.txt", "two"), ("simple/six/index.json", "three")] {
        add_target(repository, path, bytes.as_bytes(), Existing::Keep).await.unwrap();
    }
    writer.publish_pending().await.unwrap().unwrap();
    let mut judge = world.judge();
    assert_eq!(judge.target("a.txt").unwrap(), b"one");
    assert_eq!(judge.target("deep/er/b c.txt").unwrap(), b"two");
    assert_eq!(judge.target("simple/six/index.json").unwrap(), b"three");
    assert_eq!(judge.target("a.text"), None);
    add_target(repository, "a.txt", b"four", Existing::Replace).await.unwrap();
    let path = TargetPath::parse("deep/er/b c.txt").unwrap();
    repository.submit(Transaction::RemoveTarget { path }, Actor::Local).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    let mut judge = world.judge();
    assert_eq!(judge.target("a.txt").unwrap(), b"four");
    assert_eq!(judge.target("deep/er/b c.txt"), None);
}

#[tokio::test]
async fn any_tree_of_files() {
    for style in [BinStyle::Succinct, BinStyle::Explicit] {
        tree_story(Layout::named(LayoutName::Tree, style, 4).unwrap()).await;
    }
}

#[tokio::test]
async fn a_layout_of_the_operators_own() {
    let role = |name: &str, paths, keys, search, roles| Role {
        name: name.to_owned(),
        paths,
        keys,
        search,
        bins: None,
        roles,
    };
    let nightly = role(
        "nightly",
        Paths::Patterns(vec!["nightly/*".to_owned(), "nightly/*/*".to_owned()]),
        KeyHolder::Online,
        Search::Terminating,
        Vec::new(),
    );
    let rest = role("rest", Paths::All(AllPaths::All), KeyHolder::Online, Search::Continuing, Vec::new());
    let top = role("top", Paths::All(AllPaths::All), KeyHolder::Offline, Search::Continuing, vec![nightly]);
    let layout = Layout { name: "own".to_owned(), content: Content::Files, roles: vec![top, rest] };
    let world = World::new(layout).await;
    for path in ["nightly/1", "nightly/2/3", "release/1"] {
        add_target(&world.repository, path, path.as_bytes(), Existing::Keep).await.unwrap();
    }
    world.writer().await.publish_pending().await.unwrap().unwrap();
    let mut judge = world.judge();
    for (path, role) in [("nightly/1", "nightly"), ("nightly/2/3", "nightly"), ("release/1", "rest")] {
        assert_eq!(judge.target(path).unwrap(), path.as_bytes());
        assert_eq!(judge.search(path).unwrap().unwrap().role().as_str(), role);
    }
}

/// Each page of a project in turn; the one before is damaged, or taken away, first, so that it is of no use.
async fn pages_of_six(damaged: bool) -> Vec<Vec<u8>> {
    let world = World::in_directory(Layout::index_only(BinStyle::Succinct, 2).unwrap()).await;
    let (repository, six) = (&world.repository, project("six"));
    let mut writer = world.writer().await;
    let first = wheel("six", "1.0");
    add_wheel(repository, &first).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    let name = |wheel: &Archive| file_name(&wheel.file_name);
    let mut pages = Vec::new();
    for (step, version) in ["2.0rc1", "1.10", "0.9", "3", "2"].into_iter().enumerate() {
        let before = repository.project_page(&six).await.unwrap().unwrap();
        let before = format!("simple/six/{}.index.json", before.sha256);
        let before = repository.directory().targets().join(before);
        match (damaged, step % 2) {
            (false, _) => {}
            (true, 0) => std::fs::write(before, "{}").unwrap(),
            (true, _) => std::fs::remove_file(before).unwrap(),
        }
        let change = match step {
            3 => Transaction::RemoveDistribution { project: six.clone(), filename: name(&first) },
            _ => Transaction::Yank {
                project: six.clone(),
                filename: name(&first),
                reason: Some(format!("\"filename\":{version}")),
            },
        };
        if step != 4 {
            repository.submit(change, Actor::Local).await.unwrap();
        }
        add_wheel(repository, &wheel("six", version)).await.unwrap();
        writer.publish_pending().await.unwrap().unwrap();
        pages.push(repository.project_page(&six).await.unwrap().unwrap().json.to_vec());
    }
    let page = page(&world).unwrap();
    assert_eq!(page.versions, ["0.9", "1.0", "1.10", "2.0rc1", "2", "3"]);
    assert_eq!(page.files.len(), 5);
    pages
}

#[tokio::test]
async fn a_page_is_the_same_however_it_is_made() {
    assert_eq!(pages_of_six(true).await, pages_of_six(false).await);
}

#[tokio::test]
async fn one_snapshot_takes_everything_pending() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 4).unwrap()).await;
    let wheels: Vec<_> =
        (0..20).map(|number| wheel(&format!("p{}", number % 7), &format!("{number}"))).collect();
    for wheel in &wheels {
        add_wheel(&world.repository, wheel).await.unwrap();
    }
    let mut writer = world.writer().await;
    let publication = writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(publication.snapshot_version.number(), 2);
    assert_eq!(publication.timestamp_version.number(), 2);
    let mut judge = world.judge();
    for wheel in &wheels {
        let name = wheel.file_name.split('-').next().unwrap();
        assert_eq!(judge.target(&format!("files/{name}/{}", wheel.file_name)).unwrap(), wheel.bytes);
    }
    let log = world.repository.log(None, 100).await.unwrap();
    assert_eq!(log.len(), 20);
    assert!(log.iter().all(|entry| entry.snapshot_version == Some(2) && entry.actor == "local"));
    assert!(log.iter().map(|entry| entry.transaction.number()).eq(1..=20));
}

#[tokio::test]
async fn status_shows_every_role() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 4).unwrap()).await;
    add_wheel(&world.repository, &wheel("six", "1.0")).await.unwrap();
    let status = world.repository.status().await.unwrap();
    assert_eq!((status.pending_transactions, status.pending_since), (Some(1), Some(START)));
    assert_eq!((status.publishing, status.writer.is_none()), (Publishing::Stopped, true));
    let counts = world.repository.counts().await.unwrap();
    assert_eq!((counts.projects, counts.files, counts.targets), (0, 1, 0));
    let mut writer = world.writer().await;
    writer.publish_pending().await.unwrap().unwrap();
    let status = world.repository.status().await.unwrap();
    assert_eq!(status.writer.unwrap().process_id, Some(std::process::id()));
    assert_eq!((status.pending_transactions, status.pending_since), (Some(0), None));
    assert_eq!(status.publishing, Publishing::Running);
    assert_eq!(world.repository.counts().await.unwrap(), Counts { projects: 1, files: 1, targets: 2 });
    let names: Vec<&str> = status.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["root", "timestamp", "snapshot", "targets", "index", "files"]);
    for role in &status.roles {
        let signatures = role.signatures.as_ref().unwrap();
        assert!(signatures.signed_by.len() as u64 >= signatures.trusted.threshold, "{}", role.name);
    }
    let root = &status.roles[0].signatures.as_ref().unwrap().trusted;
    assert_eq!((root.threshold, root.keys.len()), (2, 3));
    assert_eq!(status.bins[0].count, 16);
    assert_eq!(status.bins[0].highest_version, 2);
    assert_eq!(status.development, Some(false));
    assert_eq!(status.root_fingerprint, Some(world.repository.root_fingerprint().await.unwrap()));
}

#[tokio::test]
async fn a_transaction_beyond_the_limit_of_a_publication_is_not_published_by_half() {
    /// More than one publication takes.
    const TRANSACTIONS: usize = 1000;
    let world = World::new(Layout::pep458(BinStyle::Succinct, 8).unwrap()).await;
    let (first, second) = (wheel("six", "1.0"), wheel("six", "2.0"));
    add_wheel(&world.repository, &first).await.unwrap();
    let mut yanks = tokio::task::JoinSet::new();
    for number in 1..TRANSACTIONS {
        let repository = world.repository.clone();
        let (project, filename) = (project("six"), file_name(&first.file_name));
        let yank = Transaction::Yank { project, filename, reason: Some(number.to_string()) };
        yanks.spawn(async move { repository.submit(yank, Actor::Local).await.unwrap() });
    }
    yanks.join_all().await;
    add_wheel(&world.repository, &second).await.unwrap();

    let mut writer = world.writer().await;
    let mut publications = 0;
    while writer.publish_pending().await.unwrap().is_some() {
        publications += 1;
        let mut judge = world.judge();
        for file in page(&world).unwrap().files {
            let path = format!("files/six/{}", file.filename);
            assert!(judge.target(&path).is_some(), "{path} is on the page and not signed");
        }
    }
    assert_eq!(publications, 2);
    assert_eq!(page(&world).unwrap().files.len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_state() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(Layout::default()).await;
    let receipt = add_wheel(&world.repository, &wheel("six", "1.0")).await.unwrap();
    assert!(!receipt.is_unchanged());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let state = world.repository.directory().state_file();
    if world.repository.is_shared() {
        assert!(!state.exists(), "the state is in PostgreSQL, which looks after itself");
        return;
    }
    assert_eq!(mode(&state), 0o600);
    assert_eq!(mode(&state.with_extension("sqlite-wal")), 0o600);
}

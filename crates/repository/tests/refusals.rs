//! What is refused, and that nothing is left of it.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{
    Action, Actor, AddDistribution, Development, Error, Existing, InitialKeys, Layout, Outcome, Projects,
    Repository, RepositoryDirectory, Settings, SnapshotProcess, TokenScope, Transaction,
};
use sealdex_simple::{ArchiveLimits, DistributionFilename, IndexPage, PageLimits, Yanked};
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::{Clock, TargetPath};
use support::{
    TestClock, World, add_target, add_wheel, back_up, file_name, key, project, restore, stage, wheel,
};

fn small() -> Layout {
    Layout::pep458(BinStyle::Succinct, 2).unwrap()
}

#[tokio::test]
async fn a_file_never_changes() {
    let world = World::new(small()).await;
    let (repository, first) = (&world.repository, wheel("six", "1.0"));
    let receipt = add_wheel(repository, &first).await.unwrap();
    let again = add_wheel(repository, &first).await.unwrap();
    assert_eq!((again.transaction, again.outcome), (receipt.transaction, Outcome::Unchanged));

    let mut other = WheelBuilder::new("six", "1.0").requires("evil").build();
    other.file_name.clone_from(&first.file_name);
    match add_wheel(repository, &other).await {
        Err(Error::FileExists { existing, offered, .. }) => {
            assert_eq!((existing, offered), (first.sha256(), other.sha256()));
        }
        unexpected => panic!("{unexpected:?}"),
    }

    let remove =
        || Transaction::RemoveDistribution { project: project("six"), filename: file_name(&first.file_name) };
    repository.submit(remove(), Actor::Local).await.unwrap();
    assert!(matches!(repository.submit(remove(), Actor::Local).await, Err(Error::NotFound { .. })));
    assert!(matches!(add_wheel(repository, &other).await, Err(Error::FileNameUsed { .. })));
    // The same file may come back.
    assert_eq!(add_wheel(repository, &first).await.unwrap().outcome, Outcome::Accepted);
    world.writer().await.publish_pending().await.unwrap().unwrap();
    assert!(world.judge().target(&format!("files/six/{}", first.file_name)).is_some());
    let left = std::fs::read_dir(repository.directory().staging()).unwrap().count();
    assert_eq!(left, 0, "files are left in staging");
}

#[tokio::test]
async fn paths_nobody_is_trusted_with() {
    let world = World::new(small()).await;
    for path in ["readme.txt", "simple/six/other.json", "files/six/a/b"] {
        let refused = add_target(&world.repository, path, b"x", Existing::Keep).await;
        assert!(matches!(refused, Err(Error::UnsupportedPath { .. })), "{path}: {refused:?}");
    }
    for path in ["simple/six/index.json", "files/six/six-1.0.tar.gz"] {
        let refused = add_target(&world.repository, path, b"x", Existing::Keep).await;
        assert!(matches!(refused, Err(Error::ReservedPath { .. })), "{path}: {refused:?}");
    }
    let tree = World::new(Layout::tree(BinStyle::Succinct, 2).unwrap()).await;
    for path in ["../x", "/x", "a//b", "a/..", "a\\b", "a\nb", "a/"] {
        let refused = add_target(&tree.repository, path, b"x", Existing::Keep).await;
        assert!(matches!(refused, Err(Error::InvalidPath { .. })), "{path}: {refused:?}");
    }
    let refused = add_wheel(&tree.repository, &wheel("six", "1.0")).await;
    assert!(matches!(refused, Err(Error::UnsupportedPath { .. })));
    add_target(&tree.repository, "a", b"x", Existing::Keep).await.unwrap();
    let refused = add_target(&tree.repository, "a", b"y", Existing::Keep).await;
    assert!(matches!(refused, Err(Error::FileExists { .. })));
    let path = TargetPath::parse("b").unwrap();
    let refused = tree.repository.submit(Transaction::RemoveTarget { path }, Actor::Local).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn metadata_of_another_distribution() {
    let world = World::new(small()).await;
    let (mine, others) = (wheel("six", "1.0"), wheel("seven", "1.0"));
    let received = stage(&world.repository, &mine.bytes).await;
    let filename = DistributionFilename::parse(&others.file_name).unwrap();
    let metadata =
        sealdex_simple::inspect(std::io::Cursor::new(&others.bytes), &filename, &ArchiveLimits::default());
    let filename = DistributionFilename::parse(&mine.file_name).unwrap();
    let add = AddDistribution { filename, received, metadata: Some(metadata.unwrap()), upload_time: None };
    let refused = world.repository.submit(Transaction::AddDistribution(add), Actor::Local).await;
    assert!(matches!(refused, Err(Error::WrongMetadata { .. })));
}

#[tokio::test]
async fn files_are_bounded() {
    let mut settings = Settings::new(small());
    settings.limits.max_file_bytes = 10;
    let world = World::with_settings(settings).await;
    let mut staged = world.repository.stage().unwrap();
    staged.write(b"0123456789").unwrap();
    assert!(matches!(staged.write(b"a"), Err(Error::TooLarge { limit: 10, .. })));
    drop(staged);
    let left = std::fs::read_dir(world.repository.directory().staging()).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn repositories_are_created_once_and_with_enough_keys() {
    let folder = tempfile::tempdir().unwrap();
    let directory = RepositoryDirectory::new(folder.path());
    let clock = || -> Arc<dyn Clock> { TestClock::new() };
    let (online, root) = (key(), key());
    let good = InitialKeys {
        root: vec![Arc::clone(&root)],
        root_threshold: 1,
        targets: vec![key()],
        targets_threshold: 1,
        online: Arc::clone(&online),
        development: Development::Yes,
    };
    for bad in [
        InitialKeys { root_threshold: 2, ..good.clone() },
        InitialKeys { root_threshold: 0, ..good.clone() },
        InitialKeys { root: vec![Arc::clone(&root), root], root_threshold: 2, ..good.clone() },
        InitialKeys { targets: vec![online], ..good.clone() },
    ] {
        let refused = Repository::create(directory.clone(), Settings::new(small()), &bad, clock()).await;
        assert!(matches!(refused, Err(Error::Keys { .. })));
    }
    assert!(matches!(Repository::open(directory.clone(), clock()).await, Err(Error::NotARepository { .. })));
    std::fs::create_dir(directory.keys()).unwrap();
    let made = Repository::create(directory.clone(), Settings::new(small()), &good, clock()).await.unwrap();
    assert!(made.is_development().await.unwrap());
    let refused = Repository::create(directory.clone(), Settings::new(small()), &good, clock()).await;
    assert!(matches!(refused, Err(Error::AlreadyRepository { .. })));
    let refused = SnapshotProcess::acquire(&made, key()).await;
    assert!(matches!(refused, Err(Error::WrongOnlineKey { .. })));

    // The state has the layout. Where the file has one too, as earlier versions wrote it, it must agree.
    assert!(!std::fs::read_to_string(directory.settings_file()).unwrap().contains("[layout]"));
    std::fs::write(directory.settings_file(), Settings::new(small()).to_toml().unwrap()).unwrap();
    Repository::open(directory.clone(), clock()).await.unwrap();
    let other = Settings::new(Layout::index_only(BinStyle::Succinct, 2).unwrap());
    std::fs::write(directory.settings_file(), other.to_toml().unwrap()).unwrap();
    assert!(matches!(Repository::open(directory, clock()).await, Err(Error::LayoutChanged { .. })));

    let full = tempfile::tempdir().unwrap();
    std::fs::write(full.path().join("thesis.txt"), "").unwrap();
    let directory = RepositoryDirectory::new(full.path());
    let refused = Repository::create(directory, Settings::new(small()), &good, clock()).await;
    assert!(matches!(refused, Err(Error::DirectoryNotEmpty { .. })));
}

#[tokio::test]
async fn a_state_from_a_backup_does_not_publish() {
    let world = World::new(small()).await;
    let repository = &world.repository;
    add_wheel(repository, &wheel("six", "1.0")).await.unwrap();
    world.writer().await.publish_pending().await.unwrap().unwrap();
    repository.close().await;
    let directory = repository.directory().clone();
    let backup = back_up(repository);
    let again = Repository::open(directory.clone(), Arc::<TestClock>::clone(&world.clock)).await.unwrap();
    add_wheel(&again, &wheel("six", "2.0")).await.unwrap();
    let mut writer = SnapshotProcess::acquire(&again, Arc::clone(&world.online)).await.unwrap().unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    drop(writer);
    again.close().await;
    restore(repository, &backup);
    let restored = Repository::open(directory, Arc::<TestClock>::clone(&world.clock)).await.unwrap();
    let refused = SnapshotProcess::acquire(&restored, Arc::clone(&world.online)).await;
    assert!(matches!(refused, Err(Error::StateBehindServed { served: 3, known: 2, .. })), "{refused:?}");
}

#[tokio::test]
async fn tokens_allow_what_they_say() {
    let world = World::new(small()).await;
    let repository = &world.repository;
    let scope = TokenScope {
        projects: Projects::Only(BTreeSet::from([project("six")])),
        actions: BTreeSet::from([Action::Upload]),
        expires: Some(world.clock.now() + Duration::from_secs(3600)),
    };
    let (id, secret) = repository.create_token(scope.clone()).await.unwrap();
    let secret = secret.expose().to_owned();
    assert!(secret.starts_with("sdx_"));
    let token = repository.authenticate(&secret).await.unwrap();
    assert_eq!(token.id, id);
    token.authorize(&project("six"), Action::Upload).unwrap();
    for (name, action) in [("seven", Action::Upload), ("six", Action::Yank), ("six", Action::Remove)] {
        let refused = token.authorize(&project(name), action);
        assert!(matches!(refused, Err(Error::TokenScope { .. })), "{name}");
    }
    let mut wrong = secret.clone();
    let last = wrong.pop().unwrap();
    wrong.push(if last == '0' { '1' } else { '0' });
    for invalid in [wrong.as_str(), "", "sdx_", "pypi-abc", "sdx_0123456789abcdef_00"] {
        let refused = repository.authenticate(invalid).await;
        assert!(matches!(refused, Err(Error::InvalidToken)), "{invalid}");
    }
    let mut stored = vec![back_up(repository)];
    stored.extend(std::fs::read(repository.directory().path().join("state.sqlite-wal")));
    assert!(stored.iter().any(|bytes| bytes.windows(16).any(|part| part == id.as_str().as_bytes())));
    for bytes in stored {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "the secret is stored");
    }
    world.clock.advance(Duration::from_secs(3600));
    assert!(repository.authenticate(&secret).await.is_err());
    let everything =
        TokenScope { projects: Projects::All, actions: BTreeSet::from(Action::ALL), expires: None };
    let (id, secret) = repository.create_token(everything).await.unwrap();
    repository
        .authenticate(secret.expose())
        .await
        .unwrap()
        .authorize(&project("any"), Action::Remove)
        .unwrap();
    repository.revoke_token(&id).await.unwrap();
    assert!(repository.authenticate(secret.expose()).await.is_err());
    let tokens = repository.tokens().await.unwrap();
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0].scope, scope);
    assert!(tokens[1].revoked.is_some());
}

#[tokio::test]
async fn what_would_make_a_page_unreadable_is_refused() {
    let world = World::new(small()).await;
    let good = wheel("six", "1.0");
    add_wheel(&world.repository, &good).await.unwrap();
    let long = vec![">=3.9"; 2000].join(",");
    let bad = WheelBuilder::new("six", "2.0").requires_python(&long).build();
    assert!(matches!(add_wheel(&world.repository, &bad).await, Err(Error::Simple(_))));
    let yank = |reason: &str| {
        let (project, filename) = (project("six"), file_name(&good.file_name));
        Transaction::Yank { project, filename, reason: Some(reason.to_owned()) }
    };
    let nul = world.repository.submit(yank("a\0b"), Actor::Local).await;
    assert!(matches!(nul, Err(Error::Simple(_))), "{nul:?}");

    world.repository.submit(yank(""), Actor::Local).await.unwrap();
    world.writer().await.publish_pending().await.unwrap().unwrap();
    let page = world.judge().target("simple/six/index.json").unwrap();
    let page = IndexPage::from_json(&page, &PageLimits::default()).unwrap();
    assert_eq!(page.files.len(), 1);
    assert_eq!(page.files[0].yanked, Yanked::Yes);
}

//! Another layout for a live repository: clients notice nothing but new metadata.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sealdex_repository::layout::{BinStyle, Paths};
use sealdex_repository::{
    Actor, Error, Existing, ImportedFile, Layout, Publication, Repository, RepositoryDirectory,
    SnapshotProcess, Sweep, Transaction,
};
use sealdex_simple::{DistributionFilename, Yanked};
use sealdex_tuf::{Clock, Signer};
use support::{Judge, Public, Stored, World, add_target, add_wheel, file_name, key, project, wheel};

fn pep458(style: BinStyle, bit_length: u8) -> Layout {
    Layout::pep458(style, bit_length).unwrap()
}

fn index_only(style: BinStyle, bit_length: u8) -> Layout {
    Layout::index_only(style, bit_length).unwrap()
}

/// Changes the layout and publishes it.
async fn relayout(world: &World, writer: &mut SnapshotProcess, layout: &Layout) -> Publication {
    let repository = &world.repository;
    let id = repository.relayout(layout, &world.offline, Actor::Local).await.unwrap();
    let publication = writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(repository.relayout_published(id, Duration::ZERO).await.unwrap(), publication);
    assert_eq!(repository.layout().as_ref(), layout);
    publication
}

async fn verify(world: &World) -> u64 {
    let found = world.repository.verify(|_, _| {}).await.unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    found.targets
}

/// The roles that a layout delegates to.
fn delegated(layout: &Layout) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for role in layout.all_roles() {
        names.insert(role.name.clone());
        if let Some(bins) = &role.bins {
            names.extend(bins.role_names().unwrap().iter().map(|name| name.as_str().to_owned()));
        }
    }
    names
}

/// A client finds what is published, and looks nowhere else for it.
fn check(judge: &mut Judge, layout: &Layout, published: &[String]) {
    for name in published {
        let (project, _) = name.split_once('-').unwrap();
        let page = judge.target(&format!("simple/{project}/index.json")).unwrap();
        assert!(String::from_utf8(page).unwrap().contains(name.as_str()), "{name} is not on its page");
        let file = judge.target(&format!("files/{project}/{name}"));
        assert_eq!(file.is_some(), layout.name == "pep458", "{name} in {}", layout.name);
    }
    assert!(judge.target("simple/nobody/index.json").is_none());
    let known = delegated(layout);
    for (file, _) in &judge.seen {
        let role = file.trim_end_matches(".json").rsplit('.').next().unwrap();
        let top = ["root", "timestamp", "snapshot", "targets"].contains(&role);
        assert!(top || known.contains(role), "{file} was fetched and nothing delegates to it");
    }
}

/// Every pair of layouts, there and back again, with clients that were here before and uploads that wait meanwhile.
#[tokio::test]
async fn each_layout_becomes_each_other_one() {
    let mut layouts = Vec::new();
    for style in [BinStyle::Succinct, BinStyle::Explicit] {
        for bit_length in [4, 8] {
            layouts.extend([pep458(style, bit_length), index_only(style, bit_length)]);
        }
    }
    let mut tour = Vec::new();
    for first in 0..layouts.len() {
        tour.extend((first + 1..layouts.len()).flat_map(|second| [first, second]));
        tour.push(first);
    }
    let world = World::new(layouts[0].clone()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    let mut published = Vec::new();
    for number in 0..20 {
        let wheel = wheel(&format!("p{number}"), "1.0");
        add_wheel(repository, &wheel).await.unwrap();
        published.push(wheel.file_name);
    }
    writer.publish_pending().await.unwrap().unwrap();
    let (always, mut last) = (Stored::default(), Stored::default());
    let mut pairs = BTreeSet::new();
    let mut before = world.versions();
    for (step, at) in tour.iter().enumerate().skip(1) {
        let layout = &layouts[*at];
        pairs.insert((tour[step - 1], *at));
        let mut in_the_middle = world.judge();
        // One is uploaded just before, and waits.
        let waiting = wheel(&format!("p{}", step % 30), &format!("2.{step}"));
        add_wheel(repository, &waiting).await.unwrap();
        relayout(&world, &mut writer, layout).await;
        let after = world.versions();
        for (role, version) in &before {
            assert!(after.get(role).is_some_and(|new| new >= version), "{role} went back from {version}");
        }
        before = after;
        for stored in [&always, &last, &Stored::default()] {
            let mut judge = Judge::with_stored(repository.directory(), world.clock.now(), stored).unwrap();
            check(&mut judge, layout, &published);
        }
        // Who began before goes on with what was there before.
        check(&mut in_the_middle, &layouts[tour[step - 1]], &published);
        verify(&world).await;
        last = Stored::default();
        check(
            &mut Judge::with_stored(repository.directory(), world.clock.now(), &last).unwrap(),
            layout,
            &published,
        );
        writer.publish_pending().await.unwrap().unwrap();
        published.push(waiting.file_name);
        check(&mut world.judge(), layout, &published[published.len() - 1..]);
    }
    assert_eq!(pairs.len(), layouts.len() * (layouts.len() - 1));
}

/// Files become targets as they are on the pages that are public, whatever was asked since.
#[tokio::test]
async fn what_waits_is_not_published_with_another_layout() {
    let world = World::new(index_only(BinStyle::Succinct, 4)).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    for name in ["removed", "yanked", "still"] {
        add_wheel(repository, &wheel(name, "1.0")).await.unwrap();
    }
    writer.publish_pending().await.unwrap().unwrap();
    let filename = |name: &str| file_name(&format!("{name}-1.0-py3-none-any.whl"));
    let remove =
        Transaction::RemoveDistribution { project: project("removed"), filename: filename("removed") };
    repository.submit(remove, Actor::Local).await.unwrap();
    let reason = Some("broken".to_owned());
    let yank = Transaction::Yank { project: project("yanked"), filename: filename("yanked"), reason };
    repository.submit(yank, Actor::Local).await.unwrap();
    let checked = repository.check_import(vec![ImportedFile {
        filename: DistributionFilename::parse("still-2.0-py3-none-any.whl").unwrap(),
        sha256: "ab".repeat(32),
        length: 7,
        upload_time: world.clock.now(),
        requires_python: None,
        yanked: Yanked::No,
        core_metadata_sha256: None,
        url: Some("https://files.example/still-2.0-py3-none-any.whl".to_owned()),
    }]);
    repository.import(checked, "half", |_| String::new(), Actor::Local).await.unwrap();

    relayout(&world, &mut writer, &pep458(BinStyle::Succinct, 4)).await;
    let mut judge = world.judge();
    for name in ["removed", "yanked", "still"] {
        let path = format!("files/{name}/{name}-1.0-py3-none-any.whl");
        assert!(judge.search(&path).unwrap().is_some(), "{name} is on its page");
    }
    let imported = "files/still/still-2.0-py3-none-any.whl";
    assert!(judge.search(imported).unwrap().is_none(), "half an import is public");
    writer.publish_pending().await.unwrap().unwrap();
    let mut judge = world.judge();
    assert!(judge.search("files/removed/removed-1.0-py3-none-any.whl").unwrap().is_none());
    repository.finish_import("half").await.unwrap().unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    assert!(world.judge().search(imported).unwrap().is_some());
}

#[tokio::test]
async fn only_the_targets_keys_change_a_layout() {
    let world = World::new(pep458(BinStyle::Succinct, 4)).await;
    let repository = &world.repository;
    let layout = index_only(BinStyle::Succinct, 5);
    let one = || Arc::clone(&world.offline[0]);
    for keys in [vec![], vec![one()], vec![one(), one()], vec![one(), key()], vec![key(), key()]] {
        let refused = repository.relayout(&layout, &keys, Actor::Local).await;
        assert!(matches!(refused, Err(Error::Keys { .. })), "{refused:?}");
    }
    let online: Vec<Arc<dyn Signer>> = vec![Arc::clone(&world.online), one()];
    assert!(matches!(repository.relayout(&layout, &online, Actor::Local).await, Err(Error::Keys { .. })));
    assert!(repository.waiting_relayout().await.unwrap().is_none());
    // The same layout, another kind of content, and one that no client can walk.
    let mut endless = layout.clone();
    endless.roles[0].name = "root".to_owned();
    for wrong in [pep458(BinStyle::Succinct, 4), Layout::tree(BinStyle::Succinct, 4).unwrap(), endless] {
        let refused = repository.relayout(&wrong, &world.offline, Actor::Local).await;
        assert!(matches!(refused, Err(Error::Layout { .. })), "{refused:?}");
    }
    assert!(world.writer().await.publish_pending().await.unwrap().is_none());
}

#[tokio::test]
async fn a_change_can_be_abandoned_until_it_is_public() {
    let world = World::new(pep458(BinStyle::Succinct, 4)).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    add_wheel(repository, &wheel("six", "1.0")).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    let (first, second) = (pep458(BinStyle::Succinct, 5), index_only(BinStyle::Explicit, 3));
    let id = repository.relayout(&first, &world.offline, Actor::Local).await.unwrap();
    let refused = repository.relayout(&second, &world.offline, Actor::Local).await;
    assert!(matches!(refused, Err(Error::RelayoutWaiting { layout }) if layout == "pep458"));
    assert_eq!(repository.waiting_relayout().await.unwrap().unwrap().layout, first);
    assert!(repository.abandon_relayout().await.unwrap());
    assert!(!repository.abandon_relayout().await.unwrap());
    let told = repository.relayout_published(id, Duration::ZERO).await;
    assert!(matches!(told, Err(Error::RelayoutAbandoned { .. })));
    assert!(writer.publish_pending().await.unwrap().is_none());
    assert_eq!(repository.layout().as_ref(), &pep458(BinStyle::Succinct, 4));
    // What was signed for it is never used.
    relayout(&world, &mut writer, &second).await;
    assert_eq!(world.versions()["index"].number(), 3);
    assert!(world.judge().target("simple/six/index.json").is_some());
}

/// A publication that fails in the middle has used up its versions; the next one begins anew.
#[tokio::test]
async fn versions_of_a_failed_change_are_not_used_again() {
    let world = World::in_directory(index_only(BinStyle::Succinct, 1)).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    add_wheel(repository, &wheel("six", "1.0")).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    let layout = index_only(BinStyle::Succinct, 5);
    repository.relayout(&layout, &world.offline, Actor::Local).await.unwrap();
    let metadata = repository.directory().metadata();
    let obstacle = metadata.join("1.index-1f.json");
    std::fs::create_dir(&obstacle).unwrap();
    writer.publish_pending().await.unwrap_err();
    let seen = std::fs::read(metadata.join("1.index-00.json")).unwrap();
    let mut judge = world.judge();
    assert!(judge.target("simple/six/index.json").is_some());
    std::fs::remove_dir(&obstacle).unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(std::fs::read(metadata.join("1.index-00.json")).unwrap(), seen);
    assert_eq!(world.versions()["index-00"].number(), 2);
    assert_eq!(repository.layout().as_ref(), &layout);
    check(&mut world.judge(), &layout, &["six-1.0-py3-none-any.whl".to_owned()]);
}

/// Whoever else has the repository open goes on by the new layout.
#[tokio::test]
async fn others_notice_without_being_started_again() {
    let world = World::new(pep458(BinStyle::Succinct, 4)).await;
    let directory = RepositoryDirectory::new(world.repository.directory().path());
    let clock = Arc::<support::TestClock>::clone(&world.clock);
    let other = Repository::open(directory, clock).await.unwrap();
    let mut writer = world.writer().await;
    let layout = index_only(BinStyle::Succinct, 6);
    relayout(&world, &mut writer, &layout).await;
    drop(writer);
    add_wheel(&other, &wheel("six", "1.0")).await.unwrap();
    assert_eq!(other.layout().as_ref(), &layout);
    assert_eq!(other.status().await.unwrap().bins[0].count, 64);
    let mut writer = SnapshotProcess::acquire(&other, Arc::clone(&world.online)).await.unwrap().unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    check(&mut world.judge(), &layout, &["six-1.0-py3-none-any.whl".to_owned()]);
    assert!(writer.renew().await.unwrap().is_none());
}

/// A layout that has no role for what there is never becomes public, and keeps nothing else from it.
#[tokio::test]
async fn a_layout_without_a_role_for_a_target_is_refused() {
    let world = World::new(pep458(BinStyle::Succinct, 4)).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    for name in ["alpha", "beta"] {
        add_wheel(repository, &wheel(name, "1.0")).await.unwrap();
    }
    writer.publish_pending().await.unwrap().unwrap();
    let mut layout = index_only(BinStyle::Succinct, 4);
    layout.roles[0].paths = Paths::Patterns(vec!["simple/a*/index.json".to_owned()]);
    let planned = repository.plan_relayout(&layout, |_| {}).await;
    assert!(matches!(planned, Err(Error::UnsupportedPath { .. })), "{planned:?}");
    let id = repository.relayout(&layout, &world.offline, Actor::Local).await.unwrap();
    add_wheel(repository, &wheel("gamma", "1.0")).await.unwrap();
    assert!(writer.publish_pending().await.unwrap().is_none());
    let told = repository.relayout_published(id, Duration::ZERO).await;
    assert!(matches!(told, Err(Error::RelayoutAbandoned { .. })), "{told:?}");
    writer.publish_pending().await.unwrap().unwrap();
    let published = ["alpha", "beta", "gamma"].map(|name| format!("{name}-1.0-py3-none-any.whl"));
    check(&mut world.judge(), &pep458(BinStyle::Succinct, 4), &published);
}

/// Roles that nothing delegates to any more stay listed. They are let expire, and their files are collected.
#[tokio::test]
async fn what_is_left_behind_is_listed_and_not_renewed() {
    let world = World::new(pep458(BinStyle::Succinct, 4)).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    add_wheel(repository, &wheel("six", "1.0")).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    let stored = Stored::default();
    Judge::with_stored(repository.directory(), world.clock.now(), &stored).unwrap();
    let layout = index_only(BinStyle::Succinct, 8);
    relayout(&world, &mut writer, &layout).await;
    let before = world.versions();
    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(86_400));
        while writer.renew().await.unwrap().is_some() {}
    }
    let after = world.versions();
    assert!(after["index-00"] > before["index-00"]);
    for role in ["files", "files-0", "files-f", "index-0", "index-f"] {
        assert_eq!(after[role], before[role], "{role} was signed again");
    }
    let judge = || Judge::with_stored(repository.directory(), world.clock.now(), &stored).unwrap();
    let published = ["six-1.0-py3-none-any.whl".to_owned()];
    check(&mut judge(), &layout, &published);

    // Files have the time of this machine, whose clock the test's is behind.
    let real =
        Arc::new(|| jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_hours(48)).unwrap());
    let later =
        Repository::open(RepositoryDirectory::new(repository.directory().path()), real).await.unwrap();
    later.collect(Duration::from_secs(3600), Sweep::Remove, |_| {}).await.unwrap();
    let public = Public::of(repository.directory());
    let is_there = |role: &str| public.read(&format!("metadata/{}.{role}.json", after[role])).is_some();
    for role in ["files", "files-0", "files-f", "index-0", "index-f"] {
        assert!(!is_there(role), "{role} is of no use");
    }
    assert!(is_there("index") && is_there("index-00") && is_there("targets"));
    check(&mut judge(), &layout, &published);
    verify(&world).await;
    // And back again, from where the versions were.
    let layout = pep458(BinStyle::Explicit, 4);
    relayout(&world, &mut writer, &layout).await;
    check(&mut judge(), &layout, &published);
    assert!(world.versions().iter().all(|(role, version)| *version >= after[role]));
}

#[tokio::test]
async fn any_tree_of_files_changes_its_bins() {
    let world = World::new(Layout::tree(BinStyle::Explicit, 3).unwrap()).await;
    let repository = &world.repository;
    let mut writer = world.writer().await;
    for number in 0..50 {
        let path = format!("a/{number}/file");
        add_target(repository, &path, path.as_bytes(), Existing::Keep).await.unwrap();
    }
    writer.publish_pending().await.unwrap().unwrap();
    let stored = Stored::default();
    for (style, bits) in [(BinStyle::Succinct, 3), (BinStyle::Succinct, 12), (BinStyle::Explicit, 1)] {
        let plan = repository.plan_relayout(&Layout::tree(style, bits).unwrap(), |_| {}).await.unwrap();
        assert_eq!(plan.offline_roles, ["bins"]);
        assert_eq!(plan.online_roles, if bits == 3 { 0 } else { 1 << bits });
        relayout(&world, &mut writer, &Layout::tree(style, bits).unwrap()).await;
        let mut judge = Judge::with_stored(repository.directory(), world.clock.now(), &stored).unwrap();
        for number in 0..50 {
            let path = format!("a/{number}/file");
            assert_eq!(judge.target(&path).unwrap(), path.as_bytes());
        }
        assert_eq!(verify(&world).await, 50);
    }
}

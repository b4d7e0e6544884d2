//! What is public in a bucket: what only there can be, and what goes wrong there. Most of what is the same in a
//! directory is tested by the other files, which `cargo xtask test` runs over an object store once more.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{
    BucketSettings, Error, Existing, Layout, MIN_GRACE, Repository, RepositoryDirectory, Settings, Sweep,
};
use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths, Response};
use sealdex_testkit::object_store::{ObjectStore, object_path};
use support::{TestClock, World, add_target, add_wheel, initial_keys, key, new_bucket, wheel};

const TIMESTAMP: &str = "metadata/timestamp.json";

fn small() -> Layout {
    Layout::pep458(BinStyle::Succinct, 2).unwrap()
}

/// A repository in a bucket, and a server before the object store that does as it is told.
struct Scene {
    store: ObjectStore,
    proxy: HostileServer,
    bucket: BucketSettings,
    world: World,
}

impl Scene {
    async fn new(layout: Layout) -> Self {
        let store = ObjectStore::start();
        let proxy = HostileServer::start(Origin::server(store.endpoint()));
        let bucket = BucketSettings { endpoint: Some(proxy.url()), ..new_bucket(&store) };
        let world = World::as_set(over(&bucket, layout)).await;
        Self { store, proxy, bucket, world }
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.bucket.prefix)
    }

    fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.store.object(&self.bucket.name, &self.key(name))
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.store.put(&self.bucket.name, &self.key(name), bytes);
    }

    /// The served timestamp as it would be in a later version.
    fn later_timestamp(&self, version: u64) -> Vec<u8> {
        let mut json: serde_json::Value = serde_json::from_slice(&self.object(TIMESTAMP).unwrap()).unwrap();
        json["signed"]["version"] = version.into();
        serde_json::to_vec(&json).unwrap()
    }
}

fn over(bucket: &BucketSettings, layout: Layout) -> Settings {
    let mut settings = Settings::new(layout);
    settings.storage.bucket = Some(bucket.clone());
    settings
}

/// Clients see files of every length, and caches learn how long they may keep them.
#[tokio::test(flavor = "multi_thread")]
async fn long_files_and_what_is_said_of_objects() {
    let scene = Scene::new(Layout::tree(BinStyle::Succinct, 1).unwrap()).await;
    let repository = &scene.world.repository;
    let long: Vec<u8> = (0..20_000_001_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let texts = ["a/b", "a/b/c/d", "a/b.txt", "a-1/b", "a/z"];
    for path in texts {
        add_target(repository, path, path.as_bytes(), Existing::Keep).await.unwrap();
    }
    for (path, bytes) in [("long.bin", &long[..]), ("a/ünïcode %41#?.txt", b"text"), ("empty", b"")] {
        add_target(repository, path, bytes, Existing::Keep).await.unwrap();
    }
    scene.world.writer().await.publish_pending().await.unwrap().unwrap();
    let mut judge = scene.world.judge();
    assert!(judge.target("long.bin").unwrap() == long);
    assert_eq!(judge.target("a/ünïcode %41#?.txt").unwrap(), b"text");
    assert_eq!(judge.target("empty").unwrap(), b"");
    assert!(texts.iter().all(|path| judge.target(path).unwrap() == path.as_bytes()));
    assert!(repository.verify(|_, _| {}).await.unwrap().faults.is_empty());
    let counted = repository.collect(MIN_GRACE, Sweep::Count, |_| {}).await.unwrap();
    assert_eq!(counted.examined, scene.store.list(&scene.bucket.name, "").len() as u64, "each object once");
    let parts =
        scene.proxy.requests().iter().filter(|request| request.target.contains("partNumber=")).count();
    assert_eq!(parts, 4);

    for (key, tag) in scene.store.list(&scene.bucket.name, "") {
        assert!(!tag.is_empty());
        let head = scene.store.request("HEAD", &object_path(&scene.bucket.name, &key), &[], b"");
        let caching = head.header("cache-control").unwrap();
        let expected = match key.ends_with(TIMESTAMP) {
            true => "public, max-age=1, must-revalidate",
            false => "public, max-age=31536000, immutable",
        };
        assert_eq!(caching, expected, "{key}");
        let json = key.ends_with(".json");
        assert_eq!(head.header("content-type") == Some("application/json"), json, "{key}");
    }
}

/// A writer that was paused comes back with a timestamp that is older than what is served by now.
#[tokio::test(flavor = "multi_thread")]
async fn an_overtaken_writer_takes_nothing_back() {
    let scene = Scene::new(small()).await;
    let (repository, mut writer) = (&scene.world.repository, scene.world.writer().await);
    add_wheel(repository, &wheel("six", "1.0")).await.unwrap();
    let path = object_path(&scene.bucket.name, &scene.key(TIMESTAMP));
    let stale = scene.store.request("GET", &path, &[], b"");
    let later = scene.later_timestamp(9);
    scene.put(TIMESTAMP, &later);
    // It compared with what was there before: its condition does not hold any more.
    let tag = stale.header("etag").unwrap().to_owned();
    let modified = stale.header("last-modified").unwrap().to_owned();
    let stale = Response::ok("application/json", stale.body).with_header("etag", &tag);
    let stale = stale.with_header("last-modified", &modified);
    scene.proxy.set(Paths::Reading(path), Behaviour::Respond(stale));
    let refused = writer.publish_pending().await.unwrap_err();
    assert!(refused.is_bucket_failing(), "{refused:?}");
    assert_eq!(scene.object(TIMESTAMP).unwrap(), later, "a newer timestamp was taken back");
    // It sees what is there now. This state can never catch up, and says so.
    scene.proxy.clear();
    let refused = writer.publish_pending().await.unwrap_err();
    assert!(matches!(refused, Error::StateBehindServed { served: 9, .. }), "{refused:?}");
    assert_eq!(scene.object(TIMESTAMP).unwrap(), later);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timestamp_is_compared_before_it_is_replaced() {
    let scene = Scene::new(small()).await;
    let (repository, mut writer) = (&scene.world.repository, scene.world.writer().await);
    add_wheel(repository, &wheel("six", "1.0")).await.unwrap();
    let later = scene.later_timestamp(9);
    scene.put(TIMESTAMP, &later);
    let refused = writer.publish_pending().await.unwrap_err();
    assert!(matches!(refused, Error::Overtaken { served: 9, own: 2 }), "{refused:?}");
    assert_eq!(scene.object(TIMESTAMP).unwrap(), later);
}

/// Whoever wrote it: a version has one content.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_not_written_over() {
    let scene = Scene::new(small()).await;
    let mut writer = scene.world.writer().await;
    add_wheel(&scene.world.repository, &wheel("six", "1.0")).await.unwrap();
    scene.put("metadata/2.snapshot.json", b"another writer's");
    let refused = writer.publish_pending().await.unwrap_err();
    assert!(refused.to_string().contains("2.snapshot.json is there with other bytes"), "{refused}");
    assert_eq!(scene.object("metadata/2.snapshot.json").unwrap(), b"another writer's");
    assert!(scene.world.judge().target("simple/six/index.json").is_none(), "the snapshot before is served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_loses_nothing_and_is_used_again() {
    let scene = Scene::new(small()).await;
    let (repository, writer) = (scene.world.repository.clone(), scene.world.writer().await);
    let (six, seven) = (wheel("six", "1.0"), wheel("seven", "1.0"));
    scene.proxy.set(Paths::All, Behaviour::Status(500));
    let refused = add_wheel(&repository, &six).await.unwrap_err();
    assert!(refused.is_bucket_failing() && !refused.is_absent(), "{refused:?}");
    assert!(repository.log(None, 10).await.unwrap().is_empty(), "it was submitted");
    scene.proxy.clear();
    add_wheel(&repository, &six).await.unwrap();

    // What can be received is published later, by the process that goes on.
    scene.proxy.set(Paths::Containing("metadata/".to_owned()), Behaviour::Status(503));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(writer.run(async move { drop(stopped.await) }));
    let receipt = add_wheel(&repository, &seven).await.unwrap();
    let waiting = repository.published(&receipt, Duration::from_secs(8)).await.unwrap_err();
    assert!(matches!(waiting, Error::NotPublishedYet { .. }), "{waiting:?}");
    let fault = repository.publishing_fault().unwrap();
    assert!(fault.contains("s3://"), "{fault}");
    assert!(!fault.contains("testing"), "a credential is told: {fault}");
    scene.proxy.clear();
    repository.published(&receipt, Duration::from_secs(60)).await.unwrap();
    drop(stop);
    running.await.unwrap().unwrap();
    assert_eq!(repository.publishing_fault(), None);
    let mut judge = scene.world.judge();
    for wheel in [&six, &seven] {
        let path = format!("files/{}/{}", wheel.file_name.split('-').next().unwrap(), wheel.file_name);
        assert_eq!(judge.target(&path).unwrap(), wheel.bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_not_waited_for_for_ever() {
    let scene = Scene::new(small()).await;
    let repository = &scene.world.repository;
    scene.proxy.set(Paths::All, Behaviour::Stall);
    let started = std::time::Instant::now();
    let refused = add_wheel(repository, &wheel("six", "1.0")).await.unwrap_err();
    assert!(refused.is_bucket_failing(), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    scene.proxy.clear();
    add_wheel(repository, &wheel("six", "1.0")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_begun_in_an_empty_place_that_keeps_conditions() {
    let store = ObjectStore::start();
    let bucket = new_bucket(&store);
    let create = async |bucket: &BucketSettings| {
        let folder = tempfile::tempdir().unwrap();
        let directory = RepositoryDirectory::new(folder.path().join("repository"));
        let keys = initial_keys(key());
        let created = Repository::create(directory.clone(), over(bucket, small()), &keys, TestClock::new());
        let created = created.await.map(drop);
        assert!(created.is_ok() || !directory.settings_file().exists());
        created
    };
    store.put(&bucket.name, &format!("{}/readme.txt", bucket.prefix), b"somebody's");
    let refused = create(&bucket).await.unwrap_err();
    assert!(
        matches!(&refused, Error::BucketNotEmpty { found, .. } if found.ends_with("readme.txt")),
        "{refused:?}"
    );
    create(&BucketSettings { prefix: "else/where".to_owned(), ..bucket.clone() }).await.unwrap();
    create(&BucketSettings { prefix: String::new(), name: store.new_bucket(), ..bucket.clone() })
        .await
        .unwrap();
    let refused = create(&BucketSettings { name: "there-is-none".to_owned(), ..bucket.clone() }).await;
    assert!(matches!(refused, Err(Error::Bucket { .. })), "{refused:?}");
    for settings in [
        BucketSettings { prefix: "/a".to_owned(), ..bucket.clone() },
        BucketSettings { name: String::new(), ..bucket.clone() },
        BucketSettings { endpoint: Some("ftp://127.0.0.1".to_owned()), ..bucket.clone() },
    ] {
        assert!(matches!(create(&settings).await, Err(Error::Settings { .. })), "{settings:?}");
    }

    // A store that does not know conditions: they do not reach it.
    let proxy = HostileServer::start(Origin::server(store.endpoint()));
    proxy.set(Paths::EndingWith(TIMESTAMP.to_owned()), Behaviour::WrongLength(0));
    let bucket = BucketSettings { endpoint: Some(proxy.url()), prefix: "third".to_owned(), ..bucket };
    let refused = create(&bucket).await.unwrap_err();
    assert!(matches!(refused, Error::UnconditionalBucket { .. }), "{refused:?}");
}

/// What is superseded goes; what was put again between the look and the removal stays.
#[tokio::test(flavor = "multi_thread")]
async fn collecting_leaves_what_was_put_again() {
    let scene = Scene::new(small()).await;
    let (world, repository) = (&scene.world, &scene.world.repository);
    world.clock.set(jiff::Timestamp::now());
    let mut writer = world.writer().await;
    for version in ["1.0", "2.0", "3.0"] {
        add_wheel(repository, &wheel("six", version)).await.unwrap();
        writer.publish_pending().await.unwrap().unwrap();
    }
    let orphan = |digit: &str| format!("targets/files/six/{}.six-{digit}.tar.gz", digit.repeat(64));
    let (gone, kept) = (orphan("7"), orphan("8"));
    scene.put(&gone, b"nobody's");
    scene.put(&kept, b"somebody's soon");
    let nothing = repository.collect(MIN_GRACE, Sweep::Remove, |_| {}).await.unwrap();
    assert_eq!((nothing.metadata_files, nothing.pages, nothing.files), (0, 0, 0));

    tokio::time::sleep(Duration::from_millis(2_100)).await;
    world.clock.set(jiff::Timestamp::now());
    world.clock.advance(MIN_GRACE - Duration::from_secs(1));
    let counted = repository.collect(MIN_GRACE, Sweep::Count, |_| {}).await.unwrap();
    assert_eq!((counted.pages, counted.files), (2, 2), "{counted:?}");
    let metadata = scene.store.list(&scene.bucket.name, &scene.key("metadata/")).len() as u64;
    let put_again = |examined| {
        // The folder of the distributions is listed by now, and nothing in it removed.
        if examined == metadata + 1 {
            scene.put(&kept, b"somebody's soon");
        }
    };
    let done = repository.collect(MIN_GRACE, Sweep::Remove, put_again).await.unwrap();
    assert_eq!((done.pages, done.files, done.metadata_files), (2, 1, counted.metadata_files), "{done:?}");
    assert!(scene.object(&gone).is_none() && scene.object(&kept).is_some());
    let mut judge = world.judge();
    for version in ["1.0", "2.0", "3.0"] {
        assert!(judge.target(&format!("files/six/six-{version}-py3-none-any.whl")).is_some());
    }
    assert!(scene.object("metadata/1.root.json").is_some());
}

/// Two processes at one bucket: what one publishes the other finds by itself.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_sees_a_publication() {
    let scene = Scene::new(small()).await;
    let other = Repository::open(
        scene.world.repository.directory().clone(),
        Arc::<TestClock>::clone(&scene.world.clock),
    );
    let other = other.await.unwrap();
    let mut writer = scene.world.writer().await;
    let six = support::project("six");
    for files in 1..=2 {
        let receipt = add_wheel(&other, &wheel("six", &format!("{files}.0"))).await.unwrap();
        writer.publish_pending().await.unwrap().unwrap();
        other.published(&receipt, Duration::from_secs(20)).await.unwrap();
        let page = other.project_page(&six).await.unwrap().unwrap();
        assert_eq!(page.page.files.len(), files, "at once, by who waited for it");
    }
    add_wheel(&scene.world.repository, &wheel("six", "3.0")).await.unwrap();
    writer.publish_pending().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(other.project_page(&six).await.unwrap().unwrap().page.files.len(), 3, "within a second");
}

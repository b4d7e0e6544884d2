//! Each limit of `docs/limits.md` at its value and one past it: over HTTP, and with the setting that the error names.

use std::time::{Duration, Instant};

use sealdex_client::{Attack, Bound, Client, Error, InitialTrust, RepositoryUrl, Session, TrustStore};
use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_tuf::{Attack as Core, Error as CoreError, Version};

use crate::support::{FAST, World, get, name, project, target};

impl World {
    fn client_bounded(&self, bound: Bound, value: u64) -> Client {
        self.client_with(|settings| bound.set(settings, value).unwrap())
    }

    fn published(&self, file: &str) -> u64 {
        std::fs::metadata(self.repository.path().join("metadata").join(file)).unwrap().len()
    }
}

/// The error, and that it and what it tells the user name the limit.
fn names(error: &Error, bound: Bound) {
    assert_eq!(error.bound(), Some(bound), "{error:?}");
    assert!(
        error.hint().ends_with(&format!("; to allow more, change the limit {bound}")),
        "{}",
        error.hint()
    );
}

#[tokio::test]
async fn bytes_of_metadata() {
    for (bound, file) in [
        // The first root whose version has two digits is longer than those before it.
        (Bound::MaxRootBytes, "10.root.json"),
        (Bound::MaxTimestampBytes, "timestamp.json"),
        (Bound::MaxSnapshotBytes, "3.snapshot.json"),
        (Bound::MaxTargetsBytes, "10.targets.json"),
    ] {
        let mut world = World::new().await;
        for _ in 2..=10 {
            world.repository.rotate_online_key();
        }
        world.repository.publish();
        let length = world.published(file);
        let client = world.client_bounded(bound, length - 1);
        let error = Session::refresh(&client, &world.trusted).await.unwrap_err();
        assert!(
            matches!(&error, Error::EndlessData { url, limit, bound: Some(named) }
                if url.ends_with(file) && *limit == length - 1 && *named == bound),
            "{error:?}"
        );
        assert_eq!(error.attack(), Some(Attack::Verification(Core::EndlessData)));
        names(&error, bound);
        Session::refresh(&world.client_bounded(bound, length), &world.trusted).await.unwrap();
    }
}

#[tokio::test]
async fn bytes_of_a_delegated_role() {
    let mut world = World::new().await;
    for number in 0..400 {
        // So that each bin is longer than the role that delegates to it.
        world.repository.seal(&format!("simple/many{number}/index.json"), b"page");
    }
    world.repository.publish();
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    let found = session.target(&target("simple/hello/index.json")).await.unwrap().unwrap();
    let metadata = world.trusted.directory().join("metadata");
    let length = std::fs::metadata(metadata.join(found.role().file_name())).unwrap().len();
    for (value, accepted) in [(length, true), (length - 1, false)] {
        std::fs::remove_dir_all(&metadata).unwrap();
        let client = world.client_bounded(Bound::MaxTargetsBytes, value);
        let outcome = match Session::refresh(&client, &world.trusted).await {
            Ok(session) => session.page(&project("hello")).await.map(|page| page.is_some()),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(found) => assert!(found && accepted, "{value} of {length}"),
            Err(error) => {
                assert!(!accepted, "{error:?}");
                assert!(
                    matches!(error, Error::EndlessData { limit, .. } if limit == length - 1),
                    "{error:?}"
                );
                names(&error, Bound::MaxTargetsBytes);
            }
        }
    }
}

#[tokio::test]
async fn a_listed_length_counts_and_no_setting_is_named() {
    let mut world = World::new().await;
    world.repository.publish();
    let length = world.published("3.snapshot.json");
    world.server.set(Paths::ending_with("snapshot.json"), Behaviour::WrongLength(7));
    let error = Session::refresh(&world.client, &world.trusted).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Verification(sealdex_tuf::Error::WrongLength { expected, found, .. })
                if (expected, found) == (length, length + 7)
        ),
        "{error:?}"
    );
    assert!(!error.hint().contains("limit"), "{}", error.hint());
}

/// Own state is bounded too: a limit below what is trusted already says so, instead of calling the state damaged.
#[tokio::test]
async fn bytes_of_the_stored_root() {
    let world = World::new().await;
    let length = world.published("1.root.json");
    let error = Session::refresh(&world.client_bounded(Bound::MaxRootBytes, length - 1), &world.trusted)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Verification(CoreError::TooLong { file, limit })
            if file == "root.json" && *limit == length - 1),
        "{error:?}"
    );
    names(&error, Bound::MaxRootBytes);
    Session::refresh(&world.client_bounded(Bound::MaxRootBytes, length), &world.trusted).await.unwrap();
}

#[tokio::test]
async fn new_root_versions_in_one_refresh() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.repository.rotate_online_key();
    }
    world.repository.publish();
    let two = world.client_bounded(Bound::MaxRootVersions, 2);
    // Version 3 names another online key than the one that signs now: at the limit the refresh goes on, and fails there.
    let error = Session::refresh(&two, &world.trusted).await.unwrap_err();
    assert!(
        matches!(&error, Error::Verification(CoreError::Threshold { role, .. }) if role.as_str() == "timestamp"),
        "{error:?}"
    );
    let asked = |world: &World| {
        let requests = world.server.requests();
        requests.iter().filter(|request| request.path().ends_with(".root.json")).count()
    };
    assert_eq!(asked(&world), 2);
    // The roots it came to are kept, and the next refresh goes further.
    world.server.clear_requests();
    assert_eq!(Session::refresh(&two, &world.trusted).await.unwrap().versions().root, 4);
    assert_eq!(asked(&world), 2, "4.root.json and 5.root.json");
}

#[tokio::test]
async fn delegated_roles_in_one_lookup() {
    let world = World::new().await;
    let client = world.client_bounded(Bound::MaxDelegations, 0);
    let session = Session::refresh(&client, &world.trusted).await.unwrap();
    let error = session.page(&project("hello")).await.unwrap_err();
    let path = "simple/hello/index.json".to_owned();
    assert!(
        matches!(&error, Error::Verification(found) if *found == CoreError::TooManyDelegations { path, limit: 0 }),
        "{error:?}"
    );
    names(&error, Bound::MaxDelegations);
    let client = world.client_bounded(Bound::MaxDelegations, 1);
    let session = Session::refresh(&client, &world.trusted).await.unwrap();
    assert!(session.page(&project("hello")).await.unwrap().is_some());
}

#[tokio::test]
async fn bytes_of_a_page() {
    let world = World::new().await;
    let bytes = world.repository.page_bytes("hello").len() as u64;
    let client = world.client_bounded(Bound::MaxPageBytes, bytes - 1);
    let session = Session::refresh(&client, &world.trusted).await.unwrap();
    let error = session.page(&project("hello")).await.unwrap_err();
    assert!(
        matches!(&error, Error::TooLarge { file, length, limit, .. }
            if file == "simple/hello/index.json" && *length == bytes && *limit == bytes - 1),
        "{error:?}"
    );
    names(&error, Bound::MaxPageBytes);
    let client = world.client_bounded(Bound::MaxPageBytes, bytes);
    let session = Session::refresh(&client, &world.trusted).await.unwrap();
    assert!(session.page(&project("hello")).await.unwrap().is_some());
}

#[tokio::test]
async fn bytes_of_a_file() {
    let world = World::new().await;
    let path = target("files/hello/hello-1.0-py3-none-any.whl");
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    let found = session.target(&path).await.unwrap().unwrap();
    let bytes = found.file().length;
    let destination = world.home.path().join("hello.whl");
    for (value, accepted) in [(bytes - 1, false), (bytes, true)] {
        let client = world.client_bounded(Bound::MaxFileBytes, value);
        let session = Session::refresh(&client, &world.trusted).await.unwrap();
        let outcome = session.download_target(&found, &destination).await;
        let proxy = World::proxy_of(&client, &world.trusted).await;
        let answer = get(proxy.address(), "/files/hello/hello-1.0-py3-none-any.whl", &[]).await;
        if accepted {
            outcome.unwrap();
            assert_eq!(answer.status, 200);
            continue;
        }
        let error = outcome.unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { length, limit, .. } if length == bytes && limit == value),
            "{error:?}"
        );
        names(&error, Bound::MaxFileBytes);
        assert_eq!(answer.status, 409);
        assert!(
            proxy.refusals()[0].hint.ends_with("change the limit max_file_bytes"),
            "{:?}",
            proxy.refusals()
        );
    }
}

#[tokio::test]
async fn bytes_of_core_metadata() {
    let world = World::new().await;
    let path = "/files/hello/hello-1.0-py3-none-any.whl.metadata";
    let proxy = world.proxy().await;
    let bytes = get(proxy.address(), path, &[]).await.body.len() as u64;
    for (value, status) in [(bytes, 200), (bytes - 1, 409)] {
        let client = world.client_bounded(Bound::MaxCoreMetadataBytes, value);
        let proxy = World::proxy_of(&client, &world.trusted).await;
        assert_eq!(get(proxy.address(), path, &[]).await.status, status, "{value} of {bytes}");
        for refusal in proxy.refusals() {
            assert!(
                refusal.message.ends_with(&format!("sent more than the {value} bytes allowed")),
                "{refusal:?}"
            );
            assert!(refusal.hint.ends_with("change the limit max_core_metadata_bytes"), "{refusal:?}");
        }
    }
}

#[tokio::test]
async fn time_to_connect() {
    // Nobody accepts: once the queue is full, the system answers no further connection.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let world = World::new().await;
    let client = world.client_with(|settings| {
        settings.metadata_fetch.connect = Duration::from_millis(300);
    });
    let store = TrustStore::open(world.home.path().join("other")).unwrap();
    let url = RepositoryUrl::parse(&format!("http://{address}")).unwrap();
    let initial = InitialTrust::Root(world.repository.root().to_vec());
    let error = store.add(&client, &name("silent"), &url, &initial).await.unwrap_err();
    assert!(
        matches!(error, Error::ConnectTime { limit, .. } if limit == Duration::from_millis(300)),
        "{error:?}"
    );
    assert!(error.is_unreachable() && error.attack().is_none());
    names(&error, Bound::ConnectSeconds);
}

#[tokio::test]
async fn time_to_the_first_byte_and_lowest_rate() {
    let world = World::new().await;
    let timestamp = Paths::exactly("/metadata/timestamp.json");
    world.server.set(timestamp.clone(), Behaviour::Stall);
    let error = Session::refresh(&world.client, &world.trusted).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { limit, .. } if limit == FAST.first_byte), "{error:?}");
    names(&error, Bound::FirstByteSeconds);
    // The exact bound is a test of the rate alone; here it is seen to be the one in force.
    for (bytes_per_second, accepted) in [(200, true), (50, false)] {
        world.server.set(timestamp.clone(), Behaviour::Drip { bytes_per_second });
        match Session::refresh(&world.client, &world.trusted).await {
            Ok(_) => assert!(accepted, "{bytes_per_second} bytes a second"),
            Err(error) => {
                assert!(!accepted, "{bytes_per_second} bytes a second: {error:?}");
                assert!(
                    matches!(error, Error::SlowRetrieval { minimum_bytes_per_second: 100, .. }),
                    "{error:?}"
                );
                names(&error, Bound::MinBytesPerSecond);
            }
        }
    }
}

#[tokio::test]
async fn time_of_one_transfer() {
    let world = World::new().await;
    // Fast enough for the rate, and two seconds in all.
    let length = world.published("timestamp.json");
    let drip = Behaviour::Drip { bytes_per_second: u32::try_from(length / 2).unwrap() };
    world.server.set(Paths::exactly("/metadata/timestamp.json"), drip);
    for (seconds, accepted) in [(1, false), (4, true)] {
        let client = world.client_bounded(Bound::MetadataTransferSeconds, seconds);
        match Session::refresh(&client, &world.trusted).await {
            Ok(_) => assert!(accepted),
            Err(error) => {
                assert!(!accepted, "{error:?}");
                let second = Duration::from_secs(1);
                assert!(matches!(error, Error::TransferTime { limit, .. } if limit == second), "{error:?}");
                assert_eq!(error.attack(), Some(Attack::SlowRetrieval));
                names(&error, Bound::MetadataTransferSeconds);
            }
        }
    }
    let session = Session::refresh(&world.client, &world.trusted).await;
    drop(session);
    world.server.clear();
    let path = target("files/hello/hello-1.0-py3-none-any.whl");
    let client = world.client_bounded(Bound::FileTransferSeconds, 1);
    let session = Session::refresh(&client, &world.trusted).await.unwrap();
    let found = session.target(&path).await.unwrap().unwrap();
    let drip = Behaviour::Drip { bytes_per_second: u32::try_from(found.file().length / 2).unwrap() };
    world.server.set(Paths::ending_with(".whl"), drip);
    let error = session.download_target(&found, &world.home.path().join("hello.whl")).await.unwrap_err();
    assert!(matches!(error, Error::TransferTime { .. }), "{error:?}");
    names(&error, Bound::FileTransferSeconds);
}

/// Many transfers, each within its bounds: what a refresh takes is bounded all the same.
#[tokio::test]
async fn time_of_a_refresh() {
    let mut world = World::new().await;
    for _ in 0..8 {
        world.repository.rotate_online_key();
    }
    world.repository.publish();
    let bytes_per_second = u32::try_from(world.published("2.root.json") * 3).unwrap();
    world.server.set(Paths::ending_with(".root.json"), Behaviour::Drip { bytes_per_second });
    let started = Instant::now();
    let client = world.client_bounded(Bound::UpdateSeconds, 1);
    let error = Session::refresh(&client, &world.trusted).await.unwrap_err();
    let second = Duration::from_secs(1);
    assert!(
        matches!(error, Error::UpdateTime { update: "the refresh", limit } if limit == second),
        "{error:?}"
    );
    assert!((second..4 * second).contains(&started.elapsed()), "{:?}", started.elapsed());
    assert_eq!(error.attack(), Some(Attack::SlowRetrieval));
    assert!(!error.is_unreachable(), "no reason to use an older state");
    names(&error, Bound::UpdateSeconds);
    // What was verified before the end of time stays, so that the next refresh comes further.
    let stored = std::fs::read(world.trusted.directory().join("metadata/root.json")).unwrap();
    let stored = serde_json::from_slice::<serde_json::Value>(&stored).unwrap();
    assert!(stored["signed"]["version"].as_u64().unwrap() > 1, "{stored}");
    let client = world.client_bounded(Bound::UpdateSeconds, 30);
    assert_eq!(Session::refresh(&client, &world.trusted).await.unwrap().versions().root, 9);
}

#[tokio::test]
async fn time_of_a_lookup() {
    let world = World::new().await;
    let client = world.client_bounded(Bound::UpdateSeconds, 1);
    let session = Session::refresh(&client, &world.trusted).await.unwrap();
    world.server.set(Paths::containing(".bins-"), Behaviour::Drip { bytes_per_second: 120 });
    let error = session.page(&project("hello")).await.unwrap_err();
    assert!(matches!(error, Error::UpdateTime { update: "the search for a target", .. }), "{error:?}");
    names(&error, Bound::UpdateSeconds);
    world.server.clear();
    assert!(session.page(&project("hello")).await.unwrap().is_some(), "the session goes on");
}

#[tokio::test]
async fn time_to_find_a_root_by_its_fingerprint() {
    let world = World::new().await;
    let root = world.repository.root().to_vec();
    let versions = (1..=200).filter_map(Version::new);
    let paths: Vec<String> = versions.map(|version| format!("/metadata/{version}.root.json")).collect();
    let server = HostileServer::start(Origin::files(paths.iter().map(|path| (path.as_str(), root.clone()))));
    let bytes_per_second = u32::try_from(root.len() * 4).unwrap();
    server.set(Paths::All, Behaviour::Drip { bytes_per_second });
    let store = TrustStore::open(world.home.path().join("other")).unwrap();
    let url = RepositoryUrl::parse(&server.url()).unwrap();
    let initial = InitialTrust::Fingerprint(sealdex_client::Sha256Digest::of(b"another"));
    let client = world.client_bounded(Bound::UpdateSeconds, 1);
    let error = store.add(&client, &name("slow"), &url, &initial).await.unwrap_err();
    assert!(matches!(error, Error::UpdateTime { update: "the search for the root", .. }), "{error:?}");
}

#[tokio::test]
async fn time_to_wait_for_another_process() {
    let world = World::new().await;
    let file = std::fs::File::open(world.trusted.directory().join("lock")).unwrap();
    file.lock().unwrap();
    let client = world.client_bounded(Bound::LockWaitSeconds, 1);
    let error = Session::refresh(&client, &world.trusted).await.unwrap_err();
    assert!(matches!(error, Error::Locked { waited, .. } if waited >= Duration::from_secs(1)), "{error:?}");
    names(&error, Bound::LockWaitSeconds);
    // That wait is none of the refresh's own time.
    let client = world.client_with(|settings| {
        Bound::LockWaitSeconds.set(settings, 10).unwrap();
        Bound::UpdateSeconds.set(settings, 1).unwrap();
    });
    let refresh = tokio::spawn({
        let trusted = world.trusted.clone();
        async move { Session::refresh(&client, &trusted).await.map(|_| ()) }
    });
    tokio::time::sleep(Duration::from_millis(1500)).await;
    file.unlock().unwrap();
    refresh.await.unwrap().unwrap();
}

//! Each attack on the repository's server, and the exact error it meets.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sealdex_client::{Attack, Bound, Client, Error, Session};
use sealdex_testkit::hostile::{Behaviour, Framing, Paths, Response};
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::{Attack as Core, Error as CoreError};

use crate::support::{FAST, World, project, target};

fn timestamp() -> Paths {
    Paths::exactly("/metadata/timestamp.json")
}

impl World {
    async fn refused_refresh(&self) -> Error {
        self.refused_refresh_by(&self.client).await
    }

    async fn refused_refresh_by(&self, client: &Client) -> Error {
        Session::refresh(client, &self.trusted).await.unwrap_err()
    }

    /// The refusal of the page of `hello`, which behaves so.
    async fn refused_page(&self, behaviour: Behaviour) -> Error {
        self.server.set(Paths::exactly(&self.repository.page_path("hello")), behaviour);
        let session = Session::refresh(&self.client, &self.trusted).await.unwrap();
        session.page(&project("hello")).await.unwrap_err()
    }
}

#[tokio::test]
async fn a_changed_page_has_the_wrong_hash() {
    let world = World::new().await;
    let error = world.refused_page(Behaviour::CorruptByte(20)).await;
    assert!(
        matches!(&error, Error::Verification(CoreError::WrongHash { file, .. }) if file == "simple/hello/index.json"),
        "{error:?}"
    );
    assert_eq!(error.attack(), Some(Attack::Verification(Core::WrongSoftware)));
}

#[tokio::test]
async fn the_page_of_another_project_has_the_wrong_hash() {
    let mut world = World::new().await;
    // Of the same length, so that only the content tells.
    world.repository.add("hollo", &WheelBuilder::new("hollo", "1.0").requires("helper").build());
    world.repository.publish();
    let other = world.repository.page_bytes("hollo");
    assert_eq!(other.len(), world.repository.page_bytes("hello").len());
    let error = world.refused_page(Behaviour::Replace(other)).await;
    assert!(matches!(error, Error::Verification(CoreError::WrongHash { .. })), "{error:?}");
}

#[tokio::test]
async fn another_projects_page_that_is_signed_is_refused_too() {
    let mut world = World::new().await;
    let other = world.repository.page_bytes("helper");
    world.repository.seal("simple/hello/index.json", &other);
    world.repository.publish();
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    let error = session.page(&project("hello")).await.unwrap_err();
    assert!(
        matches!(&error, Error::OtherProject { expected, found } if expected == "hello" && found == "helper"),
        "{error:?}"
    );
    assert_eq!(error.attack(), Some(Attack::Verification(Core::MixAndMatch)));
}

#[tokio::test]
async fn a_page_from_an_older_snapshot_is_refused() {
    let mut world = World::new().await;
    let old = world.repository.page_bytes("hello");
    world.repository.add("hello", &WheelBuilder::new("hello", "1.1").build());
    world.repository.publish();
    let error = world.refused_page(Behaviour::Replace(old)).await;
    assert!(
        matches!(error, Error::Verification(CoreError::WrongLength { expected, found, .. }) if found < expected),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_page_with_less_or_more_than_its_length_is_refused() {
    let world = World::new().await;
    let page = world.repository.page_bytes("hello");
    let length = page.len() as u64;
    let error = world.refused_page(Behaviour::Replace(page[..10].to_vec())).await;
    assert!(
        matches!(error, Error::Verification(CoreError::WrongLength { expected, found: 10, .. }) if expected == length),
        "{error:?}"
    );
    // A little more is another file; an attack by sheer mass is one that sends a lot.
    for (more, expected) in [(1, Core::WrongSoftware), (7, Core::WrongSoftware), (1 << 20, Core::EndlessData)]
    {
        let error = world.refused_page(Behaviour::WrongLength(more)).await;
        assert_eq!(error.attack(), Some(Attack::Verification(expected)), "{more} {error:?}");
        let mut longer = page.clone();
        longer.resize(page.len() + usize::try_from(more).unwrap(), b' ');
        let error = world.refused_page(Behaviour::Replace(longer)).await;
        assert_eq!(error.attack(), Some(Attack::Verification(expected)), "{more} {error:?}");
    }
    // Here the rest of the body is no longer part of the message.
    let error = world.refused_page(Behaviour::WrongLength(-7)).await;
    assert!(matches!(error, Error::Verification(CoreError::WrongLength { .. })), "{error:?}");
}

#[tokio::test]
async fn a_truncated_page_is_a_broken_transfer() {
    let world = World::new().await;
    let length = world.repository.page_bytes("hello").len() as u64;
    let error = world.refused_page(Behaviour::TruncateAt(10)).await;
    assert!(
        matches!(error, Error::Truncated { expected, found, .. } if expected == length && found <= 10),
        "{error:?}"
    );
    assert_eq!(error.attack(), None);
}

#[tokio::test]
async fn an_endless_body_is_left_after_its_limit() {
    let world = World::new().await;
    for framing in [Framing::Chunked, Framing::UntilClose, Framing::Length(1 << 30)] {
        world.server.set(timestamp(), Behaviour::Endless(framing));
        let error = world.refused_refresh().await;
        let Error::EndlessData { limit: 65_536, url, bound: Some(Bound::MaxTimestampBytes) } = &error else {
            panic!("{framing:?} {error:?}");
        };
        assert!(url.ends_with("/metadata/timestamp.json"), "{framing:?} {url}");
        assert_eq!(error.attack(), Some(Attack::Verification(Core::EndlessData)));
        world.server.clear();
        let error = world.refused_page(Behaviour::Endless(framing)).await;
        assert!(matches!(error, Error::EndlessData { .. }), "{framing:?} {error:?}");
        world.server.clear();
    }
    // Six transfers; the system's buffers between the two ends hold some megabytes of each.
    assert!(world.server.body_bytes_sent() < 120 << 20);
}

#[tokio::test]
async fn one_byte_a_second_is_a_slow_retrieval_attack() {
    let world = World::new().await;
    let drip = Behaviour::Drip { bytes_per_second: 1 };
    world.server.set(timestamp(), drip.clone());
    let error = world.refused_refresh().await;
    assert!(
        matches!(error, Error::SlowRetrieval { received: 1..=5, minimum_bytes_per_second: 100, .. }),
        "{error:?}"
    );
    assert_eq!(error.attack(), Some(Attack::SlowRetrieval));
    world.server.clear();
    let error = world.refused_page(drip).await;
    assert!(matches!(error, Error::SlowRetrieval { received: 1..=5, .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_stalls_is_left() {
    let world = World::new().await;
    world.server.set(timestamp(), Behaviour::Stall);
    let error = world.refused_refresh().await;
    assert!(matches!(error, Error::NoAnswer { limit, .. } if limit == FAST.first_byte), "{error:?}");
    assert_eq!(error.attack(), Some(Attack::SlowRetrieval));
    world.server.set(timestamp(), Behaviour::StallAfter(3));
    let error = world.refused_refresh().await;
    // On a busy machine even the three bytes may come too late.
    assert!(matches!(error, Error::SlowRetrieval { received: 0..=3, .. }), "{error:?}");
}

#[tokio::test]
async fn an_expired_timestamp_is_a_freeze_attack() {
    let world = World::new().await;
    let later = Timestamp::now().checked_add(SignedDuration::from_hours(30)).unwrap();
    let error = world.refused_refresh_by(&world.client_at(Arc::new(move || later))).await;
    assert!(
        matches!(&error, Error::Verification(CoreError::Expired { role, .. }) if role.as_str() == "timestamp"),
        "{error:?}"
    );
    assert_eq!(error.attack(), Some(Attack::Verification(Core::IndefiniteFreeze)));
}

#[tokio::test]
async fn a_rolled_back_timestamp_is_refused_and_the_state_stays() {
    let mut world = World::new().await;
    let old = std::fs::read(world.repository.path().join("metadata/timestamp.json")).unwrap();
    world.repository.publish();
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    world.server.set(timestamp(), Behaviour::Replace(old));
    let error = world.refused_refresh().await;
    let version = world.repository.version();
    assert!(
        matches!(
            error,
            Error::Verification(CoreError::Rollback { trusted, offered, .. })
                if trusted == version && offered == version - 1
        ),
        "{error:?}"
    );
    world.server.clear();
    let again = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert_eq!(again.versions(), session.versions());
}

#[tokio::test]
async fn metadata_signed_by_somebody_else_is_refused() {
    let mut world = World::new().await;
    world.repository.forget_online_key();
    world.repository.publish();
    let error = world.refused_refresh().await;
    let Error::Verification(CoreError::Threshold { role, valid: 0, .. }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(role.as_str(), "timestamp");
    assert_eq!(error.attack(), Some(Attack::Verification(Core::ArbitrarySoftware)));
}

#[tokio::test]
async fn a_gzip_bomb_is_not_unpacked() {
    let world = World::new().await;
    // One is too long as it is, the other one once it is unpacked.
    for unpacked_bytes in [4 << 30, 1 << 20] {
        let error = world.refused_page(Behaviour::GzipBomb { unpacked_bytes }).await;
        assert!(matches!(error, Error::EndlessData { bound: None, .. }), "{error:?}");
    }
    world.server.set(timestamp(), Behaviour::GzipBomb { unpacked_bytes: 1 << 20 });
    let error = world.refused_refresh().await;
    let bound = Some(Bound::MaxTimestampBytes);
    assert!(matches!(error, Error::EndlessData { limit: 65_536, bound: of, .. } if of == bound), "{error:?}");
}

#[tokio::test]
async fn codings_that_were_not_asked_for_are_refused() {
    let world = World::new().await;
    for coding in ["br", "dcz", "gzip, gzip", "zstd, identity"] {
        let answer = Response::ok("application/json", b"{}".to_vec()).with_header("content-encoding", coding);
        world.server.set(timestamp(), Behaviour::Respond(answer));
        let error = world.refused_refresh().await;
        assert!(matches!(&error, Error::Encoding { encoding, .. } if encoding == coding), "{error:?}");
        assert_eq!(error.attack(), Some(Attack::Verification(Core::EndlessData)));
    }
    // Files are fetched as they are.
    let path = "files/hello/hello-1.0-py3-none-any.whl";
    world.server.clear();
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    let found = session.target(&target(path)).await.unwrap().unwrap();
    world.server.set(Paths::ending_with(".whl"), Behaviour::GzipBomb { unpacked_bytes: 100 });
    let refused = session.read_target(&found, 1 << 20).await;
    assert!(matches!(&refused, Err(Error::Encoding { encoding, .. }) if encoding == "gzip"), "{refused:?}");
}

#[tokio::test]
async fn packed_answers_are_whole_streams_and_nothing_else() {
    let world = World::new().await;
    let page = world.repository.page_bytes("hello");
    let packed = zstd::encode_all(page.as_slice(), 3).unwrap();
    let answer = |body: &[u8]| {
        let response =
            Response::ok("application/json", body.to_vec()).with_header("content-encoding", "zstd");
        Behaviour::Respond(response)
    };
    for (body, reason) in [
        (packed[..packed.len() - 1].to_vec(), "it ends early"),
        ([&packed[..], b"!"].concat(), "more follows its end"),
        (page.clone(), "it is damaged"),
    ] {
        let error = world.refused_page(answer(&body)).await;
        assert!(matches!(&error, Error::Damaged { reason: found, .. } if *found == reason), "{error:?}");
        assert!(error.attack().is_none() && !error.is_unreachable());
    }
    let mut other = page.clone();
    other[20] ^= 1;
    let error = world.refused_page(answer(&zstd::encode_all(&other[..], 3).unwrap())).await;
    assert!(matches!(error, Error::Verification(CoreError::WrongHash { .. })), "{error:?}");
    world.server.set(Paths::exactly(&world.repository.page_path("hello")), answer(&packed));
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert!(session.page(&project("hello")).await.unwrap().is_some());
}

#[tokio::test]
async fn redirects_end() {
    let world = World::new().await;
    world.server.set(timestamp(), Behaviour::Redirect("/metadata/timestamp.json".to_owned()));
    let error = world.refused_refresh().await;
    assert!(matches!(error, Error::Redirect { reason: "more than 5 redirects in a row", .. }), "{error:?}");
    world.server.set(timestamp(), Behaviour::Redirect("http://127.0.0.2:1/timestamp.json".to_owned()));
    let error = world.refused_refresh().await;
    assert!(
        matches!(error, Error::Redirect { reason: "metadata is not fetched from another host", .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn faults_are_no_attacks() {
    let world = World::new().await;
    world.server.set(timestamp(), Behaviour::Status(503));
    let error = world.refused_refresh().await;
    assert!(matches!(error, Error::Status { status: 503, .. }), "{error:?}");
    assert!(error.is_unreachable() && error.attack().is_none());
    world.server.set(timestamp(), Behaviour::Status(404));
    let error = world.refused_refresh().await;
    assert!(
        matches!(&error, Error::Verification(CoreError::Missing { file }) if file == "timestamp.json"),
        "{error:?}"
    );
    let World { server, client, trusted, .. } = world;
    drop(server);
    let error = Session::refresh(&client, &trusted).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.is_unreachable() && error.attack().is_none());
}

#[tokio::test]
async fn a_target_that_does_not_verify_leaves_no_file() {
    let world = World::new().await;
    world.server.set(Paths::ending_with(".whl"), Behaviour::CorruptByte(100));
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    let path = target("files/hello/hello-1.0-py3-none-any.whl");
    let found = session.target(&path).await.unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = session.download_target(&found, &folder.path().join("hello.whl")).await.unwrap_err();
    assert!(matches!(error, Error::Verification(CoreError::WrongHash { .. })), "{error:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

//! Sessions against an honest repository.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sealdex_client::{Error, Session};
use sealdex_testkit::hostile::{Behaviour, Paths};
use sealdex_testkit::wheel::WheelBuilder;

use crate::support::{World, project, target};

#[tokio::test]
async fn pages_and_targets_come_out_verified() {
    let world = World::new().await;
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert_eq!(session.versions().timestamp, world.repository.version());
    let page = session.page(&project("hello")).await.unwrap().unwrap();
    assert_eq!(page.page().files[0].filename.as_str(), "hello-1.0-py3-none-any.whl");
    assert!(session.page(&project("absent")).await.unwrap().is_none());

    let path = target("files/hello/hello-1.0-py3-none-any.whl");
    let found = session.target(&path).await.unwrap().unwrap();
    let wheel = WheelBuilder::new("hello", "1.0").requires("helper").build();
    assert_eq!(session.read_target(&found, 1 << 20).await.unwrap(), wheel.bytes);
    assert!(matches!(session.read_target(&found, 10).await, Err(Error::TooLarge { limit: 10, .. })));
    let destination = world.home.path().join("hello.whl");
    session.download_target(&found, &destination).await.unwrap();
    assert_eq!(std::fs::read(&destination).unwrap(), wheel.bytes);
}

#[tokio::test]
async fn many_searches_at_once_share_what_they_load() {
    let mut world = World::new().await;
    for number in 0..40 {
        let name = format!("many{number}");
        world.repository.add(&name, &WheelBuilder::new(&name, "1.0").build());
    }
    world.repository.publish();
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    let searches = (0..40).map(|number| {
        let session = session.clone();
        tokio::spawn(async move { session.page(&project(&format!("many{number}"))).await.unwrap().is_some() })
    });
    let searches: Vec<_> = searches.collect();
    for search in searches {
        assert!(search.await.unwrap());
    }
}

#[tokio::test]
async fn what_is_unchanged_is_not_fetched_again() {
    let world = World::new().await;
    let load = async || {
        let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
        session.page(&project("hello")).await.unwrap().unwrap();
    };
    load().await;
    world.server.clear_requests();
    load().await;
    let mut paths: Vec<String> = world.server.requests().iter().map(|own| own.path().to_owned()).collect();
    // They are asked for at the same time.
    paths.sort();
    assert_eq!(paths, ["/metadata/2.root.json", "/metadata/timestamp.json"]);
}

#[tokio::test]
async fn one_session_stays_with_its_snapshot() {
    let mut world = World::new().await;
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    world.repository.add("hello", &WheelBuilder::new("hello", "2.0").build());
    world.repository.publish();
    assert_eq!(session.page(&project("hello")).await.unwrap().unwrap().page().files.len(), 1);
    let newer = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert_eq!(newer.page(&project("hello")).await.unwrap().unwrap().page().files.len(), 2);
    assert!(newer.versions() > session.versions());
}

#[tokio::test]
async fn an_older_session_does_not_put_back_what_a_newer_one_keeps() {
    let mut world = World::new().await;
    let older = Session::refresh(&world.client, &world.trusted).await.unwrap();
    world.repository.add("helper", &WheelBuilder::new("helper", "2.0").build());
    world.repository.publish();
    let newer = Session::refresh(&world.client, &world.trusted).await.unwrap();
    newer.page(&project("helper")).await.unwrap().unwrap();
    let kept = || {
        let folder = std::fs::read_dir(world.trusted.directory().join("metadata")).unwrap();
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    let before = kept();
    assert_eq!(older.page(&project("helper")).await.unwrap().unwrap().page().files.len(), 1);
    assert!(kept() == before);
}

#[tokio::test]
async fn a_bad_role_ends_one_search_and_no_other() {
    let world = World::new().await;
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert!(session.page(&project("helper")).await.unwrap().is_some());
    world.server.set(Paths::containing(".bins-"), Behaviour::Replace(b"{}".to_vec()));
    let refused = session.page(&project("hello")).await;
    assert!(matches!(refused, Err(Error::Verification(sealdex_tuf::Error::Malformed(_)))), "{refused:?}");
    world.server.clear();
    assert!(session.page(&project("hello")).await.unwrap().is_some());
    assert!(session.page(&project("helper")).await.unwrap().is_some());
}

#[tokio::test]
async fn offline_uses_what_was_kept_until_it_expires() {
    let world = World::new().await;
    let online = Session::refresh(&world.client, &world.trusted).await.unwrap();
    online.page(&project("hello")).await.unwrap().unwrap();
    world.server.set(Paths::All, Behaviour::Status(500));
    world.server.clear_requests();
    let refused = Session::refresh(&world.client, &world.trusted).await;
    assert!(matches!(refused, Err(Error::Status { status: 500, .. })));
    world.server.clear_requests();
    let offline = Session::offline(&world.client, &world.trusted).await.unwrap();
    assert!(offline.is_offline());
    assert_eq!(offline.versions(), online.versions());
    assert!(offline.page(&project("hello")).await.unwrap().is_some());
    assert!(world.server.requests().is_empty());

    let later = Timestamp::now().checked_add(SignedDuration::from_hours(25)).unwrap();
    let client = world.client_at(Arc::new(move || later));
    let refused = Session::offline(&client, &world.trusted).await;
    assert!(matches!(refused, Err(Error::Verification(sealdex_tuf::Error::Expired { .. }))), "{refused:?}");
}

//! How many times in a row the client waits for the network.

use sealdex_client::Session;
use sealdex_simple::ProjectName;
use sealdex_testkit::wheel::WheelBuilder;

use crate::support::{Rounds, TestRepository, World, get, project};

const PROJECTS: usize = 50;

fn names() -> Vec<ProjectName> {
    (0..PROJECTS).map(|number| project(&format!("package{number}"))).collect()
}

fn repository() -> TestRepository {
    let mut repository = TestRepository::new();
    for name in names() {
        repository.add(name.as_str(), &WheelBuilder::new(name.as_str(), "1.0").build());
    }
    repository.publish();
    repository
}

/// Loads all pages in exactly these rounds. No file is fetched twice.
async fn load(world: &World, rounds: &Rounds, expected: &[usize]) {
    world.server.clear_requests();
    rounds.expect(expected);
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    let pages = session.pages(&names()).await.unwrap();
    for (name, page) in names().iter().zip(&pages) {
        assert_eq!(page.as_ref().unwrap().page().name, *name);
    }
    rounds.assert_over();
    let mut paths: Vec<_> = world.server.requests().iter().map(|own| own.path().to_owned()).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count, "{paths:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_of_fifty_packages_takes_four() {
    let rounds = Rounds::new();
    let mut world = World::in_rounds(repository(), &rounds).await;
    let bins = world.repository.bins_of(&names());
    assert!(bins > 5);
    // The root that there is not and the timestamp, then bins, then pages: adding the repository brought the rest.
    load(&world, &rounds, &[2, bins, PROJECTS]).await;
    // A day later: the same, and the snapshot.
    for name in names() {
        world.repository.add(name.as_str(), &WheelBuilder::new(name.as_str(), "1.1").build());
    }
    world.repository.publish();
    load(&world, &rounds, &[2, 1, bins, PROJECTS]).await;
    // And with nothing new.
    load(&world, &rounds, &[2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_comes_before_the_timestamp_that_counts() {
    let rounds = Rounds::new();
    let mut world = World::in_rounds(repository(), &rounds).await;
    world.repository.rotate_online_key();
    world.repository.publish();
    world.server.clear_requests();
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert_eq!(session.versions().root, 2);
    let paths: Vec<_> = world.server.requests().iter().map(|own| own.path().to_owned()).collect();
    // The one that came along with the new root was not used.
    let timestamps = paths.iter().filter(|path| path.ends_with("timestamp.json")).count();
    assert_eq!(timestamps, 2, "{paths:?}");
    assert!(paths[..2].contains(&"/metadata/2.root.json".to_owned()));
    assert_eq!(paths[2], "/metadata/3.root.json");
    assert_eq!(paths[3], "/metadata/timestamp.json");
}

/// The proxy answers what an installer asks at the same time at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_looks_up_in_parallel() {
    let rounds = Rounds::new();
    let world = World::in_rounds(repository(), &rounds).await;
    let proxy = world.proxy().await;
    let wanted = &names()[..10];
    rounds.expect(&[2, world.repository.bins_of(wanted), wanted.len()]);
    let address = proxy.address();
    let ask = |number| async move { get(address, &format!("/simple/package{number}/"), &[]).await.status };
    let requests: Vec<_> = (0..wanted.len()).map(|number| tokio::spawn(ask(number))).collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    rounds.assert_over();
    proxy.shutdown().await;
}

//! What `status` tells when a part of the repository is away: what is known without it, and what that means.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Layout, Part, Publishing, RepositoryDirectory, Settings, Status};
use sealdex_testdatabase::{PostgresServer, Synchronise};
use support::{TestClock, World, add_wheel, wheel};

const TOP_LEVEL: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];

/// A repository in which something was published, and something is pending.
async fn world(settings: Settings) -> World {
    let world = World::as_set(settings).await;
    add_wheel(&world.repository, &wheel("six", "1.0")).await.unwrap();
    world.writer().await.publish_pending().await.unwrap().unwrap();
    add_wheel(&world.repository, &wheel("six", "2.0")).await.unwrap();
    world
}

fn settings() -> Settings {
    Settings::new(Layout::pep458(BinStyle::Succinct, 2).unwrap())
}

/// As a process finds it that comes now.
async fn status(world: &World) -> Status {
    let directory = RepositoryDirectory::new(world.repository.directory().path());
    let (status, repository) =
        Status::of(directory, Arc::<TestClock>::clone(&world.clock), None).await.unwrap();
    assert_eq!(repository.is_none(), status.away(Part::Database).is_some());
    status
}

fn names(status: &Status) -> Vec<&str> {
    status.roles.iter().map(|role| role.name.as_str()).collect()
}

fn aside(path: &Path) {
    std::fs::rename(path, path.with_extension("aside")).unwrap();
}

#[tokio::test]
async fn without_what_is_public_the_state_is_told() {
    let world = world(settings()).await;
    let whole = status(&world).await;
    let mut writer = Some(world.writer().await);
    aside(&world.repository.directory().public());
    for expected in [Publishing::Paused, Publishing::Stopped] {
        let status = status(&world).await;
        let away = status.away(Part::Public).unwrap();
        assert_eq!(status.away.len(), 1);
        assert!(away.place.ends_with("public"), "{}", away.place);
        assert!(away.reason.contains("timestamp.json: No such file"), "{}", away.reason);
        assert_eq!((status.publishing, status.writer.is_some()), (expected, writer.is_some()));
        assert_eq!((status.pending_transactions, status.layout.as_deref()), (Some(1), Some("pep458")));
        assert_eq!(names(&status), [&TOP_LEVEL[..], &["index", "files"]].concat());
        for (role, known) in status.roles.iter().zip(&whole.roles) {
            assert!(role.signatures.is_none() && known.signatures.is_some());
            assert_eq!((role.version, role.expires), (known.version, known.expires), "{}", role.name);
        }
        assert_eq!(status.bins.len(), 2);
        for (bins, known) in status.bins.iter().zip(&whole.bins) {
            assert!(bins.trusted.is_none() && known.trusted.is_some());
            assert_eq!(bins.highest_version, known.highest_version);
        }
        assert_eq!((status.development, status.root_fingerprint), (None, None));
        writer = None;
    }
}

#[tokio::test]
async fn without_the_state_what_is_served_is_told() {
    let world = world(settings()).await;
    let whole = status(&world).await;
    let writer = world.writer().await;
    world.repository.close().await;
    aside(&world.repository.directory().state_file());
    let without = status(&world).await;
    let away = without.away(Part::Database).unwrap();
    assert_eq!((away.place.as_str(), without.away.len()), ("SQLite", 1));
    assert!(away.reason.contains("the database failed to be opened: "), "{}", away.reason);
    assert_eq!(names(&without), TOP_LEVEL);
    for (role, known) in without.roles.iter().zip(&whole.roles) {
        assert_eq!((role.version, role.expires), (known.version, known.expires), "{}", role.name);
        assert_eq!(
            role.signatures.as_ref().unwrap().signed_by,
            known.signatures.as_ref().unwrap().signed_by,
            "{}",
            role.name
        );
    }
    assert_eq!((&without.root_fingerprint, without.development), (&whole.root_fingerprint, Some(false)));
    assert_eq!((without.pending_transactions, without.layout.as_deref()), (None, None));
    // Its lock is a file.
    assert_eq!(without.publishing, Publishing::Paused);
    assert_eq!(without.writer.unwrap().process_id, Some(std::process::id()));
    drop(writer);
    aside(&world.repository.directory().public());
    let without = status(&world).await;
    assert_eq!((without.away.len(), without.roles.len()), (2, 0));
    assert_eq!((without.publishing, without.writer.is_none()), (Publishing::Stopped, true));
}

#[tokio::test]
async fn a_postgresql_that_is_down_is_told_of() {
    let mut server = PostgresServer::start(Synchronise::No).unwrap();
    let mut settings = settings();
    settings.storage.database = Some(server.schema().unwrap());
    let world = world(settings).await;
    server.stop();
    // Both who comes now and who has it open.
    for status in [status(&world).await, world.repository.status().await.unwrap()] {
        let away = status.away(Part::Database).unwrap();
        assert!(away.place.starts_with("postgresql://postgres@127.0.0.1:"), "{}", away.place);
        assert_eq!((status.away.len(), names(&status)), (1, TOP_LEVEL.to_vec()));
        assert!(status.root_fingerprint.is_some());
        // Who publishes is not known without it.
        assert_eq!((status.publishing, status.writer.is_none()), (Publishing::Paused, true));
    }
    server.resume().unwrap();
    assert!(status(&world).await.away.is_empty());
}

/// A full disk, a signer that does not answer: the one who publishes knows why, everybody sees that nothing moves.
#[tokio::test]
async fn what_waits_for_long_beside_a_writer_is_told_as_a_pause() {
    let world = world(settings()).await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(status(&world).await.publishing, Publishing::Stopped);
    let mut writer = world.writer().await;
    let waiting = status(&world).await;
    assert_eq!((waiting.publishing, waiting.pending_transactions), (Publishing::Paused, Some(1)));
    writer.publish_pending().await.unwrap().unwrap();
    assert_eq!(status(&world).await.publishing, Publishing::Running);
}

//! How trust begins, ends, and survives damage.

use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use sealdex_client::{Error, InitialTrust, RepositoryUrl, Session, Sha256Digest, TrustStore};
use sealdex_testkit::hostile::{Behaviour, Paths};
use sealdex_tuf::Error as CoreError;

use crate::support::{StaticServer, TestRepository, World, client, name, project};

/// What is in a store, but for the bindings and their lock.
fn entries(store: &TrustStore) -> usize {
    let names = fs::read_dir(store.directory()).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| !name.to_str().unwrap().starts_with(".bindings.")).count()
}

#[tokio::test]
async fn a_fingerprint_of_any_root_version_is_enough() {
    let mut repository = TestRepository::with_hello();
    let first = Sha256Digest::of(repository.root());
    repository.rotate_online_key();
    repository.publish();
    let second = Sha256Digest::of(repository.root());
    let server = StaticServer::start(repository.path());
    let home = tempfile::tempdir().unwrap();
    let client = client(home.path(), Arc::new(Timestamp::now));
    let store = TrustStore::open(home.path().join("trust")).unwrap();
    let url = RepositoryUrl::parse(&server.url()).unwrap();
    for (own, digest) in [("first", first), ("second", second)] {
        let added = store.add(&client, &name(own), &url, &InitialTrust::Fingerprint(digest)).await.unwrap();
        assert_eq!(added.record().initial_root, digest);
        let session = Session::refresh(&client, &added).await.unwrap();
        assert_eq!(session.versions().root, 2);
    }
    let names: Vec<_> = store.list().unwrap().iter().map(|own| own.name().to_string()).collect();
    assert_eq!(names, ["first", "second"]);

    let wrong = InitialTrust::Fingerprint(Sha256Digest::of(b"another"));
    let refused = store.add(&client, &name("wrong"), &url, &wrong).await;
    assert!(matches!(refused, Err(Error::NoSuchRoot { tried: 2, .. })), "{refused:?}");
    let refused = store.add(&client, &name("first"), &url, &InitialTrust::Fingerprint(first)).await;
    assert!(matches!(refused, Err(Error::AlreadyTrusted { .. })), "{refused:?}");
    store.remove(&name("first")).unwrap();
    assert!(matches!(store.repository(&name("first")), Err(Error::UnknownRepository { .. })));
    assert!(matches!(store.remove(&name("first")), Err(Error::UnknownRepository { .. })));
    assert_eq!(store.list().unwrap().len(), 1);
    // Nothing is left of what failed or was removed.
    assert_eq!(entries(&store), 1);
}

#[tokio::test]
async fn a_url_without_a_repository_is_told_as_one() {
    let repository = TestRepository::with_hello();
    let server = StaticServer::start(repository.path());
    let home = tempfile::tempdir().unwrap();
    let client = client(home.path(), Arc::new(Timestamp::now));
    let store = TrustStore::open(home.path().join("trust")).unwrap();
    let url = RepositoryUrl::parse(&format!("{}/simple/", server.url())).unwrap();
    let fingerprint = InitialTrust::Fingerprint(Sha256Digest::of(repository.root()));
    for (initial, asked) in
        [(InitialTrust::Root(repository.root().to_vec()), "timestamp.json"), (fingerprint, "1.root.json")]
    {
        let error = store.add(&client, &name("wrong"), &url, &initial).await.unwrap_err();
        let asked = format!("{url}metadata/{asked}");
        let said = format!("there is no repository at {url}: the server says that it has no {asked} (404, ");
        assert!(error.to_string().starts_with(&said), "{error}");
        assert!(error.hint().contains("without simple/"), "{}", error.hint());
        assert_eq!(entries(&store), 0);
    }
}

#[tokio::test]
async fn a_repository_that_does_not_verify_is_not_added() {
    let world = World::new().await;
    world.server.set(Paths::containing("snapshot.json"), Behaviour::CorruptByte(50));
    let store = TrustStore::open(world.home.path().join("trust")).unwrap();
    let url = RepositoryUrl::parse(&world.server.url()).unwrap();
    let initial = InitialTrust::Root(world.repository.root().to_vec());
    let refused = store.add(&world.client, &name("second"), &url, &initial).await;
    assert!(matches!(refused, Err(Error::Verification(CoreError::WrongHash { .. }))), "{refused:?}");
    assert_eq!(entries(&store), 1);

    let other = TestRepository::new();
    let initial = InitialTrust::Root(other.root().to_vec());
    world.server.clear();
    let refused = store.add(&world.client, &name("second"), &url, &initial).await;
    assert!(matches!(refused, Err(Error::Verification(CoreError::Threshold { .. }))), "{refused:?}");
}

#[tokio::test]
async fn damaged_files_are_fetched_again() {
    let mut world = World::new().await;
    world.repository.rotate_online_key();
    world.repository.publish();
    let load = async || {
        let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
        session.page(&project("hello")).await.unwrap().unwrap();
        session.versions()
    };
    let versions = load().await;
    let metadata = world.trusted.directory().join("metadata");
    for damage in [&b""[..], b"{", b"not json"] {
        for entry in fs::read_dir(&metadata).unwrap() {
            fs::write(entry.unwrap().path(), damage).unwrap();
        }
        assert_eq!(load().await, versions);
    }
    fs::remove_dir_all(&metadata).unwrap();
    assert_eq!(load().await, versions);

    fs::remove_file(metadata.join("root.json")).unwrap();
    fs::write(world.trusted.directory().join("initial-root.json"), b"{}").unwrap();
    let refused = Session::refresh(&world.client, &world.trusted).await;
    assert!(matches!(refused, Err(Error::DamagedTrust { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_key_rotation_recovers_from_a_fast_forward() {
    let mut world = World::new().await;
    Session::refresh(&world.client, &world.trusted).await.unwrap();
    // Whoever had the online key published version 1,000; the operator goes on with a new key from where it was.
    let honest = world.repository.version();
    world.repository.set_version(1000);
    world.repository.publish();
    Session::refresh(&world.client, &world.trusted).await.unwrap();
    world.repository.set_version(honest);
    world.repository.rotate_online_key();
    world.repository.publish();
    let session = Session::refresh(&world.client, &world.trusted).await.unwrap();
    assert_eq!(session.versions().timestamp, honest + 1);
    assert_eq!(session.versions().root, 2);
    assert!(session.page(&project("hello")).await.unwrap().is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn the_state_is_private_and_no_symbolic_link() {
    use std::os::unix::fs::{MetadataExt as _, symlink};
    let world = World::new().await;
    let directory = world.trusted.directory().to_owned();
    for (path, mode) in [
        ("", 0o700),
        ("metadata", 0o700),
        ("metadata/root.json", 0o600),
        ("repository.toml", 0o600),
        ("lock", 0o600),
    ] {
        assert_eq!(fs::metadata(directory.join(path)).unwrap().mode() & 0o777, mode, "{path}");
    }
    let moved = world.home.path().join("moved");
    fs::rename(directory.join("metadata"), &moved).unwrap();
    symlink(&moved, directory.join("metadata")).unwrap();
    let refused = Session::refresh(&world.client, &world.trusted).await;
    assert!(matches!(refused, Err(Error::NotADirectory { .. })), "{refused:?}");
}

//! HTTP/2 over TLS: one connection for everything, and servers that are not who they should be.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use http::Version;
use jiff::{SignedDuration, Timestamp};
use sealdex_client::{
    Client, ClientSettings, Error, InitialTrust, RepositoryUrl, Session, TrustStore, TrustedRepository,
};
use sealdex_simple::ProjectName;
use sealdex_testkit::wheel::WheelBuilder;
use tempfile::TempDir;

use crate::support::{Authority, Rounds, StaticServer, TestRepository, name, project};

const PROJECTS: usize = 50;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Tells a process of these tests which server to ask.
const CHILD: &str = "SEALDEX_TEST_TLS_CHILD";

fn names() -> Vec<ProjectName> {
    (0..PROJECTS).map(|number| project(&format!("package{number}"))).collect()
}

/// A user who names this file of authorities, or none.
struct User {
    home: TempDir,
    client: Client,
}

impl User {
    fn new(ca_file: Option<PathBuf>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let client = Client::new(settings(home.path(), ca_file), Arc::new(Timestamp::now)).unwrap();
        Self { home, client }
    }

    async fn trust(&self, server: &str, root: &[u8]) -> Result<TrustedRepository, Error> {
        let store = TrustStore::open(self.home.path().join("trust")).unwrap();
        let (url, initial) = (RepositoryUrl::parse(server).unwrap(), InitialTrust::Root(root.to_vec()));
        store.add(&self.client, &name("test"), &url, &initial).await
    }
}

fn settings(home: &Path, ca_file: Option<PathBuf>) -> ClientSettings {
    ClientSettings { ca_file, ..ClientSettings::new(home.join("cache")) }
}

fn file_of(authority: &Authority, folder: &TempDir) -> PathBuf {
    let path = folder.path().join("authority.pem");
    std::fs::write(&path, authority.pem()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_has_all_of_fifty_packages() {
    let mut repository = TestRepository::new();
    for name in names() {
        repository.add(name.as_str(), &WheelBuilder::new(name.as_str(), "1.0").build());
    }
    repository.publish();
    let (authority, rounds, folder) = (Authority::new("ours"), Rounds::new(), tempfile::tempdir().unwrap());
    let identity = authority.issue("localhost", [-HOUR, HOUR]);
    let server = StaticServer::start_with_tls(repository.path(), &rounds, &identity);
    let user = User::new(Some(file_of(&authority, &folder)));
    let url = format!("https://localhost:{}", server.port());
    let trusted = user.trust(&url, repository.root()).await.unwrap();
    server.take_seen();

    let bins = repository.bins_of(&names());
    assert!(bins > 5);
    // None of a round is answered before all of it has come: they are under way at the same time.
    rounds.expect(&[2, bins, PROJECTS]);
    let session = Session::refresh(&user.client, &trusted).await.unwrap();
    let pages = session.pages(&names()).await.unwrap();
    assert!(names().iter().zip(&pages).all(|(name, page)| page.as_ref().unwrap().page().name == *name));
    rounds.assert_over();
    let seen = server.take_seen();
    assert_eq!(seen.len(), 2 + bins + PROJECTS);
    let different: HashSet<_> = seen.into_iter().collect();
    assert_eq!(different.len(), 1, "{different:?}");
    assert!(different.iter().all(|seen| seen.version == Version::HTTP_2), "{different:?}");
}

/// Each is refused, and told by its reason; nothing is asked of such a server.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_not_who_they_should_be_are_refused() {
    let repository = TestRepository::with_hello();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let folder = tempfile::tempdir().unwrap();
    let trusts_ours = || Some(file_of(&ours, &folder));
    let day = 24 * HOUR;
    for (identity, ca_file, reason) in [
        (ours.issue("127.0.0.1", [-HOUR, HOUR]), None, "UnknownIssuer"),
        (theirs.issue("127.0.0.1", [-HOUR, HOUR]), trusts_ours(), "UnknownIssuer"),
        (ours.issue("127.0.0.1", [-day, -HOUR]), trusts_ours(), "certificate expired"),
        (ours.issue("127.0.0.1", [HOUR, day]), trusts_ours(), "certificate not valid yet"),
        (ours.issue("other.example", [-HOUR, HOUR]), trusts_ours(), "certificate not valid for name"),
        (ours.issue("127.0.0.2", [-HOUR, HOUR]), trusts_ours(), "certificate not valid for name"),
    ] {
        let server = StaticServer::start_with_tls(repository.path(), &Rounds::new(), &identity);
        let url = format!("https://127.0.0.1:{}", server.port());
        let error = User::new(ca_file).trust(&url, repository.root()).await.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        let told = error.to_string();
        assert!(
            told.starts_with(&format!("{url}/")) && told.contains("cannot be reached securely"),
            "{told}"
        );
        assert!(told.contains(reason), "{reason}: {told}");
        assert!(error.hint().contains("--ca-file"), "{}", error.hint());
        assert_eq!(server.take_seen(), []);
    }
    let identity = ours.issue("127.0.0.1", [-HOUR, HOUR]);
    let server = StaticServer::start_with_tls(repository.path(), &Rounds::new(), &identity);
    let url = format!("https://127.0.0.1:{}", server.port());
    User::new(trusts_ours()).trust(&url, repository.root()).await.unwrap();
    assert!(!server.take_seen().is_empty());
}

#[test]
fn a_file_without_authorities_is_told_of_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authorities.pem");
    let made = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Client::new(settings(folder.path(), Some(path.clone())), Arc::new(Timestamp::now)).map(drop)
    };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "no certificate", broken] {
        let error = made(text).unwrap_err();
        assert!(matches!(error, Error::Authorities { .. }), "{text}: {error:?}");
        assert!(error.to_string().contains("authorities.pem"), "{error}");
    }
    let two = format!("{}\n{}", Authority::new("one").pem(), Authority::new("two").pem());
    made(&two).unwrap();
    let absent = settings(folder.path(), Some(folder.path().join("none.pem")));
    assert!(matches!(Client::new(absent, Arc::new(Timestamp::now)), Err(Error::Io { .. })));
}

/// What this machine trusts may be said by `SSL_CERT_FILE`, as to other programs.
#[test]
fn the_authorities_of_the_machine_are_taken_from_the_environment() {
    if let Ok(order) = std::env::var(CHILD) {
        let (url, root) = order.split_once('|').unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let root = std::fs::read(root).unwrap();
        runtime.block_on(User::new(None).trust(url, &root)).unwrap();
        return;
    }
    let (repository, authority) = (TestRepository::with_hello(), Authority::new("ours"));
    let folder = tempfile::tempdir().unwrap();
    let identity = authority.issue("127.0.0.1", [-HOUR, HOUR]);
    let server = StaticServer::start_with_tls(repository.path(), &Rounds::new(), &identity);
    let root = folder.path().join("root.json");
    std::fs::write(&root, repository.root()).unwrap();
    let order = format!("https://127.0.0.1:{}|{}", server.port(), root.display());
    let test = "tls::the_authorities_of_the_machine_are_taken_from_the_environment";
    let succeeds = |file: &Path| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", test])
            .env(CHILD, &order)
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR");
        child.output().unwrap().status.success()
    };
    assert!(succeeds(&file_of(&authority, &folder)));
    let other = tempfile::tempdir().unwrap();
    assert!(!succeeds(&file_of(&Authority::new("theirs"), &other)));
    assert!(server.take_seen().iter().all(|seen| seen.version == Version::HTTP_2));
}

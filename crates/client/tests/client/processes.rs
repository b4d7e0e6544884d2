//! Several processes on one trusted state, killed at any point.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use sealdex_client::{Error, ProxyOptions, Session, SnapshotPolicy, TrustStore, VerifyingProxy};
use sealdex_testkit::process::Process;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;

use crate::support::{TestRepository, World, client, get, name, project};

const HOME: &str = "SEALDEX_TEST_CHILD_HOME";
const KILLS: u64 = 100;

/// What the child processes of the tests below do: serve and ask a proxy that refreshes for every request, and print
/// each version it came to.
#[expect(clippy::print_stdout, reason = "the test reads what its child prints")]
async fn refresh_until_stopped(home: &Path) {
    let client = client(home, Arc::new(Timestamp::now));
    let trusted = TrustStore::open(home.join("trust")).unwrap().repository(&name("test")).unwrap();
    let options = ProxyOptions::default().snapshots(SnapshotPolicy::RefreshAfter(Duration::ZERO));
    let proxy =
        VerifyingProxy::start(&client, &trusted, "127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    while !home.join("stop").exists() {
        for path in ["/simple/hello/", "/simple/helper/", "/files/hello/hello-1.0-py3-none-any.whl"] {
            let answer = get(proxy.address(), path, &[]).await;
            assert_eq!(answer.status, 200, "{path} {:?} {:?}", answer.reason, proxy.refusals());
        }
        println!("version {}", proxy.session().await.unwrap().versions().timestamp);
    }
}

fn start_child(home: &Path) -> Process {
    Process::start(&mut child_command(home))
}

fn child_command(home: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["processes::a_state_whose_process_was_killed_is_usable", "--exact", "--nocapture"])
        .env(HOME, home);
    command
}

/// Publishes on and on, on a thread of its own.
struct Publisher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<TestRepository>,
}

impl Publisher {
    fn start(mut repository: TestRepository) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let version = format!("{}.0", repository.version() + 1);
                repository.add("helper", &WheelBuilder::new("helper", &version).build());
                repository.publish();
                thread::sleep(Duration::from_millis(10));
            }
            repository
        });
        Self { stop, thread }
    }

    fn stop(self) -> TestRepository {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn stored_version(directory: &Path, role: &str) -> u64 {
    let bytes = fs::read(directory.join(format!("metadata/{role}.json"))).unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap()["signed"]["version"].as_u64().unwrap()
}

/// The version of each file of metadata. A file that is not whole is a failure.
fn stored_versions(directory: &Path) -> BTreeMap<String, u64> {
    let names = fs::read_dir(directory.join("metadata")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let roles = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()));
    roles.map(|role| (role.clone(), stored_version(directory, &role))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proxies_share_one_state_under_load() {
    let World { repository, server: _server, home, trusted, client, _origin, .. } = World::new().await;
    let publisher = Publisher::start(repository);
    let children = [start_child(home.path()), start_child(home.path())];
    for child in &children {
        child.wait_for_line("version ", Duration::from_secs(60));
    }
    let mut last = [0, 0];
    for round in 0..150 {
        let versions = ["timestamp", "snapshot"].map(|role| stored_version(trusted.directory(), role));
        assert!(
            versions[0] >= last[0] && versions[1] >= last[1],
            "round {round}: {versions:?} after {last:?}"
        );
        last = versions;
        // Under the lock, what is on disk is one whole state.
        let session = Session::offline(&client, &trusted).await.unwrap();
        assert!(session.versions().timestamp >= last[0]);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fs::write(home.path().join("stop"), "").unwrap();
    for child in children {
        let (status, log) = child.wait(Duration::from_secs(60));
        assert!(status.success(), "{log}");
        let versions: Vec<u64> =
            log.lines().filter_map(|line| line.strip_prefix("version ")?.parse().ok()).collect();
        assert!(versions.len() > 10 && versions.is_sorted(), "{versions:?}");
        assert!(versions.first() < versions.last(), "{versions:?}");
    }
    let repository = publisher.stop();
    let session = Session::refresh(&client, &trusted).await.unwrap();
    assert_eq!(session.versions().timestamp, repository.version());
    assert!(session.page(&project("helper")).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_whose_process_was_killed_is_usable() {
    if let Some(home) = env::var_os(HOME).map(PathBuf::from) {
        return refresh_until_stopped(&home).await;
    }
    let World { repository, server: _server, home, trusted, client, _origin, .. } = World::new().await;
    let publisher = Publisher::start(repository);
    let (mut last, mut halfway) = (0, 0);
    let mut floor = stored_versions(trusted.directory());
    for kill in 0..KILLS {
        let child = start_child(home.path());
        // Late enough that most are killed in the middle of their refreshes, early enough that some are not yet there.
        tokio::time::sleep(Duration::from_millis(10 + kill * 7 % 90)).await;
        child.kill();
        if stored_version(trusted.directory(), "timestamp") != stored_version(trusted.directory(), "snapshot")
        {
            halfway += 1;
        }
        // Every file is whole, and none is older than it was; what is left can be used offline, or says what is missing.
        let left = stored_versions(trusted.directory());
        for (file, version) in &floor {
            assert!(left.get(file) >= Some(version), "{file} is {:?} after {version}", left.get(file));
        }
        match Session::offline(&client, &trusted).await {
            Ok(session) => assert!(session.versions().timestamp >= last),
            Err(error) => assert!(matches!(error, Error::Offline { .. }), "{error:?}"),
        }
        let session = Session::refresh(&client, &trusted).await.unwrap();
        assert!(session.versions().timestamp >= last, "{:?} after {last}", session.versions());
        floor = stored_versions(trusted.directory());
        last = session.versions().timestamp;
        assert_eq!(stored_version(trusted.directory(), "timestamp"), last);
        assert!(session.page(&project("helper")).await.unwrap().is_some());
    }
    publisher.stop();
    println!("{halfway} of {KILLS} were killed between two writes of one refresh");
    // Nothing half written is left.
    let names = fs::read_dir(trusted.directory().join("metadata")).unwrap();
    let names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_certificates_can_use_plain_http() {
    let world = World::new().await;
    let mut command = child_command(world.home.path());
    command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
    Process::start(&mut command).wait_for_line("version ", Duration::from_secs(60));
}

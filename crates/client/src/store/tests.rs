//! The store's writes, each of them failed on purpose: what is left is a state that the next refresh goes on from, and
//! that accepts nothing older than it had seen.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sealdex_testkit::clock;
use sealdex_testkit::hostile::{HostileServer, Origin};
use sealdex_testkit::process;
use sealdex_testkit::simulator::Simulator;
use sealdex_tuf::metadata::{DelegatedRole, PathSet, RoleKeys};
use sealdex_tuf::pattern::PathPattern;
use sealdex_tuf::{Error as CoreError, TargetPath};

use super::fault::{Fault, Plan, Step};
use crate::{
    Client, ClientSettings, Error, InitialTrust, RepositoryName, RepositoryUrl, Session, TrustStore,
    TrustedRepository,
};

/// For the child processes: where the state is, what to do with it, and at which step to die.
const HOME: &str = "SEALDEX_TEST_FAULT_HOME";
const ACTION: &str = "SEALDEX_TEST_FAULT_ACTION";
const STEP: &str = "SEALDEX_TEST_FAULT_STEP";
const URL: &str = "SEALDEX_TEST_FAULT_URL";

/// A repository in two states, and a client's state folder that has seen the first.
struct World {
    simulator: Simulator,
    /// Every file of metadata that the repository published.
    published: BTreeSet<Vec<u8>>,
    server: HostileServer,
    old_files: BTreeMap<String, Vec<u8>>,
    home: tempfile::TempDir,
    trusted: TrustedRepository,
}

/// What the repository does while the client is away.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// New versions of every role.
    Everything,
    /// The same, and a new timestamp key: what is stored is deleted on the way (5.3.11).
    RotatedKey,
}

impl World {
    async fn new() -> Self {
        let mut simulator = Simulator::new();
        simulator.delegate(
            "targets",
            DelegatedRole {
                name: Simulator::role("A"),
                keys: RoleKeys::new(Vec::new(), 1),
                paths: PathSet::Patterns(vec![PathPattern::new("*")]),
                terminating: false,
            },
        );
        simulator.add_target("A", "file", b"content");
        simulator.publish_targets(&["A", "targets"]);
        let server = serve(&simulator.files);
        let home = tempfile::tempdir().unwrap();
        let trusted = add(home.path(), &server, &simulator).await.unwrap();
        let session = Session::refresh(&client(home.path()), &trusted).await.unwrap();
        session.target(&path()).await.unwrap().unwrap();
        let (published, old_files) = (simulator.files.values().cloned().collect(), simulator.files.clone());
        Self { simulator, published, server, old_files, home, trusted }
    }

    fn change(&mut self, change: Change) {
        let simulator = &mut self.simulator;
        if matches!(change, Change::RotatedKey) {
            simulator.rotate_keys("timestamp");
        }
        simulator.publish(&["root", "A", "targets", "snapshot", "timestamp"]);
        self.published.extend(simulator.files.values().cloned());
        self.server = serve(&simulator.files);
        self.point_to_server();
    }

    /// The server has another port now: the record is written anew, as `add` wrote it.
    fn point_to_server(&self) {
        let file = self.trusted.directory().join("repository.toml");
        let text = fs::read_to_string(&file).unwrap();
        let before = text.lines().find_map(|line| line.strip_prefix("url = ")).unwrap().trim_matches('"');
        let after = RepositoryUrl::parse(&self.server.url()).unwrap().to_string();
        fs::write(&file, text.replace(before, &after)).unwrap();
    }

    fn trusted(&self) -> TrustedRepository {
        store(self.home.path()).repository(&name()).unwrap()
    }

    fn metadata(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.trusted.directory().join("metadata")).unwrap();
        let entries = entries.map(|entry| entry.unwrap().path());
        entries
            .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
            .collect()
    }

    /// What must hold of the files wherever a refresh ended.
    fn check_files(&self, before: &BTreeMap<String, Vec<u8>>, context: &str) {
        let after = self.metadata();
        for (name, bytes) in after.iter().filter(|(name, _)| name.ends_with(".json")) {
            assert!(self.published.contains(bytes), "{context}: {name} was never published");
            let floor = before.get(name).map_or(0, |bytes| version(bytes));
            assert!(version(bytes) >= floor, "{context}: {name} went back");
        }
        for role in ["root", "targets", "A"] {
            let name = Simulator::role(role).stored_file_name();
            assert!(after.contains_key(&name), "{context}: {name} is lost");
        }
        // 5.3.11 before 5.3.8: with the new root, nothing that the old key signed is left.
        if version(&after["root.json"]) > version(&before["root.json"]) {
            for name in ["timestamp.json", "snapshot.json"] {
                let old = after.get(name).is_some_and(|bytes| before.get(name) == Some(bytes));
                let rotated =
                    signers(&before["timestamp.json"]) != signers(self.simulator.latest("timestamp"));
                assert!(!(old && rotated), "{context}: {name} of the old key is left");
            }
        }
    }

    /// What must hold afterwards: nothing older is accepted than what was seen, and the next refresh brings all.
    async fn check_recovery(&self, context: &str) {
        let client = client(self.home.path());
        let seen = self.metadata().get("timestamp.json").map_or(0, |bytes| version(bytes));
        if seen == version(self.simulator.latest("timestamp")) {
            let copy = tempfile::tempdir().unwrap();
            copy_folder(self.home.path(), copy.path());
            let server = serve(&self.old_files);
            let file = copy.path().join("trust/test/repository.toml");
            let text = fs::read_to_string(&file).unwrap();
            let (from, to) = (self.server.url(), server.url());
            fs::write(&file, text.replace(from.trim_end_matches('/'), to.trim_end_matches('/'))).unwrap();
            let trusted = store(copy.path()).repository(&name()).unwrap();
            let refused = Session::refresh(&client, &trusted).await;
            assert!(
                matches!(
                    refused,
                    Err(Error::Verification(CoreError::Rollback { .. } | CoreError::Threshold { .. }))
                ),
                "{context}: {refused:?}"
            );
        }
        let session = Session::refresh(&client, &self.trusted()).await;
        let session = session.unwrap_or_else(|error| panic!("{context}: {error:?}"));
        assert!(session.target(&path()).await.unwrap().is_some());
        let after = self.metadata();
        for name in ["root", "timestamp", "snapshot", "targets", "A"] {
            let file = Simulator::role(name).stored_file_name();
            assert_eq!(after[&file], self.simulator.latest(name), "{context}: {name}");
        }
        assert!(after.keys().all(|name| name.ends_with(".json")), "{context}: {:?}", after.keys());
        let offline = Session::offline(&client, &self.trusted()).await.unwrap();
        assert!(offline.target(&path()).await.unwrap().is_some());
    }

    /// Runs an action in a process of its own that kills itself at this step. Whether it came to its end before.
    fn run_until_killed(&self, action: &str, step: usize) -> bool {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["store::tests::child", "--exact", "--nocapture"]);
        command.env(HOME, self.home.path()).env(ACTION, action).env(STEP, step.to_string());
        command.env(URL, self.server.url());
        let output = process::run(&mut command, Duration::from_secs(60));
        assert!(output.succeeded() || output.code().is_none(), "{}", output.report());
        output.succeeded()
    }
}

fn serve(files: &BTreeMap<String, Vec<u8>>) -> HostileServer {
    let paths: Vec<_> = files.iter().map(|(name, bytes)| (format!("/metadata/{name}"), bytes)).collect();
    HostileServer::start(Origin::files(paths.iter().map(|(path, bytes)| (path.as_str(), bytes.to_vec()))))
}

fn client(home: &Path) -> Client {
    let settings = ClientSettings::new(home.join("cache"));
    Client::new(settings, Arc::new(|| clock::hours_after_start(5))).unwrap()
}

fn store(home: &Path) -> TrustStore {
    TrustStore::open(home.join("trust")).unwrap()
}

fn name() -> RepositoryName {
    RepositoryName::parse("test").unwrap()
}

fn path() -> TargetPath {
    TargetPath::parse("file").unwrap()
}

async fn add(home: &Path, server: &HostileServer, simulator: &Simulator) -> Result<TrustedRepository, Error> {
    let url = RepositoryUrl::parse(&server.url()).unwrap();
    let initial = InitialTrust::Root(simulator.files["1.root.json"].clone());
    store(home).add(&client(home), &name(), &url, &initial).await
}

fn version(metadata: &[u8]) -> u64 {
    serde_json::from_slice::<serde_json::Value>(metadata).unwrap()["signed"]["version"].as_u64().unwrap()
}

fn signers(metadata: &[u8]) -> Vec<String> {
    let metadata: serde_json::Value = serde_json::from_slice(metadata).unwrap();
    let signatures = metadata["signatures"].as_array().unwrap();
    signatures.iter().map(|signature| signature["keyid"].to_string()).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            super::files::private_folder(&to).unwrap();
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What a child process of these tests does. In the test run itself there is nothing for it to do.
#[tokio::test]
async fn child() {
    let Some(home) = env::var_os(HOME).map(PathBuf::from) else { return };
    let step = env::var(STEP).unwrap().parse().unwrap();
    let _plan = Plan::start(&home.join("trust"), step, Fault::Kill);
    let store = store(&home);
    match env::var(ACTION).unwrap().as_str() {
        "refresh" => {
            let trusted = store.repository(&name()).unwrap();
            let session = Session::refresh(&client(&home), &trusted).await.unwrap();
            session.target(&path()).await.unwrap().unwrap();
        }
        "add" => {
            let root = fs::read(home.join("root.json")).unwrap();
            let url = RepositoryUrl::parse(&env::var(URL).unwrap()).unwrap();
            store.add(&client(&home), &name(), &url, &InitialTrust::Root(root)).await.unwrap();
        }
        "remove" => store.remove(&name()).unwrap(),
        action => panic!("no action {action}"),
    }
}

#[tokio::test]
async fn a_refresh_killed_at_any_step_goes_on_from_there() {
    for change in [Change::Everything, Change::RotatedKey] {
        for step in 0.. {
            let mut world = World::new().await;
            world.change(change);
            let before = world.metadata();
            let ended = world.run_until_killed("refresh", step);
            let context = format!("{change:?}, killed at step {step}");
            world.check_files(&before, &context);
            world.check_recovery(&context).await;
            if ended {
                // Four files of five steps each, a delegated role of three; with a rotation, also two removals of two steps.
                assert!(step >= 23, "{context}: all there was");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_that_cannot_write_at_any_step_says_so_and_goes_on_later() {
    let rotated = (Change::RotatedKey, ErrorKind::StorageFull);
    let plain =
        [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem].map(|kind| (Change::Everything, kind));
    for (change, kind) in plain.into_iter().chain([rotated]) {
        for step in 0.. {
            let mut world = World::new().await;
            world.change(change);
            let before = world.metadata();
            let plan = Plan::start(&world.home.path().join("trust"), step, Fault::Fail(kind));
            let client = client(world.home.path());
            let outcome = match Session::refresh(&client, &world.trusted()).await {
                Ok(session) => session.target(&path()).await.map(|found| assert!(found.is_some())),
                Err(error) => Err(error),
            };
            let steps = plan.log().len();
            drop(plan);
            let context = format!("{change:?}, {kind:?} at step {step}");
            world.check_files(&before, &context);
            assert!(
                world.metadata().keys().all(|name| name.ends_with(".json")),
                "{context}: a temporary file is left"
            );
            match outcome {
                // What can be fetched again at any time is kept if possible: a delegated role, and the time.
                Ok(()) => assert!(step >= 20, "{context}: the failure went unnoticed"),
                Err(error) => {
                    assert!(
                        matches!(&error, Error::Io { source, .. } if source.kind() == kind),
                        "{context}: {error:?}"
                    );
                    let hint = error.hint();
                    assert!(!hint.starts_with("check the folder"), "{context}: {hint}");
                }
            }
            world.check_recovery(&context).await;
            if steps <= step {
                break;
            }
        }
    }
}

#[tokio::test]
async fn adding_a_repository_killed_at_any_step_leaves_all_of_it_or_nothing() {
    for step in 0.. {
        let world = World::new().await;
        fs::write(world.home.path().join("root.json"), &world.simulator.files["1.root.json"]).unwrap();
        store(world.home.path()).remove(&name()).unwrap();
        let ended = world.run_until_killed("add", step);
        let store = store(world.home.path());
        let listed = store.list().unwrap();
        assert!(listed.len() <= 1);
        let client = client(world.home.path());
        match listed.first() {
            Some(trusted) => drop(Session::refresh(&client, trusted).await.unwrap()),
            None => drop(add(world.home.path(), &world.server, &world.simulator).await.unwrap()),
        }
        assert_eq!(store.list().unwrap().len(), 1, "killed at step {step}");
        if ended {
            assert!(step >= 30, "{step} steps are all there was");
            return;
        }
    }
}

#[tokio::test]
async fn removing_a_repository_killed_at_any_step_leaves_all_of_it_or_nothing() {
    for step in 0.. {
        let world = World::new().await;
        let ended = world.run_until_killed("remove", step);
        for trusted in store(world.home.path()).list().unwrap() {
            drop(Session::refresh(&client(world.home.path()), &trusted).await.unwrap());
        }
        if ended {
            assert!(store(world.home.path()).list().unwrap().is_empty());
            return;
        }
    }
}

/// The order that survives a loss of power: the bytes are durable before they get their name, and then the name is. A delegated
/// role that is lost is fetched again: nobody waits for the disk because of it.
#[tokio::test]
async fn each_top_level_role_is_synchronised_before_and_after_it_gets_its_name() {
    let mut world = World::new().await;
    world.change(Change::Everything);
    let plan = Plan::start(&world.home.path().join("trust"), usize::MAX, Fault::Kill);
    let session = Session::refresh(&client(world.home.path()), &world.trusted()).await.unwrap();
    session.target(&path()).await.unwrap().unwrap();
    let log = plan.log();
    let one = [Step::Create, Step::Write, Step::Sync, Step::Rename, Step::SyncFolder];
    let (top_level, delegated) = log.split_at(4 * one.len());
    assert!(top_level.chunks(one.len()).all(|steps| steps == one), "{log:?}");
    assert_eq!(delegated, [Step::Create, Step::Write, Step::Rename], "{log:?}");
}

//! A whole repository in an object store: made, filled, served, killed, installed from, cleaned up.
#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use sealdex_testdatabase::{PostgresServer, Synchronise};
use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_testkit::object_store::ObjectStore;
use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::{Value, json};
use support::{PATIENCE, Stage};

/// A repository in a new bucket, which is reached through a server that does as it is told.
struct Scene {
    stage: Stage,
    store: ObjectStore,
    proxy: HostileServer,
    bucket: String,
}

impl Scene {
    fn new() -> Self {
        Self::with_flags(&[])
    }

    fn with_flags(flags: &[&str]) -> Self {
        let store = ObjectStore::start();
        let proxy = HostileServer::start(Origin::server(store.endpoint()));
        let bucket = store.new_bucket();
        let url = proxy.url();
        let own = ["--bucket", &bucket, "--bucket-endpoint", &url, "--bucket-prefix", "index"];
        let stage = Stage::with_repository(&[&own, flags].concat());
        Self { stage, store, proxy, bucket }
    }

    fn keys(&self) -> Vec<String> {
        self.store.list(&self.bucket, "index/").into_iter().map(|(key, _)| key).collect()
    }

    fn trust(&self, url: &str) {
        let root = self.stage.path("repository/1.root.json");
        self.stage.run(&["trust", "add", "play", url, "--root", root.to_str().unwrap()]).expect_success();
    }
}

#[test]
fn everything_works_over_a_bucket() {
    let scene = Scene::new();
    let stage = &scene.stage;
    let folder = stage.path("repository");
    let mut own: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("state.sqlite") && !name.ends_with(".lock"))
        .collect();
    own.sort();
    assert_eq!(own, ["1.root.json", "keys", "sealdex.toml", "staging"]);
    let settings = std::fs::read_to_string(folder.join("sealdex.toml")).unwrap();
    assert!(settings.contains("[storage.bucket]") && !settings.contains("testing"), "{settings}");

    stage.add(&stage.two_wheels());
    let imported = stage.path("mirrored");
    std::fs::create_dir(&imported).unwrap();
    WheelBuilder::new("gamma", "1.0").module("gamma.py", "VERSION = 1\n").build().write_to(&imported);
    stage.run(&["import", "--repository", "repository", "mirrored"]).expect_success();
    let status = stage.run(&["status", "--repository", "repository"]).expect_success().stdout;
    assert!(status.contains("timestamp"), "{status}");
    let verified = stage.run(&["verify", "--repository", "repository"]).expect_success().text();
    assert!(verified.contains("3 pages"), "{verified}");

    let served = stage.serve();
    scene.trust(&served.url);
    let (fresh, python) = stage.fresh();
    stage.run(&["pip", "--python", &python, "install", "alpha", "gamma"]).expect_success();
    assert_eq!(fresh.evaluate("import alpha, beta, gamma; print(beta.NAME, gamma.VERSION)").trim(), "beta 1");

    stage.run(&["export", "--repository", "repository", "static"]).expect_success();
    for key in scene.keys() {
        let exported = std::fs::read(stage.path("static").join(key.strip_prefix("index/").unwrap())).unwrap();
        assert_eq!(Some(exported), scene.store.object(&scene.bucket, &key), "{key}");
    }
    stage.run(&["collect", "--repository", "repository", "--dry-run"]).expect_success();
}

/// Killed after each upload that it answered, and started again: nothing that was answered is lost.
#[test]
fn a_server_that_is_killed_goes_on_where_it_was() {
    let scene = Scene::new();
    let stage = &scene.stage;
    let created =
        stage.run(&["token", "--repository", "repository", "create", "--project", "six", "--format", "json"]);
    let created = created.expect_success().stdout;
    let token = created.split('"').find(|part| part.starts_with("sdx_")).expect("a token").to_owned();
    for version in 0..4 {
        let served = stage.serve();
        let wheel = stage.wheel(&WheelBuilder::new("six", &format!("{version}.0")).build());
        let upload = |wheel: &std::path::Path| {
            let mut twine = Command::new(Environment::twine());
            let url = format!("{}legacy/", served.url);
            twine.args(["upload", "--repository-url", &url, "--username", "__token__", "--password", &token]);
            python::run(twine.arg(wheel), PATIENCE)
        };
        if version == 2 {
            // Received and not published when the process dies: the next one publishes it.
            scene.proxy.set(Paths::Containing(".snapshot.json".to_owned()), Behaviour::Stall);
            std::thread::scope(|scope| {
                scope.spawn(|| upload(&wheel).expect_failure());
                std::thread::sleep(Duration::from_secs(4));
                served.process.kill();
            });
            scene.proxy.clear();
            continue;
        }
        upload(&wheel).expect_success();
        served.process.kill();
    }
    // The last one takes over what is left, and serves all of them.
    let served = stage.serve();
    scene.trust(&served.url);
    let (fresh, python) = stage.fresh();
    for version in 0..4 {
        let wanted = format!("six=={version}.0");
        stage.run(&["pip", "--python", &python, "install", &wanted]).expect_success();
    }
    drop(fresh);
    let verified = stage.run(&["verify", "--repository", "repository"]).expect_success().text();
    assert!(verified.contains("4 files"), "{verified}");
}

#[test]
fn a_store_that_is_down_is_told_of() {
    let scene = Scene::new();
    let stage = &scene.stage;
    stage.add(&stage.two_wheels());
    let six = stage.wheel(&WheelBuilder::new("six", "1.0").build());
    let six = six.to_str().unwrap();
    let mirrored = stage.path("mirrored");
    std::fs::create_dir(&mirrored).unwrap();
    for project in ["gamma", "delta"] {
        WheelBuilder::new(project, "1.0").build().write_to(&mirrored);
    }
    let import = ["import", "--repository", "repository", "mirrored"];
    scene.proxy.set(Paths::All, Behaviour::Status(500));
    let add = ["add", "--repository", "repository", six];
    for arguments in [&add[..], &import] {
        let refused = stage.run(arguments).expect_failure();
        assert!(refused.text().contains("s3://"), "{}", refused.report());
        assert!(!refused.text().contains("testing"), "a credential is told: {}", refused.report());
    }
    let (store, bucket) = (scene.proxy.url(), scene.store.new_bucket());
    let init = ["init", "--dev", "--bucket", &bucket, "--bucket-endpoint", &store, "other"];
    let refused = stage.run(&init).expect_failure();
    assert!(refused.text().contains("AWS_ACCESS_KEY_ID"), "{}", refused.report());
    assert!(!stage.path("other/keys").exists(), "keys were made for nothing");
    scene.proxy.clear();
    stage.run(&add).expect_success();
    // It goes on where it was, with all of it.
    let imported = stage.run(&import).expect_success().text();
    assert!(imported.contains("2 "), "{imported}");
    let verified = stage.run(&["verify", "--repository", "repository"]).expect_success().text();
    assert!(verified.contains("5 pages"), "{verified}");
    stage.run(&init).expect_success();
    let refused = stage.run(&["init", "--dev", "--bucket", &bucket, "--bucket-endpoint", &store, "third"]);
    let refused = refused.expect_failure();
    assert!(refused.text().contains("is not empty"), "{}", refused.report());
}

/// The state in PostgreSQL, everything public in a bucket, and one of them away, or both.
#[test]
fn status_tells_what_it_can() {
    let mut database = PostgresServer::start(Synchronise::No).unwrap();
    let schema = database.schema().unwrap();
    let scene = Scene::with_flags(&["--database", &schema, "--layout", "pep458"]);
    let stage = &scene.stage;
    stage.add(&stage.two_wheels());
    let status = |flags: &[&str]| stage.run(&[&["status", "--repository", "repository"], flags].concat());
    let json = |code: i32| -> Value {
        let output = status(&["--format", "json"]);
        assert_eq!(output.code(), Some(code), "{}", output.report());
        serde_json::from_str(&output.stdout).unwrap()
    };
    let whole = json(0);
    assert_eq!((&whole["away"], &whole["publishing"]), (&json!([]), &json!("stopped")));
    assert!(whole.get("files").is_none(), "counted without being asked: {whole}");
    let counted = status(&["--count"]).expect_success().stdout;
    assert!(counted.contains("2 projects, 2 files, 4 targets, layout pep458"), "{counted}");
    let served = stage.serve();
    // Not as soon as `status` names the server: it has the lock then, and still reads what is public.
    let deadline = Instant::now() + PATIENCE;
    while !health(&served.url).contains(r#""writer":"running""#) {
        assert!(Instant::now() < deadline, "the server does not publish");
    }
    assert_eq!(json(0)["publishing"], "running");
    scene.proxy.set(Paths::All, Behaviour::Status(500));
    let without = json(4);
    assert_eq!((&without["away"][0]["part"], &without["publishing"]), (&json!("public"), &json!("paused")));
    assert_eq!(without["writer"]["process_id"], served.process.id());
    let versions = |status: &Value| -> Vec<(Value, Value)> {
        let roles = status["roles"].as_array().unwrap().iter();
        roles.map(|role| (role["name"].clone(), role["version"].clone())).collect()
    };
    assert_eq!(versions(&without), versions(&whole));
    let told = status(&["--count"]);
    assert_eq!(told.code(), Some(4), "{}", told.report());
    for part in [
        &format!("away: what is public, s3://{}/index: cannot read s3://", scene.bucket),
        "2 projects, 2 files, 4 targets, layout pep458",
        "publishing pauses until everything is back",
    ] {
        assert!(told.stdout.contains(part), "{part}: {}", told.report());
    }
    assert!(!told.text().contains("testing"), "a credential is told: {}", told.report());

    drop(served);
    database.stop();
    let neither = json(4);
    assert_eq!(neither["away"].as_array().unwrap().len(), 2, "{neither}");
    assert_eq!((&neither["pending_transactions"], &neither["roles"]), (&Value::Null, &json!([])));
    scene.proxy.clear();
    let without = json(4);
    assert_eq!((&without["away"][0]["part"], &without["publishing"]), (&json!("database"), &json!("paused")));
    assert_eq!(versions(&without)[..], versions(&whole)[..4]);
    assert_eq!(without["root_fingerprint"], whole["root_fingerprint"]);
    let told = status(&["--count"]);
    assert_eq!(told.code(), Some(4), "{}", told.report());
    assert!(told.stdout.contains("away: the database, postgresql://"), "{}", told.report());
    assert!(told.stdout.contains("what is pending is not known"), "{}", told.report());

    database.resume().unwrap();
    assert_eq!(json(0)["roles"], whole["roles"]);
}

/// What the server's `/healthz` answers.
fn health(url: &str) -> String {
    let server = url.trim_start_matches("http://").trim_end_matches('/');
    let mut connection = TcpStream::connect(server).unwrap();
    write!(connection, "GET /healthz HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

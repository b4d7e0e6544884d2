//! `sealdex layout`: another number of bins or another tree, as an operator asks for it, beside a running server.
#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sealdex_testkit::archive::sha256_hex;
use sealdex_testkit::process::Process;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::{Value, json};
use support::{PATIENCE, Stage};

fn change(stage: &Stage, flags: &[&str]) -> Value {
    let arguments = [&["--format", "json", "layout", "change", "--repository", "repository"], flags].concat();
    serde_json::from_str(&stage.run(&arguments).expect_success().stdout).unwrap()
}

fn wheels(stage: &Stage, version: u32) -> Vec<PathBuf> {
    let one =
        |number| stage.wheel(&WheelBuilder::new(&format!("p{number}"), &format!("{version}.0")).build());
    (0..12).map(one).collect()
}

fn signal(process: &Process, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_layout_changes_beside_a_running_server_and_uploads() {
    let stage = Stage::with_repository(&["--layout", "pep458"]);
    stage.add(&wheels(&stage, 1));
    let served = stage.serve();
    stage.trust("play", &served.url);
    stage.run(&["fetch", "files/p1/p1-1.0-py3-none-any.whl"]).expect_success();

    // Said first, and nothing done.
    let planned = change(&stage, &["--bins", "64", "--layout", "index-only", "--dry-run"]);
    assert_eq!(planned["plan"]["offline_roles"], json!(["index", "targets"]));
    assert_eq!(planned["plan"]["online_roles"], 64);
    assert_eq!((&planned["plan"]["targets"], &planned["plan"]["targets_dropped"]), (&json!(24), &json!(12)));
    assert_eq!(planned["snapshot"], Value::Null);
    let told = ["layout", "change", "--repository", "repository", "--bins", "64", "--dry-run"];
    let told = stage.run(&told).expect_success().stdout;
    assert!(told.contains("then   pep458, 64 succinct bins of index"), "{told}");

    // Uploads go on meanwhile, and none is lost.
    let second = wheels(&stage, 2);
    let mut add = stage.sealdex(&["add", "--repository", "repository"]);
    let adding = Process::start(add.args(&second));
    for flags in [
        &["--bins", "64", "--layout", "index-only"][..],
        &["--bin-style", "explicit"],
        &["--layout", "pep458", "--bins", "8"],
        &["--bin-style", "succinct"],
    ] {
        let done = change(&stage, flags);
        assert!(done["changed"] == true && done["snapshot"].is_u64(), "{done}");
        stage.run(&["verify", "--repository", "repository"]).expect_success();
        let page = stage.run(&["fetch", "simple/p1/index.json", "--output", "-"]).expect_success();
        assert!(page.stdout.contains("p1-1.0-py3-none-any.whl"), "{}", page.report());
    }
    let (status, log) = adding.wait(PATIENCE);
    assert!(status.success(), "{log}");
    for number in 0..12 {
        let target = format!("files/p{number}/p{number}-2.0-py3-none-any.whl");
        stage.run(&["fetch", &target]).expect_success();
    }
    let again = change(&stage, &["--bins", "8"]);
    assert_eq!((&again["changed"], &again["snapshot"]), (&json!(false), &Value::Null));
    let status = stage.run(&["status", "--count", "--repository", "repository"]).expect_success().stdout;
    assert!(status.contains("36 targets, layout pep458"), "{status}");
    let shown = stage.run(&["layout", "show", "--repository", "repository"]).expect_success().stdout;
    assert!(shown.contains("bit_length = 3"), "{shown}");
    // What is shown can be changed and given back.
    std::fs::write(stage.path("own.toml"), shown.replace("bit_length = 3", "bit_length = 4")).unwrap();
    assert_eq!(change(&stage, &["--layout-file", "own.toml"])["changed"], true);
    stage.run(&["fetch", "files/p3/p3-1.0-py3-none-any.whl"]).expect_success();
}

#[test]
fn the_keys_that_must_sign_are_asked_for_and_no_others_do() {
    let stage = Stage::new();
    std::fs::write(stage.path("offline"), "offline passphrase\n").unwrap();
    std::fs::write(stage.path("online"), "online passphrase\n").unwrap();
    let both = ["--offline-passphrase-file", "offline", "--online-passphrase-file", "online"];
    let init = [&["init", "--bins", "4", "--targets-keys", "3", "--layout", "pep458"][..], &both, &["index"]]
        .concat();
    stage.run(&init).expect_success();
    let change = |flags: &[&str]| {
        stage.run(&[&["layout", "change", "--repository", "index", "--bins", "8"][..], flags].concat())
    };
    // Without the passphrase, with one of two keys, with the same twice, with keys of another role.
    let key = |name: &str| stage.path("index-offline-keys").join(name).to_str().unwrap().to_owned();
    let (one, root) = (key("targets-1.pem"), key("root-1.pem"));
    let refused = change(&["--online-passphrase-file", "online"]).expect_failure();
    assert_eq!(refused.code(), Some(2));
    assert!(refused.text().contains("--offline-passphrase-file"), "{}", refused.report());
    for keys in [vec![&one], vec![&one, &one], vec![&one, &root]] {
        let flags: Vec<&str> = keys.iter().flat_map(|key| ["--targets-key", key.as_str()]).collect();
        let refused = change(&[&flags[..], &both].concat()).expect_failure();
        assert_eq!(refused.code(), Some(2));
        assert!(refused.text().contains("2 targets keys must sign, and 1 was found"), "{}", refused.report());
    }
    let refused = change(&[&["--offline-keys", "nowhere"][..], &both].concat()).expect_failure();
    assert!(refused.text().contains("--offline-keys DIR"), "{}", refused.report());
    let status = stage.run(&["status", "--repository", "index"]).expect_success().stdout;
    assert!(status.contains("(4 succinct bins)") && !status.contains("waits"), "{status}");

    let third = key("targets-3.pem");
    let keys = ["--targets-key", &one, "--targets-key", &third];
    let done = change(&[&keys[..], &both].concat()).expect_success().stdout;
    assert!(done.contains("changed the layout: pep458, 8 succinct bins of index"), "{done}");
    stage.run(&["verify", "--repository", "index"]).expect_success();
    let wrong = ["layout", "change", "--repository", "index", "--layout", "tree", "--dry-run"];
    assert_eq!(stage.run(&wrong).expect_failure().code(), Some(2));
    assert_eq!(stage.run(&["layout", "change", "--repository", "index"]).expect_failure().code(), Some(2));
}

/// Earlier versions kept the layout in sealdex.toml.
#[test]
fn a_layout_in_the_settings_must_agree_and_go() {
    let stage = Stage::with_repository(&["--layout", "pep458"]);
    let shown = stage.run(&["--format", "json", "layout", "show", "--repository", "repository"]);
    let shown: Value = serde_json::from_str(&shown.expect_success().stdout).unwrap();
    assert_eq!(shown["waiting"], Value::Null);
    let file = stage.path("repository/sealdex.toml");
    let now = std::fs::read_to_string(&file).unwrap();
    assert!(!now.contains("layout"), "{now}");
    #[derive(serde::Serialize)]
    struct Old<'a> {
        layout: &'a Value,
    }
    let old = toml::to_string(&Old { layout: &shown["layout"] }).unwrap();
    std::fs::write(&file, format!("{old}\n{now}")).unwrap();
    stage.add(&wheels(&stage, 1));
    let change = ["layout", "change", "--repository", "repository", "--bins", "4"];
    let refused = stage.run(&change).expect_failure();
    assert_eq!(refused.code(), Some(2));
    assert!(refused.text().contains("remove [layout]"), "{}", refused.report());
    std::fs::write(&file, &now).unwrap();
    stage.run(&change).expect_success();
    std::fs::write(&file, format!("{old}\n{now}")).unwrap();
    let refused = stage.run(&["status", "--repository", "repository"]).expect_failure();
    assert_eq!(refused.code(), Some(2));
    assert!(refused.text().contains("remove [layout]"), "{}", refused.report());
}

#[test]
fn a_change_that_nobody_publishes_waits_and_can_be_abandoned() {
    let stage = Stage::with_repository(&["--layout", "pep458"]);
    stage.add(&wheels(&stage, 1));
    // A server that publishes, and is stopped in the middle of it: the change is entered and waits.
    let served = stage.serve();
    signal(&served.process, "-STOP");
    let mut command = stage.sealdex(&["layout", "change", "--repository", "repository", "--bins", "256"]);
    let changing = Process::start(&mut command);
    let waits = || {
        let shown = stage.run(&["--format", "json", "layout", "show", "--repository", "repository"]);
        let shown: Value = serde_json::from_str(&shown.expect_success().stdout).unwrap();
        !shown["waiting"].is_null()
    };
    let until = Instant::now() + PATIENCE;
    while !waits() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
    let other = ["layout", "change", "--repository", "repository", "--bins", "2"];
    let refused = stage.run(&other).expect_failure();
    assert!(refused.text().contains("another layout waits: pep458, 256 succinct"), "{}", refused.report());
    let told = stage.run(&["layout", "abandon", "--repository", "repository"]).expect_success().stdout;
    assert!(told.contains("abandoned"), "{told}");
    let (status, log) = changing.wait(PATIENCE);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("was abandoned: by an operator"), "{log}");
    signal(&served.process, "-CONT");
    stage.run(&other).expect_success();
    stage.run(&["verify", "--repository", "repository"]).expect_success();
}

/// Killed at any moment, the same command goes on with it.
#[test]
fn a_change_that_was_killed_goes_on() {
    let stage = Stage::with_repository(&["--layout", "index-only"]);
    let lines = (0..3000).map(|number| {
        let name = format!("project{number}");
        let sha256 = sha256_hex(name.as_bytes());
        let file = json!({
            "name": name, "filename": format!("{name}-1.0.tar.gz"), "size": 10, "hashes": {"sha256": sha256},
            "upload-time": "2026-03-04T05:06:07Z", "url": "https://files.example/f",
        });
        format!("{file}\n")
    });
    std::fs::write(stage.path("all.jsonl"), lines.collect::<String>()).unwrap();
    stage.run(&["import", "--repository", "repository", "all.jsonl"]).expect_success();
    let arguments =
        ["--format", "json", "layout", "change", "--repository", "repository", "--layout", "pep458"];
    let arguments = [&arguments[..], &["--bins", "4096"]].concat();
    let (mut kills, mut went_on) = (0, false);
    let mut patience = Duration::from_millis(40);
    let done = loop {
        let mut child = stage.sealdex(&arguments);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let until = Instant::now() + patience;
        while child.try_wait().unwrap().is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = child.try_wait().unwrap();
        if ended.is_none() {
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        went_on |= String::from_utf8(output.stderr).unwrap().contains("going on with this change");
        if let Some(status) = ended {
            assert!(status.success());
            break serde_json::from_slice::<Value>(&output.stdout).unwrap();
        }
        kills += 1;
        // What is served can be verified at each moment.
        stage.run(&["verify", "--repository", "repository"]).expect_success();
        patience += patience / 2;
    };
    assert!(kills > 3 && went_on, "killed {kills} times only");
    assert_eq!(done["after"]["name"], "pep458");
    let status = stage.run(&["status", "--count", "--repository", "repository"]).expect_success().stdout;
    assert!(status.contains("6000 targets, layout pep458") && !status.contains("waits"), "{status}");
    stage.run(&["verify", "--repository", "repository"]).expect_success();
}

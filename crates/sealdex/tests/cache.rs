//! The cache of verified files, beside a running proxy and real installers.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use sealdex_testkit::process::Process;
use sealdex_testkit::python::{self, Environment, FreshEnvironment};
use serde_json::Value;
use support::{PATIENCE, Stage};

fn json(stage: &Stage, arguments: &[&str]) -> Value {
    let output = stage.run(&[&["cache"], arguments, &["--format", "json"]].concat()).expect_success();
    serde_json::from_str(&output.stdout).unwrap()
}

/// The verified files.
fn files(stage: &Stage) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(stage.path("cache/files/sha256")).unwrap();
    let folders = folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    folders.flatten().map(|file| file.unwrap().path()).collect()
}

/// `uv pip install alpha` through the proxy, into a new environment and without a cache of its own.
fn install(stage: &Stage, index: &str, folder: &str) {
    let fresh = FreshEnvironment::create(&stage.path(folder));
    let mut uv = Command::new(Environment::uv());
    uv.args(["pip", "install", "--no-cache", "--default-index", index, "--python"]).arg(fresh.python());
    python::run(uv.arg("alpha"), PATIENCE).expect_success();
    assert_eq!(fresh.evaluate("import alpha, beta; print(alpha.NAME, beta.NAME)").trim(), "alpha beta");
}

#[test]
fn looking_at_it_makes_no_folder() {
    let stage = Stage::new();
    for arguments in [&["path"][..], &["show"], &["verify"], &["prune"], &["clear"]] {
        json(&stage, arguments);
        assert!(!stage.path("cache").exists(), "{arguments:?}");
    }
    std::fs::create_dir(stage.path("cache")).unwrap();
    assert_eq!(json(&stage, &["show"])["verified"]["files"], 0);
    assert_eq!(std::fs::read_dir(stage.path("cache")).unwrap().count(), 0);
    std::fs::write(stage.path("file"), "").unwrap();
    let output = stage.run(&["cache", "show", "--cache-dir", "file"]).expect_failure();
    assert!(output.stderr.contains("file"), "{}", output.report());
}

#[test]
fn it_is_shown_verified_pruned_and_cleared_beside_a_running_proxy() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let proxy = Process::start(&mut stage.sealdex(&["proxy", "--listen", "127.0.0.1:0"]));
    let line = proxy.wait_for_line("http://", PATIENCE);
    let index = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    install(&stage, &index, "first");

    assert_eq!(json(&stage, &["path"])["path"], stage.path("cache").to_str().unwrap());
    let shown = json(&stage, &["show"]);
    // Two pages, two wheels, their core metadata.
    assert_eq!((&shown["verified"]["files"], &shown["unfinished"]["files"]), (&6.into(), &0.into()));
    assert_eq!(shown["max_bytes"], 4_u64 << 30);
    assert!(stage.run(&["cache", "show"]).expect_success().stdout.contains("6 files"));

    // What somebody changed is found, and fetched again when it is needed, found or not.
    let changed = files(&stage);
    std::fs::write(&changed[0], b"changed").unwrap();
    assert_eq!(json(&stage, &["verify"])["removed"]["files"], 1);
    assert!(!changed[0].exists());
    for file in &changed[1..] {
        std::fs::write(file, b"changed").unwrap();
    }
    let another = Process::start(&mut stage.sealdex(&["proxy", "--listen", "127.0.0.1:0"]));
    let line = another.wait_for_line("http://", PATIENCE);
    let other = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    install(&stage, &other, "second");
    assert_eq!(json(&stage, &["verify"])["removed"]["files"], 0);

    let pruned = json(&stage, &["prune", "--max-bytes", "2000"]);
    assert!(pruned["removed"]["files"].as_u64().unwrap() > 0, "{pruned}");
    assert!(json(&stage, &["show"])["verified"]["bytes"].as_u64().unwrap() <= 2000);
    install(&stage, &index, "third");
    assert!(json(&stage, &["clear", "--installers"])["removed"]["files"].as_u64().unwrap() > 0);
    assert_eq!(files(&stage), [] as [PathBuf; 0]);
    install(&stage, &index, "fourth");
}

#[test]
fn it_stays_within_its_size() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let (_fresh, python) = stage.fresh();
    let limit = ["--limit", "max_cache_bytes=1500"];
    stage.run(&[&["pip"], &limit[..], &["--python", &python, "install", "alpha"]].concat()).expect_success();
    let bytes: u64 = files(&stage).iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= 1500, "{bytes}");
    assert_eq!(json(&stage, &["show", "--limit", "max_cache_bytes=1500"])["max_bytes"], 1500);
}

#[test]
fn caches_of_installers_that_no_run_uses_are_pruned() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let run = || stage.run(&["run", "--", "sh", "-c", "mkdir -p $PIP_CACHE_DIR; echo x >$PIP_CACHE_DIR/x"]);
    run().expect_success();
    stage.run(&["trust", "bind", "play", "alpha"]).expect_success();
    run().expect_success();
    let installers = stage.path("cache/installers");
    let caches = || json(&stage, &["show"])["installer_caches"].as_u64().unwrap();
    let removed = || json(&stage, &["prune"])["removed"]["files"].as_u64().unwrap();
    assert_eq!((caches(), removed()), (2, 0));

    let age = |days: u64| {
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(days * 24 * 3600);
        let stamp = std::fs::File::options().write(true).open(installers.join("play/.last-used")).unwrap();
        stamp.set_modified(time).unwrap();
    };
    age(29);
    assert_eq!((removed(), caches()), (0, 2));
    age(31);
    assert_eq!((removed(), caches()), (1, 1));
    assert!(!installers.join("play").exists());
    // A run makes it young again.
    stage.run(&["trust", "unbind", "alpha", "*"]).expect_success();
    run().expect_success();
    age(31);
    run().expect_success();
    assert_eq!((removed(), caches()), (0, 2));
}

//! The operator's commands, as a person or a script runs them.

mod support;

use std::time::{Duration, Instant};

use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;
use support::{PATIENCE, Stage, only_file};

#[test]
fn a_repository_with_real_keys_needs_its_passphrase() {
    let stage = Stage::new();
    std::fs::write(stage.path("offline"), "offline passphrase\n").unwrap();
    std::fs::write(stage.path("online"), "online passphrase\n").unwrap();
    let init = [
        "init",
        "--bins",
        "4",
        "--offline-passphrase-file",
        "offline",
        "--online-passphrase-file",
        "online",
        "index",
    ];
    stage.run(&init).expect_success();
    let keys: Vec<_> = std::fs::read_dir(stage.path("index-offline-keys")).unwrap().collect();
    assert_eq!(keys.len(), 5, "three root keys and two targets keys");
    for entry in keys {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{text}");
    }
    let file = stage.wheel(&WheelBuilder::new("alpha", "1.0").build());
    let file = file.to_str().unwrap();
    let refused = stage.run(&["add", "--repository", "index", file]).expect_failure();
    assert!(refused.text().contains("--online-passphrase-file"), "{}", refused.report());
    let refused = stage
        .run(&["add", "--repository", "index", "--online-passphrase-file", "offline", file])
        .expect_failure();
    assert!(refused.text().contains("does not open"), "{}", refused.report());
    stage.run(&["add", "--repository", "index", "--online-passphrase-file", "online", file]).expect_success();
    let status = stage.run(&["status", "--repository", "index"]).expect_success().stdout;
    assert!(!status.contains("DEVELOPMENT"), "{status}");
    for (role, signed) in [("root", "3, needs 2"), ("targets", "2, needs 2"), ("timestamp", "1, needs 1")] {
        let line = status.lines().find(|line| line.starts_with(&format!("{role}  "))).unwrap_or_default();
        assert!(line.contains(signed), "{role}: {status}");
    }
    // A second init changes nothing.
    let refused = stage.run(&init).expect_failure();
    assert_eq!(refused.code(), Some(2));
    assert!(refused.text().contains("is a repository already"), "{}", refused.report());
}

#[test]
fn init_refuses_what_it_would_have_to_ignore_and_leaves_nothing() {
    let stage = Stage::new();
    std::fs::write(stage.path("file"), "mine").unwrap();
    let before = || std::fs::read_dir(stage.path("")).unwrap().count();
    let refused = stage.run(&["init", "--dev", "file"]).expect_failure();
    assert_eq!(refused.code(), Some(2));
    assert!(refused.stderr.contains("file is there, and no directory"), "{}", refused.report());
    for option in ["--root-keys", "--root-threshold", "--targets-keys", "--targets-threshold"] {
        let refused = stage.run(&["init", "--dev", option, "1", "index"]).expect_failure();
        assert_eq!(refused.code(), Some(2));
        assert!(refused.stderr.contains("cannot be used with"), "{}", refused.report());
    }
    assert_eq!(before(), 1);
}

#[test]
fn what_is_counted_is_one_or_many() {
    let stage = Stage::with_repository(&[]);
    stage.add(&[stage.wheel(&WheelBuilder::new("alpha", "1.0").build())]);
    let verified = stage.run(&["verify", "--repository", "repository"]).expect_success().stdout;
    assert!(verified.contains(" roles, 1 page, 1 file; "), "{verified}");
    let exported = stage.run(&["export", "--repository", "repository", "out"]).expect_success().stdout;
    assert!(exported.contains(" files written, 0 there already, "), "{exported}");
    let collected = stage.run(&["collect", "--repository", "repository"]).expect_success().stdout;
    assert!(collected.contains("0 pages, 0 files: 0 bytes of "), "{collected}");
}

/// As a unit or a CI job sets what it has no value for.
#[test]
fn a_variable_with_nothing_in_it_is_as_good_as_unset() {
    let list = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/environment.rs");
    let list = std::fs::read_to_string(list).unwrap();
    let names: Vec<&str> = list.split('"').filter(|text| text.starts_with("SEALDEX_")).collect();
    assert!(names.len() > 20, "{names:?}");
    let stage = Stage::with_repository(&[]);
    let run = |arguments: &[&str]| {
        let mut command = stage.sealdex(arguments);
        for name in &names {
            command.env(name, "");
        }
        // Where the user's own folders then are.
        command.env("XDG_DATA_HOME", stage.path("data")).env("XDG_CACHE_HOME", stage.path("cache-home"));
        command.current_dir(stage.path("repository"));
        sealdex_testkit::process::run(&mut command, PATIENCE).expect_success().stdout
    };
    let shown = run(&["config", "show"]);
    for name in &names {
        let line = shown.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_default();
        assert!(line.trim_end().ends_with("not set"), "{name}: {line}\n{shown}");
    }
    // Options that all commands have, paths, numbers, addresses, lists, flags.
    run(&["status"]);
    run(&["cache", "show"]);
    run(&["trust", "list"]);
    run(&["policy", "show"]);
    run(&["proxy", "--help"]);
    let root = stage.root_file();
    let wheel = stage.wheel(&WheelBuilder::new("alpha", "1.0").build());
    run(&["add", wheel.to_str().unwrap()]);
    let served = stage.serve();
    run(&["trust", "add", "play", &served.url, "--root", root.to_str().unwrap()]);
    run(&["run", "--", "true"]);
    assert!(!stage.path("trust").exists() && !stage.path("cache").exists());
    // An option with nothing in it is still a mistake.
    assert_eq!(stage.run(&["trust", "list", "--trust-dir", ""]).code(), Some(2));
}

#[test]
fn offline_keys_lie_beside_a_repository_made_here() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path("here")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = stage.sealdex(arguments);
        sealdex_testkit::process::run(command.current_dir(stage.path("here")), PATIENCE).expect_success()
    };
    run(&["init", "--dev", "--bins", "4"]);
    assert!(stage.path("here-offline-keys/targets-1.pem").is_file());
    run(&["layout", "change", "--bins", "2"]);
}

#[test]
fn no_key_is_made_where_no_repository_can_be() {
    let stage = Stage::new();
    let init = |arguments: &[&str]| {
        let output = stage.run(&[&["init", "--dev"], arguments].concat()).expect_failure();
        assert_eq!(output.code(), Some(2), "{}", output.report());
        output.text()
    };
    std::fs::create_dir(stage.path("full")).unwrap();
    std::fs::write(stage.path("full/a"), "").unwrap();
    assert!(init(&["full"]).contains("full is not empty: it holds a"));
    assert!(!stage.path("full/keys").exists() && !stage.path("full-offline-keys").exists());
    assert!(init(&["--offline-keys", "new/sub", "new"]).contains("offline keys are kept apart"));
    assert!(!stage.path("new").exists());
    // As it is left by a kill.
    std::fs::create_dir_all(stage.path("half/keys")).unwrap();
    std::fs::write(stage.path("half/keys/online.pem"), "").unwrap();
    let told = init(&["half"]);
    for part in ["was not finished", "remove half/keys and half-offline-keys"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn development_repositories_say_so_everywhere() {
    let stage = Stage::with_repository(&[]);
    let status = stage.run(&["status", "--repository", "repository"]).expect_success().stdout;
    assert!(status.starts_with("DEVELOPMENT KEYS"), "{status}");
    let root = std::fs::read_to_string(stage.root_file()).unwrap();
    assert!(root.contains("development"), "{root}");
}

#[test]
fn add_remove_and_yank_are_told_and_take_effect() {
    let stage = Stage::with_repository(&[]);
    let files = stage.two_wheels();
    let added = stage.run(&["add", "--repository", "repository", "dist"]).expect_success().stdout;
    assert!(added.contains("sealed 2 files, published in snapshot 2"), "{added}");
    let again =
        stage.run(&["add", "--repository", "repository", files[0].to_str().unwrap()]).expect_success().stdout;
    assert!(again.contains("there already"), "{again}");

    // Other contents under the same name are refused, and the rest is added all the same.
    let changed = WheelBuilder::new("alpha", "1.0").module("alpha.py", "NAME = 'changed'\n").build();
    std::fs::write(&files[0], &changed.bytes).unwrap();
    let third = stage.wheel(&WheelBuilder::new("gamma", "1.0").build());
    let arguments =
        ["add", "--repository", "repository", files[0].to_str().unwrap(), third.to_str().unwrap()];
    let mixed = stage.run(&arguments).expect_failure();
    assert_eq!(mixed.code(), Some(1));
    assert!(mixed.stderr.contains("refused") && mixed.stdout.contains("sealed 1 file"), "{}", mixed.report());

    let yank = |reason| ["yank", "--repository", "repository", "--reason", reason, "beta", "2.0.0"];
    let refused = stage.run(&yank("bad\u{1b}[31m")).expect_failure();
    assert!(refused.text().contains("without control characters"), "{}", refused.report());
    let yank = yank("broken");
    let yanked = stage.run(&yank).expect_success().stdout;
    assert!(yanked.contains("yanked beta 2.0.0 (1 file)"), "{yanked}");
    stage.run(&["yank", "--repository", "repository", "--undo", "beta", "2.0"]).expect_success();
    let missing = stage.run(&["yank", "--repository", "repository", "beta", "3.0"]).expect_failure();
    assert!(missing.text().contains("its versions: 2.0"), "{}", missing.report());

    stage.run(&["remove", "--repository", "repository", "beta-2.0-py3-none-any.whl"]).expect_success();
    let missing =
        stage.run(&["remove", "--repository", "repository", "beta-9.9-py3-none-any.whl"]).expect_failure();
    assert_eq!(missing.code(), Some(1));
}

#[test]
fn commands_publish_through_the_process_that_serves() {
    let stage = Stage::with_repository(&[]);
    let served = stage.serve();
    stage.add(&stage.two_wheels());
    stage.trust("play", &served.url);
    let fetched = stage.run(&["fetch", "simple/alpha/index.json", "--output", "-"]).expect_success().stdout;
    assert!(fetched.contains("alpha-1.0-py3-none-any.whl"), "{fetched}");
    if stage.is_on_postgresql() {
        // A second server stands by, and publishes once the first is gone.
        let second = stage.serve();
        wait_for_publisher(&stage, served.process.id());
        drop(served);
        wait_for_publisher(&stage, second.process.id());
        return;
    }
    let second =
        stage.run(&["serve", "--repository", "repository", "--listen", "127.0.0.1:0"]).expect_failure();
    assert!(second.text().contains("another process publishes"), "{}", second.report());
}

/// Waits until `status` says that this process publishes.
#[expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]
fn wait_for_publisher(stage: &Stage, process: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status =
            stage.run(&["status", "--repository", "repository", "--format", "json"]).expect_success();
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        assert!(status["database"].as_str().unwrap().starts_with("postgresql://"), "{status}");
        if status["writer"]["process_id"] == process {
            assert!(
                status["writer"]["host"].is_string() && status["writer"]["since"].is_string(),
                "{status}"
            );
            return;
        }
        assert!(Instant::now() < deadline, "{status}");
    }
}

#[test]
fn any_tree_of_files_can_be_sealed_and_fetched() {
    let stage = Stage::with_repository(&["--layout", "tree"]);
    std::fs::create_dir_all(stage.path("files/sub")).unwrap();
    std::fs::write(stage.path("files/sub/data.bin"), b"first").unwrap();
    stage.run(&["add", "--repository", "repository", "files"]).expect_success();
    let served = stage.serve();
    stage.trust("play", &served.url);
    stage.run(&["fetch", "sub/data.bin"]).expect_success();
    assert_eq!(std::fs::read(stage.path("data.bin")).unwrap(), b"first");
    std::fs::write(stage.path("other"), b"second").unwrap();
    stage.run(&["add", "--repository", "repository", "--as", "sub/data.bin", "other"]).expect_success();
    stage.run(&["fetch", "sub/data.bin", "--output", "new.bin"]).expect_success();
    assert_eq!(std::fs::read(stage.path("new.bin")).unwrap(), b"second");
    // A device or a pipe is not replaced by a file.
    let pipe = stage.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let refused = stage.run(&["fetch", "sub/data.bin", "--output", "pipe"]).expect_failure();
    assert!(refused.text().contains("something else than a file"), "{}", refused.report());
    assert!(!pipe.metadata().unwrap().is_file());
    let absent = stage.run(&["fetch", "sub/none.bin"]).expect_failure();
    assert_eq!(absent.code(), Some(1));
    assert!(absent.text().contains("has no target"), "{}", absent.report());
}

#[test]
fn trust_is_explicit() {
    let stage = Stage::with_repository(&[]);
    let served = stage.serve();
    let refused = stage.run(&["trust", "add", "play", &served.url]).expect_failure();
    assert_eq!(refused.code(), Some(2));
    let wrong = "0".repeat(64);
    let refused = stage.run(&["trust", "add", "play", &served.url, "--fingerprint", &wrong]).expect_failure();
    assert!(refused.text().contains("hint:"), "{}", refused.report());
    let other = Stage::with_repository(&[]);
    let root = other.root_file();
    let refused =
        stage.run(&["trust", "add", "play", &served.url, "--root", root.to_str().unwrap()]).expect_failure();
    assert_eq!(refused.code(), Some(3), "{}", refused.report());
    let status =
        stage.run(&["status", "--repository", "repository", "--format", "json"]).expect_success().stdout;
    let key = "\"root_fingerprint\": \"";
    let at = status.find(key).unwrap() + key.len();
    stage.run(&["trust", "add", "play", &served.url, "--fingerprint", &status[at..at + 64]]).expect_success();
    let listed = stage.run(&["trust", "list"]).expect_success().stdout;
    assert!(listed.contains("play"), "{listed}");
    stage.run(&["trust", "remove", "play"]).expect_success();
    let none = stage.run(&["pip", "install", "alpha"]).expect_failure();
    assert!(none.text().contains("no repository is trusted yet"), "{}", none.report());
}

#[test]
fn authorities_that_cannot_be_used_are_told_of() {
    let stage = Stage::with_repository(&[]);
    std::fs::write(stage.path("empty.pem"), "nothing").unwrap();
    let root = stage.root_file();
    let add = ["trust", "add", "play", "https://127.0.0.1:1/", "--root", root.to_str().unwrap()];
    let absent = stage.run(&[&add[..], &["--ca-file", "absent.pem"]].concat()).expect_failure();
    assert!(absent.text().contains("cannot read absent.pem"), "{}", absent.report());
    let mut command = stage.sealdex(&add);
    let empty = sealdex_testkit::process::run(command.env("SEALDEX_CA_FILE", "empty.pem"), PATIENCE);
    let empty = empty.expect_failure();
    assert!(empty.text().contains("empty.pem has no certificate authorities"), "{}", empty.report());
}

#[test]
fn the_repository_may_be_named_before_and_after_what_to_do_with_its_tokens() {
    let stage = Stage::with_repository(&[]);
    let repository = stage.path("repository");
    let repository = repository.to_str().unwrap();
    stage.run(&["token", "create", "--repository", repository, "--project", "alpha"]).expect_success();
    let listed = stage.run(&["token", "--repository", repository, "list"]).expect_success();
    assert!(listed.stdout.contains("alpha"), "{}", listed.report());
}

#[test]
fn what_was_typed_wrongly_is_told_by_its_cause() {
    let stage = Stage::with_repository(&[]);
    let repository = stage.path("repository");
    let repository = repository.to_str().unwrap();
    let output = stage.run(&["add", "--repository", repository, "no-such.whl"]).expect_failure();
    assert!(output.text().contains("No such file"), "{}", output.report());
    let root = stage.root_file();
    let root = root.to_str().unwrap();
    let output = stage.run(&["trust", "add", "play", "ftp://host/", "--root", root]).expect_failure();
    assert_eq!(output.code(), Some(2), "{}", output.report());
}

#[test]
fn more_files_than_one_publication_takes_are_all_published() {
    let stage = Stage::with_repository(&["--layout", "tree"]);
    std::fs::create_dir(stage.path("files")).unwrap();
    for number in 0..1005 {
        std::fs::write(stage.path(&format!("files/{number}")), number.to_string()).unwrap();
    }
    let added = stage.run(&["add", "--repository", "repository", "files"]).expect_success().stdout;
    assert!(added.contains("sealed 1005 files"), "{added}");
    let status = stage.run(&["status", "--repository", "repository"]).expect_success().stdout;
    assert!(status.contains("nothing pending"), "{status}");
}

#[test]
fn commands_at_the_same_time_all_publish() {
    let stage = Stage::with_repository(&["--layout", "tree"]);
    let add = |name: &str| {
        std::fs::write(stage.path(name), name).unwrap();
        sealdex_testkit::process::Process::start(&mut stage.sealdex(&[
            "add",
            "--repository",
            "repository",
            name,
        ]))
    };
    let running: Vec<_> = (0..6).map(|number| add(&format!("file-{number}"))).collect();
    for process in running {
        let (status, log) = process.wait(support::PATIENCE);
        assert!(status.success(), "{log}");
    }
    let status = stage.run(&["status", "--count", "--repository", "repository"]).expect_success().stdout;
    assert!(status.contains("6 targets") && status.contains("nothing pending"), "{status}");
}

#[test]
fn what_is_exported_can_be_served_by_any_web_server() {
    use sealdex_testkit::process::Process;
    use sealdex_testkit::python::Environment;
    use std::process::Command;

    let stage = Stage::with_repository(&[]);
    stage.add(&stage.two_wheels());
    let told = stage.run(&["export", "--repository", "repository", "static"]).expect_success().stdout;
    assert!(told.starts_with("exported static\n"), "{told}");
    let again = ["export", "--repository", "repository", "static", "--format", "json"];
    let again = stage.run(&again).expect_success().stdout;
    assert!(again.contains("\"written\": 0") && again.contains("\"packed\": 0"), "{again}");
    let page = only_file(&stage.path("static/targets/simple/alpha"), ".index.json.zst");
    assert!(page.with_extension("").is_file());

    let mut server = Command::new(Environment::python());
    server.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "static", "0"]);
    let server = Process::start(server.current_dir(stage.path("")));
    let line = server.wait_for_line("http://127.0.0.1:", PATIENCE);
    let start = line.find("http://").unwrap();
    let url = line[start..].split(')').next().unwrap().to_owned();
    stage.trust("static", &url);
    stage.run(&["fetch", "simple/alpha/index.json"]).expect_success();
    // Whoever installs needs no logic over there either.
    let (_fresh, python) = stage.fresh();
    stage.run(&["pip", "--python", &python, "install", "alpha"]).expect_success();
}

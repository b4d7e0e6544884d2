//! The client's limits, set as users set them: flag, then environment, then file, then default.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_testkit::process;
use support::{PATIENCE, Stage};

/// `config show` as JSON: the value of a limit and where it comes from.
fn shown(stage: &Stage, limit: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let mut command = stage.sealdex(&[&["config", "show", "--format", "json"], arguments].concat());
    let output = process::run(command.envs(variables.iter().copied()), PATIENCE).expect_success();
    let rows: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["setting"] == format!("client limits.{limit}"));
    let text = |name: &str| row.unwrap()[name].as_str().unwrap().to_owned();
    (text("value"), text("source"))
}

fn settings(stage: &Stage, text: &str) {
    let folder = stage.path("config/sealdex");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("client.toml"), text).unwrap();
}

#[test]
fn a_flag_overrides_the_environment_which_overrides_the_file() {
    let stage = Stage::new();
    let own = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(shown(&stage, "update_seconds", &[], &[]), own("600", "default"));
    settings(&stage, "[limits]\nupdate_seconds = 1\nmax_root_bytes = 1_000\n");
    assert_eq!(shown(&stage, "update_seconds", &[], &[]), own("1", "client.toml"));
    let variables = [("SEALDEX_LIMITS", "update_seconds=2, max_delegations=5")];
    assert_eq!(shown(&stage, "update_seconds", &[], &variables), own("2", "environment"));
    let flags = ["--limit", "update_seconds=3"];
    assert_eq!(shown(&stage, "update_seconds", &flags, &variables), own("3", "flag"));
    // One that is set here does not undo those that are set elsewhere.
    assert_eq!(shown(&stage, "max_delegations", &flags, &variables), own("5", "environment"));
    assert_eq!(shown(&stage, "max_root_bytes", &flags, &variables), own("1000", "client.toml"));
    assert_eq!(shown(&stage, "lock_wait_seconds", &flags, &variables), own("60", "default"));

    let other = stage.path("other.toml");
    std::fs::write(&other, "[limits]\nupdate_seconds = 9\n").unwrap();
    let named = ["--config", other.to_str().unwrap()];
    assert_eq!(shown(&stage, "update_seconds", &named, &[]), own("9", "client.toml"));
    assert_eq!(shown(&stage, "max_root_bytes", &named, &[]), own("512000", "default"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let stage = Stage::new();
    let refused = |arguments: &[&str], variables: &[(&str, &str)], reason: &str| {
        let mut command = stage.sealdex(&[&["config", "show"], arguments].concat());
        let output = process::run(command.envs(variables.iter().copied()), PATIENCE).expect_failure();
        assert_eq!(output.code(), Some(2), "{}", output.report());
        assert!(output.stderr.contains(reason), "{reason}\n{}", output.report());
    };
    refused(&["--limit", "max_everything=1"], &[], "there is no limit max_everything");
    refused(&["--limit", "update_seconds"], &[], "is not NAME=VALUE");
    refused(&["--limit", "update_seconds=soon"], &[], "soon is no whole number");
    refused(&["--limit", "update_seconds=0"], &[], "update_seconds cannot be 0: it is from 1 to 31536000");
    refused(&["--limit", "max_root_versions=0"], &[], "max_root_versions cannot be 0");
    refused(&[], &[("SEALDEX_LIMITS", "update_second=1")], "SEALDEX_LIMITS: there is no limit update_second");
    refused(&["--config", "/nonexistent/client.toml"], &[], "/nonexistent/client.toml: No such file");
    for (text, reason) in [
        ("[limits]\nupdate_second = 1\n", "client.toml: there is no limit update_second"),
        ("[limit]\nupdate_seconds = 1\n", "unknown field `limit`"),
        ("[limits]\nupdate_seconds = -1\n", "update_seconds = -1"),
        ("[limits]\nupdate_seconds = 0\n", "update_seconds cannot be 0"),
    ] {
        settings(&stage, text);
        refused(&[], &[], reason);
    }
}

#[test]
fn a_refusal_names_the_limit_and_how_to_set_it() {
    let (stage, served) = Stage::with_trusted_wheels();
    let fetch =
        |limit: &str| stage.run(&["fetch", "--limit", limit, "simple/alpha/index.json", "--output", "-"]);
    for (limit, reason, code) in [
        ("max_timestamp_bytes=10", "timestamp.json sent more than the 10 bytes allowed", 3),
        ("max_delegations=0", "no answer for simple/alpha/index.json within 0 delegated roles", 3),
        ("max_root_bytes=10", "root.json is longer than the limit of 10 bytes", 3),
    ] {
        let output = fetch(limit).expect_failure();
        assert_eq!(output.code(), Some(code), "{}", output.report());
        assert!(output.stderr.contains(reason), "{}", output.report());
        let name = limit.split_once('=').unwrap().0;
        let hint = format!("to allow more, change the limit {name}: --limit {name}=N, or in client.toml");
        assert!(output.stderr.contains(&hint), "{}", output.report());
    }
    fetch("max_timestamp_bytes=1000").expect_success();

    let root = stage.root_file();
    let arguments = [
        "trust",
        "add",
        "other",
        &served.url,
        "--root",
        root.to_str().unwrap(),
        "--limit",
        "max_root_bytes=10",
    ];
    let output = stage.run(&arguments).expect_failure();
    assert!(output.stderr.contains("more than the 10 allowed"), "{}", output.report());
    assert!(output.stderr.contains("--limit max_root_bytes=N"), "{}", output.report());
}

/// Every transfer is fast enough by itself; all of them together are not.
#[test]
fn a_refresh_that_takes_too_long_is_ended() {
    let stage = Stage::with_repository(&[]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    let between = HostileServer::start(Origin::server(&served.url));
    stage.trust("play", &between.url());
    between.set(Paths::ending_with("timestamp.json"), Behaviour::Drip { bytes_per_second: 100 });
    let variables = [("SEALDEX_LIMITS", "min_bytes_per_second=10,update_seconds=1")];
    let mut command = stage.sealdex(&["fetch", "simple/alpha/index.json"]);
    let output = process::run(command.envs(variables), PATIENCE).expect_failure();
    assert_eq!(output.code(), Some(3), "{}", output.report());
    for part in
        ["slow retrieval attack", "the refresh was not complete after 1.0 s", "--limit update_seconds=N"]
    {
        assert!(output.stderr.contains(part), "{}", output.report());
    }
    assert!(output.elapsed < std::time::Duration::from_secs(10), "{}", output.report());
}

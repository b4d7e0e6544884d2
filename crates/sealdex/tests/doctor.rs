//! `sealdex doctor` with the real tools.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sealdex_testkit::process::{Output, Process};
use sealdex_testkit::python::{self, Environment};
use serde_json::Value;

use support::{PATIENCE, Stage};

/// Ten processes at once, some of which make virtual environments.
const TRIALS: Duration = Duration::from_secs(280);

/// The folders of these programs, and those of the system.
fn path(programs: &[PathBuf]) -> OsString {
    let folders = programs.iter().map(|program| program.parent().unwrap());
    std::env::join_paths(folders.chain(["/usr/bin", "/bin"].map(Path::new))).unwrap()
}

/// `sealdex doctor` by a user without any settings, in an empty folder.
fn doctor(stage: &Stage, programs: &[PathBuf]) -> Command {
    doctor_as(stage, programs, "json")
}

fn doctor_as(stage: &Stage, programs: &[PathBuf], format: &str) -> Command {
    let mut command = stage.sealdex(&["doctor", "--format", format]);
    for (name, folder) in [("HOME", "home"), ("TMPDIR", "tmp"), ("XDG_CONFIG_HOME", "config")] {
        fs::create_dir_all(stage.path(folder)).unwrap();
        command.env(name, stage.path(folder));
    }
    fs::create_dir_all(stage.path("app")).unwrap();
    for name in ["XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
        command.env_remove(name);
    }
    command.current_dir(stage.path("app")).env("PATH", path(programs)).env_remove("UV_NO_CONFIG");
    command.env("UV_NO_CONFIG", "0");
    command
}

fn run(command: &mut Command) -> (Output, Value) {
    let output = python::run(command, TRIALS);
    let report = serde_json::from_str(&output.stdout).unwrap_or_else(|_| Value::Null);
    (output, report)
}

#[test]
fn every_tool_is_tried_and_nothing_stays() {
    let stage = Stage::new();
    let tools = [
        ("pip", Environment::pip()),
        ("uv", Environment::uv()),
        ("poetry", Environment::poetry()),
        ("pdm", Environment::pdm()),
        ("pipenv", Environment::pipenv()),
    ];
    let programs: Vec<PathBuf> = tools.iter().map(|(_, program)| program.clone()).collect();
    let (output, report) = run(&mut doctor(&stage, &programs));
    assert_eq!(output.code(), Some(0), "{}", output.report());
    assert_eq!(report["all_protected"], true);
    for (finding, (name, program)) in report["tools"].as_array().unwrap().iter().zip(&tools) {
        assert_eq!(finding["tool"], *name);
        assert_eq!(finding["program"], program.to_str().unwrap());
        assert_eq!(finding["in_a_run"]["verdict"], "protected", "{finding}");
        assert_eq!(finding["alone"]["verified"], false, "{finding}");
        assert!(finding["version"].as_str().unwrap().contains('.'), "{finding}");
    }
    for folder in ["tmp", "home", "config", "app"] {
        let left: Vec<_> =
            fs::read_dir(stage.path(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A pip that a distribution, or a colleague, has wrapped.
fn wrapped_pip(stage: &Stage, script: &str) -> PathBuf {
    let program = stage.path("bin/pip");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn a_pip_that_goes_its_own_ways_is_not_protected() {
    let pip = Environment::pip();
    let cases = [
        ("exit 0".to_owned(), "not-protected", "from somewhere else"),
        (
            format!(
                "unset HTTPS_PROXY https_proxy ALL_PROXY all_proxy PIP_PROXY\nexec {} \"$@\"",
                pip.display()
            ),
            "not-protected",
            "did not come to the proxy",
        ),
        ("exec no-such-python".to_owned(), "not-protected", "no-such-python"),
    ];
    for (script, verdict, reason) in cases {
        let stage = Stage::new();
        let (output, report) = run(&mut doctor(&stage, &[wrapped_pip(&stage, &script)]));
        assert_eq!(output.code(), Some(1), "{}", output.report());
        assert_eq!(report["all_protected"], false);
        let found = &report["tools"][0]["in_a_run"];
        assert_eq!(found["verdict"], verdict, "{}", output.report());
        assert!(found["detail"].as_str().unwrap().contains(reason), "{found}");
    }
}

#[test]
fn settings_that_lead_around_the_proxy_are_found() {
    let stage = Stage::new();
    fs::create_dir_all(stage.path("app")).unwrap();
    fs::write(stage.path("app/uv.toml"), "https-proxy = \"http://127.0.0.1:9\"\n").unwrap();
    let (output, report) = run(&mut doctor(&stage, &[Environment::uv()]));
    assert_eq!(output.code(), Some(1), "{}", output.report());
    let found = report["tools"].as_array().unwrap().iter().find(|finding| finding["tool"] == "uv").unwrap();
    assert_eq!(found["in_a_run"]["verdict"], "not-protected", "{found}");
    assert!(found["in_a_run"]["detail"].as_str().unwrap().contains("sets https-proxy"), "{found}");
}

#[test]
fn an_index_that_is_a_proxys_is_told_from_any_other() {
    let (stage, served) = Stage::with_trusted_wheels();
    let proxy = Process::start(&mut stage.sealdex(&["proxy", "--listen", "127.0.0.1:0"]));
    let line = proxy.wait_for_line("verifying", PATIENCE);
    let index = line[line.find("http://").unwrap()..].trim().to_owned();
    for (index, verified) in [(index, true), (format!("{}simple/", served.url), false)] {
        let mut command = doctor(&stage, &[Environment::pip()]);
        let (output, report) = run(command.env("PIP_INDEX_URL", &index).env("PIP_CONFIG_FILE", "/dev/null"));
        let alone = &report["tools"][0]["alone"];
        assert_eq!(alone["verified"], verified, "{}", output.report());
        assert_eq!(alone["indexes"][0], index);
    }
}

#[test]
fn a_proxy_that_does_not_run_is_told_with_how_to_start_it() {
    let stage = Stage::new();
    // Nobody listens at a port that was just let go.
    let index = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let index = format!("http://{index}/simple/");
    let mut command = doctor_as(&stage, &[Environment::pip()], "human");
    let output =
        python::run(command.env("PIP_INDEX_URL", &index).env("PIP_CONFIG_FILE", "/dev/null"), TRIALS);
    for part in [
        &format!("nobody listens: {index}"),
        &format!("but nobody listens at {index}"),
        "systemctl --user enable --now sealdex-proxy.socket",
    ] {
        assert!(output.stdout.contains(part), "{part}\n{}", output.report());
    }
}

#[test]
fn stopped_halfway_it_takes_its_folder_away() {
    let stage = Stage::new();
    let pip = wrapped_pip(&stage, "touch $TMPDIR/../begun; sleep 600");
    let mut command = doctor(&stage, &[pip]);
    let process = Process::start(python::isolate(&mut command));
    let deadline = Instant::now() + PATIENCE;
    while !has_begun(&stage.path("tmp")) {
        assert!(Instant::now() < deadline, "{}", process.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    process.interrupt();
    let (status, log) = process.wait(PATIENCE);
    assert!(!status.success() && log.contains("stopped before"), "{log}");
    assert_eq!(fs::read_dir(stage.path("tmp")).unwrap().count(), 0);
}

/// Whether a tool was started.
fn has_begun(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name() == "begun" || entry.path().is_dir() && has_begun(&entry.path()))
}

#[test]
fn without_any_tool_it_says_so() {
    let stage = Stage::new();
    let mut command = doctor(&stage, &[]);
    let (output, _) = run(command.env("PATH", stage.path("app")));
    assert_eq!(output.code(), Some(1), "{}", output.report());
    assert!(output.stderr.contains("none of pip, uv"), "{}", output.report());
}

#[test]
fn without_a_trusted_repository_it_says_what_to_do() {
    let stage = Stage::new();
    let (_, report) = run(&mut doctor(&stage, &[Environment::pip()]));
    assert_eq!(report["repositories"], serde_json::json!([]));
    let mut command = doctor_as(&stage, &[Environment::pip()], "human");
    let output = sealdex_testkit::process::run(&mut command, PATIENCE);
    assert!(output.stdout.contains("no repository is trusted yet"), "{}", output.report());
    assert!(output.stdout.contains("sealdex trust add NAME URL"), "{}", output.report());
    assert!(!stage.path("trust").exists());

    let (stage, _served) = Stage::with_trusted_wheels();
    let (_, report) = run(&mut doctor(&stage, &[Environment::pip()]));
    assert_eq!(report["repositories"], serde_json::json!(["play"]));
}

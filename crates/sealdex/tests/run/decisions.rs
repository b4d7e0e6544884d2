//! Refusals, reports and policies, with tools that ask the index they know.

use std::path::PathBuf;
use std::time::Duration;

use sealdex_testkit::hostile::{Behaviour, Paths};
use sealdex_testkit::python::{self, Environment, FreshEnvironment};
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;

use crate::attacks::through_an_attacker;
use crate::project::{INDEX, Project, alpha, environment, pip, pyproject, uv, uv_index};
use crate::support::{PATIENCE, Stage, unboxed};

const BETA: &str = "beta-2.0-py3-none-any.whl";

fn policy(project: &Project, text: &str) -> String {
    let path = project.stage.path("policy.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A file that does not verify is asked for once, whoever asks, and the reason is in the box.
#[test]
fn installers_fail_at_once() {
    let settings = |more: &str| pyproject(&format!("{}{more}", uv_index(INDEX)));
    let poetry = format!(
        "[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = \"own\"\nurl = \"{INDEX}\"\npriority = \"primary\"\n"
    );
    let pdm = format!(
        "[[tool.pdm.source]]\nname = \"pypi\"\nurl = \"{INDEX}\"\nverify_ssl = true\n[tool.pdm]\ndistribution = false\n"
    );
    // pdm and pipenv do each failed installation once more, whatever it failed of.
    let install = ["--python", ".venv/bin/python", "install", "--index-url", INDEX, "alpha"];
    let tools: [(&str, PathBuf, &[&str], &str); 5] = [
        ("pip", pip(), &install, ""),
        ("pipenv", Environment::pipenv(), &["sync"], ""),
        ("uv", uv(), &["sync"], ""),
        ("poetry", Environment::poetry(), &["install", "--no-interaction"], &poetry),
        ("pdm", Environment::pdm(), &["install", "--no-self"], &pdm),
    ];
    for (name, program, words, more) in tools {
        let (project, attacker) = through_an_attacker();
        project.write("app", "pyproject.toml", &settings(more));
        if name == "pip" {
            FreshEnvironment::create(&project.stage.path("app/.venv"));
        }
        if name == "pipenv" {
            let source = format!("[[source]]\nname = \"main\"\nurl = \"{INDEX}\"\nverify_ssl = true\n");
            project.write("app", "Pipfile", &format!("{source}[packages]\nalpha = \"*\"\n"));
            // It is not to have the file already.
            project.bare("app", &program, &["lock"]).expect_success();
        }
        attacker.set(Paths::ending_with(BETA), Behaviour::CorruptByte(90));
        let output = project.sealed("app", &program, words).expect_failure();
        let asked = attacker.requests_for(&Paths::ending_with(BETA)).len();
        let most = if ["pdm", "pipenv"].contains(&name) { 2 } else { 1 };
        assert!((1..=most).contains(&asked), "{name} asked {asked} times\n{}", output.report());
        for part in [format!("sealdex refused {BETA}"), "wrong software attack".to_owned()] {
            assert!(unboxed(&output.stderr).contains(&part), "{name}: {part}\n{}", output.report());
        }
        assert!(output.elapsed < Duration::from_secs(60), "{name}: {:?}", output.elapsed);
    }
}

#[test]
fn uv_chooses_among_what_policy_leaves_and_a_lock_is_held_to_it() {
    let project = Project::new();
    project.stage.add(&[project.stage.wheel(&WheelBuilder::new("alpha", "5.0").build())]);
    project.write("app", "pyproject.toml", &pyproject(&uv_index(INDEX)));
    let run = |options: &[&str], words: &[&str]| {
        let mut command = project.sealed_command("app", options, &uv(), words);
        python::run(command.env_remove("UV_NO_CACHE"), PATIENCE)
    };
    let version = |output: &sealdex_testkit::process::Output| {
        assert!(output.succeeded(), "{}", output.report());
        crate::project::alpha_version_in(&project.stage.path("app"))
    };
    // Without a policy: the latest, which is in uv's cache then, and in the lock.
    assert_eq!(version(&run(&[], &["sync"])), "5.0");

    let report = project.stage.path("report.json");
    std::fs::remove_dir_all(project.stage.path("app/.venv")).unwrap();
    run(&["--report", report.to_str().unwrap()], &["sync", "--frozen"]).expect_success();
    let again: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(again["files"], Value::Array(Vec::new()), "uv asks for what it has in its cache");

    // A lock that names a denied file is refused, for all that uv has it in the cache of a run without the policy.
    let file = policy(&project, "deny = [\"alpha ==5.0\"]\n");
    std::fs::remove_dir_all(project.stage.path("app/.venv")).unwrap();
    let output = run(&["--policy", &file], &["sync", "--frozen"]).expect_failure();
    for part in ["sealdex refused alpha-5.0-py3-none-any.whl", "\"alpha ==5.0\" is denied", "deny in"] {
        assert!(unboxed(&output.stderr).contains(part), "{part}\n{}", output.report());
    }

    // A new lock is made of what is left.
    std::fs::remove_file(project.stage.path("app/uv.lock")).unwrap();
    let options = ["--policy", file.as_str(), "--report", report.to_str().unwrap()];
    assert_eq!(version(&run(&options, &["sync"])), "1.0");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let names: Vec<_> =
        report["files"].as_array().unwrap().iter().map(|own| own["filename"].as_str().unwrap()).collect();
    assert!(names.contains(&"alpha-1.0-py3-none-any.whl") && names.contains(&BETA), "{report}");
    assert_eq!(report["left_out"][0]["file"], "alpha-5.0-py3-none-any.whl");
    assert_eq!((&report["command"], &report["exit_code"]), (&"run".into(), &0.into()));
}

/// Two hostile names: a reason for a yank and a URL, with what a terminal would obey.
#[test]
fn what_is_shown_cannot_move_the_cursor() {
    let project = Project::new();
    let (_fresh, python) = environment(&project, "venv");
    let curl = "import sys, urllib.request as u\nu.urlopen(sys.argv[1])";
    let url = "http://evil.example/%1b[2J%c2%9b2K/%e2%80%aex-1.0-py3-none-any.whl";
    let output = project.sealed("app", &PathBuf::from(python), &["-c", curl, url]).expect_failure();
    let boxed = &output.stderr[output.stderr.find("sealdex refused").unwrap()..];
    assert!(boxed.chars().all(|c| c == '\n' || !c.is_control()) && !boxed.contains('\u{202e}'), "{boxed:?}");
    let log = project.stage.run(&["log"]);
    assert!(log.stdout.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", log.stdout);
}

/// Runs that are killed at any moment leave a log that is read, and a report that is whole or not there.
#[test]
fn a_killed_run_leaves_whole_lines() {
    let stage = Stage::with_repository(&[]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    stage.trust("play", &served.url);
    let project = Project::with(stage, served, &[]);
    let (fresh, python) = environment(&project, "venv");
    let report = project.stage.path("report.json");
    let options = ["--report", report.to_str().unwrap()];
    let words = ["pip", "install", "--no-cache", "--python", &python, "--default-index", INDEX, "alpha"];
    for milliseconds in [0, 30, 60, 100, 150, 250, 400] {
        let mut child = project.sealed_command("app", &options, &uv(), &words).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        if report.exists() {
            serde_json::from_slice::<Value>(&std::fs::read(&report).unwrap()).unwrap();
        }
    }
    python::run(&mut project.sealed_command("app", &options, &uv(), &words), PATIENCE).expect_success();
    assert_eq!(alpha(&fresh), "1.0");
    serde_json::from_slice::<Value>(&std::fs::read(&report).unwrap()).unwrap();
    let state = project.stage.path("home/.local/state/sealdex/decisions.jsonl");
    let log = std::fs::read_to_string(state).unwrap();
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert!(log.contains("alpha-1.0-py3-none-any.whl"), "{log}");
}

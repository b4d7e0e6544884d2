//! What locks and reports of a run name: the index and the files that they name without us. The matrix has the rest.

use std::path::Path;
use std::process::Command;

use sealdex_testkit::archive::sha256_hex;
use sealdex_testkit::hostile::{HostileServer, Origin};
use sealdex_testkit::python::{self, FreshEnvironment};
use serde_json::json;

use crate::project::{INDEX, Project, alpha_in, environment, pip, pyproject, uv, uv_index};
use crate::support::{PATIENCE, Stage};

/// Locks in a folder without us and in one with us, and compares; then installs through us from the lock.
#[track_caller]
fn same_lock(
    project: &Project,
    program: &Path,
    (settings, text): (&str, &str),
    (lock, file): (&[&str], &str),
    sync: &[&str],
) -> String {
    for folder in ["bare", "sealed"] {
        project.write(folder, settings, text);
    }
    project.bare("bare", program, lock).expect_success();
    let output = project.sealed("sealed", program, lock).expect_success();
    let (expected, found) = (project.read("bare", file), project.read("sealed", file));
    assert_eq!(expected, found, "{}", output.report());
    assert!(!found.contains("127.0.0.1"), "{found}");
    project.sealed("sealed", program, sync).expect_success();
    assert_eq!(alpha_in(&project.stage.path("sealed")), "1.0 2.0");
    assert_eq!(project.read("sealed", file), expected);
    expected
}

/// The index keeps its files on another host, as the public one does. A frozen lock asks that host alone.
#[test]
fn files_on_another_host() {
    let wheels = Stage::new();
    wheels.two_wheels();
    let place = |name: &str| format!("/packages/aa/bb/{name}-py3-none-any.whl");
    let (mut lines, mut files) = (String::new(), Vec::new());
    for (project, name) in [("alpha", "alpha-1.0"), ("beta", "beta-2.0")] {
        let file = format!("{name}-py3-none-any.whl");
        let bytes = std::fs::read(wheels.path("dist").join(&file)).unwrap();
        let line = json!({
            "name": project, "filename": file, "size": bytes.len(),
            "hashes": {"sha256": sha256_hex(&bytes)}, "upload-time": "2026-03-04T05:06:07.5Z",
            "url": format!("https://files.example{}", place(name)),
        });
        lines.push_str(&format!("{line}\n"));
        files.push((place(name), bytes));
    }
    let files =
        HostileServer::start(Origin::files(files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone()))));
    let stage = Stage::with_repository(&["--layout", "index-only"]);
    std::fs::write(stage.path("all.jsonl"), lines).unwrap();
    stage.run(&["import", "--repository", "repository", "all.jsonl"]).expect_success();
    let served = stage.serve();
    stage.trust("play", &served.url);
    let project = Project::with(stage, served, &[("files.example", &files.url())]);

    let text = pyproject(&uv_index(INDEX));
    let lock =
        same_lock(&project, &uv(), ("pyproject.toml", &text), (&["lock"], "uv.lock"), &["sync", "--frozen"]);
    assert!(lock.contains("https://files.example/packages/aa/bb/alpha-1.0-py3-none-any.whl"), "{lock}");
    let (fresh, python) = environment(&project, "pip");
    let arguments = ["--python", &python, "install", "--index-url", INDEX, "alpha"];
    project.sealed("pip", &pip(), &arguments).expect_success();
    assert_eq!(crate::project::alpha(&fresh), "1.0");
}

const FROZEN: &str = "alpha==1.0\nbeta==2.0\n";

#[test]
fn pip_reports_and_freezes() {
    let project = Project::new();
    let (bare, bare_python) = environment(&project, "bare-venv");
    let (sealed, sealed_python) = environment(&project, "sealed-venv");
    let install = |python: &str, what: &[&str]| {
        let words = [&["--python", python, "install", "--index-url", INDEX], what].concat();
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let report = |folder: &str| {
        let report: serde_json::Value = serde_json::from_str(&project.read(folder, "report.json")).unwrap();
        report["install"]
            .as_array()
            .unwrap()
            .iter()
            .map(|own| own["download_info"].clone())
            .collect::<Vec<_>>()
    };
    let more = ["--report", "report.json", "alpha"];
    let words = install(&bare_python, &more);
    project.bare("bare", &pip(), &words.iter().map(String::as_str).collect::<Vec<_>>()).expect_success();
    let words = install(&sealed_python, &more);
    project.sealed("sealed", &pip(), &words.iter().map(String::as_str).collect::<Vec<_>>()).expect_success();
    assert_eq!(report("bare"), report("sealed"));
    assert!(report("sealed")[0]["url"].as_str().unwrap().starts_with("https://index.example/files/"));
    let freeze = |fresh: &FreshEnvironment| {
        let mut command = Command::new(pip());
        command.arg("--python").arg(fresh.python()).arg("freeze");
        python::run(&mut command, PATIENCE).expect_success().stdout
    };
    assert_eq!((freeze(&bare), freeze(&sealed)), (FROZEN.to_owned(), FROZEN.to_owned()));
}

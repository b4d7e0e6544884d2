//! What an attacker on the way to the repository changes is refused, with our reason on the terminal.

use std::time::Duration;

use sealdex_testkit::hostile::{Behaviour, Framing, HostileServer, Origin, Paths};
use sealdex_testkit::python::Environment;

use crate::project::{INDEX, Project, alpha, environment, pip, pyproject, uv, uv_index};
use crate::support::{PATIENCE, Stage, unboxed};

/// A project whose repository is reached through a server that is honest so far.
pub(crate) fn through_an_attacker() -> (Project, HostileServer) {
    let stage = Stage::with_repository(&[]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    let between = HostileServer::start(Origin::server(&served.url));
    stage.trust("play", &format!("{}/", between.url().trim_end_matches('/')));
    (Project::with(stage, served, &[]), between)
}

#[test]
fn a_changed_file_page_or_sidecar_is_refused() {
    for (paths, what, reason) in [
        (Paths::ending_with(".whl"), "a file", "-py3-none-any.whl has"),
        (Paths::containing("simple/alpha/"), "a page", "simple/alpha/index.json has sha256"),
        (Paths::ending_with(".whl.metadata"), "a sidecar", ".whl.metadata has"),
    ] {
        for (name, program, words) in [
            ("pip", pip(), &["--python", "PYTHON", "install", "--index-url", INDEX, "alpha"][..]),
            ("uv", uv(), &["pip", "install", "--python", "PYTHON", "--default-index", INDEX, "alpha"]),
        ] {
            let (project, attacker) = through_an_attacker();
            attacker.set(paths.clone(), Behaviour::CorruptByte(40));
            let (fresh, python) = environment(&project, "venv");
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "PYTHON" { python.as_str() } else { word }).collect();
            let output = project.sealed("app", &program, &words).expect_failure();
            let text = output.text();
            for part in ["sealdex refused", "refused by sealdex: wrong software attack", reason] {
                assert!(text.contains(part), "{name}, {what}: {part}\n{}", output.report());
            }
            assert_eq!(alpha(&fresh), "None", "{name}, {what}");
        }
    }
}

/// A dependency that the sidecar does not have: poetry takes it from the JSON, which is made of the verified sidecar.
#[test]
fn a_changed_sidecar_changes_no_json() {
    let (project, attacker) = through_an_attacker();
    attacker.set(Paths::ending_with(".whl.metadata"), Behaviour::CorruptByte(40));
    let curl = "import os, ssl, sys, urllib.request as u\n\
        try: print(u.urlopen(sys.argv[1]).read().decode())\n\
        except u.HTTPError as e: print(e.code, e.reason)";
    let ask = || {
        let url = "https://index.example/pypi/alpha/1.0/json";
        project.sealed("app", &Environment::python(), &["-c", curl, url])
    };
    let refused = ask();
    assert!(
        refused.stdout.starts_with("409 refused by sealdex: wrong software attack"),
        "{}",
        refused.report()
    );
    attacker.clear();
    let output = ask().expect_success();
    let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(found["info"]["requires_dist"], serde_json::json!(["beta>=1"]));
    let url = "https://index.example/files/alpha/alpha-1.0-py3-none-any.whl";
    assert_eq!(found["urls"][0]["url"], url);
}

/// A frozen lock needs no page; its files are verified against the signed one all the same.
#[test]
fn a_changed_file_is_refused_to_a_frozen_lock_without_hashes() {
    let (project, attacker) = through_an_attacker();
    project.write("app", "pyproject.toml", &pyproject(&uv_index(INDEX)));
    project.sealed("app", &uv(), &["lock"]).expect_success();
    std::fs::remove_dir_all(project.stage.path("cache")).unwrap();
    attacker.set(Paths::containing("beta-2.0"), Behaviour::CorruptByte(90));
    let output = project.sealed("app", &uv(), &["sync", "--frozen"]).expect_failure();
    assert!(output.text().contains("refused by sealdex: wrong software attack"), "{}", output.report());
}

/// Plain pip waits for ever where one byte comes in a second, and unpacks what it is sent. Through us, neither: who is too
/// slow is left in time, and no more is unpacked than was signed.
#[test]
fn who_stalls_or_sends_too_much_is_left_in_time() {
    let limits = ["--limit", "first_byte_seconds=2", "--limit", "rate_window_seconds=2"];
    let page = || Paths::containing("simple/alpha/");
    for (paths, behaviour, attack) in [
        (page(), Behaviour::Stall, "slow retrieval attack"),
        (Paths::ending_with(".whl"), Behaviour::Drip { bytes_per_second: 1 }, "slow retrieval attack"),
        (Paths::ending_with(".whl"), Behaviour::StallAfter(100), "slow retrieval attack"),
        (page(), Behaviour::GzipBomb { unpacked_bytes: 1 << 30 }, "endless data attack"),
        (page(), Behaviour::Endless(Framing::Chunked), "endless data attack"),
    ] {
        for (name, program, words) in [
            ("pip", pip(), &["--python", "PYTHON", "install", "--index-url", INDEX, "alpha"][..]),
            ("uv", uv(), &["pip", "install", "--python", "PYTHON", "--default-index", INDEX, "alpha"]),
        ] {
            let (project, attacker) = through_an_attacker();
            attacker.set(paths.clone(), behaviour.clone());
            let (fresh, python) = environment(&project, "venv");
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "PYTHON" { python.as_str() } else { word }).collect();
            let mut command = project.sealed_command("app", &limits, &program, &words);
            let output = sealdex_testkit::python::run(&mut command, PATIENCE).expect_failure();
            assert!(unboxed(&output.text()).contains(attack), "{name}, {behaviour:?}\n{}", output.report());
            assert!(output.elapsed < Duration::from_secs(60), "{name}, {behaviour:?}: {:?}", output.elapsed);
            assert!(attacker.body_bytes_sent() < 8 << 20, "{}", attacker.body_bytes_sent());
            assert_eq!(alpha(&fresh), "None", "{name}, {behaviour:?}");
        }
    }
}

//! Real installers and real uploaders against the real binary.

mod support;

use std::process::Command;

use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_testkit::process;
use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;
use support::{PATIENCE, Stage, only_file};

#[test]
fn pips_exit_code_is_passed_on() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let (_fresh, python) = stage.fresh();
    let output = stage.run(&["pip", "--python", &python, "install", "no-such-project"]).expect_failure();
    assert_eq!(output.code(), Some(1));
    assert!(
        output.text().contains("No matching distribution found for no-such-project"),
        "{}",
        output.report()
    );
    let output = stage.run(&["pip", "--python", &python, "no-such-command"]).expect_failure();
    assert!(output.text().contains("unknown command"), "{}", output.report());
}

#[test]
fn another_index_on_the_command_line_is_refused() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let other = HostileServer::start(Origin::Nowhere);
    let (_fresh, python) = stage.fresh();
    let extra = format!("{}/simple/", other.url().trim_end_matches('/'));
    let arguments = ["pip", "--python", &python, "install", "--extra-index-url", &extra, "alpha"];
    let output = stage.run(&arguments).expect_failure();
    assert!(other.requests().is_empty(), "the other index was asked: {:?}", other.requests());
    assert!(output.text().contains("sealdex refused"), "{}", output.report());
}

#[test]
fn another_proxy_on_the_command_line_is_not_asked() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let other = HostileServer::start(Origin::Nowhere);
    let (_fresh, python) = stage.fresh();
    let proxy = format!("--proxy={}", other.url());
    let output = stage.run(&["pip", "--python", &python, "install", &proxy, "alpha"]).expect_failure();
    assert_eq!(output.code(), Some(2));
    assert!(other.requests().is_empty(), "the other proxy was asked: {:?}", other.requests());
    assert!(output.text().contains("--proxy would lead around the verification"), "{}", output.report());
}

/// In spellings that pip and Python take as well, and by an option that has pip forget its proxy.
#[test]
fn another_proxy_or_none_by_any_other_name_is_not_used() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let other = HostileServer::start(Origin::Nowhere);
    let (_fresh, python) = stage.fresh();
    let host = other.url().trim_end_matches('/').to_owned();
    let wheel = format!("alpha @ {host}/alpha-9.0-py3-none-any.whl");
    let (index, proxy) = (format!("{host}/simple/"), other.url().to_owned());
    let of_host = format!("{host}_proxy");
    let run = ["run", "--", &python, "-m", "pip", "--retries", "0"];
    let own = ["pip", "--python", &python];
    for sealdex in [&own[..], &run] {
        for (name, value, arguments) in [
            ("PIP_proxy", proxy.as_str(), &["alpha"][..]),
            ("PIP___PROXY", &proxy, &["alpha"]),
            ("http://sealdex.invalid_proxy", &proxy, &["alpha"]),
            ("No_Proxy", "*", &[&wheel]),
            ("No_Proxy", "*", &["--index-url", &index, "alpha"]),
            (&of_host, &proxy, &[&wheel]),
            ("PIP_NO_PROXY_ENV", "1", &[&wheel]),
            ("UNUSED", "", &["--no-proxy-env", &wheel]),
            ("PIP_Find_Links", &index, &["--no-index", "alpha"]),
        ] {
            let words = [sealdex, &["install", "--force-reinstall"], arguments].concat();
            let mut command = stage.sealdex(&words);
            let output = process::run(command.env(name, value), PATIENCE);
            let asked = other.requests();
            assert!(asked.is_empty(), "{name} {arguments:?}: {asked:?}\n{}", output.report());
            if arguments == ["alpha"] && sealdex == own {
                output.expect_success();
            } else {
                output.expect_failure();
            }
        }
    }
}

#[test]
fn git_is_not_led_past_the_proxy_by_settings_of_its_own() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let other = HostileServer::start(Origin::Nowhere);
    let (_fresh, python) = stage.fresh();
    let settings = stage.path("gitconfig");
    std::fs::write(&settings, format!("[http]\n\tproxy = {}\n", other.url())).unwrap();
    let requirement = format!("alpha @ git+{}/alpha.git", other.url().trim_end_matches('/'));
    let mut command = stage.sealdex(&["pip", "--python", &python, "install", &requirement]);
    let output = process::run(command.env("GIT_CONFIG_GLOBAL", &settings), PATIENCE).expect_failure();
    assert!(other.requests().is_empty(), "{:?}\n{}", other.requests(), output.report());
}

#[test]
fn a_changed_wheel_is_refused_with_the_reason_on_the_terminal() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let wheel = only_file(&stage.path("repository/public/targets/files/beta"), ".whl");
    let mut bytes = std::fs::read(&wheel).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&wheel, bytes).unwrap();
    let (fresh, python) = stage.fresh();
    let output = stage.run(&["pip", "--python", &python, "install", "alpha"]).expect_failure();
    let text = output.text();
    assert!(text.contains("sealdex refused"), "{}", output.report());
    assert!(text.contains("sha256"), "{}", output.report());
    assert!(text.contains("wrong software attack"), "{}", output.report());
    assert_eq!(
        fresh.evaluate("import importlib.util as u; print(u.find_spec('alpha'), u.find_spec('beta'))").trim(),
        "None None"
    );
}

#[test]
fn a_repository_that_does_not_verify_is_named_before_pip_starts() {
    let stage = Stage::with_repository(&[]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    let between = HostileServer::start(Origin::server(&served.url));
    stage.trust("play", &format!("{}/", between.url().trim_end_matches('/')));
    between.set(Paths::ending_with("timestamp.json"), Behaviour::CorruptByte(40));
    let output = stage.run(&["pip", "install", "alpha"]).expect_failure();
    assert!(output.text().contains("error:") && output.text().contains("hint:"), "{}", output.report());
    assert!(!output.text().contains("Traceback"), "{}", output.report());
}

#[test]
fn twine_and_uv_upload_and_pip_installs_what_they_uploaded() {
    let stage = Stage::with_repository(&[]);
    let served = stage.serve();
    let created = stage.run(&[
        "token",
        "--repository",
        "repository",
        "create",
        "--project",
        "gamma",
        "--format",
        "json",
    ]);
    let created = created.expect_success().stdout;
    let token = created.split('"').find(|part| part.starts_with("sdx_")).expect("a token").to_owned();
    let wheel = stage.wheel(&WheelBuilder::new("gamma", "1.0").module("gamma.py", "VERSION = 1\n").build());
    let sdist = stage.wheel(&SdistBuilder::new("gamma", "2.0").module("gamma.py", "VERSION = 2\n").build());
    let upload_url = format!("{}legacy/", served.url);
    let mut twine = Command::new(Environment::twine());
    twine
        .args(["upload", "--repository-url", &upload_url, "--username", "__token__", "--password", &token])
        .arg(&wheel);
    python::run(&mut twine, PATIENCE).expect_success();
    let mut uv = Command::new(Environment::uv());
    uv.args(["publish", "--publish-url", &upload_url, "--token", &token]).arg(&sdist);
    python::run(&mut uv, PATIENCE).expect_success();

    stage.trust("play", &served.url);
    let (fresh, python) = stage.fresh();
    stage.run(&["pip", "--python", &python, "install", "gamma==1.0"]).expect_success();
    assert_eq!(fresh.evaluate("import gamma; print(gamma.VERSION)").trim(), "1");
    stage.run(&["pip", "--python", &python, "install", "gamma==2.0"]).expect_success();
    assert_eq!(fresh.evaluate("import gamma; print(gamma.VERSION)").trim(), "2");

    // The token is for gamma alone.
    let other = stage.wheel(&WheelBuilder::new("delta", "1.0").build());
    let mut twine = Command::new(Environment::twine());
    twine
        .args(["upload", "--repository-url", &upload_url, "--username", "__token__", "--password", &token])
        .arg(&other);
    let refused = python::run(&mut twine, PATIENCE).expect_failure();
    assert!(refused.text().contains("403"), "{}", refused.report());
}

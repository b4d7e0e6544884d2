//! Policies that a repository signs: got and verified before anything else, and nothing is installed without them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_testkit::process::{Output, Process};
use sealdex_testkit::python::{self, FreshEnvironment};
use serde_json::Value;

use super::{json, policy};
use crate::support::{PATIENCE, Served, Stage, unboxed};

const BASE: &str = "company:policies/base.toml";

/// A user who trusts an index, and a company's repository that has policies alone.
struct Signed {
    user: Stage,
    company: Stage,
    between: HostileServer,
    python: String,
    _served: [Served; 2],
    _fresh: FreshEnvironment,
}

impl Signed {
    fn new(text: &str) -> Self {
        let (user, index) = Stage::with_trusted_wheels();
        let company = Stage::with_repository(&["--layout", "tree"]);
        let served = company.serve();
        let between = HostileServer::start(Origin::server(&served.url));
        let url = format!("{}/", between.url().trim_end_matches('/'));
        let root = company.root_file();
        user.run(&["trust", "add", "company", &url, "--root", root.to_str().unwrap()]).expect_success();
        // The names are the index's, and none is the company's.
        user.run(&["trust", "bind", "play", "*"]).expect_success();
        let (fresh, python) = user.fresh();
        let signed = Self { user, company, between, python, _served: [index, served], _fresh: fresh };
        signed.publish(text);
        signed
    }

    fn publish(&self, text: &str) {
        let file = policy(&self.company, "base.toml", text);
        let seal = ["add", "--repository", "repository", "--as", "policies/base.toml", &file];
        self.company.run(&seal).expect_success();
    }

    fn install(&self, options: &[&str], project: &str) -> Output {
        let report = self.user.path("report.json");
        let mut arguments = vec!["pip", "--python", &self.python, "--report", report.to_str().unwrap()];
        arguments.extend(options);
        arguments.extend(["install", "--force-reinstall", "--no-cache-dir", "--no-deps", project]);
        self.user.run(&arguments)
    }

    /// Says that nothing was installed, and why, on the terminal, in the log and in the report.
    fn assert_given_up(&self, output: Output, code: i32, parts: &[&str]) {
        let output = output.expect_failure();
        assert_eq!(output.code(), Some(code), "{}", output.report());
        assert!(!output.text().contains("Collecting"), "{}", output.report());
        let report = json(&self.user.path("report.json"));
        assert_eq!((&report["exit_code"], report["files"].as_array().unwrap().len()), (&code.into(), 0));
        let log = self.user.run(&["log", "-n", "1"]).expect_success().stdout;
        for part in parts {
            assert!(unboxed(&output.stderr).contains(part), "{part}\n{}", output.report());
            assert!(report["error"].as_str().unwrap().contains(part), "{part}\n{report}");
            assert!(log.contains(part), "{part}\n{log}");
        }
    }
}

#[test]
fn a_signed_policy_counts_wherever_it_is_named() {
    let signed = Signed::new("deny = [\"alpha\"]\n");
    signed.install(&[], "alpha").expect_success();
    for options in [&["--policy", BASE][..], &["--policy", "included.toml"]] {
        policy(&signed.user, "included.toml", &format!("no-sdists = true\ninclude = [\"{BASE}\"]\n"));
        let output = signed.install(options, "alpha").expect_failure();
        let part = "\"alpha\" is denied (deny in company:policies/base.toml, snapshot 2)";
        assert!(unboxed(&output.stderr).contains(part), "{}", output.report());
        signed.install(options, "beta").expect_success();
    }
    let shown = signed.user.run(&["policy", "show", "--policy", "included.toml"]).expect_success().stdout;
    for part in ["included.toml", "company:policies/base.toml, snapshot 2", "[\"alpha\"]"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    // As the user's own, it counts without being named; and it changes where it is published.
    fs::create_dir_all(signed.user.path("config/sealdex")).unwrap();
    fs::write(signed.user.path("config/sealdex/policy.toml"), format!("include = [\"{BASE}\"]\n")).unwrap();
    signed.install(&[], "alpha").expect_failure();
    signed.publish("deny = [\"beta\"]\nforbid-unverified = true\n");
    signed.install(&[], "alpha").expect_success();
    let output = signed.install(&[], "beta").expect_failure();
    assert!(output.stderr.contains("snapshot 3"), "{}", output.report());
    let unsafely = signed.install(&["--unsafely-disable-package-verification"], "alpha");
    signed.assert_given_up(unsafely, 3, &["forbid-unverified in company:policies/base.toml, snapshot 3"]);

    // Offline from what is kept, without asking; and the repository need not be there for that.
    signed.between.set(Paths::containing("/"), Behaviour::Status(503));
    let offline = signed.install(&["--offline"], "beta").expect_failure();
    assert!(offline.stderr.contains("\"beta\" is denied"), "{}", offline.report());
    signed.install(&["--offline"], "alpha").expect_success();
    signed.assert_given_up(
        signed.install(&[], "alpha"),
        1,
        &["nothing is installed without the signed policy"],
    );
}

#[test]
fn without_its_policy_nothing_is_installed() {
    let signed = Signed::new("no-sdists = true\n");
    let options = ["--policy", BASE];
    let nothing = format!("nothing is installed without the signed policy {BASE}");
    // What an attacker sends in place of it, or of what signs it.
    signed.between.set(Paths::ending_with("base.toml"), Behaviour::CorruptByte(3));
    signed.assert_given_up(signed.install(&options, "alpha"), 3, &["wrong software attack", &nothing]);
    signed.between.set(Paths::ending_with("base.toml"), Behaviour::Status(404));
    signed.assert_given_up(signed.install(&options, "alpha"), 3, &[&nothing]);
    signed.between.clear();
    signed.between.set(Paths::ending_with("timestamp.json"), Behaviour::Replace(vec![b'0'; 100_000]));
    signed.assert_given_up(signed.install(&options, "alpha"), 3, &["endless data attack", &nothing]);
    signed.between.clear();
    signed.install(&options, "alpha").expect_success();

    // What its operator does wrong.
    let named = |target: &str| format!("company:{target}");
    signed.assert_given_up(
        signed.install(&["--policy", &named("policies/none.toml")], "alpha"),
        3,
        &["the repository company has no target policies/none.toml in snapshot 2"],
    );
    signed.assert_given_up(
        signed.install(&["--policy", "nobody:policies/base.toml"], "alpha"),
        1,
        &["no repository named nobody is trusted"],
    );
    for (text, part) in [
        ("no-sdist = true", "snapshot 3 cannot be used: line 1: unknown field `no-sdist`"),
        ("include = [\"company:policies/base.toml\"]", "a policy that is included includes no others"),
    ] {
        signed.publish(text);
        signed.assert_given_up(signed.install(&options, "alpha"), 2, &[part]);
    }
    signed.publish(&format!("# {}\n", "x".repeat(1 << 20)));
    signed.assert_given_up(signed.install(&options, "alpha"), 1, &["more than the 1048576 allowed"]);
}

/// A proxy that runs on heeds what the company has published since; and while that cannot be had, nothing is handed out.
#[test]
fn a_running_proxy_takes_a_newer_policy() {
    let signed = Signed::new("deny = [\"gamma\"]\n");
    let options = ["proxy", "--listen", "127.0.0.1:0", "--refresh-after", "1", "--policy", BASE];
    let proxy = Process::start(&mut signed.user.sealdex(&options));
    let line = proxy.wait_for_line("verifying company, play at http://", PATIENCE);
    let index = line[line.find("http://").unwrap()..].trim().to_owned();
    let install = |project: &str| {
        // A snapshot is served for a second; what failed is tried again after two.
        std::thread::sleep(Duration::from_millis(2200));
        let mut pip = Command::new(&signed.python);
        pip.args(["-m", "pip", "install", "--index-url", &index, "--trusted-host", "127.0.0.1"]);
        python::run(pip.args(["--force-reinstall", "--no-cache-dir", "--no-deps", project]), PATIENCE)
    };
    let refused = |project: &str, part: &str| {
        let output = install(project).expect_failure();
        assert!(output.text().contains(part), "{part}\n{}", output.report());
    };
    install("alpha").expect_success();

    signed.publish("deny = [\"alpha\"]\n");
    refused("alpha", "'alpha' is denied (deny in company:policies/base.toml, snapshot 3)");
    install("beta").expect_success();

    // Out of reach, then somebody else's, then no policy at all: each time nothing is handed out.
    let nothing = format!("nothing is installed without the signed policy {BASE}");
    signed.between.set(Paths::containing("/"), Behaviour::Status(503));
    refused("beta", &nothing);
    signed.between.clear();
    install("beta").expect_success();
    signed.publish("deny = [\"beta\"]\n");
    signed.between.set(Paths::ending_with("base.toml"), Behaviour::CorruptByte(3));
    refused("beta", "wrong software attack");
    refused("alpha", &nothing);
    signed.between.clear();
    refused("beta", "'beta' is denied (deny in company:policies/base.toml, snapshot 4)");
    install("alpha").expect_success();
    signed.publish("denied = []\n");
    refused("alpha", "snapshot 5 cannot be used: line 1: unknown field");

    // The log has each policy once, and what was refused is the policy: since the attack, and not since the outage.
    let log = signed.user.run(&["log", "--all", "--format", "json"]).expect_success().stdout;
    let log: Vec<Value> = serde_json::from_str(&log).unwrap();
    let policies = log.iter().filter(|own| own["decision"] == "policy");
    let snapshots: Vec<_> = policies.map(|own| own["snapshot"].as_u64().unwrap()).collect();
    assert_eq!(snapshots, [2, 3, 4]);
    let missing = log.iter().filter(|own| own["message"].as_str().unwrap_or_default().contains(&nothing));
    let about: Vec<_> = missing.map(|own| (own["repository"].as_str(), own["file"].as_str())).collect();
    assert_eq!(about, [(Some("company"), Some("policies/base.toml")); 2], "{log:?}");
}

#[test]
fn an_outage_is_not_told_as_the_beginning_of_an_attack() {
    let signed = Signed::new("no-sdists = true\n");
    let options = ["--policy", BASE];
    let refused_since = || json(&signed.user.path("report.json"))["refusals"][0]["refused_since"].clone();
    signed.between.set(Paths::containing("/"), Behaviour::Status(503));
    signed.install(&options, "alpha").expect_failure();
    let outage = refused_since();
    signed.between.clear();
    signed.between.set(Paths::ending_with("base.toml"), Behaviour::CorruptByte(3));
    signed.install(&options, "alpha").expect_failure();
    let attack = refused_since();
    assert!(outage.as_str().unwrap() < attack.as_str().unwrap(), "{outage} {attack}");
    signed.install(&options, "alpha").expect_failure();
    assert_eq!(refused_since(), attack);
    // It is over once the policy was had.
    signed.between.clear();
    signed.install(&options, "alpha").expect_success();
    signed.between.set(Paths::ending_with("timestamp.json"), Behaviour::Replace(vec![b'0'; 100_000]));
    let output = signed.install(&options, "alpha").expect_failure();
    assert!(output.stderr.contains("it was good on"), "{}", output.report());
    assert!(attack.as_str().unwrap() < refused_since().as_str().unwrap(), "{}", output.report());
}

//! What users, administrators and CI see of a run: the box on a refusal, `sealdex log`, `--report`, policies, and the
//! option that switches verification off.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use std::fs;
use std::path::Path;

use sealdex_testkit::hostile::{Behaviour, HostileServer, Origin, Paths};
use sealdex_testkit::process::{self, Output};
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;
use support::{PATIENCE, Served, Stage, unboxed};

const UNSAFE: &str = "--unsafely-disable-package-verification";

/// [`Stage::two_wheels`] behind a server that is honest so far.
fn through_an_attacker() -> (Stage, Served, HostileServer) {
    let stage = Stage::with_repository(&[]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    let between = HostileServer::start(Origin::server(&served.url));
    stage.trust("play", &format!("{}/", between.url().trim_end_matches('/')));
    (stage, served, between)
}

fn install(stage: &Stage, python: &str, options: &[&str], what: &[&str]) -> Output {
    stage.run(
        &[&["pip", "--python", python], options, &["install", "--force-reinstall", "--no-cache-dir"], what]
            .concat(),
    )
}

fn policy(stage: &Stage, text: &str) -> String {
    let path = stage.path("policy.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn log(stage: &Stage, arguments: &[&str]) -> Vec<Value> {
    let output = stage.run(&[&["log", "--format", "json"], arguments].concat()).expect_success();
    serde_json::from_str::<Vec<Value>>(&output.stdout).unwrap()
}

/// Nothing verified is at hand any more.
fn forget(stage: &Stage) {
    fs::remove_dir_all(stage.path("cache")).unwrap();
}

#[test]
fn silent_when_all_is_well_and_one_line_with_v() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let (_fresh, python) = stage.fresh();
    let output = install(&stage, &python, &[], &["alpha"]).expect_success();
    assert_eq!(output.stderr, "", "{}", output.report());
    let output = stage.run(&["-v", "pip", "--python", &python, "install", "--force-reinstall", "alpha"]);
    let output = output.expect_success();
    assert!(
        output.stderr.lines().any(|line| line == "verified 2 files from play, snapshot 2"),
        "{}",
        output.report()
    );
    assert_eq!(log(&stage, &[]), Vec::<Value>::new());
    let all = log(&stage, &["--all"]);
    let handed_out = |kind: &str| all.iter().filter(|own| own["decision"] == kind).count();
    assert_eq!((handed_out("page"), handed_out("file")), (4, 4), "{all:?}");
    assert_eq!(log(&stage, &["--all", "--lines", "3"]), all[5..]);
    let human = stage.run(&["log"]).expect_success();
    assert!(human.stdout.starts_with("nothing was refused\nnot shown: 8 decisions"), "{}", human.report());
}

#[test]
fn a_refusal_says_what_which_attack_since_when_and_what_to_do() {
    let (stage, _served, attacker) = through_an_attacker();
    let (_fresh, python) = stage.fresh();
    install(&stage, &python, &[], &["alpha"]).expect_success();
    forget(&stage);
    attacker.set(Paths::ending_with("beta-2.0-py3-none-any.whl"), Behaviour::CorruptByte(90));
    attacker.clear_requests();
    let report = stage.path("report.json");
    let options = ["--report", report.to_str().unwrap()];
    let output = install(&stage, &python, &options, &["alpha"]).expect_failure();
    let asked = attacker.requests_for(&Paths::ending_with("beta-2.0-py3-none-any.whl")).len();
    assert_eq!(asked, 1, "the installer tried again\n{}", output.report());
    let boxed = &output.stderr
        [output.stderr.find("+- sealdex refused").or(output.stderr.find("┌─ sealdex refused")).unwrap()..];
    for part in [
        "sealdex refused beta-2.0-py3-none-any.whl",
        "beta-2.0-py3-none-any.whl has sha256",
        "wrong software attack",
        "now, for the first time; it was good on 20",
        "tell its operator",
        "nothing of it was handed to the installer",
    ] {
        assert!(unboxed(boxed).contains(part), "{part}\n{}", output.report());
    }
    assert!(!output.stderr.contains('\u{1b}'), "colours without a terminal\n{}", output.report());

    // The second time, it is known since when.
    let first = json(&report)["refusals"][0].clone();
    let output = install(&stage, &python, &options, &["alpha"]).expect_failure();
    assert!(!output.stderr.contains("for the first time"), "{}", output.report());
    let second = json(&report);
    let refusal = &second["refusals"][0];
    assert_eq!(
        (&refusal["refused_since"], &refusal["last_good"]),
        (&first["refused_since"], &first["last_good"])
    );
    assert_eq!(refusal["attack"], "wrong software attack");
    assert_eq!((&second["exit_code"], &second["verified"]), (&Value::from(1), &Value::from(true)));
    let refused = log(&stage, &[]);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(
        (&refused[0]["repository"], &refused[0]["file"]),
        (&"play".into(), &"beta-2.0-py3-none-any.whl".into())
    );
    let human = stage.run(&["log"]).expect_success().stdout;
    assert!(
        human.contains("refused [play] beta-2.0-py3-none-any.whl") && human.contains("what to do: "),
        "{human}"
    );

    // Good again: what comes next is seen for the first time.
    attacker.clear();
    install(&stage, &python, &[], &["alpha"]).expect_success();
    forget(&stage);
    attacker.set(Paths::ending_with("beta-2.0-py3-none-any.whl"), Behaviour::CorruptByte(91));
    let output = install(&stage, &python, &[], &["alpha"]).expect_failure();
    assert!(output.stderr.contains("now, for the first time"), "{}", output.report());
}

#[test]
fn a_repository_under_attack_is_boxed_before_the_installer_starts() {
    let (stage, _served, attacker) = through_an_attacker();
    attacker.set(Paths::ending_with("timestamp.json"), Behaviour::Replace(vec![b'0'; 100_000]));
    let report = stage.path("report.json");
    let output =
        stage.run(&["pip", "--report", report.to_str().unwrap(), "install", "alpha"]).expect_failure();
    assert_eq!(output.code(), Some(3), "{}", output.report());
    for part in ["sealdex refused the repository play", "endless data attack"] {
        assert!(unboxed(&output.stderr).contains(part), "{part}\n{}", output.report());
    }
    assert!(!output.stderr.contains("error:"), "told twice\n{}", output.report());
    let report = json(&report);
    assert_eq!(report["exit_code"], 3);
    assert!(report["error"].as_str().unwrap().contains("endless data attack"), "{report}");
    assert_eq!(
        (&report["refusals"][0]["file"], &report["files"]),
        (&Value::Null, &Value::from([(); 0].to_vec()))
    );
    assert_eq!(log(&stage, &[]).len(), 1);
}

#[test]
fn the_report_has_every_file_and_who_signed_it() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let (_fresh, python) = stage.fresh();
    let path = stage.path("report.json");
    let policy = policy(&stage, "yanked = \"hide\"\n");
    let options = ["--report", path.to_str().unwrap(), "--policy", &policy];
    install(&stage, &python, &options, &["alpha"]).expect_success();
    let report = json(&path);
    assert_eq!(
        (&report["version"], &report["command"], &report["exit_code"]),
        (&1.into(), &"pip".into(), &0.into())
    );
    assert_eq!((&report["repositories"][0]["name"], &report["error"]), (&"play".into(), &Value::Null));
    let files: Vec<_> =
        report["files"].as_array().unwrap().iter().map(|own| own["filename"].as_str().unwrap()).collect();
    assert_eq!(files, ["alpha-1.0-py3-none-any.whl", "beta-2.0-py3-none-any.whl"]);
    for file in report["files"].as_array().unwrap() {
        let wheel = fs::read(stage.path("dist").join(file["filename"].as_str().unwrap())).unwrap();
        assert_eq!(file["sha256"], sealdex_client::Sha256Digest::of(&wheel).to_string());
        assert_eq!((&file["size"], &file["signed_by"]["snapshot"]), (&wheel.len().into(), &2.into()));
        assert!(file["signed_by"]["role"].as_str().unwrap().starts_with("index-"), "{file}");
        assert_eq!(file["signed_by"]["key_ids"].as_array().unwrap().len(), 1, "{file}");
    }
    assert_eq!(report["policy"][0]["rule"], "yanked");
    assert_eq!(report["policy"][0]["source"], policy);
    // Nothing half written is left beside it.
    let beside = fs::read_dir(stage.path(""))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".sealdex"));
    assert_eq!(beside.count(), 0);
}

#[test]
fn a_report_that_cannot_be_written_fails_the_run() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let (_fresh, python) = stage.fresh();
    for path in [stage.path("no/such/folder/report.json"), stage.path("dist")] {
        let output =
            install(&stage, &python, &["--report", path.to_str().unwrap()], &["alpha"]).expect_failure();
        assert_eq!(output.code(), Some(2), "{}", output.report());
        assert!(!output.text().contains("Collecting"), "{}", output.report());
    }
    if Path::new("/dev/full").exists() {
        let output = install(&stage, &python, &["--report", "/dev/full"], &["alpha"]).expect_failure();
        assert_eq!(output.code(), Some(1), "{}", output.report());
        assert!(
            output.stderr.contains("the report /dev/full could not be written: No space"),
            "{}",
            output.report()
        );
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }
}

#[cfg(unix)]
#[test]
fn a_report_is_written_to_what_a_link_leads_to() {
    use std::os::unix::fs::symlink;
    let (stage, _served) = Stage::with_trusted_wheels();
    let run = |report: &str| stage.run(&["run", "--report", report, "--", "true"]);
    fs::create_dir(stage.path("artifacts")).unwrap();
    fs::write(stage.path("artifacts/report.json"), "earlier").unwrap();
    symlink("artifacts/report.json", stage.path("report.json")).unwrap();
    symlink("/dev/null", stage.path("device")).unwrap();
    for _ in 0..2 {
        run("report.json").expect_success();
        assert!(fs::symlink_metadata(stage.path("report.json")).unwrap().is_symlink());
        assert_eq!(json(&stage.path("artifacts/report.json"))["exit_code"], 0);
    }
    let output = run("device").expect_failure();
    assert_eq!(output.code(), Some(2), "{}", output.report());
    assert!(output.stderr.contains("there is something else than a file"), "{}", output.report());
    assert!(fs::symlink_metadata(stage.path("device")).unwrap().is_symlink());
    let output = run("/dev/stdout").expect_success();
    assert!(output.stdout.starts_with("{\n  \"version\": 1,"), "{}", output.report());

    // Likewise what is fetched.
    let page = "simple/alpha/index.json";
    let fetch = |output: &str| stage.run(&["fetch", page, "--output", output]);
    fetch("report.json").expect_success();
    assert!(fs::symlink_metadata(stage.path("report.json")).unwrap().is_symlink());
    assert_eq!(json(&stage.path("artifacts/report.json"))["name"], "alpha");
    let output = fetch("device").expect_failure();
    assert!(output.stderr.contains("there is something else than a file"), "{}", output.report());
}

#[test]
fn without_verification_only_by_name_warned_and_logged() {
    let (stage, served) = Stage::with_trusted_wheels();
    let (fresh, python) = stage.fresh();
    let report = stage.path("report.json");
    let index = format!("{}simple/", served.url);
    let host = "127.0.0.1";
    let rest = ["install", "--index-url", &index, "--trusted-host", host, "alpha"];
    let options = ["pip", "--python", &python, "--report", report.to_str().unwrap(), UNSAFE];
    let output = stage.run(&[&options[..], &rest].concat()).expect_success();
    assert!(
        output.stderr.contains("warning: package verification is disabled for this run"),
        "{}",
        output.report()
    );
    assert!(output.stdout.contains(&format!("Looking in indexes: {index}")), "{}", output.report());
    assert_eq!(fresh.evaluate("import alpha; print(alpha.NAME)").trim(), "alpha");
    let report = json(&report);
    assert_eq!(
        (&report["verified"], &report["repositories"], &report["exit_code"]),
        (&false.into(), &Value::Array(Vec::new()), &0.into())
    );
    let output = stage.run(&[
        "run",
        UNSAFE,
        "--",
        &python,
        "-c",
        "import os; print(os.environ.get('HTTPS_PROXY')); raise SystemExit(7)",
    ]);
    let output = output.expect_failure();
    assert_eq!((output.code(), output.stdout.trim()), (Some(7), "None"), "{}", output.report());
    assert!(output.stderr.contains("warning: package verification is disabled"), "{}", output.report());
    let kept = log(&stage, &[]);
    let programs: Vec<_> =
        kept.iter().map(|own| (own["decision"].as_str(), own["program"].as_str())).collect();
    assert_eq!(programs[0], (Some("unverified"), Some("pip")));
    assert!(programs[1].1.unwrap().starts_with("python"), "{programs:?}");

    // No variable and no file stands in for the option.
    let mut command =
        stage.sealdex(&["pip", "--python", &python, "install", "--dry-run", "--force-reinstall", "alpha"]);
    command.env("SEALDEX_UNSAFELY_DISABLE_PACKAGE_VERIFICATION", "true");
    let output = process::run(&mut command, PATIENCE).expect_success();
    assert!(!output.stderr.contains("warning"), "{}", output.report());
    fs::create_dir_all(stage.path("config/sealdex")).unwrap();
    fs::write(stage.path("config/sealdex/client.toml"), "unsafely-disable-package-verification = true\n")
        .unwrap();
    let output = stage.run(&["pip", "--python", &python, "install", "alpha"]).expect_failure();
    assert!(output.stderr.contains("unknown field"), "{}", output.report());
}

#[test]
fn a_policy_forbids_what_is_not_verified() {
    let stage = Stage::new();
    let file = policy(&stage, "forbid-unverified = true\n");
    for arguments in [
        &["pip", "--policy", &file, UNSAFE, "install", "alpha"][..],
        &["run", "--policy", &file, UNSAFE, "--", "echo", "ran"],
    ] {
        let output = stage.run(arguments).expect_failure();
        assert_eq!(output.code(), Some(3), "{}", output.report());
        for part in [UNSAFE, &file, "forbid-unverified"] {
            assert!(unboxed(&output.stderr).contains(part), "{part}\n{}", output.report());
        }
        assert_eq!(output.stdout, "");
    }
    let (stage, _served) = Stage::with_trusted_wheels();
    let file = policy(&stage, "forbid-unverified = true\n");
    let output = stage
        .run(&["run", "--policy", &file, "--allow-host", "a.example", "--", "echo", "ran"])
        .expect_failure();
    assert_eq!((output.code(), output.stdout.as_str()), (Some(3), ""), "{}", output.report());
    assert!(output.stderr.contains("--allow-host is not allowed by policy"), "{}", output.report());
    // From a variable too; and the user's own file counts without being named.
    let mut command = stage.sealdex(&["run", UNSAFE, "--", "echo", "ran"]);
    process::run(command.env("SEALDEX_POLICY", &file), PATIENCE).expect_failure();
    // One that is named as well does not take its place.
    let other = stage.path("other.toml");
    fs::write(&other, "no-sdists = true\n").unwrap();
    let other = other.to_str().unwrap();
    let mut command = stage.sealdex(&["run", "--policy", other, UNSAFE, "--", "echo", "ran"]);
    let output = process::run(command.env("SEALDEX_POLICY", &file), PATIENCE).expect_failure();
    assert_eq!((output.code(), output.stdout.as_str()), (Some(3), ""), "{}", output.report());
    fs::create_dir_all(stage.path("config/sealdex")).unwrap();
    fs::write(stage.path("config/sealdex/policy.toml"), "forbid-unverified = true\n").unwrap();
    let output = stage.run(&["run", UNSAFE, "--", "echo", "ran"]).expect_failure();
    assert!(output.stderr.contains("config/sealdex/policy.toml"), "{}", output.report());
}

#[test]
fn pip_chooses_among_what_policy_leaves() {
    let stage = Stage::with_repository(&[]);
    let wheel =
        |version: &str| stage.wheel(&WheelBuilder::new("alpha", version).module("alpha.py", "").build());
    let sdist = stage.wheel(&SdistBuilder::new("alpha", "3.0").module("alpha.py", "").build());
    stage.add(&[wheel("1.0"), wheel("2.0"), sdist]);
    let served = stage.serve();
    stage.trust("play", &served.url);
    let (fresh, python) = stage.fresh();
    let installed = || fresh.evaluate("import importlib.metadata as m; print(m.version('alpha'))");
    let file = policy(&stage, "no-sdists = true\ndeny = [\"alpha == 2.0\"]\n");
    let options = ["--policy", file.as_str()];
    let output = install(&stage, &python, &options, &["alpha"]).expect_success();
    assert_eq!(installed().trim(), "1.0", "{}", output.report());
    assert_eq!(output.stderr, "", "{}", output.report());

    // Who asks for what is left out is told by which rule.
    let report = stage.path("report.json");
    let options = [&options[..], &["--report", report.to_str().unwrap()]].concat();
    let output = install(&stage, &python, &options, &["alpha==2.0"]).expect_failure();
    let left_out = json(&report)["left_out"][0].clone();
    assert_eq!((&left_out["repository"], &left_out["project"]), (&"play".into(), &"alpha".into()));
    for part in [
        "sealdex left out what policy does not allow",
        "alpha-2.0-py3-none-any.whl",
        "\"alpha == 2.0\" is denied",
        "deny in",
    ] {
        assert!(unboxed(&output.stderr).contains(part), "{part}\n{}", output.report());
    }
    // What is too young today will not be for ever: everything was uploaded a moment ago.
    let file = policy(&stage, "minimum-release-age = \"1d\"\n");
    let output = install(&stage, &python, &["--policy", &file], &["alpha"]).expect_failure();
    for part in [
        "sealdex refused the index page of alpha",
        "all of its 3 files are left out",
        "to be installed from",
        "minimum-release-age = \"1d\" in",
    ] {
        assert!(unboxed(&output.text()).contains(part), "{part}\n{}", output.report());
    }
    // pip takes what is yanked for `==`, unless it is not even on the page.
    stage.run(&["yank", "--repository", "repository", "alpha", "1.0"]).expect_success();
    for (yanked, is_installed) in [("installer", true), ("hide", false), ("refuse", false)] {
        let file = policy(&stage, &format!("yanked = \"{yanked}\"\n"));
        let output = install(&stage, &python, &["--policy", &file], &["alpha==1.0"]);
        assert_eq!(output.code() == Some(0), is_installed, "{yanked}\n{}", output.report());
        let told = unboxed(&output.stderr).contains("it is yanked");
        assert_eq!(told, !is_installed, "{yanked}\n{}", output.report());
    }
    // A policy that cannot be read forbids everything.
    for (text, reason) in [("no-sdist = true", "line 1: unknown field"), ("x", "line 1")] {
        let file = policy(&stage, text);
        let output = install(&stage, &python, &["--policy", &file], &["alpha"]).expect_failure();
        assert!(
            output.stderr.contains(reason) && !output.text().contains("Collecting"),
            "{}",
            output.report()
        );
    }
    let output = install(&stage, &python, &["--policy", "/dev/zero"], &["alpha"]).expect_failure();
    assert!(output.stderr.contains("it is not a file"), "{}", output.report());
}

#[test]
fn policy_show_tells_each_rule_and_its_source() {
    let stage = Stage::new();
    let file = policy(&stage, "no-sdists = true\nallow = [\"a\"]\n");
    fs::create_dir_all(stage.path("config/sealdex")).unwrap();
    fs::write(stage.path("config/sealdex/policy.toml"), "yanked = \"hide\"\n").unwrap();
    let output = stage.run(&["policy", "show", "--policy", &file, "--format", "json"]).expect_success();
    let rules: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let shown: Vec<_> =
        rules.iter().map(|own| (own["rule"].as_str().unwrap(), own["value"].as_str().unwrap())).collect();
    assert_eq!(shown, [("yanked", "\"hide\""), ("allow", "[\"a\"]"), ("no-sdists", "true")]);
    let own = stage.path("config/sealdex/policy.toml");
    assert_eq!(rules[0]["source"], own.to_str().unwrap());
}

/// What ends before an installer begins is in the report and in the log as well.
#[test]
fn a_run_that_is_over_before_it_began_says_why() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let report = stage.path("report.json");
    let bad = policy(&stage, "deny = \"alpha\"\n");
    let forbids = stage.path("forbids.toml");
    fs::write(&forbids, "forbid-unverified = true\n").unwrap();
    let forbids = forbids.to_str().unwrap();
    let cases: [(&[&str], i32, &str); 7] = [
        (
            &["--policy", &bad],
            2,
            "cannot be used: line 1: invalid type: string \"alpha\", expected a sequence",
        ),
        (&["--policy", "none.toml"], 1, "the policy none.toml cannot be read: No such file"),
        (&["--from", "nobody"], 1, "no repository named nobody is trusted"),
        (&["--policy", forbids, UNSAFE], 3, "is not allowed by policy: nothing is to be had unverified"),
        (&["--policy", forbids, "--allow-host", "a.example"], 3, "--allow-host is not allowed by policy"),
        (&[], 127, "no-such-command could not be started"),
        (&[UNSAFE], 127, "no-such-command could not be started"),
    ];
    for (number, (options, code, part)) in cases.into_iter().enumerate() {
        let own = ["run", "--report", report.to_str().unwrap()];
        let output = stage.run(&[&own, options, &["--", "no-such-command"]].concat()).expect_failure();
        assert_eq!(output.code(), Some(code), "{}", output.report());
        assert!(unboxed(&output.stderr).contains(part), "{part}\n{}", output.report());
        assert!(!output.stderr.contains("\\\""), "{}", output.report());
        let found = json(&report);
        assert!(found["error"].as_str().is_some_and(|error| error.contains(part)), "{part}\n{found}");
        assert_eq!((&found["exit_code"], &found["files"]), (&code.into(), &Value::Array(Vec::new())));
        if code != 127 {
            let log = log(&stage, &["--lines", "1"]);
            assert_eq!((log[0]["decision"].as_str(), number < 5), (Some("refused"), true));
            assert!(log[0]["message"].as_str().unwrap().contains(part), "{log:?}");
        }
    }
    let rule = log(&stage, &[])[4]["rule"].clone();
    assert_eq!(rule, format!("forbid-unverified in {forbids}"));
    let pip = ["pip", "--python", "no-such-python", "--report", report.to_str().unwrap(), "list"];
    stage.run(&pip).expect_failure();
    assert!(json(&report)["error"].as_str().unwrap().contains("no-such-python could not be started"));
    // None are asked for, so none are shown; which does not say that there are none.
    let none = stage.run(&["log", "-n", "0"]).expect_success().stdout;
    assert!(none.starts_with("not shown: 8 earlier") || none.starts_with("not shown: 7 earlier"), "{none}");
}

#[test]
fn fetch_heeds_policies_of_projects() {
    let stage = Stage::with_repository(&["--layout", "pep458"]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    stage.trust("play", &served.url);
    let wheel = "files/alpha/alpha-1.0-py3-none-any.whl";
    let denied = policy(&stage, "deny = [\"al*\"]\n");
    let pinned = stage.path("pinned.toml");
    fs::write(&pinned, format!("[publishers]\nalpha = [\"{}\"]\n", "0f".repeat(32))).unwrap();
    for target in ["simple/alpha/index.json", wheel] {
        let output = stage.run(&["fetch", target, "--policy", &denied]).expect_failure();
        assert_eq!(output.code(), Some(3), "{}", output.report());
        assert!(output.stderr.contains("\"al*\" is denied"), "{}", output.report());
        let output = stage.run(&["fetch", target, "--policy", pinned.to_str().unwrap()]).expect_failure();
        assert!(output.stderr.contains("alpha is not signed for as policy demands"), "{}", output.report());
        stage.run(&["fetch", target]).expect_success();
    }
    assert!(!stage.path("beta-2.0-py3-none-any.whl").exists());
    stage.run(&["fetch", "files/beta/beta-2.0-py3-none-any.whl", "--policy", &denied]).expect_success();
    let tree = Stage::with_repository(&["--layout", "tree"]);
    fs::write(tree.path("data.bin"), "data").unwrap();
    tree.run(&["add", "--repository", "repository", "--as", "sub/data.bin", "data.bin"]).expect_success();
    let served = tree.serve();
    tree.trust("play", &served.url);
    let denied = policy(&tree, "deny = [\"alpha\"]\n");
    let output = tree.run(&["fetch", "sub/data.bin", "--policy", &denied]).expect_failure();
    assert_eq!(output.code(), Some(2), "{}", output.report());
    assert!(output.stderr.contains("sub/data.bin is no project's page or file"), "{}", output.report());
    tree.run(&["fetch", "sub/data.bin"]).expect_success();
}

/// A log that cannot be written stops nobody; it is said once.
#[cfg(unix)]
#[test]
fn what_stands_in_place_of_the_log_is_left_alone() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let (_fresh, python) = stage.fresh();
    let folder = stage.path("state/sealdex");
    fs::create_dir_all(&folder).unwrap();
    let elsewhere = stage.path("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.join("decisions.jsonl")).unwrap();
    let output = install(&stage, &python, &[], &["alpha"]).expect_success();
    assert_eq!(output.stderr.matches("warning: no log is kept: ").count(), 1, "{}", output.report());
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
    assert!(stage.run(&["log"]).expect_success().stdout.starts_with("nothing was refused"));
}

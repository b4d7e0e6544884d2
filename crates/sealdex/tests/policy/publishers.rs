//! Pinned publishers, on an index that python-tuf has signed in the roles of PEP 480.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use sealdex_testkit::process::{Output, Process};
use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::{Value, json as value};

use super::{json, policy};
use crate::support::{PATIENCE, Stage, unboxed};

/// An index of `alpha`, which is claimed, `gamma`, which is so recently, and `beta`, which is not.
struct Index {
    stage: Stage,
    key_ids: BTreeMap<String, String>,
    python: String,
    _server: Process,
}

impl Index {
    fn new() -> Self {
        let stage = Stage::new();
        for project in ["alpha", "beta", "gamma"] {
            let files = stage.path("index/files").join(project);
            fs::create_dir_all(&files).unwrap();
            let wheel = WheelBuilder::new(project, "1.0").build();
            let path = wheel.write_to(&files);
            let name = path.file_name().unwrap().to_str().unwrap();
            let page = value!({
                "meta": {"api-version": "1.1"},
                "name": project,
                "versions": ["1.0"],
                "files": [{
                    "filename": name,
                    "url": format!("../../files/{project}/{name}"),
                    "hashes": {"sha256": wheel.sha256()},
                    "size": fs::metadata(&path).unwrap().len(),
                }],
            });
            fs::create_dir_all(stage.path("index/pages")).unwrap();
            fs::write(stage.path("index/pages").join(format!("{project}.json")), page.to_string()).unwrap();
        }
        let key_ids = sign(&stage.path("index"), 1, "honest");
        let mut server = Command::new(Environment::python());
        server.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
        let server = Process::start(server.arg(stage.path("index")));
        let line = server.wait_for_line("(http://", PATIENCE);
        let url = line[line.find("http://").unwrap()..].trim_end().trim_end_matches(") ...").to_owned();
        let root = stage.path("index/metadata/1.root.json");
        stage.run(&["trust", "add", "public", &url, "--root", root.to_str().unwrap()]).expect_success();
        let environment = sealdex_testkit::python::FreshEnvironment::create_with_pip(&stage.path("venv"));
        let python = environment.python().to_str().unwrap().to_owned();
        Self { stage, key_ids, python, _server: server }
    }

    fn sign(&self, version: u32, scenario: &str) {
        sign(&self.stage.path("index"), version, scenario);
    }

    fn publisher(&self, project: &str) -> Value {
        let output = self.stage.run(&["policy", "publisher", project, "--format", "json"]).expect_success();
        serde_json::from_str(&output.stdout).unwrap()
    }

    /// `PROJECT = [keys]`, under `[publishers]`, in a file of this name.
    fn pin(&self, file: &str, project: &str, keys: &[&str]) -> String {
        let keys: Vec<_> = keys.iter().map(|name| &self.key_ids[*name]).collect();
        policy(&self.stage, file, &format!("[publishers]\n\"{project}\" = {keys:?}\n"))
    }

    fn install(&self, policies: &[&str], project: &str) -> Output {
        let report = self.stage.path("report.json");
        let mut arguments = vec!["pip", "--python", &self.python, "--report", report.to_str().unwrap()];
        arguments.extend(policies.iter().flat_map(|policy| ["--policy", *policy]));
        arguments.extend(["install", "--force-reinstall", "--no-cache-dir", "--no-deps", project]);
        self.stage.run(&arguments)
    }

    /// What the last run's report says was refused.
    fn refusal(&self) -> Value {
        json(&self.stage.path("report.json"))["refusals"][0].clone()
    }
}

fn sign(index: &Path, version: u32, scenario: &str) -> BTreeMap<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/claimed.py");
    let mut command = Command::new(Environment::tuf());
    command.arg(script).arg(index).arg(version.to_string()).arg(scenario);
    serde_json::from_str(&python::run(&mut command, PATIENCE).expect_success().stdout).unwrap()
}

#[test]
fn who_publishes_a_project_is_shown_with_the_lines_that_pin_it() {
    let index = Index::new();
    let alpha = index.publisher("Alpha");
    let dev = &index.key_ids["dev-1"];
    assert_eq!(
        (&alpha["project"], &alpha["repository"], &alpha["snapshot"]),
        (&"alpha".into(), &"public".into(), &1.into())
    );
    let publisher = &alpha["publisher"];
    assert_eq!((&publisher["role"], &publisher["claim"]["state"]), (&"alpha".into(), &"claimed".into()));
    assert_eq!(publisher["keys"], value!([{"key": dev, "key_id": dev, "has_signed": true}]));
    assert_eq!(alpha["pin"], format!("[publishers]\nalpha = [\"{dev}\"]"));
    // The lines are a policy that is satisfied.
    let pinned = policy(&index.stage, "pinned.toml", alpha["pin"].as_str().unwrap());
    index.install(&[&pinned], "alpha").expect_success();

    let human = index.stage.run(&["policy", "publisher", "alpha"]).expect_success().stdout;
    for part in
        [format!("key      {dev} (has signed)"), "claimed  yes".to_owned(), "alpha = \"claimed\"".to_owned()]
    {
        assert!(human.contains(&part), "{part}\n{human}");
    }
    for (project, reason) in [
        ("beta", "has whatever projects' hashes fall to it"),
        ("gamma", "can sign for the role recently-claimed"),
    ] {
        let human = index.stage.run(&["policy", "publisher", project]).expect_success().stdout;
        assert!(human.contains("claimed  no: ") && human.contains(reason), "{human}");
    }
    let output = index.stage.run(&["policy", "publisher", "nobody"]).expect_failure();
    assert!(output.stderr.contains("public has no project nobody"), "{}", output.report());
}

#[test]
fn what_is_claimed_is_signed_by_its_developers_alone() {
    let index = Index::new();
    let claimed = policy(&index.stage, "claimed.toml", "[publishers]\n\"*\" = \"claimed\"\n");
    index.install(&[&claimed], "alpha").expect_success();
    let report = json(&index.stage.path("report.json"));
    assert_eq!(report["files"][0]["signed_by"]["claimed"], true, "{report}");
    for (project, reason) in
        [("beta", "projects' hashes fall to it"), ("gamma", "online keys, which sign timestamp or snapshot")]
    {
        let output = index.install(&[&claimed], project).expect_failure();
        let rule = format!("publishers.\"*\" in {claimed}");
        assert_eq!(index.refusal()["rule"], rule, "{}", output.report());
        for part in [&format!("{project} is not signed for as policy demands"), reason] {
            assert!(unboxed(&output.stderr).contains(part), "{part}\n{}", output.report());
        }
        index.install(&[], project).expect_success();
        let report = json(&index.stage.path("report.json"));
        assert_eq!(report["files"][0]["signed_by"]["claimed"], false, "{report}");
    }
    // Who takes it from its developers is found out, also where nobody knows their keys.
    index.sign(2, "lost");
    let output = index.install(&[&claimed], "alpha").expect_failure();
    assert!(unboxed(&output.stderr).contains("not claimed by its developers"), "{}", output.report());
}

#[test]
fn keys_that_are_pinned_must_sign_and_can_be_rotated() {
    let index = Index::new();
    let old = index.pin("old.toml", "alpha", &["dev-1"]);
    let both = index.pin("both.toml", "AL*", &["dev-1", "dev-2"]);
    index.install(&[&old, &both], "alpha").expect_success();
    index.install(&[&old], "beta").expect_success();

    index.sign(2, "rotated");
    index.install(&[&both], "alpha").expect_success();
    let output = index.install(&[&old], "alpha").expect_failure();
    let refusal = index.refusal();
    assert_eq!(refusal["rule"], format!("publishers.alpha in {old}"));
    assert_eq!((&refusal["repository"], &refusal["project"]), (&"public".into(), &"alpha".into()));
    let (one, two) = (&index.key_ids["dev-1"], &index.key_ids["dev-2"]);
    let boxed = unboxed(&output.stderr).replace(' ', "");
    for part in [
        format!(
            "listed by the role alpha, signed by {two}; none of these is pinned, and 1 of the keys {one} must"
        ),
        "have the new ones from them over another channel".to_owned(),
    ] {
        assert!(boxed.contains(&part.replace(' ', "")), "{part}\n{}", output.report());
    }
    // What another policy would accept is refused all the same.
    index.install(&[&both, &old], "alpha").expect_failure();
    let output = index.stage.run(&["policy", "show", "--policy", &old, "--policy", &both]).expect_success();
    assert!(output.stdout.contains("publishers.alpha") && output.stdout.contains("publishers.\"AL*\""));

    // Two have to sign, and one of them is not pinned.
    index.sign(3, "two");
    index.install(&[&both], "alpha").expect_success();
    let output = index.install(&[&old], "alpha").expect_failure();
    assert!(
        unboxed(&output.stderr).contains("1 of these is pinned, and 2 of the keys"),
        "{}",
        output.report()
    );
}

#[test]
fn another_key_under_the_pinned_ones_name_is_another_key() {
    let index = Index::new();
    let pinned = index.pin("pinned.toml", "alpha", &["dev-1"]);
    index.install(&[&pinned], "alpha").expect_success();
    index.sign(2, "mislabelled");
    index.install(&[], "alpha").expect_success();
    let (dev, attacker) = (&index.key_ids["dev-1"], &index.key_ids["attacker"]);
    let report = json(&index.stage.path("report.json"));
    assert_eq!(report["files"][0]["signed_by"]["key_ids"], value!([dev]), "{report}");
    let output = index.install(&[&pinned], "alpha").expect_failure();
    assert!(output.stderr.contains("none of these is pinned"), "{}", output.report());
    let human = index.stage.run(&["policy", "publisher", "alpha"]).expect_success().stdout;
    let line = format!("{attacker} (has signed, called {dev} by the repository)");
    assert!(human.contains(&line), "{human}");
}

#[test]
fn a_pin_that_cannot_be_read_names_file_and_line() {
    let stage = Stage::new();
    let path = policy(&stage, "bad.toml", "no-sdists = true\n\n[publishers]\nalpha = [\"ABC\"]\n");
    let output = stage.run(&["policy", "show", "--policy", &path]).expect_failure();
    let message = format!("error: the policy {path} cannot be used: line 4: \"ABC\" is no key id");
    assert!(output.stderr.contains(&message), "{}", output.report());
}

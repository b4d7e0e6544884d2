//! Several trusted repositories: whose project is whose.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;
use support::{Served, Stage};

/// A user who trusts `company`, which has `alpha` and `beta`, and `public`, which has another `alpha` and `gamma`.
struct Two {
    user: Stage,
    public: Stage,
    served: Vec<Served>,
}

impl Two {
    fn new(company: &[&str]) -> Self {
        let (user, public) = (Stage::with_repository(&[]), Stage::with_repository(&[]));
        user.add(&user.two_wheels());
        let alpha = WheelBuilder::new("alpha", "9.0").module("alpha.py", "NAME = 'evil'\n").build();
        let gamma = WheelBuilder::new("gamma", "1.0").requires("alpha").build();
        public.add(&[public.wheel(&alpha), public.wheel(&gamma)]);
        let served = vec![user.serve(), public.serve()];
        let two = Self { user, public, served };
        two.trust("company", 0, company);
        two.trust("public", 1, &[]);
        two
    }

    fn trust(&self, name: &str, place: usize, flags: &[&str]) {
        let root = [&self.user, &self.public][place].root_file();
        let arguments = ["trust", "add", name, &self.served[place].url, "--root", root.to_str().unwrap()];
        self.user.run(&[&arguments, flags].concat()).expect_success();
    }
}

#[test]
fn a_project_is_installed_from_where_it_is_bound() {
    let two = Two::new(&["--projects", "Alpha", "--projects", "be*"]);
    let (fresh, python) = two.user.fresh();
    two.user.run(&["pip", "--python", &python, "install", "gamma"]).expect_success();
    let code = "import alpha, beta, gamma; print(alpha.NAME, beta.NAME, gamma.VERSION)";
    assert_eq!(fresh.evaluate(code).trim(), "alpha beta 1.0");
    // The other way round: the one that is chosen does not get what is the company's.
    let output = two.user.run(&["pip", "--from", "public", "--python", &python, "install", "-U", "alpha"]);
    let output = output.expect_failure();
    assert!(
        output.text().contains("alpha is bound to the repository company (by alpha)"),
        "{}",
        output.report()
    );
    assert_eq!(fresh.evaluate("import alpha; print(alpha.NAME)").trim(), "alpha");
}

#[test]
fn uv_in_a_run_finds_each_project_at_its_own_index() {
    let two = Two::new(&["--projects", "alpha", "--projects", "be*"]);
    let (fresh, python) = two.user.fresh();
    let index = |place: usize| format!("{}simple/", two.served[place].url);
    let uv = sealdex_testkit::python::Environment::uv();
    let output = two.user.run(&[
        "run",
        "--",
        uv.to_str().unwrap(),
        "pip",
        "install",
        "--python",
        &python,
        "--default-index",
        &index(1),
        "--index",
        &index(0),
        "gamma",
    ]);
    output.expect_success();
    assert_eq!(fresh.evaluate("import alpha, gamma; print(alpha.NAME)").trim(), "alpha");
}

#[test]
fn one_that_is_away_is_named_and_the_others_are_used() {
    let mut two = Two::new(&["--projects", "alpha"]);
    let company = two.served.remove(0);
    company.process.kill();
    let (_, python) = two.user.fresh();
    let output =
        two.user.run(&["pip", "--python", &python, "install", "--no-deps", "gamma"]).expect_success();
    assert!(output.text().contains("warning: nothing can be had from company: "), "{}", output.report());
    let output = two.user.run(&["pip", "--python", &python, "install", "alpha"]).expect_failure();
    assert!(output.text().contains("sealdex refused the index page of alpha"), "{}", output.report());
}

#[test]
fn one_that_is_attacked_is_told_of_although_the_others_are_used() {
    let two = Two::new(&["--projects", "alpha"]);
    let timestamp = two.user.root_file().with_file_name("timestamp.json");
    let changed = std::fs::read_to_string(&timestamp).unwrap().replace("\"version\":", "\"version\":9");
    std::fs::write(&timestamp, changed).unwrap();
    let report = two.user.path("report.json");
    let (fresh, python) = two.user.fresh();
    let arguments = ["pip", "--report", report.to_str().unwrap(), "--python", &python, "install"];
    let output = two.user.run(&[&arguments[..], &["--no-deps", "gamma"]].concat()).expect_failure();
    assert_eq!(output.code(), Some(3), "{}", output.report());
    assert!(output.text().contains("sealdex refused the repository company"), "{}", output.report());
    assert_eq!(fresh.evaluate("import gamma; print(gamma.VERSION)").trim(), "1.0");
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["refusals"][0]["repository"], "company");
    assert_eq!(report["files"][0]["repository"], "public");
}

#[test]
fn nothing_is_installed_before_it_is_said_whose_is_what() {
    let two = Two::new(&[]);
    let (_, python) = two.user.fresh();
    let root = two.public.root_file();
    let third = ["trust", "add", "third", &two.served[1].url, "--root", root.to_str().unwrap()];
    let added = two.user.run(&third).expect_success();
    assert!(added.stderr.contains("warning: several repositories are trusted"), "{}", added.report());
    two.user.run(&["trust", "remove", "third"]).expect_success();
    let output = two.user.run(&["pip", "--python", &python, "install", "alpha"]).expect_failure();
    assert_eq!(output.code(), Some(2));
    let text = output.text();
    assert!(text.contains("company, public") && text.contains("sealdex trust bind"), "{}", output.report());
    // Chosen by name, one is enough.
    two.user.run(&["pip", "--from", "company", "--python", &python, "install", "alpha"]).expect_success();
}

#[test]
fn bindings_are_moved_by_name_alone_and_outlive_their_repository() {
    let two = Two::new(&["--projects", "alpha"]);
    let rows = || -> Value {
        let listed = two.user.run(&["trust", "list", "--format", "json"]).expect_success();
        serde_json::from_str(&listed.stdout).unwrap()
    };
    assert_eq!((&rows()[0]["name"], &rows()[0]["projects"][0]), (&"company".into(), &"alpha".into()));
    // Who is added later cannot take it along.
    let root = two.public.root_file();
    let output = two.user.run(&[
        "trust",
        "add",
        "third",
        &two.served[1].url,
        "--root",
        root.to_str().unwrap(),
        "--projects",
        "alpha",
    ]);
    assert!(output.expect_failure().text().contains("alpha is bound to company already"));
    assert_eq!(rows().as_array().unwrap().len(), 2);

    let output = two.user.run(&["trust", "remove", "company"]).expect_success();
    assert!(output.stdout.contains("still bound to it, and not to be had: alpha"), "{}", output.report());
    let (fresh, python) = two.user.fresh();
    let output = two.user.run(&["pip", "--python", &python, "install", "alpha"]).expect_failure();
    assert!(output.text().contains("alpha is bound to the repository company"), "{}", output.report());
    assert!(two.user.run(&["trust", "list"]).text().contains("company, which is not trusted"));

    let output = two.user.run(&["trust", "bind", "public", "alpha"]).expect_success();
    assert!(output.text().contains("alpha was bound to company before"), "{}", output.report());
    two.user.run(&["trust", "bind", "public", "*"]).expect_success();
    two.user.run(&["pip", "--python", &python, "install", "alpha"]).expect_success();
    assert_eq!(fresh.evaluate("import alpha; print(alpha.NAME)").trim(), "evil");
    two.user.run(&["trust", "unbind", "alpha"]).expect_success();
    assert!(
        two.user
            .run(&["trust", "unbind", "alpha"])
            .expect_failure()
            .text()
            .contains("bound to no repository")
    );
    assert!(two.user.run(&["trust", "bind", "public", "a*b"]).expect_failure().text().contains("star"));
}

//! Several trusted repositories: whose project is whose.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod support;

use sealdex_testkit::wheel::WheelBuilder;
use serde_json::{Value, json};
use support::{Served, Stage, unboxed};

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
        if !company.is_empty() {
            two.user.run(&["trust", "bind", "public", "*"]).expect_success();
        }
        two
    }

    fn rows(&self) -> Value {
        let listed = self.user.run(&["trust", "list", "--format", "json"]).expect_success();
        serde_json::from_str(&listed.stdout).unwrap()
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

/// At an index of another repository a project is not there, as tools expect that ask several; who finds it nowhere is told
/// why.
#[test]
fn a_project_asked_for_at_another_repositorys_index_alone_is_told_of() {
    let two = Two::new(&["--projects", "alpha", "--projects", "beta"]);
    let (fresh, python) = two.user.fresh();
    let [company, public] = [0, 1].map(|place| format!("{}simple/", two.served[place].url));
    let report = two.user.path("report.json");
    let (pip, uv) = (fresh.pip(), sealdex_testkit::python::Environment::uv());
    let pip = [pip.to_str().unwrap(), "install", "--index-url", &public, "--extra-index-url", &company];
    let uv = [
        uv.to_str().unwrap(),
        "pip",
        "install",
        "--reinstall",
        "--python",
        &python,
        "--default-index",
        &public,
        "--index",
    ];
    let uv = [&uv[..], &[company.as_str()]].concat();
    for (words, alone) in [(&pip[..], pip.len() - 2), (&uv, uv.len() - 2)] {
        let run = ["run", "--report", report.to_str().unwrap(), "--"];
        let install = |words: &[&str], project| two.user.run(&[&run, words, &[project]].concat());
        let output = install(&words[..alone], "alpha").expect_failure();
        let told = unboxed(&output.stderr);
        let message = format!("alpha belongs to company, which does not stand for {public}");
        let command = format!("sealdex trust stands-for company {public};");
        assert!(told.contains("sealdex refused the index page of alpha"), "{}", output.report());
        // The URL may be broken, where it does not fit a line.
        let joined = |text: &str| text.replace(' ', "");
        assert!(joined(&told).contains(&joined(&message)), "{}", output.report());
        assert!(joined(&told).contains(&joined(&command)), "{}", output.report());
        let written: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
        assert!(written["refusals"][0]["message"].as_str().unwrap().contains(&message), "{written}");
        assert!(two.user.run(&["log"]).text().contains(&message));

        // From the other index it is had, and no word is lost, whatever else fails.
        let output = install(words, "gamma").expect_success();
        assert!(!output.text().contains("sealdex refused"), "{}", output.report());
        let output = install(words, "no-such-project").expect_failure();
        assert!(!output.text().contains("sealdex refused"), "{}", output.report());
    }
    two.user.run(&["trust", "stands-for", "company", &public]).expect_success();
    two.user.run(&[&["run", "--"], &uv[..uv.len() - 2], &["alpha"]].concat()).expect_success();
    assert_eq!(fresh.evaluate("import alpha; print(alpha.NAME)").trim(), "alpha");
}

#[test]
fn a_target_of_a_project_is_fetched_from_where_that_is_bound() {
    let two = Two::new(&["--projects", "alpha"]);
    let fetch = |flags: &[&str], target: &str| {
        let output = two.user.run(&[&["fetch", target, "--output", "-"], flags].concat());
        (output.code(), output.text())
    };
    let page = |project: &str| format!("simple/{project}/index.json");
    let (code, text) = fetch(&[], &page("alpha"));
    assert!(code == Some(0) && text.contains("alpha-1.0"), "{text}");
    let (code, text) = fetch(&[], &page("gamma"));
    assert!(code == Some(0) && text.contains("gamma-1.0"), "{text}");
    // Nor does who names another get another's.
    let (code, text) = fetch(&["--from", "public"], &page("alpha"));
    assert!(code == Some(1) && text.contains("alpha is bound to the repository company"), "{text}");
    let (code, text) = fetch(&["--from", "public"], &page("gamma"));
    assert!(code == Some(0) && text.contains("gamma-1.0"), "{text}");
    let (code, text) = fetch(&[], "files/alpha/alpha-9.0-py3-none-any.whl");
    assert!(code == Some(1) && text.contains("company has no target"), "{text}");
    let (code, text) = fetch(&[], "no-projects.txt");
    assert!(code == Some(2) && text.contains("--from: company, public"), "{text}");
    two.user.run(&["trust", "remove", "company"]).expect_success();
    let (code, text) = fetch(&[], &page("alpha"));
    assert!(code == Some(1) && text.contains("alpha is bound to the repository company"), "{text}");
}

#[test]
fn each_repository_is_said_to_answer_for_its_own_indexes() {
    let two = Two::new(&["--projects", "alpha"]);
    let output = two.user.run(&["-v", "run", "--for", "https://index.example/simple/", "--", "true"]);
    let text = output.expect_success().stderr;
    let [company, public] = [0, 1].map(|place| format!("{}simple/", two.served[place].url));
    assert!(text.contains(&format!("company answers for {company}\n")), "{text}");
    assert!(text.contains(&format!("public answers for {public}\n")), "{text}");
    assert!(text.contains("public answers for https://index.example/simple/, named with --for"), "{text}");
    // Variables that are set to nothing are not set.
    let mut run = two.user.sealdex(&["run", "--", "true"]);
    sealdex_testkit::process::run(run.env("SEALDEX_FROM", ""), support::PATIENCE).expect_success();
    two.user.run(&["run", "--from", "", "--", "true"]).expect_failure();
    for (value, works) in [("1", false), ("", true), ("0", true)] {
        let mut run = two.user.sealdex(&["fetch", "simple/gamma/index.json", "--output", "-"]);
        let output = sealdex_testkit::process::run(run.env("SEALDEX_OFFLINE", value), support::PATIENCE);
        let kept_alone = "connect to the network once, or leave out the offline option";
        assert_eq!(output.text().contains(kept_alone), !works, "{value}: {}", output.report());
    }
}

/// Whatever stands in an argument, a terminal shows it.
#[test]
fn no_argument_reaches_the_terminal_as_it_is() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let evil = "\u{1b}[31mred\u{1b}[2J\u{202e}";
    let commands: [&[&str]; 8] = [
        &["run", "--", evil],
        &["run", "--policy", evil, "--", "true"],
        &["run", "--report", &format!("{evil}/x"), "--", "true"],
        &["pip", "--python", evil, "install", "alpha"],
        &["trust", "add", evil, evil, "--root", evil],
        &["yank", "--repository", evil, "alpha", "1.0"],
        &[evil],
        &["run", "--limit", evil, "--", "true"],
    ];
    for command in commands {
        // As on a terminal, where colours are left.
        let mut command = stage.sealdex(command);
        command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1");
        let text = sealdex_testkit::process::run(&mut command, support::PATIENCE).expect_failure().text();
        assert!(text.contains("\\u{1b}[31mred\\u{1b}[2J\\u{202e}"), "{command:?} {text:?}");
        for raw in ["\u{1b}[31mred", "\u{1b}[2J", "\u{202e}"] {
            assert!(!text.contains(raw), "{command:?} {text:?}");
        }
    }
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
fn who_is_added_takes_no_name_along() {
    let two = Two::new(&[]);
    let (fresh, python) = two.user.fresh();
    let install = |project: &str| two.user.run(&["pip", "--python", &python, "install", project]);
    assert_eq!(two.rows()[0]["projects"], json!(["*"]));
    assert_eq!((&two.rows()[0]["all_others"], &two.rows()[1]["all_others"]), (&json!(true), &json!(false)));
    install("alpha").expect_success();
    assert_eq!(fresh.evaluate("import alpha; print(alpha.NAME)").trim(), "alpha");
    install("gamma").expect_failure();

    // Each change says what becomes of all other names.
    let root = two.public.root_file();
    let third = ["trust", "add", "third", &two.served[1].url, "--root", root.to_str().unwrap()];
    let taken = two.user.run(&[&third[..], &["--projects", "*"]].concat()).expect_failure();
    assert!(taken.text().contains("* is bound to company already"), "{}", taken.report());
    for arguments in
        [&[&third[..], &["--projects", "delta"]].concat(), &["trust", "bind", "public", "gamma"][..]]
    {
        let output = two.user.run(arguments).expect_success();
        assert!(output.stdout.contains("all other names (*) are taken from company"), "{}", output.report());
    }
    install("gamma").expect_success();
    let unbound = two.user.run(&["trust", "unbind", "*"]).expect_success();
    assert!(unbound.stdout.contains("all other names are nobody's, and refused"), "{}", unbound.report());
    let refused = install("omega").expect_failure();
    let told = unboxed(&refused.stderr);
    assert!(told.contains("omega is bound to no repository, and none has all others"), "{told}");
    assert!(told.contains("sealdex trust bind NAME '*'"), "{told}");
}

#[test]
fn what_is_bound_to_the_only_one_takes_nothing_from_it() {
    let (stage, _served) = Stage::with_trusted_wheels();
    let listed = stage.run(&["trust", "list"]).expect_success();
    assert!(listed.stdout.contains("all names are taken from play, the only one"), "{}", listed.report());
    let bound = stage.run(&["trust", "bind", "play", "alpha"]).expect_success();
    assert!(bound.stdout.contains("all other names (*) are taken from play"), "{}", bound.report());
    let missing = stage.run(&["trust", "unbind", "alpha", "gamma"]).expect_failure();
    assert!(missing.text().contains("gamma is bound to no repository"), "{}", missing.report());
    stage.run(&["trust", "unbind", "alpha"]).expect_success();
    let unbound = stage.run(&["trust", "unbind", "*"]).expect_success();
    assert!(unbound.stdout.contains("all names are taken from play, the only one"), "{}", unbound.report());
}

/// Where the version before was used with several repositories: what went without saying is said from now on.
#[test]
fn a_store_of_the_version_before_means_what_it_meant() {
    let two = Two::new(&["--projects", "alpha", "--projects", "beta"]);
    let (fresh, python) = two.user.fresh();
    let file = two.user.path("trust/.bindings.toml");
    std::fs::write(&file, "[projects]\nalpha = \"company\"\nbeta = \"company\"\n").unwrap();
    two.user.run(&["pip", "--python", &python, "install", "gamma"]).expect_success();
    assert_eq!(fresh.evaluate("import alpha; print(alpha.NAME)").trim(), "alpha");
    let root = two.public.root_file();
    let third = ["trust", "add", "third", &two.served[1].url, "--root", root.to_str().unwrap()];
    let added = two.user.run(&third).expect_success();
    assert!(added.stdout.contains("all other names (*) are taken from public"), "{}", added.report());
    two.user.run(&["trust", "bind", "public", "zeta"]).expect_success();
    assert_eq!(two.rows()[1]["projects"], json!(["*", "zeta"]));

    // Nothing was bound then: nothing is installed before somebody says whose is what.
    std::fs::remove_file(&file).unwrap();
    let output = two.user.run(&["pip", "--python", &python, "install", "alpha"]).expect_failure();
    assert_eq!(output.code(), Some(2));
    let text = output.text();
    assert!(
        text.contains("company, public, third") && text.contains("sealdex trust bind"),
        "{}",
        output.report()
    );
    assert_eq!(text.matches("several repositories").count(), 1, "{}", output.report());
    // Chosen by name, one is enough.
    two.user.run(&["pip", "--from", "company", "--python", &python, "install", "alpha"]).expect_success();
}

#[test]
fn the_list_fits_a_terminal() {
    let two = Two::new(&["--projects", "alpha"]);
    let projects: Vec<String> = (0..30).map(|number| format!("project-{number}")).collect();
    let projects: Vec<&str> = projects.iter().map(String::as_str).collect();
    two.user.run(&[&["trust", "bind", "company"], &projects[..]].concat()).expect_success();
    let index = "https://index.example/a/rather/long/path/to/the/pages/of/an/index/simple/";
    two.user.run(&["trust", "stands-for", "public", index]).expect_success();
    let listed = two.user.run(&["trust", "list"]).expect_success();
    let lines = listed.stdout.lines().filter(|line| !line.contains("://"));
    assert!(lines.clone().all(|line| line.len() <= 80), "{}", listed.report());
    assert!(listed.stdout.contains("alpha, project-0, project-1,"), "{}", listed.report());
    assert!(listed.stdout.contains("* (all that are bound to none)"), "{}", listed.report());
    let since = listed.stdout.lines().find(|line| line.contains("trusted since")).unwrap();
    assert!(since.ends_with("UTC") && !since.contains('.'), "{since}");
}

#[test]
fn bindings_are_moved_by_name_alone_and_outlive_their_repository() {
    let two = Two::new(&["--projects", "alpha"]);
    let rows = || two.rows();
    assert_eq!((&rows()[0]["name"], &rows()[0]["projects"][0]), (&"company".into(), &"alpha".into()));
    // Who is added later cannot take it along.
    let root = two.public.root_file();
    let add = |project: &str| {
        let add = ["trust", "add", "third", &two.served[1].url, "--root", root.to_str().unwrap()];
        two.user.run(&[&add[..], &["--projects", project]].concat()).expect_failure().text()
    };
    assert!(add("alpha").contains("alpha is bound to company already"));
    assert_eq!(rows().as_array().unwrap().len(), 2);

    // A name of a beginning that somebody has is theirs.
    two.user.run(&["trust", "bind", "company", "ac*"]).expect_success();
    assert!(add("acme-tools").contains("acme-tools is bound to company already, as ac*"));
    assert!(add("acme-*").contains("acme-* is bound to company already, as ac*"));
    let output = two.user.run(&["trust", "bind", "public", "acme-tools"]).expect_success();
    assert!(output.text().contains("acme-tools was bound to company before, as ac*"), "{}", output.report());
    let output = two.user.run(&["trust", "bind", "public", "acme-tools", "gamma"]).expect_success();
    assert!(!output.text().contains("before"), "{}", output.report());
    two.user.run(&["trust", "unbind", "ac*", "acme-tools", "gamma"]).expect_success();

    let output = two.user.run(&["trust", "remove", "company"]).expect_success();
    assert!(output.stdout.contains("still bound to it, and not to be had: alpha"), "{}", output.report());
    let (fresh, python) = two.user.fresh();
    let output = two.user.run(&["pip", "--python", &python, "install", "alpha"]).expect_failure();
    assert!(output.text().contains("alpha is bound to the repository company"), "{}", output.report());
    assert!(two.user.run(&["trust", "list"]).text().contains("company, which is not trusted"));

    let output = two.user.run(&["trust", "bind", "public", "alpha"]).expect_success();
    assert!(output.text().contains("alpha was bound to company before"), "{}", output.report());
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

/// The lines of a job, run as each service runs them, in an environment that has nothing but a fresh home.
#[cfg(unix)]
#[test]
fn a_jobs_lines_bring_the_same_trust_and_wait_for_the_proxy() {
    let two = Two::new(&["--projects", "alpha", "--projects", "be*"]);
    // A beginning of one repository's that has a name of the other's, and the other way round.
    two.user.run(&["trust", "bind", "public", "al*", "beyond"]).expect_success();
    let bin = two.user.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let sealdex = sealdex_testkit::process::sealdex();
    std::os::unix::fs::symlink(sealdex.get_program(), bin.join("sealdex")).unwrap();
    for service in ["generic", "gitlab", "github"] {
        let (fresh, uv) = (two.user.path(service), sealdex_testkit::python::Environment::uv());
        let fresh = sealdex_testkit::python::FreshEnvironment::create_with_pip(&fresh);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let printed = two.user.run(&["setup", "--ci", service, "--listen", &port]).expect_success();
        let start = [("gitlab", "  - "), ("github", "    ")].iter().find(|(name, _)| *name == service);
        let start = start.map_or("", |(_, start)| start);
        let lines: Vec<&str> = printed.stdout.lines().filter_map(|line| line.strip_prefix(start)).collect();
        let first = lines.iter().position(|line| *line == "python3 -m pip install sealdex").unwrap();
        let folder = fresh.folder().join("bin");
        // A step of GitHub's has the variables from a file, and the next one its own shell.
        let next = "echo READY; set -a; . \"$GITHUB_ENV\"; set +a";
        let script = format!(
            "{}\n{next}\n{pip} install gamma\n{uv} pip install --python {python} --reinstall gamma\n\
             sealdex trust list --format json >trusted\nkill $!\n",
            lines[first + 1..].join("\n"),
            pip = fresh.pip().display(),
            uv = uv.display(),
            python = fresh.python().display(),
        );
        let home = two.user.path(&format!("home-{service}"));
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("environment"), "").unwrap();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-ec", &script]).current_dir(&home).env_clear().env("HOME", &home);
        shell.env("GITHUB_ENV", home.join("environment"));
        let path = std::env::var_os("PATH").unwrap();
        let path = [bin.clone(), folder].into_iter().chain(std::env::split_paths(&path));
        shell.env("PATH", std::env::join_paths(path).unwrap());
        let output = sealdex_testkit::process::run(&mut shell, support::PATIENCE).expect_success();
        assert!(output.text().contains("verifying company, public"), "{}", output.report());
        let code = "import alpha, beta; print(alpha.NAME, beta.NAME)";
        assert_eq!(fresh.evaluate(code).trim(), "alpha beta", "{service}");
        let here: Value = serde_json::from_slice(&std::fs::read(home.join("trusted")).unwrap()).unwrap();
        for (there, here) in two.rows().as_array().unwrap().iter().zip(here.as_array().unwrap()) {
            for key in ["name", "url", "projects", "all_others", "initial_root_sha256"] {
                assert_eq!(there[key], here[key], "{service}");
            }
        }
    }
    // What nobody has is not to be everybody's in a job.
    two.user.run(&["trust", "remove", "company"]).expect_success();
    let output = two.user.run(&["setup", "--ci", "generic"]).expect_failure();
    assert!(output.text().contains("alpha is bound to company, which is not trusted"), "{}", output.report());
    let service = two.user.path("config/systemd/user/sealdex-proxy.service");
    two.user.run(&["setup"]).expect_success();
    assert!(!std::fs::read_to_string(&service).unwrap().contains("--from"));
}

//! `sealdex import` and `sealdex verify`: whole indexes, and what is wrong in them.
#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use sealdex_testkit::archive::sha256_hex;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::{Value, json};
use support::Stage;

/// A line of a manifest.
fn line(project: &str, version: u32) -> Value {
    json!({
        "name": project,
        "filename": format!("{project}-{version}.0-py3-none-any.whl"),
        "size": 1000 + version,
        "hashes": {"sha256": sha256_hex(format!("{project} {version}").as_bytes())},
        "upload-time": "2026-03-04T05:06:07.123456Z",
        "requires-python": ">=3.9",
    })
}

fn manifest(lines: &[Value]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    })
}

fn import<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["import", "--repository", "repository", "--files-url", "https://files.example/"][..], more].concat()
}

fn page(stage: &Stage, project: &str) -> Value {
    let folder = stage.path("repository/public/targets/simple").join(project);
    let mut pages: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(pages.len(), 1, "{project} was published once");
    serde_json::from_slice(&std::fs::read(pages.remove(0)).unwrap()).unwrap()
}

#[test]
fn a_manifest_is_imported_published_and_verified() {
    let stage = Stage::with_repository(&["--layout", "index-only"]);
    let lines: Vec<Value> = (0..200).map(|number| line(&format!("project{}", number % 30), number)).collect();
    std::fs::write(stage.path("all.jsonl"), manifest(&lines)).unwrap();
    let arguments = [&["--format", "json"], &import(&["all.jsonl"])[..]].concat();
    let done: Value = serde_json::from_str(&stage.run(&arguments).expect_success().stdout).unwrap();
    assert_eq!((&done["added"], &done["refused"], &done["resumed"]), (&json!(200), &json!(0), &json!(false)));
    assert_eq!(done["verification"]["files"], 200);
    assert_eq!(done["verification"]["fault_count"], 0);
    let page = page(&stage, "project7");
    assert_eq!(page["files"].as_array().unwrap().len(), 7);
    assert_eq!(page["files"][0]["url"], "https://files.example/project7/project7-7.0-py3-none-any.whl");
    assert_eq!(page["files"][0]["upload-time"], "2026-03-04T05:06:07.123456Z");

    // Once more: nothing changes, and nothing is published.
    let again = stage.run(&import(&["all.jsonl"])).expect_success().stdout;
    assert!(again.contains("there already 200 files") && again.contains("imported 0 files,"), "{again}");
    let status = stage.run(&["status", "--count", "--repository", "repository"]).expect_success().stdout;
    assert!(status.contains("30 projects, 200 files") && status.contains("nothing pending"), "{status}");

    // Clients find it.
    let served = stage.serve();
    stage.trust("play", &served.url);
    let fetched =
        stage.run(&["fetch", "simple/project7/index.json", "--output", "-"]).expect_success().stdout;
    assert_eq!(serde_json::from_str::<Value>(&fetched).unwrap(), page);
}

#[test]
fn bad_lines_are_told_with_their_numbers_and_the_rest_is_imported() {
    let stage = Stage::with_repository(&["--layout", "index-only"]);
    let mut other = line("good", 1);
    other["hashes"]["sha256"] = json!("ab".repeat(32));
    let mut huge = line("good", 3);
    huge["size"] = serde_json::from_str("123456789012345678901234567890").unwrap();
    let mut big = line("good", 4);
    big["size"] = json!(u64::MAX);
    let lines = [
        line("good", 1).to_string(),
        "{not json".to_owned(),
        other.to_string(),
        line("..", 2).to_string(),
        huge.to_string(),
        big.to_string(),
        String::new(),
        line("good", 1).to_string(),
        "x".repeat(300_000),
        line("good", 5).to_string(),
    ];
    std::fs::write(stage.path("bad.jsonl"), lines.join("\n")).unwrap();
    let failed = stage.run(&import(&["bad.jsonl"])).expect_failure();
    assert_eq!(failed.code(), Some(1));
    let told: Vec<&str> = failed
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("refused line "))
        .filter_map(|line| line.split_once(':').map(|(number, _)| number))
        .collect();
    let mut told: Vec<u32> = told.iter().map(|number| number.parse().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, [2, 3, 4, 5, 6, 9], "{}", failed.report());
    assert!(
        failed.stderr.contains("refused line 2: key must be a string at column 2"),
        "{}",
        failed.report()
    );
    assert!(failed.stderr.contains("6 files were not imported"), "{}", failed.report());
    assert!(failed.stdout.contains("imported 2 files,"), "{}", failed.report());
    assert_eq!(page(&stage, "good")["files"].as_array().unwrap().len(), 2);

    // --strict stops at the first, and publishes nothing.
    let strict = Stage::with_repository(&["--layout", "index-only"]);
    std::fs::write(strict.path("bad.jsonl"), lines.join("\n")).unwrap();
    let failed = strict.run(&import(&["--strict", "bad.jsonl"])).expect_failure();
    assert!(failed.stderr.contains("refused line 2:"), "{}", failed.report());
    assert!(!failed.stderr.contains("refused line 3:"), "{}", failed.report());
    assert!(!strict.path("repository/public/targets/simple/good").exists());
    // Corrected, it goes through.
    std::fs::write(strict.path("bad.jsonl"), format!("{}\n{}", lines[0], lines[9])).unwrap();
    strict.run(&import(&["--strict", "bad.jsonl"])).expect_success();

    for wrong in [&["missing.jsonl"][..], &["--files-url", "ftp://h/", "bad.jsonl"]] {
        let mut arguments = vec!["import", "--repository", "repository"];
        arguments.extend(wrong);
        assert_eq!(stage.run(&arguments).expect_failure().code(), Some(2));
    }
    let elsewhere = stage.run(&["import", "--repository", "repository", "bad.jsonl"]).expect_failure();
    assert!(elsewhere.stderr.contains("--files-url was not given"), "{}", elsewhere.report());
}

/// Killed at any moment, the same command goes on and ends as if nothing had been.
#[test]
fn an_import_that_was_killed_goes_on() {
    let stage = Stage::with_repository(&["--layout", "pep458"]);
    let lines: Vec<Value> =
        (0..24_000).map(|number| line(&format!("project{:04}", number / 15), number % 15)).collect();
    std::fs::write(stage.path("all.jsonl"), manifest(&lines)).unwrap();
    let mut kills = 0;
    let mut patience = Duration::from_millis(100);
    let done = loop {
        let mut child = stage.sealdex(&[&["--format", "json"], &import(&["all.jsonl"])[..]].concat());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        let ended = loop {
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            if began.elapsed() > patience {
                break false;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        if ended {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            break serde_json::from_slice::<Value>(&output.stdout).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        // What is served can be verified at each moment.
        stage.run(&["verify", "--repository", "repository"]).expect_success();
        patience += patience / 2;
    };
    assert!(kills > 3, "killed {kills} times only");
    assert_eq!(done["verification"]["files"], 24_000);
    assert_eq!(done["verification"]["pages"], 1_600);
    assert_eq!(done["refused"], 0);
    let status = stage.run(&["status", "--count", "--repository", "repository"]).expect_success().stdout;
    assert!(status.contains("1600 projects, 24000 files, 25600 targets"), "{status}");
}

/// Given up for good: `status` tells of it before, nothing is left of it afterwards, and killing does no harm.
#[test]
fn an_import_that_is_given_up_leaves_nothing() {
    let stage = Stage::with_repository(&["--layout", "index-only"]);
    stage.add(&stage.two_wheels());
    let repository = ["--repository", "repository"];
    let none = stage.run(&[&["import", "--abandon"], &repository[..]].concat()).expect_success().stdout;
    assert!(none.contains("no import is unfinished"), "{none}");
    let mut lines: Vec<Value> = (0..20_000).map(|number| line(&format!("project{number}"), 1)).collect();
    lines.push(json!({"name": "nothing"}));
    std::fs::write(stage.path("bad.jsonl"), manifest(&lines)).unwrap();
    let stopped = stage.run(&import(&["--strict", "bad.jsonl"])).expect_failure();
    assert!(stopped.stderr.contains("sealdex import --abandon"), "{}", stopped.report());
    let status = || -> Value {
        let told = stage.run(&[&["status", "--format", "json"], &repository[..]].concat()).expect_success();
        serde_json::from_str(&told.stdout).unwrap()
    };
    let unfinished = status();
    assert_eq!(unfinished["import"]["state"], "interrupted");
    assert_eq!(
        (&unfinished["pending_transactions"], &unfinished["publishing"]),
        (&json!(0), &json!("stopped"))
    );
    let told = stage.run(&[&["status"], &repository[..]].concat()).expect_success().stdout;
    for part in
        ["an import of a manifest is not finished", "run the same command again", "sealdex import --abandon"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }

    let abandon = [&["--format", "json", "import", "--abandon"], &repository[..]].concat();
    let (mut patience, mut halfway) = (Duration::from_millis(30), 0);
    while halfway < 3 {
        let mut child = stage.sealdex(&abandon).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(patience);
        assert!(
            child.try_wait().unwrap().is_none(),
            "it came to its end, killed halfway {halfway} times only"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        if status()["import"]["state"] == "abandoned" {
            halfway += 1;
            let refused = stage.run(&import(&["bad.jsonl"])).expect_failure();
            assert!(refused.text().contains("an import is being abandoned"), "{}", refused.report());
            assert!(refused.text().contains("sealdex import --abandon"), "{}", refused.report());
        } else {
            patience += Duration::from_millis(10);
        }
    }
    let done: Value = serde_json::from_str(&stage.run(&abandon).expect_success().stdout).unwrap();
    assert_eq!(done, json!({"abandoned": true, "files": 20_000}));
    assert_eq!(status()["import"], Value::Null);
    let counted = stage.run(&[&["status", "--count"], &repository[..]].concat()).expect_success().stdout;
    assert!(
        counted.contains("2 projects, 2 files, 2 targets") && counted.contains("nothing pending"),
        "{counted}"
    );
    // Begun anew, under other hashes, it ends as any.
    let other = lines.iter().take(100).cloned().map(|mut line| {
        line["hashes"]["sha256"] = json!("cd".repeat(32));
        line
    });
    std::fs::write(stage.path("good.jsonl"), manifest(&other.collect::<Vec<_>>())).unwrap();
    let imported = stage.run(&import(&["good.jsonl"])).expect_success().stdout;
    assert!(imported.contains("imported 100 files"), "{imported}");
}

/// What is being imported is not given up behind the back of who imports it.
#[test]
fn a_running_import_is_not_given_up() {
    let stage = Stage::with_repository(&["--layout", "index-only"]);
    let mut running = stage.sealdex(&import(&["-"]));
    let mut running =
        running.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = ["status", "--format", "json", "--repository", "repository"];
    let state = || -> Value {
        let told = stage.run(&status).expect_success().stdout;
        serde_json::from_str::<Value>(&told).unwrap()["import"]["state"].clone()
    };
    // More than a batch, so that something is entered.
    let lines: Vec<Value> =
        (0..10_001).map(|number| line(&format!("project{}", number % 100), number)).collect();
    std::io::Write::write_all(running.stdin.as_mut().unwrap(), manifest(&lines).as_bytes()).unwrap();
    let deadline = Instant::now() + support::PATIENCE;
    while state() != "running" {
        assert!(Instant::now() < deadline, "{}", state());
    }
    let abandon = ["import", "--abandon", "--repository", "repository"];
    let refused = stage.run(&abandon).expect_failure();
    assert!(
        refused.text().contains("another import into this repository is running"),
        "{}",
        refused.report()
    );
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(state(), "interrupted");
    let done = stage.run(&abandon).expect_success().stdout;
    assert!(done.contains("abandoned the import: 10000 files dropped"), "{done}");
    let wrong = stage.run(&["import", "--abandon", "all.jsonl"]).expect_failure();
    assert_eq!(wrong.code(), Some(2));
}

#[test]
fn a_directory_and_a_mirror_are_imported_with_their_files() {
    let wheels = [
        WheelBuilder::new("alpha", "1.0").requires_python(">=3.8").build(),
        WheelBuilder::new("beta", "2.0").build(),
    ];

    let stage = Stage::with_repository(&[]);
    std::fs::create_dir_all(stage.path("dists/sub")).unwrap();
    std::fs::write(stage.path("dists").join(&wheels[0].file_name), &wheels[0].bytes).unwrap();
    std::fs::write(stage.path("dists/sub").join(&wheels[1].file_name), &wheels[1].bytes).unwrap();
    std::fs::write(stage.path("dists/sub/notes.txt"), "passed over").unwrap();
    std::fs::write(stage.path("dists/sub/broken-1.0-py3-none-any.whl"), "no archive").unwrap();
    let failed = stage.run(&["import", "--repository", "repository", "dists"]).expect_failure();
    assert!(failed.stderr.contains("refused sub/broken-1.0-py3-none-any.whl:"), "{}", failed.report());
    assert!(failed.stdout.contains("imported 2 files,"), "{}", failed.report());
    assert_eq!(page(&stage, "alpha")["files"][0]["requires-python"], ">=3.8");
    assert!(page(&stage, "alpha")["files"][0]["core-metadata"]["sha256"].is_string());
    assert!(page(&stage, "alpha")["files"][0]["url"].as_str().unwrap().starts_with("../../files/alpha/"));

    let stage = Stage::with_repository(&[]);
    mirror(&stage.path("mirror/web"), &wheels[0].file_name, "alpha", &wheels[0].bytes, None);
    mirror(&stage.path("mirror/web"), &wheels[1].file_name, "beta", &wheels[1].bytes, Some("ab".repeat(32)));
    let failed = stage.run(&["import", "--repository", "repository", "mirror"]).expect_failure();
    assert!(failed.stderr.contains("the page lists abab"), "{}", failed.report());
    assert!(failed.stdout.contains("imported 1 file,"), "{}", failed.report());
    let listed = &page(&stage, "alpha")["files"][0];
    assert_eq!(
        (&listed["yanked"], &listed["upload-time"]),
        (&json!("old"), &json!("2020-01-01T00:00:00.000000Z"))
    );
    assert!(!stage.path("repository/public/targets/files/beta").join(&wheels[1].file_name).exists());

    // What is damaged afterwards is found.
    stage.run(&["verify", "--repository", "repository"]).expect_success();
    let folder = stage.path("repository/public/targets/simple/alpha");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = stage.run(&["verify", "--repository", "repository"]).expect_failure();
    assert_eq!(damaged.code(), Some(3));
    assert!(damaged.stderr.contains("is not the page that was signed"), "{}", damaged.report());
}

/// A manifest signs files that another server has: pip installs them, and a changed one is refused.
#[test]
fn files_kept_elsewhere_are_installed_and_verified() {
    let (elsewhere, files) = Stage::with_trusted_wheels();
    let wheel = elsewhere.path("dist/beta-2.0-py3-none-any.whl");
    let bytes = std::fs::read(&wheel).unwrap();
    let listed = json!({
        "name": "beta",
        "filename": "beta-2.0-py3-none-any.whl",
        "size": bytes.len(),
        "hashes": {"sha256": sha256_hex(&bytes)},
        "upload-time": "2026-03-04T05:06:07Z",
        "url": format!("{}files/beta/beta-2.0-py3-none-any.whl", files.url),
    });
    let stage = Stage::with_repository(&["--layout", "index-only"]);
    std::fs::write(stage.path("all.jsonl"), listed.to_string()).unwrap();
    stage.run(&["import", "--repository", "repository", "all.jsonl"]).expect_success();
    let served = stage.serve();
    stage.trust("play", &served.url);
    let (_fresh, python) = stage.fresh();
    stage.run(&["pip", "--python", &python, "install", "beta"]).expect_success();

    let place = elsewhere.path("repository/public/targets/files/beta");
    for entry in std::fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".whl") {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    std::fs::remove_dir_all(stage.path("cache")).unwrap();
    let refused =
        stage.run(&["pip", "--python", &python, "install", "--force-reinstall", "beta"]).expect_failure();
    assert!(refused.text().contains("sha256"), "{}", refused.report());
}

/// A project as bandersnatch keeps it.
fn mirror(web: &Path, file_name: &str, project: &str, bytes: &[u8], sha256: Option<String>) {
    let digest = sha256_hex(bytes);
    let below = format!("packages/{}/{}/{}", &digest[..2], &digest[2..4], &digest[4..]);
    std::fs::create_dir_all(web.join(&below)).unwrap();
    std::fs::write(web.join(&below).join(file_name), bytes).unwrap();
    let page = json!({
        "meta": {"api-version": "1.1", "_last-serial": 5},
        "name": project,
        "versions": ["1.0"],
        "files": [{
            "filename": file_name,
            "url": format!("../../{below}/{file_name}"),
            "hashes": {"sha256": sha256.unwrap_or(digest)},
            "size": bytes.len(),
            "upload-time": "2020-01-01T00:00:00.000000Z",
            "yanked": "old",
        }],
    });
    let folder = web.join("simple").join(project);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.v1_json"), page.to_string()).unwrap();
}

//! python-tuf's `ngclient`, unmodified, as a client of the served repository: whatever it verifies is TUF, not our reading
//! of it.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

mod support;

use std::process::Command;

use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::wheel::WheelBuilder;
use support::{PATIENCE, Served, Stage};

const CLIENT: &str = r#"
import sys, os
from tuf.ngclient import Updater
url, root, directory, *targets = sys.argv[1:]
os.makedirs(directory, exist_ok=True)
updater = Updater(directory, url + "metadata/", directory, url + "targets/", bootstrap=open(root, "rb").read())
updater.config.prefix_targets_with_hash = True
updater.refresh()
for path in targets:
    info = updater.get_targetinfo(path)
    if info is None:
        print(path, "absent")
    else:
        print(path, "verified", os.path.getsize(updater.download_target(info)) == info.length)
"#;

fn ngclient_verifies(flags: &[&str], targets: &[&str]) -> String {
    let stage = Stage::with_repository(flags);
    if flags.contains(&"tree") {
        std::fs::create_dir_all(stage.path("files/sub")).unwrap();
        std::fs::write(stage.path("files/sub/data.bin"), b"any file").unwrap();
        stage.run(&["add", "--repository", "repository", "files"]).expect_success();
    } else {
        stage.add(&stage.two_wheels());
    }
    let served = stage.serve();
    ngclient(&stage, &served, "client", targets)
}

/// What a client says that keeps its metadata in this directory.
fn ngclient(stage: &Stage, served: &Served, directory: &str, targets: &[&str]) -> String {
    let mut command = Command::new(Environment::tuf());
    command.args(["-c", CLIENT, &served.url]).arg(stage.root_file()).arg(stage.path(directory)).args(targets);
    python::run(&mut command, PATIENCE).expect_success().stdout
}

const INDEX_TARGETS: [&str; 4] = [
    "simple/alpha/index.json",
    "files/alpha/alpha-1.0-py3-none-any.whl",
    "files/beta/beta-2.0-py3-none-any.whl",
    "simple/nobody/index.json",
];
const INDEX_VERIFIED: &str = "\
simple/alpha/index.json verified True
files/alpha/alpha-1.0-py3-none-any.whl verified True
files/beta/beta-2.0-py3-none-any.whl verified True
simple/nobody/index.json absent
";

#[test]
fn succinct_bins() {
    assert_eq!(ngclient_verifies(&["--layout", "pep458"], &INDEX_TARGETS), INDEX_VERIFIED);
}

#[test]
fn explicit_bins() {
    assert_eq!(
        ngclient_verifies(&["--layout", "pep458", "--bin-style", "explicit"], &INDEX_TARGETS),
        INDEX_VERIFIED
    );
}

#[test]
fn other_key_types() {
    for scheme in ["ed25519", "ecdsa-p256", "ecdsa-p384", "rsa", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"] {
        assert_eq!(
            ngclient_verifies(
                &["--layout", "pep458", "--scheme", scheme, "--online-scheme", scheme],
                &INDEX_TARGETS
            ),
            INDEX_VERIFIED,
            "{scheme}"
        );
    }
}

#[test]
fn any_tree_of_files() {
    let printed = ngclient_verifies(&["--layout", "tree"], &["sub/data.bin", "sub/other.bin"]);
    assert_eq!(printed, "sub/data.bin verified True\nsub/other.bin absent\n");
}

/// A client that keeps its metadata updates across changes of the layout and finds everything; so does a new one.
#[test]
fn another_layout() {
    let stage = Stage::with_repository(&["--layout", "pep458"]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    assert_eq!(ngclient(&stage, &served, "kept", &INDEX_TARGETS), INDEX_VERIFIED);
    let pages_alone: String = INDEX_VERIFIED
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((path, _)) if path.starts_with("files/") => format!("{path} absent\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    for (number, flags) in [
        &["--bins", "256", "--bin-style", "explicit"][..],
        &["--layout", "index-only", "--bins", "16"],
        &["--layout", "pep458", "--bin-style", "succinct"],
        &["--bins", "2048"],
        &["--bins", "16"],
    ]
    .into_iter()
    .enumerate()
    {
        stage.run(&[&["layout", "change", "--repository", "repository"], flags].concat()).expect_success();
        let expected = if flags.contains(&"index-only") { &pages_alone } else { INDEX_VERIFIED };
        assert_eq!(ngclient(&stage, &served, "kept", &INDEX_TARGETS), expected, "{flags:?}");
        assert_eq!(
            ngclient(&stage, &served, &format!("new-{number}"), &INDEX_TARGETS),
            expected,
            "{flags:?}"
        );
        // And one that comes back after something else was published.
        let version = format!("2.{number}");
        let wheel = stage.wheel(&WheelBuilder::new("gamma", &version).build());
        stage.add(&[wheel]);
        assert_eq!(ngclient(&stage, &served, "kept", &INDEX_TARGETS), expected, "{flags:?}");
    }
    // Of the 2,048 bins there were no client wants anything, though the snapshot lists them.
    let mut removed = 0;
    for entry in std::fs::read_dir(stage.path("repository/public/metadata")).unwrap() {
        let path = entry.unwrap().path();
        let role = path.file_stem().unwrap().to_str().unwrap().split('.').next_back().unwrap();
        let number = role.strip_prefix("index-").or_else(|| role.strip_prefix("files-"));
        if number.is_some_and(|number| number.len() == 3) {
            std::fs::remove_file(&path).unwrap();
            removed += 1;
        }
    }
    assert!(removed >= 2 * 2048, "{removed}");
    assert_eq!(ngclient(&stage, &served, "kept", &INDEX_TARGETS), INDEX_VERIFIED);
    assert_eq!(ngclient(&stage, &served, "new", &INDEX_TARGETS), INDEX_VERIFIED);
}

//! Runs the conformance tests of `conformance/` against this crate's client, with real pytest: `cargo xtask test`
//! installs it. Each must pass, and the client must differ in no opinion.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::python::{self, Environment};

fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance")
}

fn passes(group: &str) {
    let mut pytest = Command::new(Environment::tuf());
    pytest.current_dir(suite()).args(["-m", "pytest", "--quiet", "--tb=short", "--strict-opinions"]);
    // In quotes: the suite splits it as a shell would, and a path may have a space in it.
    pytest.arg(format!("--entrypoint='{}'", env!("CARGO_BIN_EXE_tuf-conformance-client")));
    pytest.arg(format!("tests/test_{group}.py"));
    python::run(&mut pytest, Duration::from_secs(240)).expect_success();
}

macro_rules! groups {
    ($($group:ident),* $(,)?) => {
        const GROUPS: &[&str] = &[$(stringify!($group)),*];

        $(#[test]
        fn $group() {
            passes(stringify!($group));
        })*
    };
}

groups!(
    bounds,
    compressed_transport,
    consistent_snapshot,
    fields,
    hashes,
    json,
    keys,
    ml_dsa,
    names,
    path_hash_prefixes,
    patterns,
    recovery,
    succinct_bins,
);

#[test]
fn no_group_is_left_out() {
    let files = std::fs::read_dir(suite().join("tests")).unwrap();
    let files: BTreeSet<String> =
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let tests = files.iter().filter_map(|file| file.strip_prefix("test_")?.strip_suffix(".py"));
    assert_eq!(tests.collect::<Vec<_>>(), GROUPS);
}

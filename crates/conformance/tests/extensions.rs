//! Runs the conformance tests of `conformance/` against this crate's client, with real pytest: `cargo xtask test`
//! installs it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::python::{self, Environment};

#[test]
fn the_client_passes_every_test_and_differs_in_no_opinion() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let mut pytest = Command::new(Environment::tuf());
    pytest.current_dir(suite).args(["-m", "pytest", "--quiet", "--tb=short", "--strict-opinions"]);
    pytest.arg(format!("--entrypoint={}", env!("CARGO_BIN_EXE_tuf-conformance-client")));
    python::run(&mut pytest, Duration::from_secs(240)).expect_success();
}

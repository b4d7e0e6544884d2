//! The demo tells its story, and fails if it is not true.

mod support;

use support::Stage;

#[test]
fn without_a_network_it_builds_its_own_packages() {
    let stage = Stage::new();
    let told = stage.run(&["demo", "--offline"]).expect_success().stdout;
    for claim in [
        "small wheels built on this machine",
        "every page and file verified",
        "plain pip installed the evil pebble",
        "'this is the attacker's code'",
        "refused; pip exited with code 1, nothing was installed",
        "wrong software attack",
    ] {
        assert!(told.contains(claim), "{claim}\n{told}");
    }
}

#[test]
fn with_a_network_it_takes_real_packages() {
    let stage = Stage::new();
    let output = stage.run(&["demo"]).expect_success();
    assert!(
        output.stdout.contains("downloaded with this machine's own pip"),
        "this test needs the Python package index, and pip could not download from it\n{}",
        output.report()
    );
    assert!(output.stdout.contains("plain pip installed the evil six"), "{}", output.report());
}

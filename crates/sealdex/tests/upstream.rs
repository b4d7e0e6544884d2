//! A repository that can be reached through a proxy of this machine alone.

mod support;

use sealdex_testkit::internet::Internet;
use sealdex_testkit::process;
use support::{PATIENCE, Stage};

#[test]
fn a_repository_is_reached_through_the_proxy_of_this_machine() {
    let stage = Stage::with_repository(&[]);
    stage.add(&stage.two_wheels());
    let served = stage.serve();
    let internet = Internet::start(&[("packages.example", &served.url)]);
    let (root, authorities) = (stage.root_file(), internet.authorities());
    let ca = ["--ca-file", authorities.to_str().unwrap()];
    let sealdex = |words: &[&str]| {
        let mut command = stage.sealdex(words);
        process::run(internet.lead(&mut command).env_remove("SSL_CERT_FILE"), PATIENCE)
    };
    let add = ["trust", "add", "far", "https://packages.example/", "--root", root.to_str().unwrap()];
    sealdex(&[&add[..], &ca].concat()).expect_success();
    assert!(
        internet.asked().iter().any(|host| host.starts_with("packages.example")),
        "{:?}",
        internet.asked()
    );

    let (fresh, python) = stage.fresh();
    let pip = fresh.pip();
    let index = "https://packages.example/simple/";
    let install = [pip.to_str().unwrap(), "install", "--index-url", index, "alpha"];
    sealdex(&[&["run"], &ca[..], &["--"], &install].concat()).expect_success();
    assert_eq!(fresh.evaluate("import alpha; print(alpha.NAME)").trim(), "alpha");
    sealdex(&[&["pip"], &ca[..], &["--python", &python, "install", "-U", "beta"]].concat()).expect_success();
}

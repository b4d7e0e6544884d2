//! A repository, and hosts that are let through, that can be reached through a proxy of this machine alone.

mod support;

use sealdex_testkit::internet::Internet;
use sealdex_testkit::process;
use sealdex_testkit::python::Environment;
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

#[test]
fn a_host_that_is_let_through_is_reached_through_the_proxy_of_this_machine() {
    let (stage, served) = Stage::with_trusted_wheels();
    let internet = Internet::start(&[("api.example", &served.url)]);
    let ask = |host: &str, no_proxy: &str| {
        let code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).status)";
        let url = format!("https://{host}/simple/alpha/");
        let mut command = stage.sealdex(&["run", "--allow-host", host, "--"]);
        command.arg(Environment::python()).args(["-c", code, &url]);
        process::run(internet.lead(&mut command).env("NO_PROXY", no_proxy), PATIENCE)
    };
    assert_eq!(ask("api.example", "").expect_success().stdout, "200\n");
    assert_eq!(internet.asked(), ["api.example:443"]);

    let output = ask("other.example", "").expect_failure();
    let refused = "other.example cannot be reached: the proxy http://127.0.0.1:";
    assert!(output.stderr.contains(refused), "{}", output.report());
    assert!(output.stderr.contains("refuses to connect to other.example:443: 502"), "{}", output.report());
    assert_eq!(internet.asked(), ["api.example:443", "other.example:443"]);

    // Directly, where there is no such host.
    let output = ask("api.example", "example").expect_failure();
    assert!(!output.stderr.contains("the proxy http://"), "{}", output.report());
    assert_eq!(internet.asked().len(), 2);
}

//! What the builders build, the real installers install: offline, into fresh environments.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the functions Clippy knows as tests")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealdex_testkit::hostile::{Behaviour, Limits};
use sealdex_testkit::hostile::{HostileServer, Origin, Response};
use sealdex_testkit::process::Output;
use sealdex_testkit::python::{Environment, FreshEnvironment, run};
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(120);

/// A folder with `app`, a wheel that depends on `hello-world`, a source distribution.
fn packages() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    WheelBuilder::new("app", "2.0")
        .requires("Hello.World>=1")
        .requires_python(">=3.8")
        .module("app/__init__.py", "import hello_world\nGREETING = 'hello ' + hello_world.VERSION\n")
        .build()
        .write_to(folder.path());
    SdistBuilder::new("Hello-World", "1.5").build().write_to(folder.path());
    folder
}

fn pip_install(environment: &FreshEnvironment, packages: &Path, what: &str) -> Output {
    let mut command = environment.install();
    command.args(["--no-index", "--find-links"]).arg(packages).arg(what);
    run(&mut command, LIMIT)
}

#[test]
fn pip_installs_a_wheel_and_builds_a_source_distribution_it_depends_on() {
    let (packages, folder) = (packages(), tempfile::tempdir().unwrap());
    let environment = FreshEnvironment::create(&folder.path().join("venv"));
    let output = pip_install(&environment, packages.path(), "app").expect_success();
    assert!(output.stdout.contains("Successfully installed Hello.World-1.5 app-2.0"), "{}", output.report());
    assert_eq!(environment.evaluate("import app; print(app.GREETING)"), "hello 1.5");
    let mut check = Command::new(Environment::pip());
    check.arg("--python").arg(environment.python()).arg("check");
    run(&mut check, LIMIT).expect_success();
}

#[test]
fn uv_installs_the_same() {
    let (packages, folder) = (packages(), tempfile::tempdir().unwrap());
    let environment = FreshEnvironment::create(&folder.path().join("venv"));
    let mut command = Command::new(Environment::uv());
    command.args(["pip", "install", "--no-index", "--find-links"]).arg(packages.path());
    command.arg("--python").arg(environment.python()).arg("app");
    run(&mut command, LIMIT).expect_success();
    assert_eq!(environment.evaluate("import app; print(app.GREETING)"), "hello 1.5");
}

#[test]
fn a_fresh_environment_can_have_the_pinned_pip_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let environment = FreshEnvironment::create_with_pip(&folder.path().join("venv"));
    let version = |program: &Path| {
        run(Command::new(program).arg("--version"), LIMIT)
            .expect_success()
            .stdout
            .split(' ')
            .nth(1)
            .map(str::to_owned)
    };
    assert_eq!(version(&environment.pip()), version(&Environment::pip()));
}

#[test]
fn a_wheels_record_lists_every_file_with_its_hash_and_size() {
    let wheel = WheelBuilder::new("hello", "1.0").build();
    let folder = tempfile::tempdir().unwrap();
    let path = wheel.write_to(folder.path());
    // Python's own reader goes through the whole archive and RECORD.
    let code = "
import base64, csv, hashlib, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
assert wheel.testzip() is None
record = [name for name in wheel.namelist() if name.endswith('/RECORD')][0]
rows = list(csv.reader(wheel.read(record).decode().splitlines()))
assert [row[0] for row in rows] == wheel.namelist()
for path, digest, size in rows[:-1]:
    content = wheel.read(path)
    expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()
    assert (digest, size) == ('sha256=' + expected, str(len(content))), path
";
    let mut command = Command::new(Environment::python());
    command.args(["-c", code]).arg(path);
    run(&mut command, LIMIT).expect_success();
}

#[test]
fn twine_accepts_both_and_uploads_to_a_server() {
    let packages = packages();
    let server = HostileServer::start_with(Origin::Nowhere, Limits::default(), |_| {
        Behaviour::Respond(Response::text(200, "thank you"))
    });
    let mut command = Command::new(Environment::twine());
    command.args(["upload", "--disable-progress-bar", "--username", "__token__", "--password", "secret"]);
    command.args(["--repository-url", &format!("{}/legacy/", server.url())]);
    command.arg(packages.path().join("app-2.0-py3-none-any.whl"));
    command.arg(packages.path().join("hello_world-1.5.tar.gz"));
    run(&mut command, LIMIT).expect_success();
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    for request in requests {
        assert!(request.header("content-type").unwrap().starts_with("multipart/form-data"));
        assert!(request.header("authorization").unwrap().starts_with("Basic "));
    }
}

#[test]
fn python_tuf_is_there_with_its_cryptography() {
    let mut command = Command::new(Environment::tuf());
    command.args(["-c", "import tuf.ngclient, cryptography, requests; print(tuf.__version__)"]);
    let output = run(&mut command, LIMIT).expect_success();
    assert!(output.stdout.starts_with("7."), "{}", output.report());
}

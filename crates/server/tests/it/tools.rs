//! The tools themselves: unmodified twine and uv upload, and what they print is looked at.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealdex_server::{ServerConfig, UploadLimits};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::process::Output;
use sealdex_testkit::python::{self, Environment};
use sealdex_testkit::sdist::SdistBuilder;
use sealdex_testkit::wheel::WheelBuilder;

use crate::app::{TestApp, config};
use crate::client::redacted;
use crate::form::{Form, authorization, content_type};

const TIME_LIMIT: Duration = Duration::from_secs(120);

/// One upload with a tool, from a folder of its own.
struct Upload<'a> {
    app: &'a TestApp,
    token: &'a str,
    archive: Archive,
}

impl Upload<'_> {
    fn twine(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(Environment::twine());
        command.args(["upload", "--disable-progress-bar", "--repository-url", &self.app.url("/legacy/")]);
        command.args(["--username", "__token__", "--password", self.token]).args(arguments);
        // Wide enough that no message is wrapped.
        command.env("COLUMNS", "1000").env("TERM", "dumb");
        self.run(command)
    }

    fn uv(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(Environment::uv());
        command.args(["publish", "--publish-url", &self.app.url("/legacy/"), "--token", self.token]);
        command.args(["--trusted-publishing", "never"]).args(arguments);
        self.run(command)
    }

    fn run(&self, mut command: Command) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let path = self.archive.write_to(folder.path());
        command.current_dir(folder.path()).arg(path.file_name().unwrap());
        command.env("HOME", folder.path());
        python::run(&mut command, TIME_LIMIT)
    }

    /// What both tools print where the server refuses, without what differs in each run.
    fn refused(&self) -> String {
        let twine = self.twine(&[]).expect_failure();
        let uv = self.uv(&[]).expect_failure();
        format!("twine:\n{}\nuv:\n{}", self.stable(&twine), self.stable(&uv))
    }

    /// Without addresses, digests, sizes, and the line breaks that twine makes at the width of its terminal.
    fn stable(&self, output: &Output) -> String {
        let text = output
            .text()
            .replace(&self.app.address().to_string(), "[address]")
            // Python has changed its mind about the name of 413.
            .replace("Request Entity Too Large", "Content Too Large");
        let mut stable = String::new();
        // How often progress is printed depends on how long it takes.
        let is_progress = |line: &str| ["Hash", "Upload"].iter().any(|word| line.trim().starts_with(word));
        for line in text.lines().filter(|line| !line.trim().is_empty() && !is_progress(line)) {
            match line.strip_prefix("         ") {
                Some(_) => stable.push(' '),
                None => stable.push('\n'),
            }
            stable.push_str(line.trim());
        }
        redacted(stable.trim_start())
    }
}

fn wheel() -> Archive {
    WheelBuilder::new("six", "1.0").build()
}

fn changed() -> Archive {
    WheelBuilder::new("six", "1.0").module("six.py", "changed = True").build()
}

fn is_served(app: &TestApp, archive: &Archive) -> bool {
    let response = app.get(&format!("/files/six/{}", archive.file_name));
    response.status == 200 && response.body == archive.bytes
}

#[test]
fn twine_uploads_wheels_and_source_distributions() {
    let app = TestApp::start();
    for archive in [wheel(), SdistBuilder::new("six", "1.0").build()] {
        let upload = Upload { app: &app, token: app.token(), archive };
        upload.twine(&[]).expect_success();
        assert!(is_served(&app, &upload.archive));
        upload.twine(&[]).expect_success();
    }
}

#[test]
fn uv_uploads_wheels_and_source_distributions() {
    let app = TestApp::start();
    for archive in [wheel(), SdistBuilder::new("six", "1.0").build()] {
        let upload = Upload { app: &app, token: app.token(), archive };
        upload.uv(&[]).expect_success();
        assert!(is_served(&app, &upload.archive));
        upload.uv(&[]).expect_success();
        let check = app.url("/simple/");
        let skipped = upload.uv(&["--check-url", &check]).expect_success();
        assert!(skipped.text().contains("already exists, skipping"), "{}", skipped.report());
    }
}

#[test]
fn a_changed_file_is_refused() {
    let app = TestApp::start();
    app.publish(&wheel());
    let upload = Upload { app: &app, token: app.token(), archive: changed() };
    insta::assert_snapshot!(upload.refused(), @"
    twine:
    WARNING  Error during upload. Retry with the --verbose option for more details.
    ERROR    HTTPError: 400 Bad Request from http://[address]/legacy/ File already exists ('six-1.0-py3-none-any.whl', with sha256 [sha256]), and this one differs (sha256 [sha256]): files never change, use another version
    uv:
    Publishing 1 file to http://[address]/legacy/
    error: Failed to publish `six-1.0-py3-none-any.whl` to `http://[address]/legacy/`
    cause: Server returned status code 400 Bad Request. Server says: File already exists ('six-1.0-py3-none-any.whl', with sha256 [sha256]), and this one differs (sha256 [sha256]): files never change, use another version
    ");
    assert_eq!(skips(&app, &changed()), "True\n");
    let check = app.url("/simple/");
    let checked = upload.uv(&["--check-url", &check]).expect_failure();
    insta::assert_snapshot!(upload.stable(&checked), @"
    Publishing 1 file to http://[address]/legacy/
    error: Local file and index file do not match for `six-1.0-py3-none-any.whl`. Local: sha256=[sha256], Remote: sha256=[sha256]
    ");
    assert!(is_served(&app, &wheel()));
}

/// Whether twine's `--skip-existing` would take the answer for a file that is there. twine 7 itself refuses the option
/// for every server but the public index; earlier versions do not, and other tools copied the test.
fn skips(app: &TestApp, archive: &Archive) -> String {
    const CODE: &str = "\
import sys, requests
from twine.commands.upload import skip_upload
url, body, content_type, authorization = sys.argv[1:]
headers = {'Content-Type': content_type, 'Authorization': authorization}
response = requests.post(url, data=open(body, 'rb').read(), headers=headers)
print(skip_upload(response, True, None))
";
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, Form::new(archive).to_bytes()).unwrap();
    let mut python = Command::new(Environment::twine().with_file_name("python"));
    python.args(["-c", CODE, &app.url("/legacy/")]).arg(&body);
    python.args([content_type(), authorization(app.token())]);
    python::run(&mut python, TIME_LIMIT).expect_success().stdout
}

#[test]
fn a_wrong_token_is_refused() {
    let app = TestApp::start();
    insta::assert_snapshot!(Upload { app: &app, token: "sdx_wrong", archive: wheel() }.refused(), @"
    twine:
    WARNING  Error during upload. Retry with the --verbose option for more details.
    ERROR    HTTPError: 403 Forbidden from http://[address]/legacy/ the token is not valid: unknown, revoked or expired
    uv:
    Publishing 1 file to http://[address]/legacy/
    error: Failed to publish `six-1.0-py3-none-any.whl` to `http://[address]/legacy/`
    cause: Server returned status code 403 Forbidden. Server says: the token is not valid: unknown, revoked or expired
    ");
}

#[test]
fn a_token_for_another_project_is_refused() {
    let app = TestApp::start();
    let token = app.token_for("seven");
    let text = Upload { app: &app, token: &token, archive: wheel() }.refused();
    insta::assert_snapshot!(text, @"
    twine:
    WARNING  Error during upload. Retry with the --verbose option for more details.
    ERROR    HTTPError: 403 Forbidden from http://[address]/legacy/ the token [id] may not upload to project six: it is for others
    uv:
    Publishing 1 file to http://[address]/legacy/
    error: Failed to publish `six-1.0-py3-none-any.whl` to `http://[address]/legacy/`
    cause: Server returned status code 403 Forbidden. Server says: the token [id] may not upload to project six: it is for others
    ");
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let uploads = UploadLimits { max_file_bytes: 100_000, max_fields: 100, ..config().uploads };
    let app = TestApp::start_with(ServerConfig { uploads, ..config() });
    // A little above the limit, and so much that the client is still sending when the answer is there.
    for digits in [200_000, 12_000_000_u32] {
        let noise: String =
            (0..digits / 8).map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761))).collect();
        let archive = WheelBuilder::new("six", "1.0").module("six.py", &format!("X = '{noise}'")).build();
        assert!(archive.bytes.len() > 100_000, "{}", archive.bytes.len());
        insta::allow_duplicates! {
            insta::assert_snapshot!(Upload { app: &app, token: app.token(), archive }.refused(), @"
            twine:
            WARNING  Error during upload. Retry with the --verbose option for more details.
            ERROR    HTTPError: 413 Content Too Large from http://[address]/legacy/ file too large: this server takes files of at most 100000 bytes
            uv:
            Publishing 1 file to http://[address]/legacy/
            error: Failed to publish `six-1.0-py3-none-any.whl` to `http://[address]/legacy/`
            cause: Server returned status code 413 Payload Too Large. Server says: file too large: this server takes files of at most 100000 bytes
            ");
        }
    }
}

#[test]
fn a_renamed_wheel_is_refused() {
    let app = TestApp::start();
    let evil = WheelBuilder::new("evil", "1.0").build();
    let archive = Archive { file_name: wheel().file_name, ..evil };
    let upload = Upload { app: &app, token: app.token(), archive };
    // twine looks into the wheel itself and sends the name from there.
    insta::assert_snapshot!(upload.refused(), @"
    twine:
    WARNING  Error during upload. Retry with the --verbose option for more details.
    ERROR    HTTPError: 400 Bad Request from http://[address]/legacy/ the form is for project evil, the file six-1.0-py3-none-any.whl is of six
    uv:
    Publishing 1 file to http://[address]/legacy/
    error: Failed to publish: six-1.0-py3-none-any.whl
    cause: Failed to read metadata
    cause: The .dist-info directory `evil-1.0` does not start with the normalized package name: six
    ");
}

#[test]
fn credentials_must_be_given() {
    let app = TestApp::start();
    let folder = tempfile::tempdir().unwrap();
    let path = wheel().write_to(folder.path());
    let mut twine = Command::new(Environment::twine());
    twine.args(["upload", "--disable-progress-bar", "--repository-url", &app.url("/legacy/")]);
    twine.args(["--username", "alice", "--password", "secret"]).arg(&path).env("COLUMNS", "1000");
    let output = python::run(&mut twine, TIME_LIMIT).expect_failure();
    assert!(output.text().contains("the user name must be __token__"), "{}", output.report());
    let mut uv = Command::new(Environment::uv());
    uv.args(["publish", "--publish-url", &app.url("/legacy/"), "--trusted-publishing", "never"]).arg(&path);
    let output = python::run(&mut uv, TIME_LIMIT).expect_failure();
    assert!(output.text().contains("Missing credentials for"), "{}", output.report());
    assert!(!is_served(&app, &wheel()) && Path::exists(&path));
}

//! The examples, run for real: a repository written by one, served on loopback, read by the other two and by
//! python-tuf's client.

#![expect(clippy::unwrap_used, reason = "a panic is a test's failure report")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use sealdex_testkit::hostile::{Behaviour, Framing, HostileServer, Origin, Paths};
use sealdex_testkit::process::Output;
use sealdex_testkit::python::{self, Environment};
use sealdex_tuf::json::{Object, Value};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
const CLIENTS: [&str; 2] = ["blocking_client", "async_client"];

/// Runs an example of this build.
fn example(name: &str, arguments: &[&Path]) -> Output {
    // A test binary lies in target/<profile>/deps, the examples in a folder beside it.
    let test = env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(
        path.is_file(),
        "{} is missing: `cargo build -p sealdex-tuf --examples` makes it",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(arguments);
    python::run(&mut command, LIMIT)
}

/// A repository made by the example, and what its clients keep.
struct Site {
    folder: TempDir,
}

impl Site {
    /// Version 1, with one target of this content.
    fn new(name: &str, content: &[u8]) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        site.publish(name, content);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Publishes a target as the next version.
    fn publish(&self, name: &str, content: &[u8]) {
        let file = self.path(name);
        fs::write(&file, content).unwrap();
        example("repository", &[&self.path("repository"), &file]).expect_success();
    }

    /// Serves what is in `public/` now.
    fn serve(&self) -> HostileServer {
        let mut files = BTreeMap::new();
        for directory in ["metadata", "targets"] {
            for entry in fs::read_dir(self.path("repository/public").join(directory)).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                files.insert(format!("/{directory}/{name}"), fs::read(entry.path()).unwrap());
            }
        }
        HostileServer::start(Origin::Files(files))
    }

    fn client(&self, client: &str, url: &str, target: &str) -> Output {
        let root = self.path("repository/root.json");
        example(client, &[&root, Path::new(url), &self.path(client), Path::new(target)])
    }

    fn downloaded(&self, client: &str, target: &str) -> Option<Vec<u8>> {
        fs::read(self.path(client).join("downloads").join(target)).ok()
    }

    fn downloads(&self, client: &str) -> usize {
        fs::read_dir(self.path(client).join("downloads")).unwrap().count()
    }
}

/// Nobody read an endless body to the server's own limit of 64 MiB; what was sent filled buffers of sockets.
fn assert_bounded(server: &HostileServer) {
    assert!(server.body_bytes_sent() < 16 << 20, "{} bytes were sent", server.body_bytes_sent());
}

#[test]
fn a_target_is_fetched_once_and_the_next_version_is_found() {
    let site = Site::new("app.txt", b"the program");
    for client in CLIENTS {
        let server = site.serve();
        let output = site.client(client, &server.url(), "app.txt").expect_success();
        assert!(output.stdout.contains("timestamp version 1"), "{}", output.report());
        assert_eq!(site.downloaded(client, "app.txt").unwrap(), b"the program");

        server.clear_requests();
        let output = site.client(client, &server.url(), "app.txt").expect_success();
        assert!(output.stdout.contains("downloaded before"), "{}", output.report());
        let asked: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(asked, ["/metadata/2.root.json", "/metadata/timestamp.json"], "{client}");
    }

    site.publish("other.txt", b"another program");
    for client in CLIENTS {
        let server = site.serve();
        let output = site.client(client, &server.url(), "other.txt").expect_success();
        assert!(output.stdout.contains("timestamp version 2"), "{}", output.report());
        assert_eq!(site.downloaded(client, "other.txt").unwrap(), b"another program");
        let output = site.client(client, &server.url(), "none.txt").expect_failure();
        assert!(output.stderr.contains("has no target \"none.txt\""), "{}", output.report());
    }
}

#[test]
fn a_tampered_target_never_gets_its_name() {
    let site = Site::new("app.txt", b"the program");
    for client in CLIENTS {
        let server = site.serve();
        let targets = Paths::starting_with("/targets/");
        for (behaviour, message) in [
            (Behaviour::CorruptByte(3), "has sha256"),
            (Behaviour::Replace(b"the program and more".to_vec()), "but 11 were expected"),
            (Behaviour::Replace(b"the".to_vec()), "has 3 bytes, but 11 were expected"),
            (Behaviour::Endless(Framing::UntilClose), "but 11 were expected"),
        ] {
            server.set(targets.clone(), behaviour);
            let output = site.client(client, &server.url(), "app.txt").expect_failure();
            assert!(output.stderr.contains(message), "{}", output.report());
            assert!(output.stderr.contains("looks like: wrong software attack"), "{}", output.report());
            assert_eq!(site.downloads(client), 0);
            assert_bounded(&server);
        }
        server.clear();
        site.client(client, &server.url(), "app.txt").expect_success();

        // Tampered with on the disk, it is fetched anew.
        fs::write(site.path(client).join("downloads/app.txt"), b"the trojan!").unwrap();
        site.client(client, &server.url(), "app.txt").expect_success();
        assert_eq!(site.downloaded(client, "app.txt").unwrap(), b"the program");
    }
}

#[test]
fn hostile_metadata_is_refused_and_the_state_stays() {
    let site = Site::new("app.txt", b"the program");
    let old = site.serve();
    site.publish("app.txt", b"the next program");
    let server = site.serve();
    for client in CLIENTS {
        site.client(client, &server.url(), "app.txt").expect_success();
        let output = site.client(client, &old.url(), "app.txt").expect_failure();
        assert!(
            output.stderr.contains("timestamp went back from version 2 to version 1"),
            "{}",
            output.report()
        );
        assert!(output.stderr.contains("looks like: rollback attack"), "{}", output.report());

        let timestamp = Paths::ending_with("/timestamp.json");
        server.set(timestamp.clone(), Behaviour::Endless(Framing::Chunked));
        let output = site.client(client, &server.url(), "app.txt").expect_failure();
        assert!(output.stderr.contains("timestamp.json is longer than the limit"), "{}", output.report());
        assert_bounded(&server);

        // Not "there is no newer root".
        server.set(Paths::ending_with(".root.json"), Behaviour::Status(503));
        let output = site.client(client, &server.url(), "app.txt").expect_failure();
        assert!(output.stderr.contains("503"), "{}", output.report());

        server.clear();
        site.client(client, &server.url(), "app.txt").expect_success();
    }
}

#[test]
fn a_server_that_drips_is_stopped() {
    let site = Site::new("app.txt", b"the program");
    let server = site.serve();
    server.set(Paths::ending_with("/timestamp.json"), Behaviour::Drip { bytes_per_second: 1 });
    thread::scope(|scope| {
        for client in CLIENTS {
            let (site, url) = (&site, server.url());
            scope.spawn(move || {
                let output = site.client(client, &url, "app.txt").expect_failure();
                assert!(output.stderr.contains("cannot be read to its end"), "{}", output.report());
                assert!(output.elapsed < Duration::from_secs(45), "{}", output.report());
            });
        }
    });
}

#[test]
fn offline_what_was_trusted_goes_on_to_be() {
    let site = Site::new("app.txt", b"the program");
    for client in CLIENTS {
        let output = site.client(client, "offline", "app.txt").expect_failure();
        assert!(output.stderr.contains("there is no trusted timestamp yet"), "{}", output.report());

        let url = site.serve().url();
        let output = site.client(client, &url, "app.txt").expect_failure();
        assert!(output.stderr.contains("/metadata/2.root.json"), "the server is gone: {}", output.report());

        site.client(client, &site.serve().url(), "app.txt").expect_success();
        let output = site.client(client, "offline", "app.txt").expect_success();
        assert!(output.stdout.contains("downloaded before"), "{}", output.report());

        fs::remove_file(site.path(client).join("downloads/app.txt")).unwrap();
        let output = site.client(client, "offline", "app.txt").expect_failure();
        assert!(output.stderr.contains("was not downloaded before"), "{}", output.report());
    }
}

#[test]
fn damaged_state_is_fetched_again() {
    let site = Site::new("app.txt", b"the program");
    let server = site.serve();
    for client in CLIENTS {
        site.client(client, &server.url(), "app.txt").expect_success();
        for name in ["root", "timestamp", "snapshot", "targets"] {
            let file = site.path(client).join("metadata").join(format!("{name}.json"));
            fs::write(&file, "{").unwrap();
            let output = site.client(client, &server.url(), "app.txt").expect_success();
            assert_eq!(
                output.stdout.contains("stored root is damaged"),
                name == "root",
                "{}",
                output.report()
            );
            if name == "root" {
                fs::remove_file(&file).unwrap();
            } else {
                assert_ne!(fs::read(&file).unwrap(), b"{");
            }
        }
    }
}

#[test]
fn python_tuf_finds_the_same_target() {
    let site = Site::new("app.txt", b"the program");
    site.publish("other.txt", b"another program");
    let server = site.serve();
    let mut command = Command::new(Environment::tuf());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/ngclient.py"));
    command.arg(server.url()).arg(site.path("repository/root.json")).arg(site.path("python"));
    command.arg(r#"["app.txt", "other.txt", "none.txt"]"#);
    let output = python::run(&mut command, LIMIT).expect_success();
    let mut expected = Object::new();
    expected.insert("app.txt", "the program");
    expected.insert("other.txt", "another program");
    expected.insert("none.txt", Value::Null);
    assert_eq!(Value::parse(output.stdout.as_bytes()).unwrap(), Value::Object(expected));
}

#[test]
fn the_keys_are_private_and_not_served() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new("app.txt", b"the program");
    for key in ["root", "targets", "online"] {
        let file = site.path("repository/keys").join(format!("{key}.pkcs8"));
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!site.path("repository/public/keys").exists());
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    for name in CLIENTS.into_iter().chain(["repository"]) {
        let output = example(name, &[]);
        assert_eq!(output.code(), Some(2), "{}", output.report());
        assert!(output.stderr.starts_with(&format!("usage: {name}")), "{}", output.report());
    }
}

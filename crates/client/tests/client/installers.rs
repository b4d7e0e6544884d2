//! Real pip and real uv through the proxy.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealdex_client::{
    Client, ProxyOptions, Refusal, Session, Setting, VerifyingProxy, pip_environment, uv_environment,
};
use sealdex_testkit::hostile::{Behaviour, Framing, Paths};
use sealdex_testkit::process::Output;
use sealdex_testkit::python::{self, Environment, FreshEnvironment};

use sealdex_testkit::wheel::WheelBuilder;
use tempfile::TempDir;

use crate::support::{StaticServer, TestRepository, World};

const LIMIT: Duration = Duration::from_secs(60);
/// No installer tries a refusal again: it ends this soon after the proxy has made up its mind.
const QUICK: Duration = Duration::from_secs(15);

/// An installer in an environment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installer {
    Pip,
    Uv,
}

pub(crate) const BOTH: [Installer; 2] = [Installer::Pip, Installer::Uv];

impl Installer {
    /// Installs into a fresh environment, with a cache of its own. Both live as long as the folder returned last.
    pub(crate) async fn run(
        self,
        proxy: &VerifyingProxy,
        arguments: &[&str],
    ) -> (FreshEnvironment, Output, TempDir) {
        let kept = tempfile::tempdir().unwrap();
        let (environment, output) = self.run_in(kept.path(), "venv", proxy, arguments).await;
        (environment, output, kept)
    }

    /// The same with what an earlier run has left in the folder's cache. The environment is in the folder, under its name.
    async fn run_in(
        self,
        folder: &Path,
        name: &'static str,
        proxy: &VerifyingProxy,
        arguments: &[&str],
    ) -> (FreshEnvironment, Output) {
        let (address, folder) = (proxy.address(), folder.to_owned());
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let run = move || {
            let environment = FreshEnvironment::create(&folder.join(name));
            let cache = folder.join("cache");
            let patience = Duration::from_secs(600);
            let (mut command, settings) = match self {
                Self::Pip => (environment.install(), pip_environment(address, &cache, patience)),
                Self::Uv => {
                    let mut command = Command::new(Environment::uv());
                    command.args(["pip", "install", "--python"]).arg(environment.python());
                    (command, uv_environment(address, &cache, patience))
                }
            };
            apply(&mut command, &settings);
            // Tests have none otherwise.
            command.env_remove("PIP_NO_CACHE_DIR").env_remove("UV_NO_CACHE");
            command.args(&arguments);
            let output = python::run(&mut command, LIMIT);
            (environment, output)
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }
}

pub(crate) fn apply(command: &mut Command, settings: &[Setting]) {
    for setting in settings {
        match &setting.value {
            Some(value) => command.env(setting.name, value),
            None => command.env_remove(setting.name),
        };
    }
}

impl World {
    /// What an installer does with `hello` while the server behaves so. The proxy's client has an empty cache.
    async fn refused_by(
        &self,
        installer: Installer,
        paths: Paths,
        behaviour: Behaviour,
    ) -> (Output, Refusal) {
        self.server.clear();
        self.server.set(paths, behaviour);
        let client = self.client_at(Arc::new(Timestamp::now));
        self.refused_through(installer, &client).await
    }

    async fn refused_through(&self, installer: Installer, client: &Client) -> (Output, Refusal) {
        let address = "127.0.0.1:0".parse().unwrap();
        let proxy =
            VerifyingProxy::start(client, &self.trusted, address, ProxyOptions::default()).await.unwrap();
        let (environment, output, _folder) = installer.run(&proxy, &["hello"]).await;
        let output = output.expect_failure();
        assert_eq!(environment.evaluate("import importlib.util as u; print(u.find_spec('hello'))"), "None");
        assert!(output.elapsed < QUICK, "{}", output.report());
        // uv asks for several files at once, and shows the refusal that came first.
        let (refusals, shown) = (proxy.refusals(), output.text());
        let refusal = refusals.iter().find(|own| shown.contains(&own.message)).or(refusals.first()).cloned();
        (output, refusal.unwrap_or_else(|| panic!("nothing was refused")))
    }
}

/// That the terminal says which attack it was and what was wrong with what.
#[track_caller]
fn assert_shown(output: &Output, refusal: &Refusal, attack: &str, file: &str) {
    let shown = output.text();
    let said = refusal.attack.map(|attack| format!("{attack}: ")).unwrap_or_default();
    assert_eq!(said, if attack.is_empty() { String::new() } else { format!("{attack}: ") }, "{refusal:?}");
    assert!(refusal.message.contains(file), "{refusal:?}");
    assert!(
        shown.contains(&format!("refused by sealdex: {said}{}", refusal.message)),
        "{refusal:?}\n{}",
        output.report()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_install_with_dependencies() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    for installer in BOTH {
        let (environment, output, _folder) = installer.run(&proxy, &["hello"]).await;
        output.expect_success();
        assert_eq!(
            environment.evaluate("import hello, helper; print(hello.VERSION, helper.VERSION)"),
            "1.0 1.0"
        );
    }
    assert_eq!(proxy.refusals(), []);
}

/// Each run has a proxy of its own, on a port of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_installers_next_run_finds_what_it_has_kept() {
    let world = World::new().await;
    for installer in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Vec::new();
        for name in ["first", "second"] {
            let proxy = world.proxy().await;
            let (environment, output) = installer.run_in(folder.path(), name, &proxy, &["hello"]).await;
            output.expect_success();
            assert_eq!(environment.evaluate("import hello; print(hello.VERSION)"), "1.0");
            kept.push(files_below(&folder.path().join("cache")));
        }
        assert!(kept[0].len() > 5, "{installer:?} keeps nothing: {kept:?}");
        assert_eq!(kept[0], kept[1], "{installer:?}");
    }
}

/// All files but what uv remembers of each Python.
fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let entries = entries.filter(|path| !path.to_string_lossy().contains("/interpreter-"));
    let files = entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { [path].into() });
    files.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_at_once_are_served() {
    let mut repository = TestRepository::new();
    let names: Vec<String> = (0..40).map(|number| format!("many{number}")).collect();
    for name in &names {
        repository.add(name, &WheelBuilder::new(name, "1.0").build());
    }
    repository.publish();
    let world = World::with(repository).await;
    let proxy = world.proxy().await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for installer in BOTH {
        let (environment, output, _folder) = installer.run(&proxy, &names).await;
        output.expect_success();
        assert_eq!(environment.evaluate("import many0, many39; print(many39.VERSION)"), "1.0");
    }
    assert_eq!(proxy.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_show_why_a_file_is_refused() {
    let world = World::new().await;
    let wheels = || Paths::containing(".whl");
    for installer in BOTH {
        for (paths, behaviour, attack, message) in [
            (
                Paths::ending_with(".whl"),
                Behaviour::CorruptByte(90),
                "wrong software attack",
                "-1.0-py3-none-any.whl has",
            ),
            (
                Paths::ending_with(".whl"),
                Behaviour::Replace(b"short".to_vec()),
                "wrong software attack",
                "has 5 bytes, but",
            ),
            (
                Paths::ending_with(".whl"),
                Behaviour::Endless(Framing::Chunked),
                "endless data attack",
                "sent more than the",
            ),
            (
                wheels(),
                Behaviour::Drip { bytes_per_second: 1 },
                "slow retrieval attack",
                "fewer than 100 bytes a second",
            ),
            (wheels(), Behaviour::Stall, "slow retrieval attack", "did not begin to answer within"),
            (
                Paths::ending_with(".metadata"),
                Behaviour::CorruptByte(50),
                "wrong software attack",
                ".whl.metadata has",
            ),
            (wheels(), Behaviour::TruncateAt(20), "", "ended after"),
            (wheels(), Behaviour::Status(404), "", "the repository does not have"),
        ] {
            let (output, refusal) = world.refused_by(installer, paths, behaviour).await;
            assert_shown(&output, &refusal, attack, message);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_show_why_a_page_is_refused() {
    let mut repository = TestRepository::with_hello();
    // Of the same length, so that only the content tells.
    repository.add("hollo", &WheelBuilder::new("hollo", "1.0").requires("helper").build());
    repository.publish();
    let world = World::with(repository).await;
    let page = || Paths::exactly(&world.repository.page_path("hello"));
    let timestamp = || Paths::exactly("/metadata/timestamp.json");
    let swapped = world.repository.page_bytes("hollo");
    let bomb = || Behaviour::GzipBomb { unpacked_bytes: 1 << 30 };
    for installer in BOTH {
        for (paths, behaviour, attack, message) in [
            (
                page(),
                Behaviour::CorruptByte(9),
                "wrong software attack",
                "simple/hello/index.json has sha256",
            ),
            (
                page(),
                Behaviour::Replace(swapped.clone()),
                "wrong software attack",
                "simple/hello/index.json has",
            ),
            (
                page(),
                Behaviour::Endless(Framing::Chunked),
                "endless data attack",
                "index.json sent more than the",
            ),
            (page(), Behaviour::Drip { bytes_per_second: 1 }, "slow retrieval attack", "index.json sent"),
            (
                timestamp(),
                Behaviour::Stall,
                "slow retrieval attack",
                "timestamp.json did not begin to answer",
            ),
            (timestamp(), bomb(), "endless data attack", "timestamp.json"),
            (
                timestamp(),
                Behaviour::Redirect("/metadata/timestamp.json".to_owned()),
                "",
                "more than 5 redirects",
            ),
        ] {
            let (output, refusal) = world.refused_by(installer, paths, behaviour).await;
            assert_shown(&output, &refusal, attack, message);
        }
        world.server.clear();
        let later = Timestamp::now().checked_add(SignedDuration::from_hours(30)).unwrap();
        let (output, refusal) =
            world.refused_through(installer, &world.client_at(Arc::new(move || later))).await;
        assert_shown(&output, &refusal, "freeze attack", "timestamp expired at");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_show_a_rollback() {
    let mut world = World::new().await;
    let old = std::fs::read(world.repository.path().join("metadata/timestamp.json")).unwrap();
    world.repository.publish();
    Session::refresh(&world.client, &world.trusted).await.unwrap();
    for installer in BOTH {
        let replay = Behaviour::Replace(old.clone());
        let (output, refusal) =
            world.refused_by(installer, Paths::ending_with("timestamp.json"), replay).await;
        assert_shown(&output, &refusal, "rollback attack", "timestamp went back from version");
    }
}

/// Another index serves a newer `hello` that nobody sealed; no installer ever gets to it.
#[tokio::test(flavor = "multi_thread")]
async fn other_sources_are_refused() {
    let world = World::new().await;
    let mut evil = TestRepository::new();
    evil.add("hello", &WheelBuilder::new("hello", "9.0").build());
    evil.publish();
    let other = StaticServer::start(evil.path());
    let wheel = format!("hello @ {}/files/hello/hello-9.0-py3-none-any.whl", other.url());
    let index = format!("--extra-index-url={}/simple/", other.url());
    let proxy = world.proxy().await;
    for installer in BOTH {
        let (_, output, _folder) = installer.run(&proxy, &[&wheel]).await;
        let output = output.expect_failure();
        assert!(output.text().contains("is not verified by sealdex"), "{}", output.report());
        let (_, output, _folder) =
            installer.run(&proxy, &["hello @ https://other.example/hello-9.0-py3-none-any.whl"]).await;
        let output = output.expect_failure();
        // uv does not show what a proxy answers to CONNECT; the wrapper does.
        let shown = if installer == Installer::Pip {
            "other.example:443 is not verified by sealdex"
        } else {
            "tunnel"
        };
        assert!(output.text().contains(shown), "{}", output.report());
        let (environment, output, _folder) = installer.run(&proxy, &["hello", &index]).await;
        // pip goes on without an index that does not answer; uv does not.
        if installer == Installer::Pip {
            output.expect_success();
            assert_eq!(environment.evaluate("import hello; print(hello.VERSION)"), "1.0");
        } else {
            assert!(output.expect_failure().text().contains("is not verified by sealdex"));
        }
    }
    let refused = proxy.refusals();
    assert!(refused.iter().any(|own| own.file.as_deref() == Some("other.example:443")), "{refused:?}");
}

//! Real pip and real uv through the proxy.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sealdex_client::{Setting, VerifyingProxy, pip_environment, uv_environment};
use sealdex_testkit::hostile::{Behaviour, Framing, Paths};
use sealdex_testkit::process::Output;
use sealdex_testkit::python::{self, Environment, FreshEnvironment};

use crate::support::World;

const LIMIT: Duration = Duration::from_secs(60);

/// An installer in an environment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installer {
    Pip,
    Uv,
}

const BOTH: [Installer; 2] = [Installer::Pip, Installer::Uv];

impl Installer {
    /// Installs into the fresh environment at `folder`, in a thread that may block.
    async fn run(
        self,
        proxy: &VerifyingProxy,
        folder: &Path,
        arguments: &[&str],
    ) -> (FreshEnvironment, Output) {
        let (address, folder) = (proxy.address(), folder.join(format!("{self:?}")));
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let run = move || {
            let environment = FreshEnvironment::create(&folder.join("venv"));
            let cache = folder.join("cache");
            let (mut command, settings) = match self {
                Self::Pip => (environment.install(), pip_environment(address, &cache)),
                Self::Uv => {
                    let mut command = Command::new(Environment::uv());
                    command.args(["pip", "install", "--python"]).arg(environment.python());
                    (command, uv_environment(address, &cache))
                }
            };
            apply(&mut command, &settings);
            command.args(&arguments);
            let output = python::run(&mut command, LIMIT);
            (environment, output)
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }
}

fn apply(command: &mut Command, settings: &[Setting]) {
    for setting in settings {
        match &setting.value {
            Some(value) => command.env(setting.name, value),
            None => command.env_remove(setting.name),
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_install_with_dependencies() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    for installer in BOTH {
        let (environment, output) = installer.run(&proxy, world.home.path(), &["hello"]).await;
        println!("{}", output.report());
        output.expect_success();
        assert_eq!(
            environment.evaluate("import hello, helper; print(hello.VERSION, helper.VERSION)"),
            "1.0 1.0"
        );
    }
    assert_eq!(proxy.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn look() {
    let world = World::new().await;
    let wheel = Paths::ending_with(".whl");
    let page = Paths::exactly(&world.repository.page_path("hello"));
    let sidecar = Paths::ending_with(".metadata");
    let timestamp = Paths::ending_with("timestamp.json");
    for (name, paths, behaviour) in [
        ("wheel", &wheel, Behaviour::CorruptByte(100)),
        ("sidecar", &sidecar, Behaviour::CorruptByte(10)),
        ("page", &page, Behaviour::CorruptByte(10)),
        ("page endless", &page, Behaviour::Endless(Framing::Chunked)),
        ("timestamp", &timestamp, Behaviour::Drip { bytes_per_second: 1 }),
    ] {
        world.server.clear();
        world.server.set(paths.clone(), behaviour);
        for installer in BOTH {
            let folder = tempfile::tempdir().unwrap();
            let client = world.client_at(std::sync::Arc::new(jiff::Timestamp::now));
            let proxy = VerifyingProxy::start(
                &client,
                &world.trusted,
                "127.0.0.1:0".parse().unwrap(),
                Default::default(),
            )
            .await
            .unwrap();
            let (_, output) = installer.run(&proxy, folder.path(), &["hello"]).await;
            println!("=== {name} {installer:?}\n{}\n{:#?}", output.report(), proxy.refusals());
        }
    }
    world.server.clear();
    let proxy = world.proxy().await;
    for installer in BOTH {
        for arguments in [
            &["hello", "--extra-index-url", "https://other.example/simple/"][..],
            &["hello", "--extra-index-url", "http://127.0.0.1:9/simple/"],
            &["hello @ https://other.example/hello-1.0-py3-none-any.whl"],
            &["hello @ http://other.example/hello-1.0-py3-none-any.whl"],
            &["absent"],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (_, output) = installer.run(&proxy, folder.path(), arguments).await;
            println!("=== {arguments:?} {installer:?}\n{}", output.report());
        }
    }
}

//! Installers that read a wheel piece by piece, where a repository has no core metadata beside it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sealdex_client::{VerifyingProxy, pip_environment, uv_environment};
use sealdex_simple::CoreMetadata;
use sealdex_testkit::archive::Archive;
use sealdex_testkit::hostile::{Behaviour, Paths};
use sealdex_testkit::process::Output;
use sealdex_testkit::python::{self, Environment, FreshEnvironment};
use sealdex_testkit::wheel::WheelBuilder;

use crate::installers::{BOTH, Installer, apply};
use crate::support::{TestRepository, World, get, project};

const LIMIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(600);

/// A wheel of some hundred kilobytes that does not pack well.
fn wheel(name: &str, requires: Option<&str>) -> Archive {
    let mut number: u32 = 7;
    let mut digits = || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{number:08x}")
    };
    let source: String = (0..60_000).map(|_| digits()).collect();
    let mut builder = WheelBuilder::new(name, "1.0");
    if let Some(requirement) = requires {
        builder = builder.requires(requirement);
    }
    builder.module(&format!("{name}.py"), &format!("DATA = \"{source}\"\nVERSION = \"1.0\"\n")).build()
}

/// A repository whose pages offer no core metadata.
fn without_core_metadata() -> TestRepository {
    let mut repository = TestRepository::new();
    for (name, requires) in [("hello", Some("helper")), ("helper", None)] {
        repository.add(name, &wheel(name, requires));
        repository.change_page(&project(name), |page| page.files[0].core_metadata = CoreMetadata::Absent);
    }
    repository.publish();
    repository
}

/// Passes everything on to a proxy, and remembers what it was asked for: `METHOD file` and `range bytes=...`.
struct Listener {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn before(proxy: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&heard);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(proxy).unwrap());
                let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let heard = Arc::clone(&own);
                thread::spawn(move || pass(client, server, Some(&heard)));
                thread::spawn(move || pass(ends.1, ends.0, None));
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, heard: Option<&Mutex<Vec<String>>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        if let Some(heard) = heard {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            for line in text.lines() {
                let file = line.split(' ').nth(1).and_then(|url| url.rsplit('/').next()).unwrap_or_default();
                if line.ends_with(" HTTP/1.1") && file.ends_with(".whl") {
                    let method = line.split(' ').next().unwrap_or_default();
                    heard.lock().unwrap().push(format!("{method} {file}"));
                } else if line.to_ascii_lowercase().starts_with("range: ") {
                    heard.lock().unwrap().push(line.to_ascii_lowercase().replace("range: ", "range "));
                }
            }
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}

/// Runs an installer that asks the proxy through a listener.
async fn run(proxy: &VerifyingProxy, installer: Installer) -> (FreshEnvironment, Output, Vec<String>) {
    let listener = Listener::before(proxy.address());
    let (address, through) = (proxy.address(), format!("http://{}", listener.address));
    let folder = tempfile::tempdir().unwrap();
    let install = move || {
        let environment = FreshEnvironment::create(&folder.keep().join("venv"));
        let cache = environment.folder().join("cache");
        let (mut command, settings) = match installer {
            Installer::Uv => {
                let mut command = Command::new(Environment::uv());
                command.args(["pip", "install", "--python"]).arg(environment.python());
                (command, uv_environment(address, &cache, PATIENCE))
            }
            Installer::Pip => {
                let mut command = environment.install();
                command.arg("--use-feature=fast-deps");
                (command, pip_environment(address, &cache, PATIENCE))
            }
        };
        apply(&mut command, &settings);
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "PIP_PROXY"] {
            command.env(name, &through);
        }
        let output = python::run(command.arg("hello"), LIMIT);
        (environment, output)
    };
    let (environment, output) = tokio::task::spawn_blocking(install).await.unwrap();
    (environment, output, listener.heard())
}

#[tokio::test(flavor = "multi_thread")]
async fn installers_that_read_piece_by_piece_get_verified_pieces() {
    for installer in BOTH {
        let world = World::with(without_core_metadata()).await;
        let proxy = world.proxy().await;
        let (environment, output, heard) = run(&proxy, installer).await;
        output.expect_success();
        assert_eq!(environment.evaluate("import hello, helper; print(len(hello.DATA))"), "480000");
        assert!(heard.contains(&"HEAD hello-1.0-py3-none-any.whl".to_owned()), "{heard:?}");
        assert!(heard.iter().any(|line| line.starts_with("range bytes=")), "{heard:?}");
        // However many pieces were asked for: each wheel was fetched once, as a whole.
        let fetched = world.server.requests_for(&Paths::ending_with(".whl"));
        assert_eq!(fetched.len(), 2, "{fetched:?}");
        assert!(fetched.iter().all(|own| own.header("range").is_none()), "{fetched:?}");
        assert_eq!(proxy.refusals(), []);
    }
}

/// The end of the wheel, where its metadata is, is as it should be: only the whole tells.
#[tokio::test(flavor = "multi_thread")]
async fn no_piece_of_a_changed_wheel_is_handed_out() {
    for installer in BOTH {
        let world = World::with(without_core_metadata()).await;
        let proxy = world.proxy().await;
        world.server.set(Paths::ending_with(".whl"), Behaviour::CorruptByte(2000));
        let (environment, output, heard) = run(&proxy, installer).await;
        let output = output.expect_failure();
        assert!(heard.iter().any(|line| line.starts_with("range bytes=")), "{heard:?}");
        assert!(output.text().contains("wrong software attack"), "{}", output.report());
        assert_eq!(environment.evaluate("import importlib.util as u; print(u.find_spec('hello'))"), "None");
    }
}

/// The hash of a large file is not computed anew for each piece; but it is when the file was changed meanwhile.
#[tokio::test]
async fn a_large_file_changed_between_two_pieces_is_fetched_again() {
    let mut large = WheelBuilder::new("large", "1.0").build();
    large.bytes.resize((1 << 20) + 100_000, 7);
    let mut repository = TestRepository::new();
    repository.add("large", &large);
    repository.publish();
    let world = World::with(repository).await;
    let proxy = world.proxy().await;
    let path = format!("/files/large/{}", large.file_name);
    for range in ["bytes=-3", "bytes=5-9", "bytes=1048570-1048580"] {
        let piece = get(proxy.address(), &path, &[("range", range)]).await;
        assert_eq!(piece.status, 206, "{range}");
    }
    // The kernel's clock ticks slower than a test runs.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let kept = world.client.cache().path(sealdex_client::Sha256Digest::of(&large.bytes));
    let mut evil = large.bytes.clone();
    *evil.last_mut().unwrap() = 8;
    std::fs::write(&kept, evil).unwrap();
    let tail = get(proxy.address(), &path, &[("range", "bytes=-1")]).await;
    assert_eq!((tail.status, tail.body.as_slice()), (206, &[7][..]));
    assert_eq!(world.server.requests_for(&Paths::ending_with(".whl")).len(), 2);
}

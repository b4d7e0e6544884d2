//! The proxy, request by request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealdex_client::{Attack, Decision, Error, OfflineUse, ProxyOptions, SnapshotPolicy, VerifyingProxy};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::hostile::{Behaviour, Framing, Paths};
use sealdex_testkit::wheel::WheelBuilder;
use sealdex_tuf::Attack as Core;
use serde_json::Value;

use crate::support::{TestRepository, World, get, project, send};

const JSON: (&str, &str) = ("accept", "application/vnd.pypi.simple.v1+json");
const WHEEL: &str = "/files/hello/hello-1.0-py3-none-any.whl";

fn hello() -> Archive {
    WheelBuilder::new("hello", "1.0").requires("helper").build()
}

#[tokio::test]
async fn pages_are_negotiated_rewritten_and_cached() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    let json = get(proxy.address(), "/simple/hello/", &[JSON]).await;
    assert_eq!((json.status, json.header("vary")), (200, Some("Accept")));
    assert_eq!(json.header("content-type"), Some("application/vnd.pypi.simple.v1+json"));
    assert_eq!(json.header("cache-control"), Some("no-cache"));
    let page: Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(page["files"][0]["url"], "../../files/hello/hello-1.0-py3-none-any.whl");
    assert_eq!(page["files"][0]["core-metadata"]["sha256"], hello().core_metadata_sha256());

    let html = get(proxy.address(), "/simple/hello/", &[]).await;
    assert_eq!(html.header("content-type"), Some("text/html"));
    assert!(html.text().contains(&format!("#sha256={}", hello().sha256())), "{}", html.text());
    assert_ne!(html.header("etag"), json.header("etag"));
    let again =
        get(proxy.address(), "/simple/hello/", &[JSON, ("if-none-match", json.header("etag").unwrap())])
            .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(get(proxy.address(), "/simple/hello/", &[("accept", "image/png")]).await.status, 406);
}

#[tokio::test]
async fn names_are_normalised_and_absence_is_verified() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    for path in ["/simple/hello", "/simple/Hello/", "/simple/HELLO"] {
        let answer = get(proxy.address(), path, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (301, Some("/simple/hello/")), "{path}");
    }
    for path in [
        "/simple/absent/",
        "/simple/a..b%2f/",
        "/files/hello/hello-2.0-py3-none-any.whl",
        "/files/absent/x.whl",
        "/files/hello/..%2f..%2fetc%2fpasswd",
        "/",
        "/metadata/timestamp.json",
    ] {
        assert_eq!(get(proxy.address(), path, &[]).await.status, 404, "{path}");
    }
    let list = get(proxy.address(), "/simple/", &[]).await;
    assert_eq!(list.status, 404);
    assert_eq!(list.reason, "the list of all projects is not signed, so sealdex does not serve it");
    assert_eq!(proxy.refusals(), []);
}

#[tokio::test]
async fn files_and_ranges_come_from_verified_bytes() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    let wheel = hello();
    let host = vec![("host".to_owned(), proxy.address().to_string())];
    let head = send(proxy.address(), "HEAD", WHEEL, &host).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(wheel.bytes.len().to_string().as_str()));
    assert!(world.server.requests_for(&Paths::ending_with(".whl")).is_empty());

    let tail = get(proxy.address(), WHEEL, &[("range", "bytes=-7")]).await;
    assert_eq!((tail.status, tail.body.as_slice()), (206, &wheel.bytes[wheel.bytes.len() - 7..]));
    let whole = get(proxy.address(), WHEEL, &[]).await;
    assert_eq!((whole.status, &whole.body), (200, &wheel.bytes));
    let other = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
    assert_eq!(get(proxy.address(), WHEEL, &other).await.status, 200);
    let beyond = get(proxy.address(), WHEEL, &[("range", "bytes=100000-")]).await;
    assert_eq!(beyond.status, 416);
    let sidecar = get(proxy.address(), &format!("{WHEEL}.metadata"), &[]).await;
    assert_eq!((sidecar.status, sidecar.body), (200, wheel.core_metadata));
    assert_eq!(world.server.requests_for(&Paths::ending_with(".whl")).len(), 1);
    assert_eq!(send(proxy.address(), "POST", WHEEL, &host).await.status, 405);
}

#[tokio::test]
async fn a_file_that_does_not_verify_is_refused_in_words() {
    let world = World::new().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let options =
        ProxyOptions::default().on_decision(move |decision| told.lock().unwrap().push(decision.clone()));
    let proxy = world.proxy_with(options).await;
    world.server.set(Paths::ending_with(".whl"), Behaviour::CorruptByte(100));
    for headers in [&[][..], &[("range", "bytes=0-1")]] {
        let answer = get(proxy.address(), WHEEL, headers).await;
        assert_eq!(answer.status, 409);
        assert!(
            answer.reason.starts_with(
                "refused by sealdex: wrong software attack: hello-1.0-py3-none-any.whl has sha256 "
            ),
            "{}",
            answer.reason
        );
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["title"], "refused by sealdex: wrong software attack");
    }
    let refusals = proxy.refusals();
    assert_eq!(refusals.len(), 2);
    assert_eq!(refusals[0].project, Some(project("hello")));
    assert_eq!(refusals[0].file.as_deref(), Some("hello-1.0-py3-none-any.whl"));
    assert_eq!(refusals[0].attack, Some(Attack::Verification(Core::WrongSoftware)));
    let expected: Vec<_> = refusals.iter().map(Decision::refused).collect();
    assert_eq!(*heard.lock().unwrap(), expected);

    world.server.clear();
    assert_eq!(get(proxy.address(), WHEEL, &[]).await.body, hello().bytes);
    world.server.set(Paths::ending_with(".metadata"), Behaviour::CorruptByte(10));
    let answer = get(proxy.address(), &format!("{WHEEL}.metadata"), &[]).await;
    assert!(answer.status == 409 && answer.reason.contains(".whl.metadata has sha256"), "{}", answer.reason);
    world.server.set(Paths::ending_with(".metadata"), Behaviour::Endless(Framing::Chunked));
    let answer = get(proxy.address(), &format!("{WHEEL}.metadata"), &[]).await;
    assert!(answer.reason.contains("endless data attack"), "{}", answer.reason);
}

#[tokio::test]
async fn pages_are_refused_so_that_each_installer_shows_why() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    world.server.set(Paths::exactly(&world.repository.page_path("hello")), Behaviour::CorruptByte(3));
    let pip = get(proxy.address(), "/simple/hello/", &[("user-agent", "pip/26.3 {}")]).await;
    assert_eq!(pip.status, 200);
    assert!(
        pip.header("content-type").unwrap().starts_with(
            "application/x-sealdex-refused; reason=\"refused by sealdex: wrong software attack: simple/hello/index.json"
        ),
        "{pip:?}"
    );
    let uv = get(proxy.address(), "/simple/hello/", &[("user-agent", "uv/0.13")]).await;
    assert!(uv.status == 409 && uv.reason.contains("wrong software attack"), "{uv:?}");
    assert_eq!(get(proxy.address(), WHEEL, &[]).await.status, 409);
    assert_eq!(proxy.refusals().len(), 3);
    assert_eq!(get(proxy.address(), "/simple/helper/", &[]).await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_verified_is_not_offered() {
    let mut repository = TestRepository::with_hello();
    repository.change_page(&project("hello"), |page| {
        page.files[0].core_metadata = sealdex_simple::CoreMetadata::Present;
        page.files[0].size = None;
    });
    repository.publish();
    let world = World::with(repository).await;
    let proxy = world.proxy().await;
    let page = get(proxy.address(), "/simple/hello/", &[JSON]).await;
    let page: Value = serde_json::from_slice(&page.body).unwrap();
    assert!(!page["files"][0]["core-metadata"].is_object(), "{page}");
    assert_eq!(get(proxy.address(), &format!("{WHEEL}.metadata"), &[]).await.status, 404);
    let refused = get(proxy.address(), WHEEL, &[]).await;
    assert!(refused.status == 409 && refused.reason.contains("without a size"), "{}", refused.reason);
}

#[tokio::test]
async fn everything_for_other_hosts_is_refused() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    let address = proxy.address();
    let host = |name: &str| vec![("host".to_owned(), name.to_owned())];
    let own =
        send(address, "GET", &format!("http://{address}/simple/hello/"), &host(&address.to_string())).await;
    assert_eq!(own.status, 200);
    assert_eq!(
        send(address, "GET", "/simple/hello/", &host(&format!("localhost:{}", address.port()))).await.status,
        200
    );
    let index = host("sealdex.invalid");
    assert_eq!(send(address, "GET", "http://sealdex.invalid/simple/hello/", &index).await.status, 200);
    for (method, target, name) in [
        // Only a browser that was tricked could ask so: whoever has the proxy for a proxy names the host with the path.
        ("GET", "/simple/hello/", "sealdex.invalid"),
        ("CONNECT", "sealdex.invalid:443", "sealdex.invalid:443"),
        ("GET", "http://other.sealdex.invalid/simple/hello/", "other.sealdex.invalid"),
        ("CONNECT", "elsewhere.example:443", "elsewhere.example:443"),
        ("CONNECT", &address.to_string(), &address.to_string()),
        ("GET", "http://elsewhere.example/simple/hello/", "elsewhere.example"),
        ("GET", "http://127.0.0.1:9/simple/hello/", "127.0.0.1:9"),
        ("GET", "/simple/hello/", "attacker.example"),
        ("GET", "/simple/hello/", &format!("attacker.example:{}", address.port())),
        ("POST", "http://elsewhere.example/", "elsewhere.example"),
    ] {
        let answer = send(address, method, target, &host(name)).await;
        assert_eq!(answer.status, 409, "{method} {target} {name}");
        assert!(answer.reason.starts_with("refused by sealdex: "), "{}", answer.reason);
    }
    assert_eq!(send(address, "GET", "/simple/hello/", &[]).await.status, 409);
    assert_eq!(proxy.refusals().len(), 11);
    let outside = VerifyingProxy::start(
        &world.client,
        &world.trusted,
        "0.0.0.0:0".parse().unwrap(),
        ProxyOptions::default(),
    )
    .await;
    assert!(matches!(outside, Err(Error::NotLoopback { .. })));
}

#[tokio::test]
async fn a_pinned_proxy_keeps_its_snapshot_and_another_follows() {
    let mut world = World::new().await;
    let pinned = world.proxy().await;
    let following = world
        .proxy_with(ProxyOptions::default().snapshots(SnapshotPolicy::RefreshAfter(Duration::ZERO)))
        .await;
    pinned.session().await.unwrap();
    following.session().await.unwrap();
    world.repository.add("hello", &WheelBuilder::new("hello", "2.0").build());
    world.repository.publish();
    assert!(!get(pinned.address(), "/simple/hello/", &[]).await.text().contains("hello-2.0"));
    assert!(get(following.address(), "/simple/hello/", &[]).await.text().contains("hello-2.0"));
}

#[tokio::test]
async fn an_unreachable_repository_is_refused_unless_offline_was_asked_for() {
    let world = World::new().await;
    let before = world.proxy().await;
    assert_eq!(get(before.address(), WHEEL, &[]).await.status, 200);
    world.server.set(Paths::All, Behaviour::Status(502));
    let strict = world.proxy().await;
    let refused = get(strict.address(), "/simple/hello/", &[]).await;
    assert!(refused.status == 409 && refused.reason.contains("status 502"), "{}", refused.reason);
    let offline = world.proxy_with(ProxyOptions::default().offline(OfflineUse::WhenUnreachable)).await;
    assert_eq!(get(offline.address(), "/simple/hello/", &[]).await.status, 200);
    assert_eq!(get(offline.address(), WHEEL, &[]).await.body, hello().bytes);
    // An attack is no reason to work offline.
    world.server.set(Paths::All, Behaviour::Replace(b"{}".to_vec()));
    let attacked = world.proxy_with(ProxyOptions::default().offline(OfflineUse::WhenUnreachable)).await;
    assert_eq!(get(attacked.address(), "/simple/hello/", &[]).await.status, 409);
    // Nothing is asked of the network by one who asked for none.
    world.server.clear_requests();
    let always = world.proxy_with(ProxyOptions::default().offline(OfflineUse::Always)).await;
    assert_eq!(get(always.address(), WHEEL, &[]).await.status, 200);
    assert!(world.server.requests().is_empty());
}

/// A wheel too large to be held in memory.
fn large() -> Archive {
    let mut wheel = WheelBuilder::new("large", "1.0").build();
    wheel.bytes.resize((1 << 20) + 100_000, 7);
    wheel
}

#[tokio::test]
async fn no_byte_of_a_large_file_is_sent_before_it_is_verified() {
    let wheel = large();
    let mut repository = TestRepository::new();
    repository.add("large", &wheel);
    repository.publish();
    let world = World::with(repository).await;
    let proxy = world.proxy().await;
    let path = format!("/files/large/{}", wheel.file_name);

    world.server.set(Paths::ending_with(".whl"), Behaviour::CorruptByte(usize::MAX));
    let broken = get(proxy.address(), &path, &[]).await;
    assert_eq!(broken.status, 409);
    assert_eq!(proxy.refusals().len(), 1);
    // A complete archive in front, padded to the signed length: an installer that unpacks while it reads would be done
    // with it before the hash is known.
    let mut padded = WheelBuilder::new("large", "1.0").module("large.py", "EVIL = True\n").build().bytes;
    padded.resize(wheel.bytes.len(), 0);
    world.server.set(Paths::ending_with(".whl"), Behaviour::Replace(padded));
    let padded = get(proxy.address(), &path, &[]).await;
    assert!(padded.status == 409 && !padded.body.starts_with(b"PK"), "{}", padded.status);
    let partial = get(proxy.address(), &path, &[("range", "bytes=0-9")]).await;
    assert_eq!(partial.status, 409);

    world.server.clear();
    world.server.clear_requests();
    let (first, second) = tokio::join!(get(proxy.address(), &path, &[]), get(proxy.address(), &path, &[]));
    assert!(first.body == wheel.bytes && second.body == wheel.bytes);
    assert_eq!(world.server.requests_for(&Paths::ending_with(".whl")).len(), 1);
    let tail = get(proxy.address(), &path, &[("range", "bytes=-3")]).await;
    assert_eq!((tail.status, tail.body.as_slice()), (206, &[7, 7, 7][..]));
    assert!(get(proxy.address(), &path, &[]).await.body == wheel.bytes);
    assert_eq!(world.server.requests_for(&Paths::ending_with(".whl")).len(), 1);
}

#[tokio::test]
async fn a_file_changed_in_the_cache_is_fetched_again() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    assert_eq!(get(proxy.address(), WHEEL, &[]).await.status, 200);
    let digest = sealdex_client::Sha256Digest::of(&hello().bytes);
    std::fs::write(world.client.cache().path(digest), b"evil").unwrap();
    assert_eq!(get(proxy.address(), WHEEL, &[]).await.body, hello().bytes);
}

#[tokio::test]
async fn shutdown_ends_in_time() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    let address = proxy.address();
    let idle = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), proxy.shutdown()).await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    drop(idle);
}

/// More connections than there are at a time: none is turned away, and none that only waits keeps others out.
#[tokio::test(flavor = "multi_thread")]
async fn who_connects_when_all_are_in_use_waits() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::new().await;
    let proxy = world.proxy().await;
    let address = proxy.address();
    let request = format!("GET /simple/hello/ HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let ask = || async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        // Open still, as an installer keeps it that may ask for more.
        stream
    };
    let mut kept = Vec::new();
    for _ in 0..6 {
        kept.extend(futures_util::future::join_all((0..150).map(|_| ask())).await);
    }
    assert_eq!(kept.len(), 900);
    assert_eq!(get(address, WHEEL, &[]).await.status, 200);
}

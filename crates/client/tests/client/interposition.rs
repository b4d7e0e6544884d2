//! The proxy of a run, request by request: who may use it, what it answers for, what it lets through.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sealdex_client::{
    AllowedHost, Client, Error, Interposition, Policies, Policy, ProxyOptions, RepositoryUrl, VerifyingProxy,
};
use sealdex_testkit::hostile::{Behaviour, Paths};
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::support::{TestRepository, World, send};

const INDEX: &str = "http://index.example/simple/";
const WHEEL: &str = "hello-1.0-py3-none-any.whl";

/// A proxy that stands for [`INDEX`], and what it takes to use it.
struct Run {
    proxy: VerifyingProxy,
    authority: CertificateDer<'static>,
}

impl Run {
    async fn of(world: &World, allowed: &[&str]) -> Self {
        Self::with(&world.client, world, allowed).await
    }

    async fn with(client: &Client, world: &World, allowed: &[&str]) -> Self {
        let allowed: Vec<AllowedHost> = allowed.iter().map(|host| host.parse().unwrap()).collect();
        let index = RepositoryUrl::parse(INDEX).unwrap();
        let interposition = Interposition::new(Timestamp::now(), vec![index], allowed).unwrap();
        let pem = interposition.certificates_pem();
        let first: String = pem.lines().skip(1).take_while(|line| !line.starts_with('-')).collect();
        let authority = STANDARD.decode(first).unwrap().into();
        let options = ProxyOptions::default().interpose(interposition);
        let address = "127.0.0.1:0".parse().unwrap();
        let proxy = VerifyingProxy::start(client, &world.trusted, address, options).await.unwrap();
        Self { proxy, authority }
    }

    /// `Proxy-Authorization`, from the URL that tools are given.
    fn credentials(&self) -> String {
        let url = self.proxy.proxy_url();
        let user = url.strip_prefix("http://").unwrap().split_once('@').unwrap().0;
        format!("Basic {}", STANDARD.encode(user))
    }

    async fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
        let mut all = vec![("proxy-authorization".to_owned(), self.credentials())];
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let answer = send(self.proxy.address(), method, url, &all).await;
        let location = answer.header("location").unwrap_or_default().to_owned();
        (answer.status, format!("{}{location}", answer.reason), answer.text())
    }

    /// A tunnel to `target`: what comes after the proxy's answer, which must be that it stands.
    async fn connect(&self, target: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.proxy.address()).await.unwrap();
        let head =
            format!("CONNECT {target} HTTP/1.1\r\nproxy-authorization: {}\r\n\r\n", self.credentials());
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        stream
    }

    /// What `GET path` gives inside a tunnel to `host`, with this `Host` header.
    async fn get_within(&self, host: &str, header: &str, path: &str) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let stream = self.connect(&format!("{host}:443")).await;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {header}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn only_who_knows_the_password_is_answered() {
    let world = World::new().await;
    let run = Run::of(&world, &["127.0.0.1:1"]).await;
    let other = Run::of(&world, &[]).await;
    let page = format!("{INDEX}hello/");
    for (method, target) in
        [("GET", page.as_str()), ("CONNECT", "index.example:443"), ("CONNECT", "127.0.0.1:1")]
    {
        for password in [None, Some(other.credentials()), Some("Basic cnVuOg==".to_owned())] {
            let headers: Vec<_> =
                password.into_iter().map(|value| ("proxy-authorization".to_owned(), value)).collect();
            let answer = send(run.proxy.address(), method, target, &headers).await;
            assert_eq!(
                (answer.status, answer.header("proxy-authenticate").is_some()),
                (407, true),
                "{target}"
            );
        }
    }
    assert_eq!(run.ask("GET", &page, &[]).await.0, 200);
    // It is no index itself.
    assert_eq!(run.ask("GET", "/simple/hello/", &[("host", "index.example")]).await.0, 400);
    assert!(run.proxy.refusals().is_empty());
}

#[tokio::test]
async fn the_index_is_answered_for_at_its_own_urls() {
    let mut repository = TestRepository::new();
    repository.add("hello", &WheelBuilder::new("hello", "1.0").requires("helper").build());
    repository.publish();
    let world = World::with(repository).await;
    let run = Run::of(&world, &[]).await;
    let json = [("accept", "application/vnd.pypi.simple.v1+json")];
    let (status, _, body) = run.ask("GET", "http://index.example/simple/hello/", &json).await;
    let page: Value = serde_json::from_str(&body).unwrap();
    // As it was signed, so that lock files hold what they hold without us.
    let signed: Value = serde_json::from_slice(&world.repository.page_bytes("hello")).unwrap();
    assert_eq!((status, &page["files"][0]["url"]), (200, &signed["files"][0]["url"]));

    let moved = run.ask("GET", "http://index.example/simple/HELLO", &[]).await;
    assert_eq!((moved.0, moved.1.as_str()), (301, "Moved Permanently/simple/hello/"));
    for (path, expected) in [
        (format!("files/hello/{WHEEL}"), 200),
        (format!("another/place/{WHEEL}"), 200),
        (format!("files/hello/{WHEEL}.metadata"), 200),
        ("simple/".to_owned(), 404),
        ("simple/absent/".to_owned(), 404),
        ("pypi/absent/json".to_owned(), 404),
        ("pypi/hello/2.0/json".to_owned(), 404),
        ("files/hello/hello-2.0-py3-none-any.whl".to_owned(), 409),
        ("account/login".to_owned(), 409),
    ] {
        let answer = run.ask("GET", &format!("http://index.example/{path}"), &[]).await;
        assert_eq!(answer.0, expected, "{path} {}", answer.1);
    }
    assert_eq!(run.ask("POST", &format!("{INDEX}hello/"), &[]).await.0, 405);
    let (_, _, body) = run.ask("GET", "http://index.example/pypi/Hello/json", &[]).await;
    let release: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(release["info"]["requires_dist"], serde_json::json!(["helper"]));
    assert_eq!(release["urls"][0]["filename"], WHEEL);

    // The same in a tunnel, and to no other name than that of the tunnel.
    let found = run.get_within("index.example", "index.example", "/simple/hello/").await;
    assert!(found.starts_with("HTTP/1.1 200") && found.contains(WHEEL), "{found}");
    let other = run.get_within("index.example", "other.example", "/simple/hello/").await;
    assert!(
        other.starts_with("HTTP/1.1 409") && other.contains("came where index.example was asked for"),
        "{other}"
    );
}

#[tokio::test]
async fn other_hosts_are_refused_with_the_reason() {
    let world = World::new().await;
    let run = Run::of(&world, &[]).await;
    for (url, reason) in [
        (
            "http://other.example/simple/hello/?token=secret",
            "http://other.example/simple/hello/ is not verified",
        ),
        (&format!("http://other.example/files/hello/{WHEEL}"), "the signed page of hello has it elsewhere"),
        ("http://index.example:8080/simple/hello/", "is not verified by sealdex"),
    ] {
        let (status, said, _) = run.ask("GET", url, &[]).await;
        assert_eq!(status, 409, "{url}");
        assert!(said.contains(reason) && !said.contains("secret"), "{said}");
    }
    let refusals = run.proxy.refusals();
    assert_eq!(refusals.len(), 3);
    // Who can have the project by its name needs no other host.
    let hints: Vec<_> = refusals.iter().map(|refusal| refusal.hint.contains("--allow-host")).collect();
    assert_eq!(hints, [true, false, true], "{refusals:?}");
    let within = run.get_within("other.example", "other.example", "/simple/hello/").await;
    assert!(within.starts_with("HTTP/1.1 409 refused by sealdex: https://other.example/simple/"), "{within}");
}

/// Of a URL that is refused, it is told whose file that is, as far as its name says, and whether policy forbids it besides.
#[tokio::test]
async fn a_url_is_refused_with_its_project_and_its_policy() {
    let world = World::new().await;
    let denied = Policy::parse("policy", "deny = [\"hello ==9.0\", \"evil*\"]").unwrap();
    let client = world.client_with(|settings| settings.policies = Policies::new(vec![denied]));
    let run = Run::with(&client, &world, &[]).await;
    let alone = World::proxy_of(&client, &world.trusted).await;
    let files = "http://files.example/packages/aa";
    let denied = |what: &str| format!("\"{what}\" is denied (deny in policy)");
    let by_name = "ask for hello by its name: what is to be had of it from test is verified";
    let table = [
        (format!("{files}/{WHEEL}"), "hello", None, by_name),
        (format!("{files}/hello-2.0.tar.gz"), "hello", None, by_name),
        (format!("{files}/hello-9.0.tar.gz"), "hello", Some(denied("hello ==9.0")), by_name),
        (format!("{files}/nobody-1.0.tar.gz"), "nobody", None, "--allow-host"),
        (format!("{files}/evil_twin-1.0.tar.gz"), "evil-twin", Some(denied("evil*")), "--allow-host"),
    ];
    for (url, project, policy, hint) in table {
        assert_eq!(run.ask("GET", &url, &[]).await.0, 409, "{url}");
        let headers = [("host".to_owned(), "files.example".to_owned())];
        assert_eq!(send(alone.address(), "GET", &url, &headers).await.status, 409, "{url}");
        let (interposed, alone) = (run.proxy.refusals(), alone.refusals());
        for refusal in [interposed.last().unwrap(), alone.last().unwrap()] {
            let named = refusal.project.as_ref().map(|own| own.as_str());
            let from = refusal.repository.as_ref().map(|own| own.as_str());
            assert_eq!((named, from), (Some(project), Some("test")), "{url}");
            assert_eq!(refusal.rule.is_some(), policy.is_some(), "{url} {}", refusal.message);
            let said = policy.as_ref().is_none_or(|policy| refusal.message.contains(policy));
            assert!(said && refusal.message.contains("is not verified by sealdex"), "{}", refusal.message);
        }
        let told = &interposed.last().unwrap().hint;
        assert!(told.contains(hint), "{url} {told}");
    }
}

#[tokio::test]
async fn a_changed_file_is_refused_as_in_index_mode() {
    let world = World::new().await;
    let run = Run::of(&world, &[]).await;
    world.server.set(Paths::ending_with(".whl"), Behaviour::CorruptByte(90));
    let (status, said, _) = run.ask("GET", &format!("http://index.example/files/hello/{WHEEL}"), &[]).await;
    assert_eq!(status, 409);
    assert!(said.contains("wrong software attack"), "{said}");
}

#[tokio::test]
async fn a_host_that_is_let_through_is_passed_on_as_it_is() {
    let world = World::new().await;
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = echo.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = echo.accept().await {
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            // Left open: it is for the proxy to end.
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    });
    let run = Run::of(&world, &[&address.to_string()]).await;
    let mut stream = run.connect(&address.to_string()).await;
    stream.write_all(b"ping").await.unwrap();
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"ping");
    // Over plain http nothing is let through, and no other port is.
    assert_eq!(run.ask("GET", &format!("http://{address}/"), &[]).await.0, 409);
    let (status, ..) = run.ask("GET", "http://127.0.0.1:1/", &[]).await;
    assert_eq!(status, 409);

    run.proxy.shutdown().await;
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut bytes)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
}

/// A program that brings its own certificates, and one that speaks something else: neither reaches anybody, and the user
/// is told.
#[tokio::test]
async fn who_does_not_trust_the_run_is_told_of() {
    let world = World::new().await;
    let run = Run::of(&world, &[]).await;
    let other = Run::of(&world, &[]).await;
    let mut roots = RootCertStore::empty();
    roots.add(other.authority.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = run.connect("index.example:443").await;
    let name = ServerName::try_from("index.example").unwrap();
    assert!(TlsConnector::from(Arc::new(config)).connect(name, stream).await.is_err());
    let mut stream = run.connect("other.example:22").await;
    stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await.unwrap();
    drop(stream.read_to_end(&mut Vec::new()).await);

    // Each is noted when its connection is over, which may be a little later.
    while run.proxy.refusals().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told: Vec<_> = run.proxy.refusals().into_iter().map(|refusal| refusal.message).collect();
    for host in ["index.example", "other.example"] {
        let start = format!("no connection to {host} was made: ");
        assert!(told.iter().any(|message| message.starts_with(&start)), "{told:?}");
    }
    assert!(world.server.requests().iter().all(|request| request.path().starts_with("/metadata/")));
}

#[tokio::test]
async fn an_index_cannot_be_let_through() {
    let index = || vec![RepositoryUrl::parse("https://index.example/simple/").unwrap()];
    for (host, refused) in [
        ("index.example", true),
        ("INDEX.example:443", true),
        ("index.example:8443", false),
        ("files.example", false),
    ] {
        let made = Interposition::new(Timestamp::now(), index(), vec![host.parse().unwrap()]);
        assert_eq!(matches!(made, Err(Error::InvalidHost { .. })), refused, "{host}");
    }
}

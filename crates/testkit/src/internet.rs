//! An internet on loopback: a forward proxy behind which hosts with invented names answer over TLS.
//!
//! Tools that are told of it by the usual variables see `https://index.example/` with a certificate they trust; behind it
//! is a plain server on loopback. Any other host cannot be reached.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

const MAX_HEAD_BYTES: usize = 16 * 1024;
const CONNECTION_TIME: Duration = Duration::from_secs(120);

/// A running internet; it stops when it is dropped.
#[derive(Debug)]
pub struct Internet {
    address: SocketAddr,
    folder: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Internet {
    /// Hosts by name, such as `index.example`, each with the plain server that answers for it: `http://127.0.0.1:PORT/`.
    ///
    /// # Panics
    /// When no loopback port can be had, or an origin is not such a URL.
    pub fn start(hosts: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        // OpenSSL takes a certificate for its own issuer where both have the same name.
        params.distinguished_name.push(DnType::CommonName, "the internet on loopback");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority can be made");
        let encoded = base64::engine::general_purpose::STANDARD.encode(authority.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
        std::fs::write(folder.path().join("authority.pem"), pem).expect("a file can be written");

        let hosts: BTreeMap<String, Host> = hosts
            .iter()
            .map(|(name, origin)| ((*name).to_owned(), Host::new(&authority, name, origin)))
            .collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("a loopback port can be had");
        let address = listener.local_addr().expect("a listener has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (hosts, log) = (Arc::new(hosts), Arc::clone(&asked));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = serve(stream, Arc::clone(&hosts), Arc::clone(&log));
                tokio::spawn(timeout(CONNECTION_TIME, connection));
            }
        });
        Self { address, folder, asked, _runtime: runtime }
    }

    /// Leads `command`, and what it starts, here: proxy variables and those that name trusted authorities.
    pub fn lead<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env(name, format!("http://{}", self.address));
        }
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"] {
            command.env(name, self.authorities());
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy")
    }

    /// The file with the certificate of its authority.
    pub fn authorities(&self) -> PathBuf {
        self.folder().join("authority.pem")
    }

    /// The hosts that connections were asked for, those that are not there included.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

struct Host {
    origin: SocketAddr,
    config: Arc<ServerConfig>,
}

impl Host {
    fn new(authority: &CertifiedIssuer<'_, KeyPair>, name: &str, origin: &str) -> Self {
        let origin = origin.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let origin =
            origin.and_then(|origin| origin.parse().ok()).expect("an origin is http://ADDRESS:PORT/");
        let (key, params) =
            (key(), CertificateParams::new([name.to_owned()]).expect("a host has a valid name"));
        let certificate = params.signed_by(&key, authority).expect("a certificate can be signed");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
            })
            .expect("a server can be configured");
        Self { origin, config: Arc::new(config) }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

/// Answers one `CONNECT`, and pipes what comes out of TLS to the origin.
async fn serve(
    mut stream: TcpStream,
    hosts: Arc<BTreeMap<String, Host>>,
    asked: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or(&head);
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(target.to_owned());
    let Some(host) = target.strip_suffix(":443").and_then(|name| hosts.get(name)) else {
        return stream.write_all(b"HTTP/1.1 502 No such host\r\ncontent-length: 0\r\n\r\n").await;
    };
    // Else small answers wait for the acknowledgement of those before.
    stream.set_nodelay(true)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut inside = TlsAcceptor::from(Arc::clone(&host.config)).accept(stream).await?;
    let mut origin = TcpStream::connect(host.origin).await?;
    origin.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut inside, &mut origin).await.map(drop)
}

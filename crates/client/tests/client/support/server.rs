//! A static file server on loopback, with kept-alive connections, with TLS or without, on a thread of its own.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use super::certificate::Identity;

/// Serves a folder until it is dropped.
pub(crate) struct StaticServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request, and the connection that it came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) connection: u64,
    pub(crate) version: Version,
}

/// What all connections of a server share.
#[derive(Clone)]
struct Shared {
    folder: PathBuf,
    rounds: Option<Rounds>,
    tls: Option<TlsAcceptor>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StaticServer {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, None, None)
    }

    /// Answers in rounds.
    pub(crate) fn start_in_rounds(folder: &Path, rounds: &Rounds) -> Self {
        Self::start_with(folder, Some(rounds.clone()), None)
    }

    /// Speaks HTTP/2 over TLS, or HTTP/1.1 to who asks for that, and answers in rounds.
    pub(crate) fn start_with_tls(folder: &Path, rounds: &Rounds, identity: &Identity) -> Self {
        Self::start_with(folder, Some(rounds.clone()), Some(acceptor(identity)))
    }

    fn start_with(folder: &Path, rounds: Option<Rounds>, tls: Option<TlsAcceptor>) -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let shared = Shared { folder: folder.to_owned(), rounds, tls, seen: Arc::clone(&seen) };
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, address) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread), seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests since this was asked last.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Drop for StaticServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Rounds in which requests are answered: none of a round before all that are expected in it have come. So a client that
/// waits for one answer before it asks for the next one waits for ever.
#[derive(Clone, Debug)]
pub(crate) struct Rounds(Arc<watch::Sender<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    /// Requests of the rounds to come.
    expected: VecDeque<usize>,
    arrived: usize,
    over: usize,
    unexpected: usize,
}

impl Rounds {
    /// No rounds: each request is answered at once.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    /// From now on, rounds of so many requests.
    pub(crate) fn expect(&self, rounds: &[usize]) {
        self.0.send_modify(|plan| {
            *plan = Plan { expected: rounds.iter().copied().collect(), ..Plan::default() }
        });
    }

    /// Whether all rounds are over, and there was nothing beside them.
    pub(crate) fn assert_over(&self) {
        let plan = self.0.borrow();
        assert!(plan.expected.is_empty() && plan.unexpected == 0, "{plan:?}");
    }

    /// Waits for the end of the round that this request is in.
    async fn end(&self) {
        let mut changes = self.0.subscribe();
        let mut own = 0;
        self.0.send_modify(|plan| {
            let Some(expected) = plan.expected.front().copied() else {
                plan.unexpected += 1;
                return;
            };
            own = plan.over + 1;
            plan.arrived += 1;
            if plan.arrived == expected {
                plan.expected.pop_front();
                plan.arrived = 0;
                plan.over += 1;
            }
        });
        drop(changes.wait_for(|plan| plan.over >= own).await);
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = shared.clone();
        tokio::spawn(async move {
            let Some(tls) = shared.tls.clone() else {
                return serve(TokioIo::new(stream), shared, connection).await;
            };
            // A handshake that fails is the client's to tell of.
            if let Ok(stream) = tls.accept(stream).await {
                serve(TokioIo::new(stream), shared, connection).await;
            }
        });
    }
}

async fn serve(stream: impl Read + Write + Unpin + 'static, shared: Shared, connection: u64) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&shared.folder, request.uri().path());
        shared.seen.lock().unwrap().push(Seen { connection, version: request.version() });
        let rounds = shared.rounds.clone();
        async move {
            if let Some(rounds) = rounds {
                rounds.end().await;
            }
            Ok::<_, Infallible>(response)
        }
    });
    // A client that hangs up is none of the server's business.
    drop(auto::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await);
}

fn acceptor(identity: &Identity) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from(identity.certificate.clone())];
    let key = PrivateKeyDer::Pkcs8(identity.key.clone().into());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

fn answer(folder: &Path, path: &str) -> Response<Full<Bytes>> {
    let path = path.trim_start_matches('/');
    let climbs = path.split('/').any(|segment| segment == "..");
    let found = if climbs { None } else { std::fs::read(folder.join(path)).ok() };
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(Full::new(Bytes::from(found.unwrap_or_default())));
    *response.status_mut() = status;
    response
}

//! A static file server on loopback, with kept-alive connections, on a thread of its own.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// Serves a folder until it is dropped.
pub(crate) struct StaticServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StaticServer {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, None)
    }

    /// Answers in rounds.
    pub(crate) fn start_in_rounds(folder: &Path, rounds: &Rounds) -> Self {
        Self::start_with(folder, Some(rounds.clone()))
    }

    fn start_with(folder: &Path, rounds: Option<Rounds>) -> Self {
        let folder = folder.to_owned();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, address) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, folder, rounds) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
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

async fn accept(listener: TcpListener, folder: PathBuf, rounds: Option<Rounds>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (folder, rounds) = (folder.clone(), rounds.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let response = answer(&folder, request.uri().path());
            let rounds = rounds.clone();
            async move {
                if let Some(rounds) = rounds {
                    rounds.end().await;
                }
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
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

//! A static file server on loopback, with kept-alive connections, on a thread of its own.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

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

    /// Answers in rounds, and counts them.
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

/// Rounds in which requests are answered: all that have come are held back until for a while there are no more, as if
/// the network were slow. What a client asks for in one round depends on no other answer of that round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Arc<Mutex<Round>>);

#[derive(Debug, Default)]
struct Round {
    count: usize,
    /// When the last request of the round that is open came.
    open: Option<Instant>,
}

impl Rounds {
    /// Longer than a busy machine takes between two requests.
    const QUIET: Duration = Duration::from_millis(400);

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().count
    }

    pub(crate) fn reset(&self) {
        self.0.lock().unwrap().count = 0;
    }

    async fn end(&self) {
        let own = {
            let mut round = self.0.lock().unwrap();
            if round.open.is_none() {
                round.count += 1;
            }
            round.open = Some(Instant::now());
            round.count
        };
        loop {
            let quiet_at = {
                let mut round = self.0.lock().unwrap();
                match round.open {
                    Some(last) if round.count == own => {
                        if last.elapsed() >= Self::QUIET {
                            round.open = None;
                            return;
                        }
                        last + Self::QUIET
                    }
                    _ => return,
                }
            };
            tokio::time::sleep_until(quiet_at.into()).await;
        }
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

//! The server itself: a thread of its own, so that blocking and asynchronous tests use it alike.

use std::fmt::{self, Debug, Formatter};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::behaviour::{Behaviour, Paths};
use super::exchange;
use super::message::Request;
use super::origin::Origin;

/// Bounds that keep a test from running away.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of one body, received or sent; an endless one ends here, with its connection.
    pub body_bytes: u64,
    /// Longest life of one connection.
    pub connection_time: Duration,
}

impl Default for Limits {
    /// 64 MiB and two minutes.
    fn default() -> Self {
        Self { body_bytes: 64 * 1024 * 1024, connection_time: Duration::from_secs(120) }
    }
}

/// A running hostile server on 127.0.0.1. It passes everything through until it is told otherwise, and stops when it
/// is dropped.
#[derive(Debug)]
pub struct HostileServer {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HostileServer {
    /// A server in front of `origin` that is honest so far.
    ///
    /// # Panics
    /// When no loopback port can be had.
    pub fn start(origin: Origin) -> Self {
        Self::start_with(origin, Limits::default(), |_| Behaviour::PassThrough)
    }

    /// A server in front of `origin` that asks `decide` about each request for which no rule was set
    /// ([`HostileServer::set`]).
    ///
    /// # Panics
    /// When no loopback port can be had.
    pub fn start_with(
        origin: Origin,
        limits: Limits,
        decide: impl Fn(&Request) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(State {
            origin,
            limits,
            decide: Box::new(decide),
            rules: Mutex::default(),
            requests: Mutex::default(),
            body_bytes_sent: AtomicU64::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = mpsc::channel();
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            let runtime =
                runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async {
                let listener =
                    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port is free");
                ready
                    .send(listener.local_addr().expect("a bound socket has an address"))
                    .expect("start waits");
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = address.recv().expect("the hostile server starts");
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    /// The server's URL without a slash at its end: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, requests for `paths` are answered so. Of the rules that match a request, the latest counts.
    pub fn set(&self, paths: Paths, behaviour: Behaviour) {
        lock(&self.state.rules).push((paths, behaviour));
    }

    /// Forgets all rules: the server is again as it was started.
    pub fn clear(&self) {
        lock(&self.state.rules).clear();
    }

    /// Every request received, in order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state.requests).clone()
    }

    /// The requests received for these paths, in order.
    pub fn requests_for(&self, paths: &Paths) -> Vec<Request> {
        lock(&self.state.requests).iter().filter(|request| paths.matches(request)).cloned().collect()
    }

    /// Forgets the requests received so far.
    pub fn clear_requests(&self) {
        lock(&self.state.requests).clear();
    }

    /// Bytes of all bodies written to connections so far (answers passed through count with their heads). A client
    /// read at most as many; socket buffers hold a few hundred kilobytes each.
    pub fn body_bytes_sent(&self) -> u64 {
        self.state.body_bytes_sent.load(Ordering::Relaxed)
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed there; here it must not abort a test that fails already.
            drop(thread.join());
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A client that hangs up, or runs into the time limit, is what hostile servers meet.
            drop(timeout(state.limits.connection_time, exchange::serve(stream, &state)).await);
        });
    }
}

/// What the server's handle and its connections share.
pub(super) struct State {
    pub(super) origin: Origin,
    pub(super) limits: Limits,
    decide: Box<dyn Fn(&Request) -> Behaviour + Send + Sync>,
    rules: Mutex<Vec<(Paths, Behaviour)>>,
    requests: Mutex<Vec<Request>>,
    pub(super) body_bytes_sent: AtomicU64,
}

impl State {
    /// Logs the request and decides what to do with it.
    pub(super) fn record(&self, request: &Request) -> Behaviour {
        lock(&self.requests).push(request.clone());
        let rules = lock(&self.rules);
        match rules.iter().rev().find(|(paths, _)| paths.matches(request)) {
            Some((_, behaviour)) => behaviour.clone(),
            None => (self.decide)(request),
        }
    }
}

impl Debug for State {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("State").field("origin", &self.origin).field("rules", &self.rules).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

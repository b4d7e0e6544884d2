//! Accepts connections and speaks HTTP/1.1 on them (HTTP/2 has no reason phrases, with which refusals are explained).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{CONNECTION, SERVER};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::state::State;
use super::{PROXY_NAME, interpose, routes};

/// pip opens one, uv one for each project that it asks for at the same time, up to fifty. Beyond that, who connects waits.
const MAX_CONNECTIONS: usize = 512;
/// When fewer than this are left, a connection ends with its answer: those who wait need it more than who may ask again.
const FEW_LEFT: usize = MAX_CONNECTIONS / 2;
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(2);

/// Serves until told to stop. Dropping the future ends every connection.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>, open: watch::Sender<usize>) {
    let open = Arc::new(open);
    let mut stopped = state.stopped();
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // Who is not accepted yet waits in the kernel. The semaphore is never closed.
            let permit = Arc::clone(&free).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            next = next => next,
            Some(_) = connections.join_next() => continue,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: there is nothing to do but wait.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // The socket is bound to loopback; a peer from elsewhere would be a routing trick.
        if !peer.ip().is_loopback() {
            continue;
        }
        drop(stream.set_nodelay(true));
        let opened = Opened::count(&open);
        let (state, left) = (Arc::clone(&state), Arc::clone(&free));
        let service = service_fn(move |mut request| {
            let (state, left) = (Arc::clone(&state), Arc::clone(&left));
            async move {
                let answer = match state.interposition() {
                    Some(interposition) => interpose::answer(&state, interposition, &mut request).await,
                    None => routes::answer(&state, &request).await.header(SERVER, PROXY_NAME),
                };
                let last = left.available_permits() < FEW_LEFT && *request.method() != Method::CONNECT;
                let answer = if last { answer.header(CONNECTION, "close") } else { answer };
                Ok::<_, Infallible>(answer.into_response())
            }
        });
        let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // Clients hang up as they like, and a refused transfer ends in an error on purpose.
            drop(connection.await);
            drop((permit, opened));
        });
    }
    drop(listener);
    drop(tokio::time::timeout(GRACE, graceful.shutdown()).await);
}

/// An open connection, counted while it lives.
struct Opened(Arc<watch::Sender<usize>>);

impl Opened {
    fn count(open: &Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(Arc::clone(open))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

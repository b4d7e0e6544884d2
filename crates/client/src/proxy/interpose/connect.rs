//! `CONNECT`: a tunnel that ends here, or one to a host that the user lets through.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{self, OnUpgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::outside::Duplex;
use super::{HINT, Interposition, routes};
use crate::name::escaped;
use crate::proxy::answer::Answer;
use crate::proxy::connections::HEAD_TIMEOUT;
use crate::proxy::elsewhere::{self, Stray};
use crate::proxy::request::Head;
use crate::proxy::state::State;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn answer<B>(
    state: &Arc<State>,
    interposition: &Arc<Interposition>,
    request: &mut Request<B>,
) -> Answer {
    let Some(url) = target(request) else {
        return Answer::problem(StatusCode::BAD_REQUEST, "CONNECT needs a host and a port", "");
    };
    let free = Arc::clone(&interposition.tunnels).acquire_owned();
    let Ok(Ok(permit)) = timeout(HANDSHAKE_TIMEOUT, free).await else {
        return Answer::problem(StatusCode::SERVICE_UNAVAILABLE, "too many connections at once", "");
    };
    let outside = if interposition.lets_through(&url) {
        tracing::info!(host = url.host_str(), port = url.port_or_known_default(), "let through, unverified");
        match interposition.outside.connect(&url, &state.client().settings().metadata_fetch).await {
            Ok(stream) => Some(stream),
            Err(reason) => return Answer::problem(StatusCode::BAD_GATEWAY, &reason, ""),
        }
    } else {
        None
    };
    let upgrade = upgrade::on(request);
    let (state, interposition) = (Arc::clone(state), Arc::clone(interposition));
    tokio::spawn(async move {
        let mut stopped = state.stopped();
        let tunnel = async {
            match outside {
                Some(stream) => pass(upgrade, stream).await,
                None => interpose(&state, &interposition, upgrade, &url).await,
            }
        };
        // It ends with the proxy, also when that is dropped.
        tokio::select! {
            () = tunnel => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        drop(permit);
    });
    Answer::tunnel()
}

/// The URL below which everything in the tunnel is asked for.
fn target<B>(request: &Request<B>) -> Option<Url> {
    let authority = request.uri().authority()?;
    authority.port_u16()?;
    let url = Url::parse(&format!("https://{authority}/")).ok()?;
    (url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Passes bytes on in both directions, until either side is done.
async fn pass(upgrade: OnUpgrade, mut outside: Box<dyn Duplex>) {
    let Ok(inside) = upgrade.await else { return };
    // What ends a connection is told by its two ends.
    drop(tokio::io::copy_bidirectional(&mut TokioIo::new(inside), &mut outside).await);
}

/// Is the host that was asked for, and answers from verified data.
async fn interpose(state: &Arc<State>, interposition: &Arc<Interposition>, upgrade: OnUpgrade, base: &Url) {
    let Ok(inside) = upgrade.await else { return };
    let host = base.host_str().unwrap_or_default();
    let server = match interposition.authority.server(host.trim_start_matches('[').trim_end_matches(']')) {
        Ok(server) => server,
        Err(error) => return tracing::warn!(host, error = error.report(), "no certificate can be made"),
    };
    let handshake = TlsAcceptor::from(server).accept(TokioIo::new(inside));
    let stream = match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return note(state, base, &error),
        Err(_) => return,
    };
    let service = service_fn(|request| {
        let (state, interposition, base) = (Arc::clone(state), Arc::clone(interposition), base.clone());
        async move { Ok::<_, Infallible>(within(&state, &interposition, &base, &request).await.into_response()) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Clients hang up as they like, and a refused transfer ends in an error on purpose.
    drop(connection.await);
}

/// A program that does not trust the run's authority, or does not speak TLS, reaches nobody, and the user hears of it.
/// One that only hung up is none of our business.
fn note(state: &State, base: &Url, error: &std::io::Error) {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else { return };
    let host = escaped(base.host_str().unwrap_or_default());
    let message = format!("no connection to {host} was made: {error}");
    let hint = "the program may bring certificates of its own: it has to trust those in SSL_CERT_FILE";
    elsewhere::note(state, Stray::new(host, message, hint));
}

async fn within<B>(
    state: &Arc<State>,
    interposition: &Interposition,
    base: &Url,
    request: &Request<B>,
) -> Answer {
    let head = Head::of(request);
    let same_host = |authority: &str| {
        Url::parse(&format!("https://{authority}/"))
            .is_ok_and(|url| url.host_str() == base.host_str() && url.port() == base.port())
    };
    let named = [head.authority.map(str::to_owned), head.host()];
    if let Some(other) = named.iter().flatten().find(|named| !same_host(named)) {
        let message = format!(
            "a request for the host {} came where {} was asked for",
            escaped(other),
            escaped(base.host_str().unwrap_or_default())
        );
        return elsewhere::refused(state, &head, Stray::new(escaped(other), message, HINT));
    }
    let mut url = base.clone();
    url.set_path(request.uri().path());
    routes::answer(state, interposition, &head, &url).await
}

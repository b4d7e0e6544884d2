//! A proxy on loopback that serves verified pages and files to installers.
//!
//! | request | answer |
//! |---|---|
//! | `/simple/<project>/` | the signed page, its file URLs pointing here |
//! | `/files/<project>/<file>` | a file with the digest and size of the signed page |
//! | `/files/<project>/<file>.metadata` | its core metadata (PEP 658), likewise |
//! | `/pypi/<project>/json`, `/pypi/<project>/<version>/json` | what is known of a release, made of those two |
//! | `CONNECT`, or a URL on another host | a refusal: set as HTTP proxy, it keeps an installer from every other source |
//!
//! With an [`Interposition`] it is an HTTP proxy alone, which answers in place of the indexes that installers know.

mod answer;
mod connections;
mod content;
mod download;
mod elsewhere;
mod file;
mod interpose;
mod options;
mod page;
mod policies;
mod prefetch;
mod range;
mod recent;
mod refusal;
mod release;
mod request;
mod routes;
mod sidecar;
mod source;
mod state;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::error::Error;
use crate::name::RepositoryName;
use crate::repositories::Repositories;
use crate::session::Session;
use state::State;

#[cfg(feature = "fuzzing")]
pub(crate) use self::{elsewhere::is_ours, file::urls, range::Range, request::Head, routes::Route};
pub use interpose::{AllowedHost, Interposition};
pub use options::{OfflineUse, ProxyOptions, SnapshotPolicy};
pub use refusal::Refusal;

/// What the proxy calls itself, in `Server`, where it is an index: so it can be told from other servers on loopback.
pub const PROXY_NAME: &str = "sealdex-proxy";

/// The host of the index as installers of one run know it: reached through the proxy alone, since no host has such a name
/// (RFC 6761, 6.4). It is the same in each run, unlike the proxy's port, so that they find in their caches what they keep
/// there under its URLs.
pub(crate) const INDEX_HOST: &str = "sealdex.invalid";

/// For errors of a socket that has none.
const NO_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A running proxy. Dropping it stops it at once.
#[derive(Debug)]
pub struct VerifyingProxy {
    state: Arc<State>,
    stop: watch::Sender<bool>,
    /// How many connections are open.
    open: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

impl VerifyingProxy {
    /// Listens on `address`, which must be loopback (port 0 for any free one), and serves from then on: one repository,
    /// or several. Each is refreshed with the first request for a project of its own, or by
    /// [`VerifyingProxy::sessions`].
    ///
    /// # Errors
    /// [`Error::NotLoopback`], or [`Error::Listen`] when the address cannot be had.
    pub async fn start(
        client: &Client,
        repositories: impl Into<Repositories>,
        address: SocketAddr,
        options: ProxyOptions,
    ) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        Self::serve(client, repositories.into(), listener, options)
    }

    /// Serves, as [`VerifyingProxy::start`], on a socket that listens already: what a service manager hands over.
    ///
    /// # Errors
    /// [`Error::NotLoopback`], or [`Error::Listen`] when the socket cannot be used.
    pub fn start_on(
        client: &Client,
        repositories: impl Into<Repositories>,
        listener: std::net::TcpListener,
        options: ProxyOptions,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address: NO_ADDRESS, source };
        let address = listener.local_addr().map_err(failed)?;
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        Self::serve(client, repositories.into(), listener, options)
    }

    fn serve(
        client: &Client,
        repositories: Repositories,
        listener: TcpListener,
        options: ProxyOptions,
    ) -> Result<Self, Error> {
        let address =
            listener.local_addr().map_err(|source| Error::Listen { address: NO_ADDRESS, source })?;
        let (stop, stopped) = watch::channel(false);
        let (opened, open) = watch::channel(0);
        let state = Arc::new(State::new(client, repositories, address, options, stopped));
        state.tell_policies();
        let accepting = tokio::spawn(connections::accept(listener, Arc::clone(&state), opened));
        tracing::debug!(%address, "verifying proxy");
        Ok(Self { state, stop, open, accepting })
    }

    /// Completes when there was no connection for so long.
    pub async fn idle(&self, period: Duration) {
        let mut open = self.open.clone();
        // The sender is there for as long as connections are accepted.
        while open.wait_for(|open| *open == 0).await.is_ok() {
            tokio::select! {
                _ = open.changed() => {}
                () = tokio::time::sleep(period) => return,
            }
        }
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.state.address()
    }

    /// The index URL for installers: `http://127.0.0.1:PORT/simple/`.
    #[must_use]
    pub fn index_url(&self) -> String {
        format!("http://{}/simple/", self.address())
    }

    /// The URL to set as HTTP proxy of the processes of a run, with the run's password where there is one.
    #[must_use]
    pub fn proxy_url(&self) -> String {
        let address = self.address();
        self.state
            .interposition()
            .map_or_else(|| format!("http://{address}"), |interposition| interposition.proxy_url(address))
    }

    /// The snapshot now served of the one repository, or of several that of the first by name; refreshes first where the
    /// policy asks for it.
    ///
    /// # Errors
    /// As [`Session::refresh`].
    pub async fn session(&self) -> Result<Session, Arc<Error>> {
        let first = self.state.sources().first().ok_or_else(|| Arc::new(Error::NoRepository))?;
        first.session().await
    }

    /// The snapshots now served, each repository's. Call it before an installer is started, so that the user sees at
    /// once what is wrong with a repository.
    pub async fn sessions(&self) -> Vec<(RepositoryName, Result<Session, Arc<Error>>)> {
        let sessions = self
            .state
            .sources()
            .iter()
            .map(|source| async { (source.repository().name().clone(), source.session().await) });
        futures_util::future::join_all(sessions).await
    }

    /// The refusals so far, oldest first; the latest thousand are kept.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        self.state.refusals()
    }

    /// Projects that were asked for at an index which their repository does not stand for, and nowhere else: no refusals so
    /// long as the installer succeeds, and what it lacked if it fails.
    #[must_use]
    pub fn misplaced(&self) -> Vec<Refusal> {
        self.state.interposition().map(|interposition| interposition.misplaced()).unwrap_or_default()
    }

    /// Takes no more connections, lets running answers end for a moment, and stops.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // It ends by itself within the grace it gives to connections; a panic in it has nothing left to say here.
        drop((&mut self.accepting).await);
    }
}

impl Drop for VerifyingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

//! A proxy on loopback that serves verified pages and files to installers.

mod options;
mod refusal;

use std::net::SocketAddr;

use crate::client::Client;
use crate::error::Error;
use crate::session::Session;
use crate::trust::TrustedRepository;

pub use options::{OfflineUse, ProxyOptions, SnapshotPolicy};
pub use refusal::Refusal;

/// A running proxy. Dropping it stops it at once.
#[derive(Debug)]
pub struct VerifyingProxy {
    address: SocketAddr,
}

impl VerifyingProxy {
    /// Listens on `address`, which must be loopback (port 0 for any free one), and serves from then on. The repository
    /// is refreshed with the first request, or by [`VerifyingProxy::session`].
    ///
    /// # Errors
    /// [`Error::NotLoopback`], or [`Error::Io`] when the address cannot be had.
    pub async fn start(
        _client: &Client,
        _repository: &TrustedRepository,
        _address: SocketAddr,
        _options: ProxyOptions,
    ) -> Result<Self, Error> {
        Err(Error::Task { task: "proxy" })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The index URL for installers: `http://127.0.0.1:PORT/simple/`.
    #[must_use]
    pub fn index_url(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// The snapshot now served; refreshes first where the policy asks for it. Call it before an installer is started,
    /// so that the user sees at once what is wrong with a repository.
    ///
    /// # Errors
    /// As [`Session::refresh`].
    pub async fn session(&self) -> Result<Session, std::sync::Arc<Error>> {
        Err(std::sync::Arc::new(Error::Task { task: "proxy" }))
    }

    /// The refusals so far, oldest first; the latest thousand are kept.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        Vec::new()
    }

    /// Takes no more connections, lets running answers end for a moment, and stops.
    pub async fn shutdown(self) {}
}

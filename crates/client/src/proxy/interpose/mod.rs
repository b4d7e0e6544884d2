//! Interposition: an installer keeps its index, and this proxy answers for it.
//!
//! Set as HTTP proxy of one run, the proxy ends every TLS connection itself, with a certificate of an authority that the
//! processes of the run alone trust. What an index's host is asked for is answered from verified data, so that lock files
//! keep the URLs they have without us; what any other host is asked for is refused, with the reason, unless the user
//! lets that host through: then the connection passes as it is.

mod allowed;
mod authority;
mod connect;
mod credentials;
mod indexes;
mod misplaced;
mod outside;
mod routes;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONNECTION, PROXY_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use rustls::crypto::SecureRandom;
use tokio::sync::Semaphore;
use url::Url;

use super::answer::Answer;
use super::elsewhere::{self, Stray};
use super::refusal::Refusal;
use super::request::Head;
use super::state::State;
use crate::error::Error;
use crate::name::{RepositoryUrl, escaped};
use authority::RunAuthority;
use credentials::Credentials;
use indexes::Indexes;
use misplaced::Misplaced;
use outside::Outside;

pub use allowed::AllowedHost;
pub(super) use indexes::file as file_of_url;

/// Installers open about ten.
const MAX_TUNNELS: usize = 512;
const HINT: &str = "everything is to come from the sealed index; if this host is needed and trusted, let it through \
                    with --allow-host, or name it with --for if the repository stands for it";

/// What a proxy needs to stand between the processes of one run and the indexes they know.
pub struct Interposition {
    authority: RunAuthority,
    credentials: Credentials,
    indexes: Indexes,
    allowed: Vec<AllowedHost>,
    outside: Outside,
    tunnels: Arc<Semaphore>,
    misplaced: Misplaced,
}

impl Interposition {
    /// Makes the authority and the password of a run. `indexes` are the URLs that the repository stands for, each that
    /// under which an index has its pages; no connection to their hosts is let through, whatever `allowed` holds.
    ///
    /// # Errors
    /// [`Error::Certificate`] when this machine cannot make keys; [`Error::InvalidHost`] when one of `allowed` is the
    /// host of an index.
    pub fn new(
        now: Timestamp,
        indexes: Vec<RepositoryUrl>,
        allowed: Vec<AllowedHost>,
    ) -> Result<Self, Error> {
        for index in &indexes {
            let url = index.as_url();
            if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
                && let Some(allowed) = allowed.iter().find(|allowed| allowed.is(host, port))
            {
                let reason = "the repository stands for an index there, so nothing unverified is let through";
                return Err(Error::InvalidHost { host: allowed.to_string(), reason });
            }
        }
        Ok(Self {
            authority: RunAuthority::new(now)?,
            credentials: Credentials::new()?,
            indexes: Indexes::new(indexes),
            allowed,
            outside: Outside::from_environment(),
            tunnels: Arc::new(Semaphore::new(MAX_TUNNELS)),
            misplaced: Misplaced::default(),
        })
    }

    /// The certificates for the file that the processes of the run are to trust: that of the authority, and, only where
    /// hosts are let through, those that this machine trusts.
    #[must_use]
    pub fn certificates_pem(&self) -> String {
        let mut text = authority::pem(self.authority.certificate());
        if !self.allowed.is_empty() {
            // What cannot be read cannot be passed on; the hosts then show as not trusted.
            let system = rustls_native_certs::load_native_certs();
            text.extend(system.certs.iter().map(authority::pem));
        }
        text
    }

    /// Projects that were asked for at the index of another repository alone.
    pub(super) fn misplaced(&self) -> Vec<Refusal> {
        self.misplaced.refusals()
    }

    /// The URL of a proxy at `address` for `HTTPS_PROXY`, with the password of the run.
    pub(super) fn proxy_url(&self, address: SocketAddr) -> String {
        self.credentials.proxy_url(address)
    }
}

/// Answers a request to the proxy itself: `CONNECT`, or one in absolute form.
pub(super) async fn answer<B>(
    state: &Arc<State>,
    interposition: &Arc<Interposition>,
    request: &mut Request<B>,
) -> Answer {
    let head = Head::of(request);
    if !interposition.credentials.are_in(&head) {
        // Not a refusal: some tools send the password only when they are asked for it.
        return Answer::problem(
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            "this proxy is for the processes of one run of sealdex",
            "",
        )
        .header(PROXY_AUTHENTICATE, "Basic realm=\"sealdex run\"");
    }
    if *head.method == Method::CONNECT {
        return connect::answer(state, interposition, request).await;
    }
    let url = head.authority.and_then(|_| Url::parse(&request.uri().to_string()).ok());
    match url.filter(|url| url.scheme() == "http") {
        Some(url) if interposition.lets_through(&url) => {
            let message = format!(
                "{} is plain http; a host that is let through is reached over https alone",
                escaped(url.as_str())
            );
            elsewhere::refused(state, &head, Stray::new(escaped(url.as_str()), message, HINT))
        }
        Some(url) => routes::answer(state, interposition, &head, &url).await,
        None => {
            Answer::problem(StatusCode::BAD_REQUEST, "this is a proxy, and this is no request to one", "")
                .header(CONNECTION, "close")
        }
    }
}

impl Interposition {
    fn lets_through(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        self.allowed.iter().any(|allowed| allowed.is(host, port))
    }
}

fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let random: &dyn SecureRandom = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| Error::Certificate { reason: "no random numbers".to_owned() })?;
    Ok(bytes)
}

impl fmt::Debug for Interposition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Interposition")
            .field("indexes", &self.indexes)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

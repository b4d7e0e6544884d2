//! Fetches files over HTTP, every transfer bounded in bytes, rate and time.
//!
//! Nothing fetched is trusted: whoever asks verifies. So redirects are a question of what else could be reached, not of
//! trust: metadata stays with the host it was asked of, files may come from anywhere (an index may keep them on a
//! delivery network), and neither goes from https to http, nor from another host to this machine. Metadata and pages may
//! come packed, and as deltas from what this machine has; lengths are those of the plain bytes all the same.

pub(crate) mod authorities;
mod deadline;
mod dictionary;
mod environment;
mod limits;
pub(crate) mod packing;
mod rate;
mod redirect;
mod transfer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header;
use reqwest::{Certificate, Response, StatusCode};
use url::Url;

use crate::bound::Bound;
use crate::error::Error;
use crate::name::{escaped, printable};
use dictionary::{AVAILABLE_DICTIONARY, DICTIONARY_ID};
use packing::Coding;

pub(crate) use deadline::Deadline;
pub(crate) use dictionary::Dictionary;
pub(crate) use environment::check_proxies;
pub use limits::FetchLimits;
pub(crate) use packing::Packing;
pub(crate) use redirect::{Redirects, is_local};
pub(crate) use transfer::Transfer;

const USER_AGENT: &str = concat!("sealdex/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: usize = 5;

/// HTTP connections, kept open between transfers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpFetcher {
    clients: Arc<Clients>,
}

/// Made when first asked for: to read the system's certificates takes longer than to verify a snapshot.
#[derive(Debug)]
struct Clients {
    connect: Duration,
    /// Beside those of the system.
    authorities: Vec<Certificate>,
    /// For other hosts: through the proxies that the environment names.
    outside: OnceLock<reqwest::Client>,
    /// For this machine and its link: never through a proxy.
    local: OnceLock<reqwest::Client>,
    /// The same without TLS, and so without certificates.
    local_plain: OnceLock<reqwest::Client>,
}

/// What to fetch, and what the answer may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetch<'a> {
    pub(crate) url: &'a Url,
    /// Bytes of body; one more is an endless data attack.
    pub(crate) max_bytes: u64,
    /// The setting that `max_bytes` is; `None` where the length is known.
    pub(crate) bound: Option<Bound>,
    pub(crate) kind: Kind,
    pub(crate) limits: &'a FetchLimits,
    pub(crate) redirects: Redirects,
    pub(crate) packing: Packing<'a>,
}

/// A whole file.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    /// Whether it was made of an older version. If it does not verify, it is to be fetched once more without that.
    pub(crate) from_delta: bool,
}

/// What is fetched, which decides what the total time is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Metadata, and pages.
    Metadata,
    /// Files.
    File,
}

/// Whether a delta may be to blame for what is wrong with what it makes.
fn is_of_the_delta(error: &Error) -> bool {
    let too_long = |error: &_| matches!(error, sealdex_tuf::Error::WrongLength { .. });
    matches!(error, Error::EndlessData { .. } | Error::Damaged { .. })
        || matches!(error, Error::Verification(error) if too_long(error))
}

impl HttpFetcher {
    /// Makes a fetcher whose connections must stand within `connect`; opens none yet.
    #[must_use]
    pub(crate) fn new(connect: Duration, authorities: Vec<Certificate>) -> Self {
        let (outside, local, local_plain) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { clients: Arc::new(Clients { connect, authorities, outside, local, local_plain }) }
    }

    /// Fetches a whole file; `None` when the server says that it has none (404, 410, and 403, which object stores
    /// answer). A delta that cannot be unpacked is fetched once more as a whole.
    pub(crate) async fn bytes(&self, fetch: Fetch<'_>) -> Result<Option<Fetched>, Error> {
        let Some(transfer) = self.open(fetch).await? else { return Ok(None) };
        let from_delta = transfer.coding() == Coding::Dcz;
        let error = match transfer.bytes(fetch.packing).await {
            Ok(bytes) => return Ok(Some(Fetched { bytes, from_delta })),
            Err(error) => error,
        };
        if !(from_delta && is_of_the_delta(&error)) {
            return Err(error);
        }
        tracing::info!(error = error.report(), "a delta cannot be used; fetching the whole");
        let packing = fetch.packing.without_dictionary();
        let Some(transfer) = self.open(Fetch { packing, ..fetch }).await? else { return Ok(None) };
        Ok(Some(Fetched { bytes: transfer.bytes(packing).await?, from_delta: false }))
    }

    /// Begins a transfer; `None` as for [`HttpFetcher::bytes`].
    pub(crate) async fn open(&self, fetch: Fetch<'_>) -> Result<Option<Transfer>, Error> {
        let mut url = fetch.url.clone();
        let mut fetch = fetch;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.request(&url, fetch.limits, fetch.packing).await?;
            let status = response.status();
            match status {
                StatusCode::OK => {
                    return Transfer::new(&url, response, &fetch).map(Some);
                }
                StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => return Ok(None),
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    url = fetch.redirects.follow(&url, &location(&response))?;
                    // What this machine has is no business of another host.
                    fetch.packing = fetch.packing.without_dictionary();
                }
                _ => return Err(Error::Status { url: show(&url), status: status.as_u16() }),
            }
        }
        Err(Error::Redirect {
            url: show(fetch.url),
            location: escaped(url.as_str()),
            reason: "more than 5 redirects in a row",
        })
    }

    async fn request(
        &self,
        url: &Url,
        limits: &FetchLimits,
        packing: Packing<'_>,
    ) -> Result<Response, Error> {
        let client = self.clients.client_for(url)?;
        let mut request = client.get(url.clone()).header(header::ACCEPT_ENCODING, packing.accepted());
        if let Some(dictionary) = packing.dictionary()
            && let Some(available) = dictionary.available()
        {
            request = request.header(AVAILABLE_DICTIONARY, available).header(DICTIONARY_ID, dictionary.id());
        }
        let patience = limits.first_byte;
        match tokio::time::timeout(patience, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            // Its only timeout is the one for connecting.
            Ok(Err(error)) if error.is_timeout() => {
                Err(Error::ConnectTime { url: show(url), limit: limits.connect })
            }
            Ok(Err(error)) => Err(transport_error(url, &error)),
            Err(_) => Err(Error::NoAnswer { url: show(url), limit: patience }),
        }
    }
}

impl Clients {
    fn client_for(&self, url: &Url) -> Result<reqwest::Client, Error> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(self.connect)
                .redirect(reqwest::redirect::Policy::none())
                .pool_idle_timeout(Duration::from_secs(60))
        };
        match (redirect::is_local(url), url.scheme()) {
            (true, "http") => made(&self.local_plain, || builder().no_proxy().tls_certs_only([]).build()),
            (true, _) => made(&self.local, || self.with_certificates(|| builder().no_proxy())),
            (false, _) => made(&self.outside, || self.with_certificates(builder)),
        }
    }

    /// A machine without any certificates (a bare container) can speak plain http all the same, which is good enough here;
    /// on https it trusts nobody but the authorities that the user names.
    fn with_certificates(
        &self,
        builder: impl Fn() -> reqwest::ClientBuilder,
    ) -> reqwest::Result<reqwest::Client> {
        let named = || self.authorities.iter().cloned();
        builder().tls_certs_merge(named()).build().or_else(|_| builder().tls_certs_only(named()).build())
    }
}

/// One provider of cryptography for the whole process; when another part has chosen already, that choice stands.
fn choose_cryptography() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// The client in `cell`; of two made at the same time, one is kept.
fn made(
    cell: &OnceLock<reqwest::Client>,
    make: impl FnOnce() -> reqwest::Result<reqwest::Client>,
) -> Result<reqwest::Client, Error> {
    if let Some(client) = cell.get() {
        return Ok(client.clone());
    }
    choose_cryptography();
    let client = make().map_err(|error| Error::HttpClient { reason: reason(&error) })?;
    Ok(cell.get_or_init(|| client).clone())
}

/// The URL as messages show it.
fn show(url: &Url) -> String {
    // A URL is percent-encoded ASCII; a redirect may have brought a secret in its query.
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    let _ = shown.set_password(None);
    let _ = shown.set_username("");
    shown.into()
}

fn location(response: &Response) -> String {
    let value = response.headers().get(header::LOCATION).map(|value| value.as_bytes().to_vec());
    String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()
}

/// Sorts an error of reqwest before the head of the answer has come.
fn transport_error(url: &Url, error: &reqwest::Error) -> Error {
    let (url, reason) = (show(url), reason(error));
    if causes(error).any(|cause| cause.is::<rustls::Error>()) {
        Error::Tls { url, reason }
    } else if error.is_connect() {
        Error::Unreachable { url, reason }
    } else {
        Error::Transfer { url, reason }
    }
}

/// The innermost cause in words: what lies above it says only which layer it passed.
fn reason(error: &reqwest::Error) -> String {
    let innermost = causes(error).last().map(ToString::to_string);
    printable(&innermost.unwrap_or_default())
}

/// The error and what caused it, wrapped `io::Error`s opened.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source())
    })
}

//! One transfer in progress.

use std::time::Duration;

use bytes::Bytes;
use http::header;
use reqwest::Response;
use tokio::time::{Instant, timeout};
use url::Url;

use super::rate::{RateGuard, TooSlow};
use super::{Fetch, Kind, causes, reason, show};
use crate::bound::Bound;
use crate::error::Error;
use crate::name::escaped;

/// The body of an answer, bounded. It ends without error only if it came whole, as far as the server said how long it
/// would be.
#[derive(Debug)]
pub(crate) struct Transfer {
    url: Url,
    response: Response,
    announced: Option<u64>,
    max_bytes: u64,
    bound: Option<Bound>,
    kind: Kind,
    received: u64,
    guard: RateGuard,
}

impl Transfer {
    pub(super) fn new(url: &Url, response: Response, fetch: &Fetch<'_>) -> Result<Self, Error> {
        let Fetch { max_bytes, bound, kind, limits, .. } = *fetch;
        if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING)
            && encoding.as_bytes() != b"identity"
        {
            let encoding = String::from_utf8_lossy(encoding.as_bytes());
            return Err(Error::Encoding { url: show(url), encoding: escaped(&encoding) });
        }
        let announced = response.content_length();
        if announced.is_some_and(|length| length > max_bytes) {
            return Err(Error::EndlessData { url: show(url), limit: max_bytes, bound });
        }
        Ok(Self {
            url: url.clone(),
            response,
            announced,
            max_bytes,
            bound,
            kind,
            received: 0,
            guard: RateGuard::new(limits),
        })
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let (patience, start) = (self.guard.patience(), Instant::now());
            let Ok(answer) = timeout(patience, self.response.chunk()).await else {
                self.count(patience.max(start.elapsed()), 0)?;
                continue;
            };
            let Some(chunk) = answer.map_err(|error| self.broken(&error))? else {
                return Ok(None);
            };
            self.received = self.received.saturating_add(chunk.len() as u64);
            if self.received > self.max_bytes {
                let (limit, bound) = (self.max_bytes, self.bound);
                return Err(Error::EndlessData { url: show(&self.url), limit, bound });
            }
            self.count(start.elapsed(), chunk.len() as u64)?;
            return Ok(Some(chunk));
        }
    }

    fn count(&mut self, waited: Duration, bytes: u64) -> Result<(), Error> {
        let url = || show(&self.url);
        self.guard.add(waited, bytes).map_err(|slow| match slow {
            TooSlow::Rate { received, waited, minimum_bytes_per_second } => {
                Error::SlowRetrieval { url: url(), received, waited, minimum_bytes_per_second }
            }
            TooSlow::Total { received, limit } => {
                let bound = match self.kind {
                    Kind::Metadata => Bound::MetadataTransferSeconds,
                    Kind::File => Bound::FileTransferSeconds,
                };
                Error::TransferTime { url: url(), received, limit, bound }
            }
        })
    }

    fn broken(&self, error: &reqwest::Error) -> Error {
        let ended_early = causes(error).any(|cause| {
            cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)
                || cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
        });
        match self.announced {
            Some(expected) if ended_early => {
                Error::Truncated { url: show(&self.url), expected, found: self.received }
            }
            _ => Error::Transfer { url: show(&self.url), reason: reason(error) },
        }
    }
}

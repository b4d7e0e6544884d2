//! One transfer in progress.

use std::time::Duration;

use bytes::Bytes;
use http::header;
use reqwest::Response;
use tokio::time::{Instant, timeout};
use url::Url;

use super::rate::RateGuard;
use super::{FetchLimits, causes, reason, show};
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
    received: u64,
    guard: RateGuard,
    min_bytes_per_second: u64,
}

impl Transfer {
    pub(super) fn new(
        url: &Url,
        response: Response,
        max_bytes: u64,
        limits: &FetchLimits,
    ) -> Result<Self, Error> {
        if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING)
            && encoding.as_bytes() != b"identity"
        {
            let encoding = String::from_utf8_lossy(encoding.as_bytes());
            return Err(Error::Encoding { url: show(url), encoding: escaped(&encoding) });
        }
        let announced = response.content_length();
        if announced.is_some_and(|length| length > max_bytes) {
            return Err(Error::EndlessData { url: show(url), limit: max_bytes });
        }
        Ok(Self {
            url: url.clone(),
            response,
            announced,
            max_bytes,
            received: 0,
            guard: RateGuard::new(limits),
            min_bytes_per_second: limits.min_bytes_per_second,
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
                return Err(Error::EndlessData { url: show(&self.url), limit: self.max_bytes });
            }
            self.count(start.elapsed(), chunk.len() as u64)?;
            return Ok(Some(chunk));
        }
    }

    fn count(&mut self, waited: Duration, bytes: u64) -> Result<(), Error> {
        self.guard.add(waited, bytes).map_err(|slow| Error::SlowRetrieval {
            url: show(&self.url),
            received: slow.received,
            waited: slow.waited,
            minimum_bytes_per_second: self.min_bytes_per_second,
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

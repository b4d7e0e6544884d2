//! One transfer in progress.

use std::time::Duration;

use bytes::Bytes;
use http::header;
use reqwest::Response;
use tokio::time::{Instant, timeout};
use url::Url;

use super::packing::{Coding, Fault, Packing, unpack};
use super::rate::{RateGuard, TooSlow};
use super::{Fetch, Kind, causes, reason, show};
use crate::bound::Bound;
use crate::error::Error;
use crate::name::escaped;

/// Bytes beyond a listed length that are looked at.
const MARGIN: u64 = 64 << 10;

/// The body of an answer, bounded. It ends without error only if it came whole, as far as the server said how long it
/// would be.
#[derive(Debug)]
pub(crate) struct Transfer {
    url: Url,
    response: Response,
    announced: Option<u64>,
    coding: Coding,
    /// Bytes of the file, and of its packed form.
    max_bytes: u64,
    max_received: u64,
    bound: Option<Bound>,
    kind: Kind,
    received: u64,
    guard: RateGuard,
}

impl Transfer {
    pub(super) fn new(url: &Url, response: Response, fetch: &Fetch<'_>) -> Result<Self, Error> {
        let Fetch { max_bytes, bound, kind, limits, packing, .. } = *fetch;
        let encodings: Vec<_> = response.headers().get_all(header::CONTENT_ENCODING).iter().collect();
        let coding = match encodings.as_slice() {
            [] => Some(Coding::Identity),
            [encoding] => packing.coding(encoding.as_bytes()),
            _ => None,
        };
        let Some(coding) = coding else {
            let encodings = encodings.iter().map(|encoding| String::from_utf8_lossy(encoding.as_bytes()));
            let encoding = escaped(&encodings.collect::<Vec<_>>().join(", "));
            return Err(Error::Encoding { url: show(url), encoding });
        };
        let max_received = coding.max_packed_bytes(max_bytes);
        let announced = response.content_length();
        Ok(Self {
            url: url.clone(),
            response,
            announced,
            coding,
            max_bytes,
            max_received,
            bound,
            kind,
            received: 0,
            guard: RateGuard::new(limits),
        })
    }

    /// How the body is packed.
    pub(super) fn coding(&self) -> Coding {
        self.coding
    }

    /// All of the body, unpacked.
    pub(super) async fn bytes(mut self, packing: Packing<'_>) -> Result<Vec<u8>, Error> {
        let mut received = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            received.extend_from_slice(&chunk);
        }
        // Where the length is listed, a little more is unpacked than that, to tell another file from one without end.
        let unpacked = unpack(self.coding, received, packing.dictionary(), self.max_bytes + self.margin());
        match unpacked {
            Ok(bytes) if bytes.len() as u64 > self.max_bytes => Err(self.too_long(Some(bytes.len() as u64))),
            Ok(bytes) => Ok(bytes),
            Err(Fault::TooLong) => Err(self.too_long(None)),
            Err(Fault::Damaged(reason)) => Err(Error::Damaged { url: show(&self.url), reason }),
        }
    }

    /// The next bytes as they come; `None` at the end. What was asked for as it is comes as it is.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        // What is announced to be too long need not be waited for.
        if let Some(length) = self.announced.filter(|length| *length > self.max_received) {
            return Err(self.too_long(self.is_plain().then_some(length)));
        }
        loop {
            let (patience, start) = (self.guard.patience(), Instant::now());
            let Ok(answer) = timeout(patience, self.response.chunk()).await else {
                self.count(patience.max(start.elapsed()), 0)?;
                continue;
            };
            let Some(chunk) = answer.map_err(|error| self.broken(&error))? else {
                return if self.received > self.max_received {
                    Err(self.too_long(Some(self.received)))
                } else {
                    Ok(None)
                };
            };
            self.received = self.received.saturating_add(chunk.len() as u64);
            self.count(start.elapsed(), chunk.len() as u64)?;
            if self.received <= self.max_received {
                return Ok(Some(chunk));
            }
            // None of it is handed on: what is left to know is whether it ends.
            if !self.is_plain() || self.received > self.max_bytes + self.margin() {
                return Err(self.too_long(None));
            }
        }
    }

    fn is_plain(&self) -> bool {
        self.coding == Coding::Identity
    }

    /// How far beyond its length a file is looked at. Nothing is beyond a limit that somebody has set.
    fn margin(&self) -> u64 {
        if self.bound.is_none() { MARGIN } else { 0 }
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

    /// What more bytes than there can be are, `found` of them in all, if it is known that they end.
    ///
    /// An endless data attack is one that does harm by the mass of what is sent (TUF specification 1.5.2). A file whose
    /// length trusted metadata lists, and which ends a little beyond that, is merely not that file.
    fn too_long(&self, found: Option<u64>) -> Error {
        let (url, limit, bound) = (show(&self.url), self.max_bytes, self.bound);
        match found.filter(|found| *found <= limit + self.margin()) {
            Some(found) => sealdex_tuf::Error::WrongLength { file: url, expected: limit, found }.into(),
            None => Error::EndlessData { url, limit, bound },
        }
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

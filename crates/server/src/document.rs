//! A body held in memory in the forms it is sent in: as it is, and packed, each form made once.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, VARY,
};
use http::{HeaderMap, StatusCode};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::packing;
use crate::protocol::conditional::{EntityTag, Outcome};
use crate::protocol::encoding::{Coding, accepted};
use crate::refusal::Refusal;

/// Bodies above this are packed on a thread of their own.
const PACKED_INLINE_BYTES: usize = 4 * 1024;
/// Bodies below this are packed only for who takes nothing else.
const WORTHWHILE_BYTES: usize = 512;

/// Bytes with their entity tag, ready to be sent.
#[derive(Debug)]
pub(crate) struct Document {
    content_type: &'static str,
    tag: EntityTag,
    bytes: Bytes,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

/// How long others may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Ask each time whether it is still the same.
    Revalidate,
    /// For ever: other bytes would have another URL.
    Immutable,
}

impl Freshness {
    /// The value of `Cache-Control`.
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Revalidate => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        })
    }
}

/// A `dcz` body for a client that has the dictionary.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    pub(crate) bytes: Bytes,
    /// SHA-256 of the dictionary.
    pub(crate) dictionary: [u8; 32],
}

impl Document {
    /// A document of these bytes.
    pub(crate) fn new(content_type: &'static str, tag: EntityTag, bytes: impl Into<Bytes>) -> Arc<Self> {
        let (gzip, zstd) = (OnceCell::new(), OnceCell::new());
        Arc::new(Self { content_type, tag, bytes: bytes.into(), gzip, zstd })
    }

    /// Its media type.
    pub(crate) fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// The plain bytes.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Bytes held, the packed forms counted as if they were there and had a quarter of the length each.
    pub(crate) fn held_bytes(&self) -> u64 {
        let length = self.bytes.len() as u64;
        length + length / 2
    }

    /// Answers a request. `vary` names what else than the coding the choice of this document came from.
    pub(crate) async fn respond(
        self: &Arc<Self>,
        request: &HeaderMap,
        freshness: Freshness,
        vary: HeaderValue,
        delta: Option<Delta>,
    ) -> Response {
        let Some((coding, tag, body)) = self.choose(request, delta).await else {
            return Refusal::new(StatusCode::NOT_ACCEPTABLE, "this is served as identity, gzip or zstd")
                .with_header(VARY, vary)
                .into_response();
        };
        let outcome = tag.evaluate(request);
        if outcome == Outcome::PreconditionFailed {
            return precondition_failed();
        }
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(ETAG, tag.header());
        headers.insert(CACHE_CONTROL, freshness.header());
        headers.insert(VARY, vary);
        if outcome == Outcome::NotModified {
            // The length of what is not sent (RFC 9110, 8.6): an empty body would be announced as the whole.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if coding != Coding::Identity {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        *response.body_mut() = Body::from(body);
        response
    }

    /// The form that the client likes best, of those that save anything; else one that saves nothing. `None` where it
    /// takes none.
    async fn choose(
        self: &Arc<Self>,
        request: &HeaderMap,
        delta: Option<Delta>,
    ) -> Option<(Coding, EntityTag, Bytes)> {
        let accepted = accepted(request);
        for coding in &accepted {
            match coding {
                Coding::Dcz => {
                    if let Some(Delta { bytes, dictionary }) = delta.clone() {
                        let tag = self.tag.variant(&format!("dcz-{}", hex::encode(dictionary)));
                        return Some((Coding::Dcz, tag, bytes));
                    }
                }
                Coding::Zstd | Coding::Gzip if self.bytes.len() < WORTHWHILE_BYTES => {}
                Coding::Zstd | Coding::Gzip => {
                    if let Some(packed) = self.packed(*coding).await
                        && packed.len() < self.bytes.len() - self.bytes.len() / 10
                    {
                        return Some((*coding, self.tag.variant(coding.name()), packed));
                    }
                }
                Coding::Identity => return Some((Coding::Identity, self.tag.clone(), self.bytes.clone())),
            }
        }
        let coding = accepted.into_iter().find(|coding| *coding != Coding::Dcz)?;
        Some((coding, self.tag.variant(coding.name()), self.packed(coding).await?))
    }

    /// The bytes in `zstd`, otherwise in `gzip`; `None` at a shutdown.
    pub(crate) async fn packed(self: &Arc<Self>, coding: Coding) -> Option<Bytes> {
        let cell = if coding == Coding::Zstd { &self.zstd } else { &self.gzip };
        let pack = move |bytes: &[u8]| match coding {
            Coding::Zstd => packing::zstd(bytes),
            _ => packing::gzip(bytes),
        };
        let make = || async {
            if self.bytes.len() <= PACKED_INLINE_BYTES {
                return pack(&self.bytes).map_err(drop);
            }
            let bytes = self.bytes.clone();
            // A panic or a shutdown over there leaves the plain form, which is right too.
            spawn_blocking(move || pack(&bytes)).await.map_err(drop)?.map_err(drop)
        };
        cell.get_or_try_init(make).await.ok().cloned()
    }
}

/// The `Vary` of documents that differ by their coding alone.
pub(crate) fn vary_by_encoding() -> HeaderValue {
    HeaderValue::from_name(ACCEPT_ENCODING)
}

/// 412
pub(crate) fn precondition_failed() -> Response {
    Refusal::new(StatusCode::PRECONDITION_FAILED, "the file is not the one named in if-match").into_response()
}

#[cfg(test)]
mod tests {
    use http::header::IF_NONE_MATCH;
    use http_body_util::BodyExt as _;

    use super::*;

    fn document(length: usize) -> Arc<Document> {
        let tag = EntityTag::from_sha256(&"ab".repeat(32)).unwrap();
        Document::new("text/plain", tag, vec![b'a'; length])
    }

    async fn respond(document: &Arc<Document>, fields: &[(http::HeaderName, &str)]) -> (Response, usize) {
        let headers = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let response = document.respond(&headers, Freshness::Immutable, vary_by_encoding(), None).await;
        let (parts, body) = response.into_parts();
        let length = body.collect().await.unwrap().to_bytes().len();
        (Response::from_parts(parts, Body::empty()), length)
    }

    #[tokio::test]
    async fn each_coding_has_its_own_tag() {
        let document = document(100_000);
        let (plain, plain_length) = respond(&document, &[]).await;
        assert_eq!((plain.headers().get(CONTENT_ENCODING), plain_length), (None, 100_000));
        let mut tags = vec![plain.headers()[ETAG].clone()];
        for coding in ["gzip", "zstd"] {
            let (packed, packed_length) = respond(&document, &[(ACCEPT_ENCODING, coding)]).await;
            assert!(packed_length < 1000);
            assert_eq!(packed.headers()[CONTENT_ENCODING], coding);
            assert!(!tags.contains(&packed.headers()[ETAG]));
            assert_eq!(plain.headers()[VARY], packed.headers()[VARY]);

            let tag = packed.headers()[ETAG].to_str().unwrap();
            let same = [(ACCEPT_ENCODING, coding), (IF_NONE_MATCH, tag)];
            let (same, length) = respond(&document, &same).await;
            assert_eq!((same.status(), length), (StatusCode::NOT_MODIFIED, 0));
            let (other, _) = respond(&document, &[(IF_NONE_MATCH, tag)]).await;
            assert_eq!(other.status(), StatusCode::OK);
            tags.push(packed.headers()[ETAG].clone());
        }
    }

    #[tokio::test]
    async fn what_is_short_is_packed_only_where_it_must_be() {
        let document = document(10);
        for (accepted, coding) in
            [("gzip, zstd", None), ("gzip, identity;q=0", Some("gzip")), ("zstd, *;q=0", Some("zstd"))]
        {
            let (response, _) = respond(&document, &[(ACCEPT_ENCODING, accepted)]).await;
            let found = response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap());
            assert_eq!((response.status(), found), (StatusCode::OK, coding), "{accepted}");
        }
        let (response, _) = respond(&document, &[(ACCEPT_ENCODING, "br, *;q=0")]).await;
        assert_eq!(response.status(), StatusCode::NOT_ACCEPTABLE);
        assert_eq!(response.headers()[VARY], "accept-encoding");
    }
}

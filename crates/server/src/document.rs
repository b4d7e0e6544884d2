//! A body held in memory in the forms it is sent in: as it is, and in gzip, made once.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, VARY,
};
use http::{HeaderMap, StatusCode};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::protocol::conditional::{EntityTag, Outcome};
use crate::protocol::encoding::{self, Encoding};
use crate::refusal::Refusal;

/// Bodies above this are packed on a thread of their own.
const PACKED_INLINE_BYTES: usize = 16 * 1024;

/// Bytes with their entity tag, ready to be sent.
#[derive(Debug)]
pub(crate) struct Document {
    content_type: &'static str,
    tag: EntityTag,
    gzip_tag: EntityTag,
    bytes: Bytes,
    /// `None` inside where packing saves nothing.
    gzip: OnceCell<Option<Bytes>>,
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

impl Document {
    /// A document of these bytes.
    pub(crate) fn new(content_type: &'static str, tag: EntityTag, bytes: impl Into<Bytes>) -> Arc<Self> {
        let gzip_tag = tag.variant("gzip");
        Arc::new(Self { content_type, tag, gzip_tag, bytes: bytes.into(), gzip: OnceCell::new() })
    }

    /// Bytes held, the packed form counted as if it were there and had half the length.
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
    ) -> Response {
        let gzip = match encoding::negotiate(request) {
            Encoding::Gzip => self.gzip().await,
            Encoding::Identity => None,
        };
        let tag = if gzip.is_some() { &self.gzip_tag } else { &self.tag };
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
            headers.insert(CONTENT_LENGTH, HeaderValue::from(gzip.as_ref().unwrap_or(&self.bytes).len()));
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        *response.body_mut() = Body::from(gzip.unwrap_or_else(|| self.bytes.clone()));
        response
    }

    async fn gzip(self: &Arc<Self>) -> Option<Bytes> {
        let pack = || async {
            if self.bytes.len() <= PACKED_INLINE_BYTES {
                return encoding::gzip(&self.bytes);
            }
            let bytes = self.bytes.clone();
            // A panic or a shutdown over there leaves the plain form, which is right too.
            spawn_blocking(move || encoding::gzip(&bytes)).await.ok().flatten()
        };
        self.gzip.get_or_init(pack).await.clone()
    }
}

/// The `Vary` of documents that differ by their coding alone.
pub(crate) fn vary_by_encoding() -> HeaderValue {
    HeaderValue::from_name(ACCEPT_ENCODING)
}

/// 412
pub(crate) fn precondition_failed() -> Response {
    use axum::response::IntoResponse as _;
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
        let response = document.respond(&headers, Freshness::Immutable, vary_by_encoding()).await;
        let (parts, body) = response.into_parts();
        let length = body.collect().await.unwrap().to_bytes().len();
        (Response::from_parts(parts, Body::empty()), length)
    }

    #[tokio::test]
    async fn each_coding_has_its_own_tag() {
        let document = document(100_000);
        let (plain, plain_length) = respond(&document, &[]).await;
        let (packed, packed_length) = respond(&document, &[(ACCEPT_ENCODING, "gzip")]).await;
        assert_eq!(plain_length, 100_000);
        assert!(packed_length < 1000);
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert_ne!(plain.headers()[ETAG], packed.headers()[ETAG]);
        assert_eq!(plain.headers()[VARY], packed.headers()[VARY]);

        let tag = packed.headers()[ETAG].to_str().unwrap();
        let same = [(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, tag)];
        let (same, length) = respond(&document, &same).await;
        assert_eq!((same.status(), length), (StatusCode::NOT_MODIFIED, 0));
        let (other, _) = respond(&document, &[(IF_NONE_MATCH, tag)]).await;
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn what_is_short_stays_as_it_is() {
        let (response, length) = respond(&document(10), &[(ACCEPT_ENCODING, "gzip")]).await;
        assert_eq!((response.headers().get(CONTENT_ENCODING), length), (None, 10));
    }
}

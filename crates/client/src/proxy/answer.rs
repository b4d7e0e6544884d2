//! Builds answers.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::ext::ReasonPhrase;
use serde_json::json;

use super::refusal::Refusal;

/// An answer to a request.
pub(super) struct Answer(Response<UnsyncBoxBody<Bytes, io::Error>>);

impl Answer {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::whole(status, Bytes::new())
    }

    /// The answer to `CONNECT`, after which the connection is a tunnel (RFC 9110, 9.3.6).
    pub(super) fn tunnel() -> Self {
        Self(Response::new(Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()))
    }

    pub(super) fn bytes(status: StatusCode, content_type: &str, body: Bytes) -> Self {
        Self::whole(status, body).header(CONTENT_TYPE, content_type)
    }

    /// A body of `length` bytes that comes piece by piece. When the stream fails, the connection breaks, and nobody can
    /// take what came for the whole.
    pub(super) fn stream(
        status: StatusCode,
        content_type: &str,
        length: u64,
        stream: impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
    ) -> Self {
        let mut response = Response::new(StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync());
        *response.status_mut() = status;
        Self(response).header(CONTENT_TYPE, content_type).header(CONTENT_LENGTH, &length.to_string())
    }

    /// An error, said where installers look for it: in the reason phrase (pip) and in a body of RFC 9457 (uv, which
    /// shows title and detail).
    pub(super) fn problem(status: StatusCode, title: &str, detail: &str) -> Self {
        Self::explained(status, title, title, detail)
    }

    /// A refusal. 409, since installers take 401 and 403 for missing passwords, and try again after 5xx.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let detail = format!("{} (hint: {})", refusal.message, refusal.hint);
        Self::explained(StatusCode::CONFLICT, &refusal.line(), &refusal.title(), &detail)
    }

    fn explained(status: StatusCode, reason: &str, title: &str, detail: &str) -> Self {
        let problem = json!({ "title": title, "status": status.as_u16(), "detail": detail });
        let mut answer = Self::bytes(status, "application/problem+json", problem.to_string().into());
        if let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes()) {
            answer.0.extensions_mut().insert(reason);
        }
        answer
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// Whether the installer has what it asked for now: from here, or from its own cache, as it was told.
    pub(super) fn gives_content(&self) -> bool {
        self.0.status().is_success() || self.0.status() == StatusCode::NOT_MODIFIED
    }

    pub(super) fn into_response(self) -> Response<UnsyncBoxBody<Bytes, io::Error>> {
        self.0
    }

    /// The same head without the body, as `HEAD` asks.
    pub(super) fn without_body(mut self) -> Self {
        *self.0.body_mut() = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
        self
    }

    fn whole(status: StatusCode, body: Bytes) -> Self {
        let length = body.len().to_string();
        let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = status;
        let answer = Self(response);
        if status == StatusCode::NOT_MODIFIED { answer } else { answer.header(CONTENT_LENGTH, &length) }
    }
}

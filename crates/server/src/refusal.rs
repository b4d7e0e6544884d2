//! A request that is not served, and why: in the form each tool shows.
//!
//! pip and twine print the reason phrase of the status line (HTTP/1.1), uv prints a `text/plain` body. Both carry the
//! same sentence.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::ext::ReasonPhrase;

/// Longest reason phrase in bytes; Python's HTTP client reads lines of up to 64 KiB, proxies far less.
const MAX_REASON_BYTES: usize = 400;

/// Why a request is not served.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    reason: String,
    /// One more header, such as what would help.
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal with one sentence, without a full stop, that says what was expected and what was found.
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), header: None }
    }

    /// 400
    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// 404
    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason)
    }

    /// 500. What went wrong is in the log, under the request's id; the outside learns only that.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal error: the server's log has it under this x-request-id",
        )
    }

    /// 503 where the database or the object store is what failed, which may pass; 500 for everything else.
    pub(crate) fn failed(error: &sealdex_repository::Error) -> Self {
        let (log, reason) = if error.is_database_away() {
            ("the database cannot be reached", "the server's database cannot be reached at the moment")
        } else if error.is_bucket_failing() {
            ("the object store failed", "the object store behind this server does not answer as it should")
        } else {
            return Self::internal(error);
        };
        tracing::error!(error = %chain(error), "{log}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}: try again, which is safe"))
            .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// The same refusal with this header, in place of one it may have had.
    pub(crate) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(format!("{}\n", self.reason)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.extend(self.header);
        if let Ok(reason) = ReasonPhrase::try_from(reason_phrase(&self.reason)) {
            response.extensions_mut().insert(reason);
        }
        response
    }
}

/// One line of printable ASCII: what stands in a status line.
fn reason_phrase(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| match character {
            ' '..='~' => u8::try_from(character).unwrap_or(b'?'),
            _ if character.is_control() => b' ',
            _ => b'?',
        })
        .take(MAX_REASON_BYTES)
        .collect()
}

/// An error with its sources, for the log.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_phrase_is_one_line_of_ascii() {
        assert_eq!(reason_phrase("File already exists ('a.whl')"), b"File already exists ('a.whl')");
        assert_eq!(reason_phrase("a\r\nSet-Cookie: é"), b"a  Set-Cookie: ?");
        assert_eq!(reason_phrase(&"a".repeat(100_000)).len(), MAX_REASON_BYTES);
    }
}

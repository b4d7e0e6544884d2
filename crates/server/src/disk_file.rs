//! Files from disk: whole, in parts, conditionally; with at most one buffer of each in memory.

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
};
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::task::spawn_blocking;
use tokio_util::io::ReaderStream;

use crate::document::{Freshness, precondition_failed};
use crate::protocol::conditional::{EntityTag, Outcome};
use crate::protocol::range::{self, ByteRange, Requested};
use crate::refusal::Refusal;

/// The buffer of a file that is being sent; what is shorter is read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file to be sent.
#[derive(Debug)]
pub(crate) struct DiskFile {
    pub(crate) path: PathBuf,
    pub(crate) content_type: &'static str,
    /// What its bytes are known by, where its name or a page says.
    pub(crate) tag: Option<EntityTag>,
    pub(crate) freshness: Freshness,
}

impl DiskFile {
    /// Answers a request; 404 where there is no such file.
    pub(crate) async fn respond(self, method: &Method, request: &HeaderMap) -> Response {
        match self.try_respond(method, request).await {
            Ok(response) => response,
            Err(error) if is_absent(&error) => Refusal::not_found("no such file").into_response(),
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "cannot read a file");
                Refusal::internal(&error).into_response()
            }
        }
    }

    async fn try_respond(&self, method: &Method, request: &HeaderMap) -> io::Result<Response> {
        let (file, total) = open(&self.path).await?;
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CACHE_CONTROL, self.freshness.header());
        if let Some(tag) = &self.tag {
            headers.insert(ETAG, tag.header());
            match tag.evaluate(request) {
                Outcome::Proceed => {}
                Outcome::PreconditionFailed => return Ok(precondition_failed()),
                Outcome::NotModified => {
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(total));
                    *response.status_mut() = StatusCode::NOT_MODIFIED;
                    return Ok(response);
                }
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));

        // A range is defined for GET alone (RFC 9110, 14.2), and what If-Range names must be what is here.
        let allowed = *method == Method::GET && self.tag.as_ref().is_none_or(|tag| tag.allows_range(request));
        let requested = if allowed { range::requested(request, total) } else { Requested::Everything };
        let part = match requested {
            Requested::Everything => ByteRange { start: 0, length: total },
            Requested::Part(part) => {
                if let Some(value) = part.content_range(total) {
                    headers.insert(CONTENT_RANGE, value);
                }
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                part
            }
            Requested::Unsatisfiable => {
                let refusal = Refusal::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    format!("the file has {total} bytes, none of them in the range asked for"),
                );
                return Ok(match range::unsatisfied_content_range(total) {
                    Some(value) => refusal.with_header(CONTENT_RANGE, value),
                    None => refusal,
                }
                .into_response());
            }
        };
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(part.length));
        if *method != Method::HEAD {
            *response.body_mut() = body(file, part).await?;
        }
        Ok(response)
    }
}

/// The `Content-Type` for a file's name. None of them is ever shown in a browser as a page.
pub(crate) fn content_type(filename: &str) -> &'static str {
    let is = |suffix: &str| filename.len() > suffix.len() && filename.ends_with(suffix);
    if is(".metadata") {
        "text/plain; charset=utf-8"
    } else if is(".whl") || is(".zip") {
        "application/zip"
    } else if is(".tar.gz") || is(".tgz") {
        "application/gzip"
    } else if is(".json") {
        "application/json"
    } else {
        "application/octet-stream"
    }
}

async fn open(path: &Path) -> io::Result<(std::fs::File, u64)> {
    let path = path.to_owned();
    spawn_blocking(move || {
        let file = std::fs::File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() { Ok((file, metadata.len())) } else { Err(io::ErrorKind::NotFound.into()) }
    })
    .await?
}

async fn body(file: std::fs::File, part: ByteRange) -> io::Result<Body> {
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(BUFFER_BYTES);
    if part.start > 0 {
        file.seek(io::SeekFrom::Start(part.start)).await?;
    }
    match usize::try_from(part.length) {
        Ok(length) if length <= BUFFER_BYTES => {
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes).await?;
            Ok(Body::from(bytes))
        }
        _ => Ok(Body::from_stream(ReaderStream::with_capacity(file.take(part.length), BUFFER_BYTES))),
    }
}

/// No such file, or a name that the file system cannot have.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput
    )
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn content_types() {
        for (filename, expected) in [
            ("a-1-py3-none-any.whl", "application/zip"),
            ("a-1.tar.gz", "application/gzip"),
            ("a-1-py3-none-any.whl.metadata", "text/plain; charset=utf-8"),
            ("index.json", "application/json"),
            ("evil.html", "application/octet-stream"),
            (".whl", "application/octet-stream"),
        ] {
            assert_eq!(content_type(filename), expected, "{filename}");
        }
    }
}

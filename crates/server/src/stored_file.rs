//! Stored files: whole, in parts, conditionally; with at most one buffer of each in memory.

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
};
use http::{HeaderMap, Method, StatusCode};
use sealdex_repository::{BlobName, Error};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::task::spawn_blocking;
use tokio_util::io::ReaderStream;

use crate::app::App;
use crate::document::{Freshness, precondition_failed};
use crate::protocol::conditional::{EntityTag, Outcome};
use crate::protocol::range::{self, ByteRange, Requested};
use crate::refusal::Refusal;

/// The buffer of a file that is being sent; what is shorter is read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a length takes in memory beside the name, about.
const LENGTH_BYTES: u64 = 100;

/// Lengths that are remembered, in bytes of memory.
pub(crate) const MAX_LENGTHS_BYTES: u64 = 8 * 1024 * 1024;

/// A file to be sent.
#[derive(Debug)]
pub(crate) struct StoredFile {
    pub(crate) name: BlobName,
    pub(crate) content_type: &'static str,
    /// What its bytes are known by, where its name or a page says.
    pub(crate) tag: Option<EntityTag>,
    pub(crate) freshness: Freshness,
}

impl StoredFile {
    /// Answers a request; 404 where there is no such file.
    pub(crate) async fn respond(self, app: &App, method: &Method, request: &HeaderMap) -> Response {
        match self.try_respond(app, method, request).await {
            Ok(response) => response,
            Err(error) if error.is_absent() => Refusal::not_found("no such file").into_response(),
            Err(error) => Refusal::failed(&error).into_response(),
        }
    }

    async fn try_respond(&self, app: &App, method: &Method, request: &HeaderMap) -> Result<Response, Error> {
        let (source, total) = Source::open(app, &self.name).await?;
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
            *response.body_mut() = source.body(part).await?;
        }
        Ok(response)
    }
}

/// Where the bytes come from.
enum Source<'a> {
    Disk(PathBuf, std::fs::File),
    Bucket(&'a App, &'a BlobName),
}

impl<'a> Source<'a> {
    /// Gives the length in bytes, too.
    async fn open(app: &'a App, name: &'a BlobName) -> Result<(Self, u64), Error> {
        let blobs = app.repository.blobs();
        if let Some(path) = blobs.file(name) {
            let own = path.clone();
            let (file, length) = read(&path, async { spawn_blocking(move || open(&own)).await? }).await?;
            return Ok((Self::Disk(path, file), length));
        }
        // It never changes, and installers ask for parts of a file one after the other.
        let length = match app.lengths.value(name) {
            Some(length) => length,
            None => {
                let length = blobs.fetch_length(name).await?;
                app.lengths.keep(name.clone(), length, LENGTH_BYTES + name.as_str().len() as u64);
                length
            }
        };
        Ok((Self::Bucket(app, name), length))
    }

    async fn body(self, part: ByteRange) -> Result<Body, Error> {
        match self {
            Self::Disk(path, file) => read(&path, disk_body(file, part)).await,
            Self::Bucket(..) if part.length == 0 => Ok(Body::empty()),
            Self::Bucket(app, name) => {
                let range = part.start..part.start + part.length;
                // What fails on the way breaks the connection off: the length was announced.
                let pieces = app.repository.blobs().stream(name, range).await?;
                let pieces = pieces.ok_or_else(|| Error::State { reason: format!("{name} has moved") })?;
                Ok(Body::from_stream(pieces))
            }
        }
    }
}

/// What was tried with a file, and failed.
async fn read<T>(path: &Path, work: impl Future<Output = io::Result<T>>) -> Result<T, Error> {
    work.await.map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })
}

fn open(path: &Path) -> io::Result<(std::fs::File, u64)> {
    let file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata.len())) } else { Err(io::ErrorKind::NotFound.into()) }
}

async fn disk_body(file: std::fs::File, part: ByteRange) -> io::Result<Body> {
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

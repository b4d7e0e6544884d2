//! Verified bytes, and how they are sent.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::StatusCode;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};

use super::answer::Answer;
use super::range::Range;
use super::request::Head;
use crate::name::Sha256Digest;

pub(super) const FILE_TYPE: &str = "application/octet-stream";
const PIECE: u64 = 64 * 1024;

/// Bytes that were verified.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Memory(Bytes),
    File {
        /// Verified through this very handle; nobody else writes to it.
        file: Arc<File>,
        length: u64,
    },
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Answers with the part that the request asks for.
    pub(super) fn answer(self, head: &Head<'_>, digest: Sha256Digest) -> Answer {
        let length = self.length();
        match wanted(head, digest, length) {
            Range::Whole => self.part(StatusCode::OK, 0, length),
            Range::Part { start, end } => self
                .part(StatusCode::PARTIAL_CONTENT, start, end)
                .header(CONTENT_RANGE, &format!("bytes {start}-{}/{length}", end.saturating_sub(1))),
            Range::Unsatisfiable => Answer::empty(StatusCode::RANGE_NOT_SATISFIABLE)
                .header(CONTENT_RANGE, &format!("bytes */{length}")),
        }
    }

    fn part(self, status: StatusCode, start: u64, end: u64) -> Answer {
        match self {
            Self::Memory(bytes) => {
                // Within the length, so within memory.
                let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
                Answer::bytes(status, FILE_TYPE, bytes.slice(range))
            }
            Self::File { file, .. } => {
                Answer::stream(status, FILE_TYPE, end - start, pieces(file, start, end))
            }
        }
    }
}

/// What a request wants of a file: ranges count only for the version the client began with (`If-Range`).
pub(super) fn wanted(head: &Head<'_>, digest: Sha256Digest, length: u64) -> Range {
    match head.header(IF_RANGE) {
        Some(version) if version.trim() != etag(digest) => Range::Whole,
        _ => Range::of(head.header(RANGE).as_deref(), length),
    }
}

/// The headers of every answer about a file.
pub(super) fn with_headers(answer: Answer, digest: Sha256Digest) -> Answer {
    // Asked again each time, which costs little here: an installer's cache must not outlive the signed page.
    answer.header(ETAG, &etag(digest)).header(CACHE_CONTROL, "no-cache").header(ACCEPT_RANGES, "bytes")
}

pub(super) fn etag(digest: Sha256Digest) -> String {
    format!("\"{digest}\"")
}

fn pieces(file: Arc<File>, start: u64, end: u64) -> impl Stream<Item = Result<Bytes, io::Error>> + Send {
    stream::try_unfold(start, move |position| {
        let file = Arc::clone(&file);
        async move {
            if position >= end {
                return Ok(None);
            }
            let piece = read(file, position, PIECE.min(end - position)).await?;
            let next = position + piece.len() as u64;
            Ok(Some((piece, next)))
        }
    })
}

async fn read(file: Arc<File>, position: u64, length: u64) -> io::Result<Bytes> {
    let read = move || read_now(&file, position, length);
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

/// Exactly `length` bytes from `position`. Blocks: for what is short, or was written a moment ago.
pub(super) fn read_now(file: &File, position: u64, length: u64) -> io::Result<Bytes> {
    let mut piece = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    read_exact_at(file, &mut piece, position)?;
    Ok(Bytes::from(piece))
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                buffer = buffer.split_at_mut(count).1;
                position += count as u64;
            }
        }
    }
    Ok(())
}

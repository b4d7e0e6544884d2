//! HTTP/1.1 messages, read and written by hand: a hostile server must be able to send what no library would.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};

const MAX_HEAD_BYTES: u64 = 64 * 1024;
const MAX_LINE_BYTES: u64 = 1024;

/// A request as the server received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method, such as `GET`.
    pub method: String,
    /// Path and query, such as `/simple/six/?format=json`.
    pub target: String,
    /// Headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there was none.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// An answer that the server frames correctly: `content-length` is added when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Status 200 with this body and `content-type`.
    pub fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }.with_header("content-type", content_type)
    }

    /// This status with a one-line text body.
    pub fn text(status: u16, line: &str) -> Self {
        Self { status, ..Self::ok("text/plain; charset=utf-8", format!("{line}\n")) }
    }

    /// The response with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The start line and headers of a message; none when the peer closed before it sent anything.
pub(super) struct Head {
    pub(super) start_line: String,
    pub(super) headers: Vec<(String, String)>,
}

pub(super) async fn read_head(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Head>> {
    let mut limited = stream.take(MAX_HEAD_BYTES);
    let Some(start_line) = read_line(&mut limited).await? else { return Ok(None) };
    let mut headers = Vec::new();
    loop {
        let line =
            read_line(&mut limited).await?.ok_or_else(|| invalid("the head ends early or is too long"))?;
        if line.is_empty() {
            return Ok(Some(Head { start_line, headers }));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads a body of at most `max_bytes` as the headers announce it. `until_close` says what a message that announces
/// nothing means: a response lasts until the connection ends, a request has no body.
pub(super) async fn read_body(
    stream: &mut (impl AsyncBufRead + Unpin),
    headers: &[(String, String)],
    unannounced: Unannounced,
    max_bytes: u64,
) -> io::Result<Vec<u8>> {
    if header(headers, "transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
    {
        return read_chunks(stream, max_bytes).await;
    }
    if let Some(length) = header(headers, "content-length") {
        let length: u64 = length.parse().map_err(|_| invalid("content-length is not a number"))?;
        return read_exactly(stream, length, max_bytes).await;
    }
    match unannounced {
        Unannounced::NoBody => Ok(Vec::new()),
        Unannounced::UntilClose => {
            let mut body = Vec::new();
            stream.take(max_bytes).read_to_end(&mut body).await?;
            Ok(body)
        }
    }
}

/// What a message without length or chunks means.
#[derive(Clone, Copy)]
pub(super) enum Unannounced {
    NoBody,
    UntilClose,
}

async fn read_chunks(stream: &mut (impl AsyncBufRead + Unpin), max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(&mut stream.take(MAX_LINE_BYTES)).await?;
        let line = line.ok_or_else(|| invalid("the chunks end early"))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| invalid("a chunk without a size"))?;
        if size == 0 {
            // Trailers, up to the empty line.
            while read_line(&mut stream.take(MAX_LINE_BYTES)).await?.is_some_and(|line| !line.is_empty()) {}
            return Ok(body);
        }
        let room = max_bytes - body.len() as u64;
        body.extend(read_exactly(stream, size, room).await?);
        read_line(&mut stream.take(MAX_LINE_BYTES)).await?;
    }
}

async fn read_exactly(
    stream: &mut (impl AsyncRead + Unpin),
    length: u64,
    max_bytes: u64,
) -> io::Result<Vec<u8>> {
    if length > max_bytes {
        return Err(invalid("the body is larger than the test kit's limit"));
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body).await?;
    if body.len() as u64 == length { Ok(body) } else { Err(invalid("the body ends early")) }
}

/// A line without its end; none at the end of the stream.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    if line.pop_if(|last| *last == b'\n').is_none() {
        return if line.is_empty() { Ok(None) } else { Err(invalid("a line without an end")) };
    }
    line.pop_if(|last| *last == b'\r');
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

pub(super) fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Start line and headers of a response, ready to be sent.
pub(super) fn response_head(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("connection: close\r\n\r\n");
    head.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Hostile",
    }
}

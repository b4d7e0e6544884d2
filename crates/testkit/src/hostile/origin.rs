//! Where a hostile server's genuine answers come from.

use std::collections::BTreeMap;
use std::io;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::message::{Request, Response, Unannounced, header, invalid, read_body, read_head};

/// Headers that belong to one connection or to one framing of a body, and are not taken over.
const FRAMING_HEADERS: [&str; 5] =
    ["connection", "keep-alive", "content-length", "transfer-encoding", "trailer"];
/// Headers that would make the genuine answer carry something else than the plain body.
const CONDITIONAL_HEADERS: [&str; 4] =
    ["accept-encoding", "if-none-match", "if-modified-since", "available-dictionary"];

/// Where genuine answers come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A server at this base URL, `http://host:port` with an optional path before every request's own.
    Server(String),
    /// These files by path, such as `/metadata/1.root.json`; anything else is 404.
    Files(BTreeMap<String, Vec<u8>>),
    /// There is none: every genuine answer is 404.
    Nowhere,
}

impl Origin {
    /// The server at `base_url`.
    pub fn server(base_url: &str) -> Self {
        Self::Server(base_url.to_owned())
    }

    /// These files, each under a path that begins with a slash.
    pub fn files<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Self {
        Self::Files(files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect())
    }

    /// The plain, whole genuine answer, its framing headers taken off.
    pub(super) async fn genuine(&self, request: &Request, max_bytes: u64) -> io::Result<Response> {
        match self {
            Self::Nowhere => Ok(not_found()),
            Self::Files(files) => Ok(match files.get(request.path()) {
                Some(bytes) => Response::ok(content_type(request.path()), bytes.clone()),
                None => not_found(),
            }),
            Self::Server(base_url) => {
                let mut plain = request.clone();
                plain.headers.retain(|(name, _)| !CONDITIONAL_HEADERS.contains(&name.as_str()));
                plain.headers.push(("accept-encoding".to_owned(), "identity".to_owned()));
                let mut stream = BufReader::new(forward(base_url, &plain).await?);
                read_response(&mut stream, request, max_bytes).await
            }
        }
    }

    /// A connection on which the origin's own answer arrives, for an origin that is a server.
    pub(super) async fn connection(&self, request: &Request) -> io::Result<Option<TcpStream>> {
        match self {
            Self::Server(base_url) => forward(base_url, request).await.map(Some),
            Self::Files(_) | Self::Nowhere => Ok(None),
        }
    }
}

/// Sends the request to the server on a connection of its own.
async fn forward(base_url: &str, request: &Request) -> io::Result<TcpStream> {
    let address =
        base_url.strip_prefix("http://").ok_or_else(|| invalid("the origin is not an http:// URL"))?;
    let (host, prefix) = address.split_once('/').unwrap_or((address, ""));
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{}", prefix.trim_end_matches('/')) };

    let mut head = format!("{} {prefix}{} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        if !FRAMING_HEADERS.contains(&name.as_str()) && name != "expect" {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if header(&request.headers, "host").is_none() {
        head.push_str(&format!("host: {host}\r\n"));
    }
    if !request.body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", request.body.len()));
    }
    head.push_str("connection: close\r\n\r\n");

    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&request.body).await?;
    Ok(stream)
}

async fn read_response(
    stream: &mut BufReader<TcpStream>,
    request: &Request,
    max_bytes: u64,
) -> io::Result<Response> {
    let head = read_head(stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.start_line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(502);
    let bodiless = request.method == "HEAD" || matches!(status, 204 | 304);
    let body = if bodiless {
        Vec::new()
    } else {
        read_body(stream, &head.headers, Unannounced::UntilClose, max_bytes).await?
    };
    let headers =
        head.headers.into_iter().filter(|(name, _)| !FRAMING_HEADERS.contains(&name.as_str())).collect();
    Ok(Response { status, headers, body })
}

fn not_found() -> Response {
    Response::text(404, "not found")
}

fn content_type(path: &str) -> &'static str {
    if path.ends_with(".json") {
        "application/json"
    } else if path.ends_with('/') || path.ends_with(".html") {
        "text/html; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}

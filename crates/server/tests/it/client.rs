//! A small HTTP/1.1 client that hides nothing: reason phrases, header order, exact bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A response as it came.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header, if it stands once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} stands twice: {self:?}");
        value
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The head without what differs in each run, for snapshots.
    pub(crate) fn stable_head(&self) -> String {
        let mut head = format!("{} {}\n", self.status, self.reason);
        for (name, value) in &self.headers {
            match name.as_str() {
                "date" | "x-request-id" => head.push_str(&format!("{name}: [...]\n")),
                _ => head.push_str(&format!("{name}: {}\n", redacted(value))),
            }
        }
        head
    }

    /// Reads one response, to the end of the connection.
    pub(crate) fn read(stream: &mut TcpStream, head_only: HeadOnly) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a response comes to its end");
        Self::parse(&bytes, head_only)
    }

    fn parse(bytes: &[u8], head_only: HeadOnly) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no response: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).expect("the head is text");
        let mut lines = head.split("\r\n");
        let status_line = lines.next().expect("there is a status line");
        let mut words = status_line.splitn(3, ' ');
        assert_eq!(words.next(), Some("HTTP/1.1"));
        let status = words.next().and_then(|status| status.parse().ok()).expect("there is a status");
        let reason = words.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("header line {line:?}")))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let response = Self { status, reason, headers, body: bytes[end + 4..].to_vec() };
        match head_only {
            HeadOnly::Yes => assert!(response.body.is_empty(), "{response:?}"),
            HeadOnly::No if status != 304 => {
                let length: Option<usize> =
                    response.header("content-length").and_then(|value| value.parse().ok());
                assert_eq!(length, Some(response.body.len()), "{}", response.stable_head());
            }
            HeadOnly::No => assert!(response.body.is_empty()),
        }
        response
    }
}

/// Whether a body may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadOnly {
    Yes,
    No,
}

/// Connects, with a bound on every wait.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(TIME_LIMIT)).expect("a time limit can be set");
    stream.set_write_timeout(Some(TIME_LIMIT)).expect("a time limit can be set");
    stream
}

/// One request on a connection of its own, its path exactly as given.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    send(address, method, path, headers, &[])
}

/// One request with a body.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut stream = connect(address);
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).expect("the head can be sent");
    stream.write_all(body).expect("the body can be sent");
    Response::read(&mut stream, if method == "HEAD" { HeadOnly::Yes } else { HeadOnly::No })
}

/// The text without digests and token ids, which differ in each run or with each version of a compressor.
pub(crate) fn redacted(text: &str) -> String {
    let mut redacted = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_digit = |character: char| matches!(character, '0'..='9' | 'a'..='f');
        let digits = rest.find(|character| !is_digit(character)).unwrap_or(rest.len());
        match digits {
            64 => redacted.push_str("[sha256]"),
            16 => redacted.push_str("[id]"),
            _ => redacted.push_str(&rest[..digits]),
        }
        let next = rest[digits..].find(is_digit).map_or(rest.len(), |index| digits + index);
        redacted.push_str(&rest[digits..next]);
        rest = &rest[next..];
    }
    redacted
}

//! An object store that speaks S3's protocol: moto's server, and requests to it that no client library makes.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::process::Process;
use crate::python::{Environment, isolate};

/// Where an object store listens that `cargo xtask test` has started: tests then keep what is public there.
const SHARED: &str = "SEALDEX_TEST_BUCKET";

/// moto wants a signature, and looks at no more of it than whose it is.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, \
                             SignedHeaders=host, Signature=00";

/// A running object store. Dropped, it is stopped, if this test has started it.
#[derive(Debug)]
pub struct ObjectStore {
    _process: Option<Process>,
    endpoint: String,
}

/// An answer of the object store.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl ObjectStore {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When moto is not installed, or does not start.
    pub fn start() -> Self {
        let mut command = Command::new(Environment::moto());
        isolate(&mut command).args(["--host", "127.0.0.1", "--port", "0"]);
        let process = Process::start(&mut command);
        let line = process.wait_for_line("Running on http://", Duration::from_secs(60));
        let endpoint = line.split_once("Running on ").expect("it was waited for").1.trim().to_owned();
        Self { _process: Some(process), endpoint }
    }

    /// The one that all tests of this run share, if they are to use one.
    pub fn shared() -> Option<Self> {
        env::var(SHARED).ok().map(|endpoint| Self { _process: None, endpoint })
    }

    /// The one that listens there.
    pub fn at(endpoint: &str) -> Self {
        Self { _process: None, endpoint: endpoint.to_owned() }
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a bucket that no other test has, and gives its name.
    ///
    /// # Panics
    /// When the store does not make it.
    pub fn new_bucket(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("test-{}-{now}-{number}", std::process::id());
        let answer = self.request("PUT", &format!("/{name}"), &[], b"");
        assert_eq!(answer.status, 200, "no bucket: {}", String::from_utf8_lossy(&answer.body));
        name
    }

    /// The object's bytes; `None` where there is none.
    ///
    /// # Panics
    /// When the store answers with anything but 200 and 404.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let answer = self.request("GET", &object_path(bucket, key), &[], b"");
        match answer.status {
            200 => Some(answer.body),
            404 => None,
            status => panic!("status {status} for {key}"),
        }
    }

    /// Puts an object, past everybody.
    ///
    /// # Panics
    /// When the store does not take it.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let answer = self.request("PUT", &object_path(bucket, key), &[], bytes);
        assert_eq!(answer.status, 200, "{key}");
    }

    /// Every key that begins with `prefix`, with its entity tag.
    ///
    /// # Panics
    /// When the store does not list them.
    pub fn list(&self, bucket: &str, prefix: &str) -> Vec<(String, String)> {
        let (mut found, mut from) = (Vec::new(), String::new());
        loop {
            let path = format!("/{bucket}?list-type=2&prefix={}{from}", encoded(prefix));
            let answer = self.request("GET", &path, &[], b"");
            let text = String::from_utf8(answer.body).expect("XML is UTF-8");
            assert_eq!(answer.status, 200, "{text}");
            for object in text.split("<Contents>").skip(1) {
                let tag = element(object, "ETag").unwrap_or_default().replace("&quot;", "");
                found.push((element(object, "Key").unwrap_or_default().to_owned(), tag));
            }
            let Some(token) = element(&text, "NextContinuationToken") else { return found };
            from = format!("&continuation-token={}", encoded(token));
        }
    }

    /// One request, on a connection of its own.
    ///
    /// # Panics
    /// When there is no whole answer.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let host = self.endpoint.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).expect("the object store listens");
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).expect("a time limit");
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        head.push_str(&format!("authorization: {AUTHORIZATION}\r\ncontent-length: {}\r\n", body.len()));
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("a request is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer comes in");
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").expect("an answer has a head");
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        Answer { status, headers, body }
    }
}

/// `/BUCKET/KEY`, percent-encoded.
pub fn object_path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", encoded(key))
}

fn encoded(text: &str) -> String {
    let mut path = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                path.push(char::from(byte));
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

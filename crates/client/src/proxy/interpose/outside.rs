//! The way to a host that is let through: directly, or through the proxy that this machine reaches others by.
//!
//! Which that is say the variables that count for repositories as well: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::fetch::{FetchLimits, is_local};
use crate::name::escaped;

/// Of the head of a proxy's answer.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Knows the proxy of this machine.
#[derive(Debug)]
pub(super) struct Outside(Matcher);

/// A connection to a host, or a tunnel to it.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Outside {
    /// As the environment of this process says.
    pub(super) fn from_environment() -> Self {
        Self(Matcher::from_env())
    }

    /// Connects to the host and port of `url`, within the time that there is for a connection, and for a proxy's answer.
    ///
    /// # Errors
    /// Why not, for whoever asked.
    pub(super) async fn connect(&self, url: &Url, limits: &FetchLimits) -> Result<Box<dyn Duplex>, String> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let proxy = url.as_str().parse::<Uri>().ok().and_then(|uri| self.0.intercept(&uri));
        // As with repositories, no proxy is asked for what is on this machine.
        let connected = match proxy.filter(|_| !is_local(url)) {
            None => dial(host, port, limits.connect).await.map(|stream| Box::new(stream) as Box<dyn Duplex>),
            Some(proxy) => {
                let tunnel = tunnel(&proxy, &format!("{host}:{port}"), limits).await;
                tunnel.map_err(|reason| format!("{host} cannot be reached: {reason}"))
            }
        };
        // Not every tool shows more of it than a number.
        connected.inspect_err(|reason| tracing::error!("{reason}"))
    }
}

async fn dial(host: &str, port: u16, patience: Duration) -> Result<TcpStream, String> {
    // Brackets around an IPv6 address are the URL's.
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(patience, TcpStream::connect((address, port))).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("{host} cannot be reached: {error}")),
        Err(_) => Err(format!("{host} was not reached within {} s", patience.as_secs())),
    }
}

/// A tunnel to `target` through `proxy` (RFC 9110, 9.3.6).
async fn tunnel(proxy: &Intercept, target: &str, limits: &FetchLimits) -> Result<Box<dyn Duplex>, String> {
    // The password that a proxy's URL may hold is not in this one.
    let name = format!("the proxy {}", escaped(proxy.uri().to_string().trim_end_matches('/')));
    if proxy.uri().scheme_str() != Some("http") {
        return Err(format!(
            "{name} is none that is spoken with over plain http, which is all that is possible here"
        ));
    }
    let host = proxy.uri().host().unwrap_or_default();
    let port = proxy.uri().port_u16().unwrap_or(80);
    let stream = dial(host, port, limits.connect).await.map_err(|reason| format!("{name}: {reason}"))?;
    let answer = match timeout(limits.first_byte, ask(stream, proxy, target)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(format!("{name} does not answer as one: {error}")),
        Err(_) => return Err(format!("{name} did not answer within {} s", limits.first_byte.as_secs())),
    };
    match answer.status() {
        status if status.is_success() => match upgrade::on(answer).await {
            Ok(tunnel) => Ok(Box::new(TokioIo::new(tunnel))),
            Err(error) => Err(format!("{name} does not answer as one: {error}")),
        },
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let what = if proxy.basic_auth().is_some() {
                "another user or password"
            } else {
                "a user and a password"
            };
            Err(format!("{name} wants {what}, in its URL: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"))
        }
        status => Err(format!("{name} refuses to connect to {target}: {status}")),
    }
}

/// Asks for the tunnel.
async fn ask(stream: TcpStream, proxy: &Intercept, target: &str) -> Result<Response<Incoming>, io::Error> {
    let mut request = Request::builder().method(Method::CONNECT).uri(target).header(HOST, target);
    if let Some(credentials) = proxy.basic_auth() {
        request = request.header(PROXY_AUTHORIZATION, credentials);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let mut client = http1::Builder::new();
    client.max_buf_size(MAX_HEAD_BYTES);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends with the tunnel, or with whoever waits for the answer.
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn limits() -> FetchLimits {
        let (connect, first_byte) = (Duration::from_secs(10), Duration::from_millis(300));
        FetchLimits { connect, first_byte, ..FetchLimits::metadata() }
    }

    /// A proxy that answers so, once, then sends back what it gets; and what it was asked.
    async fn proxy(answer: Vec<u8>) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap().0;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            // Whoever has had enough hangs up.
            drop(stream.write_all(&answer).await);
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
            String::from_utf8(head).unwrap()
        });
        (port, asked)
    }

    async fn connect(proxy: &str, no_proxy: &str, url: &str) -> Result<Box<dyn Duplex>, String> {
        let outside = Outside(Matcher::builder().https(proxy.to_owned()).no(no_proxy.to_owned()).build());
        outside.connect(&Url::parse(url).unwrap(), &limits()).await
    }

    #[tokio::test]
    async fn a_tunnel_is_asked_for_with_the_password_of_the_url() {
        // What comes with the head of the answer is the host's already.
        let (port, asked) =
            proxy(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nfirst ".to_vec()).await;
        let url = format!("http://user:p%40ss@127.0.0.1:{port}");
        let mut tunnel = connect(&url, "other.example", "https://api.example/").await.unwrap();
        let head = asked.await.unwrap();
        assert!(head.starts_with("CONNECT api.example:443 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("host: api.example:443\r\n"), "{head}");
        assert!(head.contains("proxy-authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
        tunnel.write_all(b"then").await.unwrap();
        let mut back = [0; 10];
        tunnel.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"first then");
    }

    #[tokio::test]
    async fn what_a_proxy_does_wrong_is_told_with_its_name_and_without_its_password() {
        let long = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 64 << 10]].concat();
        for (answer, expected) in [
            (
                &b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n"[..],
                "wants another user or password, in its URL",
            ),
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refuses to connect to api.example:8443: 403 Forbidden"),
            (b"SSH-2.0-x\r\n\r\n", "does not answer as one"),
            (&long, "does not answer as one"),
            (b"HTTP/1.1 200 OK\r\n", "did not answer within 0 s"),
        ] {
            let (port, _asked) = proxy(answer.to_vec()).await;
            let url = format!("http://user:secret@127.0.0.1:{port}");
            let error = connect(&url, "", "https://api.example:8443/").await.err().unwrap();
            let start = format!("api.example cannot be reached: the proxy http://127.0.0.1:{port} ");
            assert!(error.starts_with(&start) && error.contains(expected), "{expected}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let unspoken =
            connect("socks5://proxy.example:1080", "", "https://api.example/").await.err().unwrap();
        assert!(unspoken.contains("socks5://proxy.example:1080 is none"), "{unspoken}");
        let (port, asked) = proxy(Vec::new()).await;
        asked.abort();
        drop(asked.await);
        let away =
            connect(&format!("http://127.0.0.1:{port}"), "", "https://api.example/").await.err().unwrap();
        assert!(away.contains(&format!("the proxy http://127.0.0.1:{port}: 127.0.0.1 cannot be")), "{away}");
    }

    #[tokio::test]
    async fn some_hosts_are_reached_directly() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let nobody = "http://127.0.0.1:9";
        for (no_proxy, host) in [("", "127.0.0.1"), ("", "localhost"), ("localhost", "localhost")] {
            connect(nobody, no_proxy, &format!("https://{host}:{port}/")).await.unwrap();
        }
        // `invalid` is no name that anybody has (RFC 6761).
        let direct = connect(nobody, ".invalid", "https://a.invalid/").await.err().unwrap();
        assert!(direct.starts_with("a.invalid cannot be reached: ") && !direct.contains("proxy"), "{direct}");
    }
}

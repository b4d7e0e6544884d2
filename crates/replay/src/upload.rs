//! Uploading as twine does: a form with the fields that the upload API asks for, over one connection after another.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::Server;
use crate::wheels::Wheel;

const BOUNDARY: &str = "----a-part-of-the-form";

/// A longer answer is a fault.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// One connection, kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    authorization: String,
}

impl Connection {
    pub(crate) async fn open(server: &Server) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address: server.address, authorization: server.authorization.clone() })
    }

    /// Uploads a wheel: it is published when this returns.
    pub(crate) async fn upload(&mut self, wheel: &Wheel) -> anyhow::Result<()> {
        let body = form(wheel);
        let Self { address, authorization, .. } = self;
        let mut request = format!(
            "POST /legacy/ HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\nContent-Type: \
             multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        self.stream.write_all(&request).await?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        let end = loop {
            if let Some(end) = length(&answer)? {
                break end;
            }
            self.read(&mut answer, &mut buffer).await?;
        };
        while answer.len() < end {
            self.read(&mut answer, &mut buffer).await?;
        }
        ensure!(
            answer.starts_with(b"HTTP/1.1 200 "),
            "{} was refused: {}",
            wheel.filename,
            String::from_utf8_lossy(&answer)
        );
        Ok(())
    }

    async fn read(&mut self, answer: &mut Vec<u8>, buffer: &mut [u8]) -> anyhow::Result<()> {
        let read = self.stream.read(buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        ensure!(answer.len() + read <= MAX_ANSWER_BYTES, "the server does not stop answering");
        answer.extend_from_slice(&buffer[..read]);
        Ok(())
    }
}

fn form(wheel: &Wheel) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        ("name", wheel.project.as_str()),
        ("version", &wheel.version),
        ("sha256_digest", &wheel.sha256),
    ] {
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\nContent-Type: \
         application/octet-stream\r\n\r\n",
        wheel.filename
    ));
    let mut body = body.into_bytes();
    body.extend_from_slice(&wheel.bytes);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Bytes of the whole answer, once its head is complete.
fn length(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&answer[..head])?.to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    Ok(Some(head + 4 + body.context("the server gave no length")?.trim().parse::<usize>()?))
}

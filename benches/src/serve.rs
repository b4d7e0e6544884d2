//! How many index pages a second one server hands out over loopback.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sealdex_repository::layout::BinStyle;
use sealdex_server::{Server, ServerConfig};
use sealdex_simple::ProjectName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::figures::{Row, Spread};
use crate::scene::Scene;

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
const FILES: usize = 300;

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::new(BinStyle::Succinct, 8).await?;
    for version in 0..FILES {
        scene.submit_version("served", &format!("1.{version}")).await?;
    }
    scene.process.publish_pending().await?;
    let listen = "127.0.0.1:0".parse()?;
    let server =
        Server::bind(scene.repository.clone(), ServerConfig { listen, ..ServerConfig::default() }).await?;
    let address = server.local_addr();
    let serving = tokio::spawn(server.run(std::future::pending()));
    let page = scene.repository.project_page(&ProjectName::parse("served")?).await?.context("no page")?;
    ensure!(page.page.files.len() == FILES, "the page lists {} files", page.page.files.len());
    let kilobytes = page.json.len() / 1000;
    let mut rows = Vec::new();
    for (name, accept) in [("JSON", "application/vnd.pypi.simple.v1+json"), ("HTML", "text/html")] {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(round(address, accept).await?);
        }
        rows.push(Row::new(
            format!("serve a {name} page of {FILES} files ({kilobytes} KB as JSON)"),
            "requests/s",
            Spread::of(rates),
            None,
        ));
    }
    serving.abort();
    Ok(rows)
}

/// Requests a second over several keep-alive connections.
async fn round(address: SocketAddr, accept: &'static str) -> anyhow::Result<f64> {
    let start = Instant::now();
    let workers: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(worker(address, accept, start + ROUND))).collect();
    let mut total = 0;
    for worker in workers {
        total += worker.await??;
    }
    Ok(f64::from(total) / start.elapsed().as_secs_f64())
}

async fn worker(address: SocketAddr, accept: &str, until: Instant) -> anyhow::Result<u32> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /simple/served/ HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n");
    let mut buffer = vec![0; 1 << 20];
    let mut answered = 0;
    while Instant::now() < until {
        stream.write_all(request.as_bytes()).await?;
        let mut filled = 0;
        let end = loop {
            let read = stream.read(&mut buffer[filled..]).await?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
            if let Some(end) = response_length(&buffer[..filled])? {
                break end;
            }
        };
        while filled < end {
            let read = stream.read(&mut buffer[filled..]).await?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
        }
        answered += 1;
        ensure!(end > FILES * 100, "the answer has {end} bytes only");
    }
    Ok(answered)
}

/// Bytes of the whole response, once its head is complete.
fn response_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head])?.to_ascii_lowercase();
    ensure!(text.starts_with("http/1.1 200"), "the server answered {text}");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    Ok(Some(head + 4 + length.context("the server gave no length")?.trim().parse::<usize>()?))
}

//! How many index pages a second one server hands out over loopback, beside nginx with the same bytes as files.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    let nginx = Nginx::start(&scene.directory("nginx")?, &page.json, page.page.to_html().as_bytes()).await?;
    let mut rows = Vec::new();
    let forms = [("JSON", JSON, "index.json"), ("HTML", "text/html", "index.html")];
    for (name, accept, file) in forms {
        let job = format!("serve a {name} page of {FILES} files ({kilobytes} KB as JSON)");
        let ours = rounds(address, "/simple/served/", accept).await?;
        rows.push(Row::new(job.clone(), "requests/s", ours, None));
        if let Some(nginx) = &nginx {
            let theirs = rounds(nginx.address, &format!("/{file}"), accept).await?;
            let ratio = ours.median() / theirs.median();
            let job = format!("{job}: nginx, the same bytes as a file (Sealdex has {ratio:.2} of it)");
            rows.push(Row::new(job, "requests/s", theirs, None));
        }
    }

    let stop = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn(publish_until(scene, Arc::clone(&stop)));
    let busy = rounds(address, "/simple/served/", JSON).await?;
    stop.store(true, Ordering::Relaxed);
    let published = publishing.await??;
    let job = format!(
        "serve the JSON page while {published} files are published in {} s",
        ROUND.as_secs() * ROUNDS as u64
    );
    rows.push(Row::new(job, "requests/s", busy, None));
    serving.abort();
    Ok(rows)
}

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// Publishes a file fifty milliseconds after the one before: as PyPI's busiest moments do.
async fn publish_until(mut scene: Scene, stop: Arc<AtomicBool>) -> anyhow::Result<u32> {
    let mut published = 0;
    while !stop.load(Ordering::Relaxed) {
        scene.submit(&format!("stream{published}")).await?;
        scene.process.publish_pending().await?;
        published += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(published)
}

/// nginx with two files.
struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    /// `None`, and a word about it, where nginx is not installed.
    async fn start(folder: &Path, json: &[u8], html: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(program) = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
            .into_iter()
            .find(|program| Path::new(program).exists())
        else {
            eprintln!("nginx is not installed (apt install nginx-light): NOT MEASURED beside it");
            return Ok(None);
        };
        fs::write(folder.join("index.json"), json)?;
        fs::write(folder.join("index.html"), html)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let place = folder.display();
        // As fast as it gets with files: sendfile, open files kept, no log.
        let configuration = format!(
            "daemon off; master_process on; worker_processes auto; pid {place}/nginx.pid; error_log {place}/error.log;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
             open_file_cache max=10; client_body_temp_path {place}/b; proxy_temp_path {place}/p;\n\
             fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n\
             server {{ listen {address}; root {place}; }} }}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration)?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .context("cannot start nginx")?;
        let this = Self { child, address };
        for _ in 0..100 {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Some(this));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("nginx does not listen at {address}")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master takes the workers with it on SIGQUIT alone.
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::QUIT);
        let _ = self.child.wait();
    }
}

async fn rounds(address: SocketAddr, path: &str, accept: &'static str) -> anyhow::Result<Spread> {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        rates.push(round(address, path, accept).await?);
    }
    Ok(Spread::of(rates))
}

/// Requests a second over several keep-alive connections.
async fn round(address: SocketAddr, path: &str, accept: &'static str) -> anyhow::Result<f64> {
    let start = Instant::now();
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(worker(address, path.to_owned(), accept, start + ROUND)))
        .collect();
    let mut total = 0;
    for worker in workers {
        total += worker.await??;
    }
    Ok(f64::from(total) / start.elapsed().as_secs_f64())
}

async fn worker(address: SocketAddr, path: String, accept: &str, until: Instant) -> anyhow::Result<u32> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n");
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

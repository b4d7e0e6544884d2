//! The server that is measured: the shipped binary in a process of its own.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Opening a repository of PyPI's size takes a moment.
const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// The kernel counts CPU time in these.
const TICKS_A_SECOND: f64 = 100.0;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The value of `Authorization`.
    pub(crate) authorization: String,
    pub(crate) root: PathBuf,
}

/// What the server's process has taken so far.
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_bytes: u64,
}

impl Server {
    pub(crate) async fn start(sealdex: &Path, repository: &Path) -> anyhow::Result<Self> {
        let authorization = authorization(sealdex, repository)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(sealdex)
            .args(["serve", "--listen", &address.to_string(), "--repository"])
            .arg(repository)
            .env("SEALDEX_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the server")?;
        let root = repository.join("public/metadata/1.root.json");
        let mut this = Self { child, address, authorization, root };
        for _ in 0..START.as_millis() / LOOK.as_millis() {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(this);
            }
            if let Some(status) = this.child.try_wait()? {
                bail!("the server ended ({status})");
            }
            sleep(LOOK).await;
        }
        bail!("the server does not listen at {address}")
    }

    pub(crate) fn cost(&self) -> anyhow::Result<Cost> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(folder.join("status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kibibytes: u64 = peak.split_whitespace().next().context("the kernel names no peak")?.parse()?;
        let stat = fs::read_to_string(folder.join("stat"))?;
        // After the name in parentheses; times of user and system are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| -> anyhow::Result<f64> {
            Ok(fields.get(at).context("the kernel names no CPU time")?.parse()?)
        };
        Ok(Cost { cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_A_SECOND, peak_bytes: kibibytes * 1024 })
    }

    /// Asks it to stop; it publishes what is left and ends without a fault.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        ensure!(Command::new("kill").arg(id).status()?.success(), "the server could not be stopped");
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already when all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn authorization(sealdex: &Path, repository: &Path) -> anyhow::Result<String> {
    let output = Command::new(sealdex)
        .args(["--format", "json", "token", "create", "--repository"])
        .arg(repository)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start sealdex")?;
    ensure!(output.status.success(), "no token was made");
    let token: Value = serde_json::from_slice(&output.stdout)?;
    let token = token["token"].as_str().context("there is no token in the answer")?;
    Ok(format!("Basic {}", STANDARD.encode(format!("__token__:{token}"))))
}

//! How long it takes from the start of the process until its proxy is ready.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::time::{ClockId, clock_gettime};
use sealdex_repository::layout::BinStyle;
use sealdex_server::{Server, ServerConfig};
use sealdex_testkit::internet::Internet;

use crate::figures::{Row, Spread};
use crate::scene::Scene;

const RUNS: usize = 30;

/// Where Linux systems keep the authorities that they trust, in one file.
const CERTIFICATES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The word that has this program say when it was started: what a run is ready for.
pub(crate) const CHILD: &str = "started";

pub(crate) fn run_child() -> anyhow::Result<()> {
    println!("{}", now()?.as_nanos());
    Ok(())
}

/// The same clock in every process of the machine.
fn now() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::Monotonic).try_into()?)
}

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::new(BinStyle::Succinct, 8).await?;
    scene.submit("alpha").await?;
    scene.process.publish_pending().await?;
    let listen = "127.0.0.1:0".parse()?;
    let server =
        Server::bind(scene.repository.clone(), ServerConfig { listen, ..ServerConfig::default() }).await?;
    let url = format!("http://{}/", server.local_addr());
    let serving = tokio::spawn(server.run(std::future::pending()));
    let (folder, root) = (scene.directory("user")?, scene.place.path().join(ROOT));
    let rows = tokio::task::spawn_blocking(move || {
        let internet = Internet::start(&[("index.example", &url)]);
        User { folder, root, internet }.measure(&url)
    });
    let rows = rows.await??;
    serving.abort();
    Ok(rows)
}

const ROOT: &str = "repository/public/metadata/1.root.json";

/// A user who trusts the repository over plain http and over TLS.
struct User {
    folder: PathBuf,
    root: PathBuf,
    internet: Internet,
}

impl User {
    fn measure(&self, url: &str) -> anyhow::Result<Vec<Row>> {
        self.write_certificates()?;
        for (name, url) in [("plain", url), ("tls", "https://index.example/")] {
            let mut trust = self.sealdex(&["trust", "add", name, url, "--root"])?;
            let status = trust.arg(&self.root).stdout(Stdio::null()).status()?;
            ensure!(status.success(), "sealdex trust add {name} {url}: {status}");
        }
        let own = std::env::current_exe()?;
        let own = own.to_str().context("this program's path is no text")?;
        let jobs: [(&str, &[&str]); 3] = [
            ("`sealdex run`, repository on plain http, to the command's start", &["--from", "plain"]),
            ("`sealdex run`, repository on TLS, to the command's start", &["--from", "tls"]),
            ("`sealdex run --offline`, to the command's start", &["--from", "plain", "--offline"]),
        ];
        let mut rows = Vec::new();
        for (name, options) in jobs {
            let words = [&["run"], options, &["--", own, CHILD]].concat();
            let times = (0..RUNS).map(|_| self.until_command(&words)).collect::<anyhow::Result<Vec<_>>>()?;
            rows.push(Row::new(name, "ms", Spread::milliseconds(&times), None));
        }
        let times = (0..RUNS).map(|_| self.until_proxy()).collect::<anyhow::Result<Vec<_>>>()?;
        rows.push(Row::new("`sealdex proxy`, until it listens", "ms", Spread::milliseconds(&times), None));
        Ok(rows)
    }

    /// This machine's authorities, and that of the invented host.
    fn write_certificates(&self) -> anyhow::Result<()> {
        let system = CERTIFICATES.iter().find_map(|file| fs::read_to_string(file).ok());
        let own = fs::read_to_string(self.internet.authorities())?;
        fs::write(self.certificates(), system.unwrap_or_default() + &own)?;
        Ok(())
    }

    fn certificates(&self) -> PathBuf {
        self.folder.join("certificates.pem")
    }

    /// The binary that was built beside this one.
    fn sealdex(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?.with_file_name("sealdex"));
        self.internet.lead(&mut command).args(words).env("SSL_CERT_FILE", self.certificates());
        for (name, folder) in
            [("SEALDEX_TRUST_DIR", "trust"), ("SEALDEX_CACHE_DIR", "cache"), ("XDG_CONFIG_HOME", "config")]
        {
            command.env(name, self.folder.join(folder));
        }
        Ok(command)
    }

    /// From the start of the process to that of the command it runs.
    fn until_command(&self, words: &[&str]) -> anyhow::Result<Duration> {
        let mut command = self.sealdex(words)?;
        let start = now()?;
        let output = command.stderr(Stdio::inherit()).output()?;
        let nanoseconds = String::from_utf8(output.stdout)?;
        let ready = Duration::from_nanos(nanoseconds.trim().parse().context("the command did not start")?);
        Ok(ready.saturating_sub(start))
    }

    /// From the start of the process to the line that says that it listens.
    fn until_proxy(&self) -> anyhow::Result<Duration> {
        let mut command = self.sealdex(&["proxy", "--from", "plain", "--listen", "127.0.0.1:0"])?;
        let start = now()?;
        let mut proxy = command.stderr(Stdio::piped()).spawn()?;
        let stderr = proxy.stderr.take().context("standard error is piped")?;
        let line = BufReader::new(stderr).lines().next().context("the proxy said nothing")??;
        let ready = now()?;
        proxy.kill()?;
        proxy.wait()?;
        ensure!(line.contains("verifying"), "{line}");
        Ok(ready.saturating_sub(start))
    }
}

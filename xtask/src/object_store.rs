//! The object store that tests run over: moto's server, for as long as they do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// The variable that tells tests that everything public is to go there.
pub(crate) const VARIABLE: &str = "SEALDEX_TEST_BUCKET";

/// What the tests sign with: moto takes any credentials, and nobody's own are to be used.
pub(crate) const CREDENTIALS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")];

/// A running object store. Dropped, it is stopped.
pub(crate) struct ObjectStore {
    process: Child,
    pub(crate) endpoint: String,
}

impl ObjectStore {
    /// Starts one on a free port of the loopback interface.
    pub(crate) fn start(environment: &Path) -> Result<Self> {
        let server = environment.join("s3/bin/moto_server");
        let mut command = Command::new(&server);
        command.args(["--host", "127.0.0.1", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(Stdio::piped()).spawn();
        let process = process.with_context(|| format!("cannot start {}", server.display()))?;
        let mut this = Self { process, endpoint: String::new() };
        let stderr = this.process.stderr.take().context("moto's standard error is piped")?;
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut said = Vec::new();
        for line in lines.by_ref() {
            if let Some((_, endpoint)) = line.split_once("Running on ") {
                this.endpoint = endpoint.trim().to_owned();
                // It writes a line for each request, and must not wait for a reader.
                thread::spawn(move || lines.for_each(drop));
                return Ok(this);
            }
            said.push(line);
        }
        bail!(
            "moto's server did not start, and the tests over an object store were not run: {}",
            said.join("; ")
        )
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

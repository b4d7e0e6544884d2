//! Fetching over HTTP: bounded in bytes and in time.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Fetches files below one base URL.
pub(crate) struct Fetcher {
    agent: ureq::Agent,
    base: String,
}

impl Fetcher {
    /// Fetches below `base`.
    pub(crate) fn new(base: &str) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(TIME_LIMIT)).build().new_agent();
        Self { agent, base: base.trim_end_matches('/').to_owned() }
    }

    /// The file at `path`, percent-encoded already; `None` where the repository has none. Reads at most one byte more
    /// than `max_bytes`, so that what is longer is seen to be.
    pub(crate) fn fetch(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        let url = format!("{}/{path}", self.base);
        let mut response = match self.agent.get(&url).call() {
            Ok(response) => response,
            // Object stores say 403 for what is not there.
            Err(ureq::Error::StatusCode(403 | 404)) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{url} cannot be fetched")),
        };
        let mut bytes = Vec::new();
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        body.take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .with_context(|| format!("{url} cannot be read to its end"))?;
        Ok(Some(bytes))
    }
}

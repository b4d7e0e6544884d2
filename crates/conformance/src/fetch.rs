//! Fetching over HTTP: bounded in bytes, before decompression and after, and in time.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Bytes that a gzip stream may have beyond twice those it carries: more than the worst sensible encoder needs, so that
/// only a stream of endless nothing meets the limit.
const GZIP_OVERHEAD_BYTES: u64 = 4096;

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

    /// The file at `path`, percent-encoded already; `None` where the repository has none. Gives at most one byte more
    /// than `max_bytes`, so that what is longer is seen to be: bytes of the file, however it is encoded on the way.
    pub(crate) fn fetch(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        let url = format!("{}/{path}", self.base);
        let mut response = match self.agent.get(&url).header("Accept-Encoding", "gzip").call() {
            Ok(response) => response,
            // Object stores say 403 for what is not there.
            Err(ureq::Error::StatusCode(403 | 404)) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{url} cannot be fetched")),
        };
        let coding =
            response.headers().get("Content-Encoding").map(|value| value.as_bytes().to_ascii_lowercase());
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        let file: Box<dyn Read> = match coding.as_deref() {
            None | Some(b"" | b"identity") => Box::new(body),
            Some(b"gzip" | b"x-gzip") => {
                let max_encoded_bytes = max_bytes.saturating_mul(2).saturating_add(GZIP_OVERHEAD_BYTES);
                Box::new(MultiGzDecoder::new(body.take(max_encoded_bytes)))
            }
            Some(other) => bail!("{url} is encoded as {}, which was not asked for", other.escape_ascii()),
        };
        let mut bytes = Vec::new();
        file.take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .with_context(|| format!("{url} cannot be read to its end"))?;
        Ok(Some(bytes))
    }
}

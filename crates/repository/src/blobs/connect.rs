//! The client of an object store: its settings, credentials, connections and patience.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector, SpawnService};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use tokio::runtime::{Handle, Runtime};

use crate::error::Error;
use crate::settings::BucketSettings;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(5);

/// How long nothing may come in while an answer, or more of it, is waited for; sending a part of a file included.
const SILENCE: Duration = Duration::from_secs(20);

/// How often a request is made again that failed in a way that may pass, and how long that goes on.
const MAX_RETRIES: usize = 4;
const RETRY: Duration = Duration::from_secs(20);

/// Threads for connections; the work on what comes and goes is done elsewhere.
const THREADS: usize = 2;

/// The region that is signed for where none is set: what stores without regions expect.
const REGION: &str = "us-east-1";

/// A runtime of its own: blocking code and any other runtime can wait for what goes on in it.
#[derive(Debug)]
pub(super) struct Background(Option<Runtime>);

impl Background {
    pub(super) fn start() -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("sealdex-bucket")
            .enable_all()
            .build()
            .map_err(Error::io("start threads for", "the object store"))?;
        Ok(Self(Some(runtime)))
    }

    /// Where to spawn; `None` while this is dropped.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Also from within another runtime, which must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// One client that tries again and one, for removals, that does not.
pub(super) struct Clients {
    pub(super) store: AmazonS3,
    pub(super) once: AmazonS3,
}

/// Makes clients; connects to nothing yet. Credentials come from the environment: `AWS_ACCESS_KEY_ID` and
/// `AWS_SECRET_ACCESS_KEY` (`AWS_SESSION_TOKEN`), a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`), a
/// container's or an instance's role.
pub(super) fn connect(settings: &BucketSettings, background: &Handle) -> Result<Clients, Error> {
    // One provider for the whole process; when another part has chosen already, that choice stands.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let build = |max_retries| {
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&settings.name)
            .with_region(settings.region.as_deref().unwrap_or(REGION))
            .with_retry(RetryConfig { backoff: backoff(), max_retries, retry_timeout: RETRY })
            .with_disable_bulk_delete(true)
            .with_http_connector(Connector { background: background.clone() });
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        builder.build().map_err(|error| Error::Bucket {
            action: "connect to",
            object: settings.to_string(),
            source: Arc::new(error),
        })
    };
    Ok(Clients { store: build(MAX_RETRIES)?, once: build(0)? })
}

fn backoff() -> BackoffConfig {
    BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(3),
        ..BackoffConfig::default()
    }
}

/// Makes connections as the rest of this program does: TLS by rustls, and no redirects.
#[derive(Debug)]
struct Connector {
    background: Handle,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("sealdex/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .http1_only()
            .pool_idle_timeout(Duration::from_secs(20))
            .build()
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(HttpClient::new(SpawnService::new(client, self.background.clone())))
    }
}

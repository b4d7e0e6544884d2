//! Listens, accepts, and stops without breaking off what is under way.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use sealdex_repository::Repository;
use sealdex_tuf::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::config::ServerConfig;
use crate::error::Error;
use crate::guarded_stream::GuardedStream;
use crate::health::WriterHealth;

/// How often samples of histograms are folded together: they are kept one by one until then.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
const HEAD_BYTES: u32 = 64 * 1024;

/// A server that listens.
///
/// It serves, and takes uploads in; a [`SnapshotProcess`](sealdex_repository::SnapshotProcess), in this process or
/// another, publishes them. One in this process has to run until [`Server::run`] has returned, since uploads in flight
/// wait for it.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    repository: Repository,
    config: ServerConfig,
    clock: Arc<dyn Clock>,
    development: bool,
    writer: WriterHealth,
}

impl Server {
    /// Starts to listen; connections wait until [`Server::run`].
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Setting`] for a limit of 0, and [`Error::Repository`].
    pub async fn bind(repository: Repository, config: ServerConfig) -> Result<Self, Error> {
        if config.connections.max_connections == 0 {
            return Err(Error::Setting {
                setting: "connections.max_connections",
                reason: "must be at least 1",
            });
        }
        if config.uploads.max_concurrent == 0 {
            return Err(Error::Setting { setting: "uploads.max_concurrent", reason: "must be at least 1" });
        }
        let listen_error = |source| Error::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let development = repository.is_development().await?;
        let clock = Arc::new(jiff::Timestamp::now);
        let writer = WriterHealth::new();
        Ok(Self { listener, address, repository, config, clock, development, writer })
    }

    /// The same server with another clock: what `/healthz` and `/metrics` compare expiries with.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The address listened on, with the port that was free where port 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the owner of a snapshot process in this program says how it is; `/healthz` answers accordingly.
    #[must_use]
    pub fn writer_health(&self) -> WriterHealth {
        self.writer.clone()
    }

    /// Serves until `shutdown` is ready. Then no connection is accepted any more, requests in flight get
    /// [`ServerConfig::shutdown_grace_seconds`] to finish, and what is left is cut off.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, address, repository, config, clock, development, writer } = self;
        tracing::info!(%address, development, "listening");
        let app = App::new(repository, config, clock, development, writer);
        let upkeep = tokio::spawn(keep_up(Arc::clone(&app)));
        let connections = Arc::new(Semaphore::new(app.config.connections.max_connections));
        let graceful = GracefulShutdown::new();
        let router = crate::router::router(Arc::clone(&app));
        let mut tasks = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &connections) => accepted,
                Some(ended) = tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection ended by a fault of this program");
                    }
                    continue;
                }
                () = &mut shutdown => break,
            };
            if let Some((stream, permit)) = accepted {
                tasks.spawn(serve(stream, permit, Arc::clone(&app), router.clone(), graceful.watcher()));
            }
        }
        drop(listener);
        let grace = app.config.shutdown_grace();
        tracing::info!(connections = tasks.len(), grace_seconds = grace.as_secs(), "stopping");
        if timeout(grace, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were cut off at the end of the grace time");
        }
        tasks.shutdown().await;
        upkeep.abort();
        tracing::info!("stopped");
    }
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // Too many open files, or a client that is gone already: accepting again at once would spin.
            tracing::warn!(%error, "cannot accept a connection");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn serve(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    app: Arc<App>,
    router: Router,
    watcher: Watcher,
) {
    let _open = app.metrics.connection_opened();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let stream = TokioIo::new(GuardedStream::new(stream, app.config.stall()));
    let builder = connection_builder(&app.config);
    let connection = builder.serve_connection(stream, TowerToHyperService::new(router)).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        // Clients that hang up or send nonsense: their matter.
        tracing::debug!(%error, "connection ended");
    }
    drop(permit);
}

/// HTTP/1.1, and HTTP/2 to clients that begin with it (prior knowledge).
fn connection_builder(config: &ServerConfig) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let head_time = Duration::from_secs(config.connections.head_seconds.max(1));
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(head_time)
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(100)
        .max_header_list_size(HEAD_BYTES);
    builder
}

async fn keep_up(app: Arc<App>) {
    loop {
        sleep(UPKEEP_INTERVAL).await;
        app.metrics.upkeep();
    }
}

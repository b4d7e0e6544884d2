//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sealdex_repository::{BlobName, Repository};
use sealdex_tuf::Clock;
use tokio::sync::Semaphore;

use crate::cache::BoundedCache;
use crate::config::ServerConfig;
use crate::deltas::Deltas;
use crate::generation::GenerationWatch;
use crate::health::WriterHealth;
use crate::immutable::ImmutableFiles;
use crate::metrics::Metrics;
use crate::page_cache::PageCache;
use crate::project_list::ProjectListCache;
use crate::status_cache::StatusCache;
use crate::stored_file::MAX_LENGTHS_BYTES;
use crate::timestamp_cache::TimestampCache;

/// What all requests share.
pub(crate) struct App {
    pub(crate) repository: Repository,
    pub(crate) config: ServerConfig,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether the repository's keys are for development, which every response says.
    pub(crate) development: bool,
    pub(crate) writer: WriterHealth,
    pub(crate) metrics: Metrics,
    pub(crate) pages: PageCache,
    pub(crate) project_list: ProjectListCache,
    pub(crate) timestamp: TimestampCache,
    /// Metadata by version, pages by digest, core metadata.
    pub(crate) immutable: ImmutableFiles,
    /// How long files in a bucket are.
    pub(crate) lengths: BoundedCache<BlobName, u64>,
    pub(crate) deltas: Deltas,
    pub(crate) status: StatusCache,
    /// Places for uploads that are being received.
    pub(crate) uploads: Arc<Semaphore>,
    requests: AtomicU64,
}

impl App {
    pub(crate) fn new(
        repository: Repository,
        config: ServerConfig,
        clock: Arc<dyn Clock>,
        development: bool,
        writer: WriterHealth,
    ) -> Arc<Self> {
        let watch = GenerationWatch::new(repository.blobs());
        // Numbers of one run follow each other; those of another begin elsewhere.
        let first_request = u64::try_from(clock.now().as_microsecond()).unwrap_or_default() << 8;
        Arc::new(Self {
            clock,
            development,
            writer,
            metrics: Metrics::new(),
            pages: PageCache::new(watch.clone(), config.max_page_cache_bytes),
            project_list: ProjectListCache::new(watch.clone()),
            timestamp: TimestampCache::new(watch, repository.blobs().clone()),
            immutable: ImmutableFiles::new(repository.blobs().clone(), config.max_metadata_cache_bytes),
            lengths: BoundedCache::new(MAX_LENGTHS_BYTES),
            deltas: Deltas::new(config.max_delta_cache_bytes),
            status: StatusCache::default(),
            uploads: Arc::new(Semaphore::new(config.uploads.max_concurrent)),
            requests: AtomicU64::new(first_request),
            repository,
            config,
        })
    }

    /// A number for a request, to find its lines in the log.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }
}

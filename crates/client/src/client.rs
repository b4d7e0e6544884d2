//! What all sessions of a process share: limits, clock, HTTP connections, cache.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealdex_simple::PageLimits;
use sealdex_tuf::{Clock, Limits};

use crate::cache::FileCache;
use crate::error::Error;
use crate::fetch::{FetchLimits, HttpFetcher, authorities, check_proxies};
use crate::policy::Policies;
use crate::store::directories;

/// Bounds and places. Start from [`ClientSettings::new`] and change what is to differ.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Where verified files are kept: `CACHE/files/sha256/aa/DIGEST`.
    pub cache_directory: PathBuf,
    /// Bytes the cache may hold; the files used longest ago are removed beyond them.
    pub max_cache_bytes: u64,
    /// Bounds of one transfer of metadata or of a page.
    pub metadata_fetch: FetchLimits,
    /// Bounds of one transfer of a file.
    pub file_fetch: FetchLimits,
    /// Bounds of metadata.
    pub metadata: Limits,
    /// Bounds of a page.
    pub page: PageLimits,
    /// Bytes of one file (a wheel, a source distribution, a target).
    pub max_file_bytes: u64,
    /// Bytes of one core metadata file (PEP 658).
    pub max_core_metadata_bytes: u64,
    /// For all metadata of one refresh together, and likewise of one lookup. Waiting for another process does not count.
    pub update_total: Duration,
    /// How long to wait for another process that is refreshing the same repository.
    pub lock_wait: Duration,
    /// A PEM file with certificate authorities that https servers may have their certificates from, beside those that this
    /// machine trusts.
    pub ca_file: Option<PathBuf>,
    /// What may be installed of what verifies.
    pub policies: Policies,
}

impl ClientSettings {
    /// The defaults, with the cache in this folder.
    #[must_use]
    pub fn new(cache_directory: impl Into<PathBuf>) -> Self {
        Self {
            cache_directory: cache_directory.into(),
            max_cache_bytes: 4 << 30,
            metadata_fetch: FetchLimits::metadata(),
            file_fetch: FetchLimits::files(),
            metadata: Limits::default(),
            page: PageLimits::default(),
            max_file_bytes: 16 << 30,
            max_core_metadata_bytes: 5 << 20,
            update_total: Duration::from_secs(600),
            lock_wait: Duration::from_secs(60),
            ca_file: None,
            policies: Policies::default(),
        }
    }

    /// The longest that the proxy can be silent towards an installer: it refreshes, looks a page up, fetches it, looks
    /// the file up and fetches it whole, each within its bound.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let updates = self.update_total.saturating_mul(3).saturating_add(self.lock_wait);
        updates.saturating_add(self.metadata_fetch.total).saturating_add(self.file_fetch.total)
    }

    /// The file in which a user sets limits: `$XDG_CONFIG_HOME/sealdex/client.toml`, else
    /// `~/.config/sealdex/client.toml`. This crate does not read it.
    ///
    /// # Errors
    /// [`Error::NoHome`]
    pub fn default_settings_file() -> Result<PathBuf, Error> {
        Ok(directories::user_folder("XDG_CONFIG_HOME", ".config")?.join("client.toml"))
    }

    /// The file of the user's own policy, in the same folder. This crate does not read it.
    ///
    /// # Errors
    /// [`Error::NoHome`]
    pub fn default_policy_file() -> Result<PathBuf, Error> {
        Ok(directories::user_folder("XDG_CONFIG_HOME", ".config")?.join("policy.toml"))
    }

    /// The user's cache folder: `$XDG_CACHE_HOME/sealdex`, else `~/.cache/sealdex`.
    ///
    /// # Errors
    /// [`Error::NoHome`]
    pub fn default_cache_directory() -> Result<PathBuf, Error> {
        directories::user_folder("XDG_CACHE_HOME", ".cache")
    }
}

/// Limits, clock, HTTP connections and cache. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    settings: ClientSettings,
    clock: Arc<dyn Clock>,
    fetcher: HttpFetcher,
    cache: FileCache,
}

impl Client {
    /// Makes a client; opens no connection. Binaries pass `Arc::new(jiff::Timestamp::now)` as clock.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::NotADirectory`] for the cache folder; [`Error::Io`] or [`Error::Authorities`] for the file
    /// with certificate authorities.
    pub fn new(settings: ClientSettings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let authorities = settings.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), authorities::read)?;
        check_proxies(|name| std::env::var_os(name))?;
        let fetcher = HttpFetcher::new(settings.metadata_fetch.connect, authorities);
        let cache = FileCache::open(&settings.cache_directory, settings.max_cache_bytes)?;
        Ok(Self { shared: Arc::new(Shared { settings, clock, fetcher, cache }) })
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &ClientSettings {
        &self.shared.settings
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        self.shared.clock.now()
    }

    /// The HTTP connections.
    #[must_use]
    pub fn fetcher(&self) -> &HttpFetcher {
        &self.shared.fetcher
    }

    /// The verified files on this machine.
    #[must_use]
    pub fn cache(&self) -> &FileCache {
        &self.shared.cache
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

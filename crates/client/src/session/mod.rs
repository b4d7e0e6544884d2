//! One consistent snapshot of a repository.

mod download;
mod metadata;
mod page;
mod refresh;
mod search;

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use sealdex_simple::ProjectName;
use sealdex_simple::layout::index_page_target_path;
use sealdex_tuf::{TargetPath, VerifiedTarget};
use url::Url;

use crate::bound::Bound;
use crate::client::Client;
use crate::error::Error;
use crate::fetch::{Dictionary, Fetch, Fetched, Kind, Packing, Redirects};
use crate::name::Sha256Digest;
use crate::store::RepositoryStore;
use crate::trust::TrustedRepository;
use page::{Pages, digest_of};
use refresh::{Network, Refreshed, refresh};
use search::Searches;

pub use page::{SignedBy, VerifiedPage};

/// Pages looked up at the same time by one call: an installation of fifty packages is one wave.
const MAX_LOOKUPS: usize = 50;

/// One consistent, verified snapshot of one repository: what a whole installation is made from. Cheap to clone; any
/// number of tasks may use it at once.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    repository: TrustedRepository,
    store: RepositoryStore,
    network: Network,
    searches: Searches,
    pages: Pages,
    versions: RoleVersions,
    expires: Timestamp,
    timestamp_expires: Timestamp,
    started_at: Timestamp,
    clock_behind: SignedDuration,
}

/// The versions of a snapshot's top-level roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleVersions {
    /// Version of root.
    pub root: u64,
    /// Version of timestamp.
    pub timestamp: u64,
    /// Version of snapshot.
    pub snapshot: u64,
    /// Version of targets.
    pub targets: u64,
}

impl Session {
    /// Brings the trusted state up to date (TUF specification 5.1 to 5.6) and holds on to it. Another process that
    /// refreshes the same repository is waited for.
    ///
    /// # Errors
    /// Whatever the repository did wrong; what was trusted before stays trusted.
    pub async fn refresh(client: &Client, repository: &TrustedRepository) -> Result<Self, Error> {
        Self::begin(client, repository, Network::Online).await
    }

    /// The state of the last refresh, without asking the network; pages and files as far as they have been kept.
    /// Call it only when the user has asked for it by name: what happened since is not known.
    ///
    /// # Errors
    /// [`Error::Offline`] or [`Error::Verification`] when the state is missing, damaged or has expired.
    pub async fn offline(client: &Client, repository: &TrustedRepository) -> Result<Self, Error> {
        Self::begin(client, repository, Network::Offline).await
    }

    async fn begin(client: &Client, repository: &TrustedRepository, network: Network) -> Result<Self, Error> {
        let store = repository.store();
        let Refreshed { updater, clock_behind } =
            refresh(client, &store, repository.record(), network).await?;
        let trusted = updater.trusted().ok_or(Error::Task { task: "refresh" })?;
        let versions = RoleVersions {
            root: trusted.root().common.version.number(),
            timestamp: trusted.timestamp().common.version.number(),
            snapshot: trusted.snapshot().common.version.number(),
            targets: trusted.targets().common.version.number(),
        };
        let (expires, started_at) = (trusted.expires(), trusted.started_at());
        let timestamp_expires = trusted.timestamp().common.expires;
        let snapshot = trusted.snapshot().bytes().clone();
        tracing::debug!(repository = %repository.name(), ?versions, %expires, "refreshed");
        Ok(Self {
            shared: Arc::new(Shared {
                client: client.clone(),
                repository: repository.clone(),
                store,
                network,
                searches: Searches::new(updater, snapshot),
                pages: Pages::default(),
                versions,
                expires,
                timestamp_expires,
                started_at,
                clock_behind,
            }),
        })
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &TrustedRepository {
        &self.shared.repository
    }

    /// The versions of the top-level roles.
    #[must_use]
    pub fn versions(&self) -> RoleVersions {
        self.shared.versions
    }

    /// When the first of the top-level roles expires.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.shared.expires
    }

    /// When the timestamp expires: whoever holds the repository's updates back can do so until then.
    #[must_use]
    pub fn timestamp_expires(&self) -> Timestamp {
        self.shared.timestamp_expires
    }

    /// The fixed time this snapshot was verified at (5.1): that of the clock, or of the last refresh if it is later.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.shared.started_at
    }

    /// How far this machine's clock is behind the last refresh, whose time then counts instead; zero when it is not. A
    /// clock that far off lets a stale state pass as a fresh one: tell the user.
    #[must_use]
    pub fn clock_behind(&self) -> SignedDuration {
        self.shared.clock_behind
    }

    /// Whether this is the state of an earlier refresh, and the network is not asked.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.shared.network == Network::Offline
    }

    /// Searches a target through the delegations (5.6.7). `None`: verified metadata says that there is none.
    ///
    /// # Errors
    /// Metadata of a delegated role cannot be fetched or does not verify. Other searches go on unharmed.
    pub async fn target(&self, path: &TargetPath) -> Result<Option<VerifiedTarget>, Error> {
        let Shared { client, repository, store, network, searches, .. } = &*self.shared;
        searches.run(client, store, repository.record(), *network, path).await
    }

    /// A project's page. `None`: verified metadata says that there is no such project.
    ///
    /// # Errors
    /// As [`Session::target`]; the page does not verify, or is not a page of this project.
    pub async fn page(&self, project: &ProjectName) -> Result<Option<Arc<VerifiedPage>>, Error> {
        let cell = self.shared.pages.cell(project);
        cell.get_or_try_init(|| self.load_page(project)).await.cloned()
    }

    async fn load_page(&self, project: &ProjectName) -> Result<Option<Arc<VerifiedPage>>, Error> {
        let path = TargetPath::parse(index_page_target_path(project))?;
        let Some(target) = self.target(&path).await? else { return Ok(None) };
        let max_bytes = self.shared.client.settings().page.max_page_bytes as u64;
        let bytes = self.read_page(&target, max_bytes).await?;
        VerifiedPage::verify(self, project, &target, &bytes).map(|page| Some(Arc::new(page)))
    }

    /// The pages of many projects, in the order of their names here: as few round trips as one page takes, since all are
    /// looked up at the same time.
    ///
    /// # Errors
    /// As [`Session::page`], of the first that fails.
    pub async fn pages(&self, projects: &[ProjectName]) -> Result<Vec<Option<Arc<VerifiedPage>>>, Error> {
        let lookups: Vec<_> = projects.iter().map(|project| self.page(project)).collect();
        stream::iter(lookups).buffered(MAX_LOOKUPS).try_collect().await
    }

    /// The bytes of a page: what is kept, or else what is fetched, as a delta from the page kept last if may be.
    async fn read_page(&self, target: &VerifiedTarget, max_bytes: u64) -> Result<Vec<u8>, Error> {
        let digest = digest_of(target);
        if let Some(kept) = self.kept(target, digest, max_bytes, Some(Bound::MaxPageBytes)).await? {
            return Ok(kept);
        }
        let cache = self.shared.client.cache();
        let url = self.repository().record().targets_url.file(&target.path().url_path(None))?;
        let older = cache.latest_page(url.as_str(), Dictionary::MAX_BYTES as u64).await;
        // Under the name that consistent snapshots give it.
        let older = older.and_then(|(digest, bytes)| Dictionary::new(&format!("{digest}.index.json"), bytes));
        let packing = older.as_ref().map_or(Packing::Packed, Packing::Delta);
        let mut fetched = self.fetch(target, packing).await?;
        if let Err(error) = target.verify(&fetched.bytes) {
            if !fetched.from_delta {
                return Err(error.into());
            }
            tracing::info!(%error, "a page from a delta does not verify; fetching the whole");
            fetched = self.fetch(target, Packing::Packed).await?;
            target.verify(&fetched.bytes)?;
        }
        if let Some(digest) = digest {
            cache.keep_page(url.as_str(), digest, &fetched.bytes).await;
        }
        Ok(fetched.bytes)
    }

    /// The bytes of a target, for targets small enough to hold in memory. They are kept in the cache.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `max_bytes`; the bytes do not verify, or cannot be fetched.
    pub async fn read_target(&self, target: &VerifiedTarget, max_bytes: u64) -> Result<Vec<u8>, Error> {
        let digest = digest_of(target);
        if let Some(kept) = self.kept(target, digest, max_bytes, None).await? {
            return Ok(kept);
        }
        let fetched = self.fetch(target, Packing::Plain).await?;
        target.verify(&fetched.bytes)?;
        if let Some(digest) = digest {
            self.shared.client.cache().keep(digest, &fetched.bytes).await;
        }
        Ok(fetched.bytes)
    }

    /// The bytes of a target as they are kept, verified now.
    async fn kept(
        &self,
        target: &VerifiedTarget,
        digest: Option<Sha256Digest>,
        max_bytes: u64,
        bound: Option<Bound>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let length = target.file().length;
        if length > max_bytes {
            return Err(Error::TooLarge { file: target.path().to_string(), length, limit: max_bytes, bound });
        }
        let Some(digest) = digest else { return Ok(None) };
        let kept = self.shared.client.cache().read(digest, length).await;
        Ok(kept.filter(|kept| target.verify(kept).is_ok()))
    }

    /// Downloads a target to `destination`, which appears there whole and verified or not at all.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; the bytes do not verify or cannot be fetched; or [`Error::Io`].
    pub async fn download_target(&self, target: &VerifiedTarget, destination: &Path) -> Result<(), Error> {
        let settings = self.shared.client.settings();
        let (length, limit) = (target.file().length, settings.max_file_bytes);
        if length > limit {
            let (file, bound) = (target.path().to_string(), Some(Bound::MaxFileBytes));
            return Err(Error::TooLarge { file, length, limit, bound });
        }
        if let Some(digest) = digest_of(target)
            && let Some(kept) = self.shared.client.cache().open_file(digest, length).await
        {
            return download::copy(kept, destination).await;
        }
        let url = self.url_of(target)?;
        let fetch = self.fetch_of(target, &url, Kind::File, Packing::Plain);
        let transfer = self.shared.client.fetcher().open(fetch).await?.ok_or_else(|| missing(target))?;
        download::to_file(transfer, target.check()?, destination).await
    }

    async fn fetch(&self, target: &VerifiedTarget, packing: Packing<'_>) -> Result<Fetched, Error> {
        let url = self.url_of(target)?;
        let fetch = self.fetch_of(target, &url, Kind::Metadata, packing);
        self.shared.client.fetcher().bytes(fetch).await?.ok_or_else(|| missing(target))
    }

    fn url_of(&self, target: &VerifiedTarget) -> Result<Url, Error> {
        if self.is_offline() {
            return Err(Error::Offline { file: target.path().to_string() });
        }
        self.repository().record().targets_url.file(&target.url_path())
    }

    fn fetch_of<'a>(
        &'a self,
        target: &VerifiedTarget,
        url: &'a Url,
        kind: Kind,
        packing: Packing<'a>,
    ) -> Fetch<'a> {
        let settings = self.shared.client.settings();
        Fetch {
            url,
            max_bytes: target.file().length,
            bound: None,
            kind,
            limits: match kind {
                Kind::Metadata => &settings.metadata_fetch,
                Kind::File => &settings.file_fetch,
            },
            redirects: Redirects::AnyHost,
            packing,
        }
    }
}

fn missing(target: &VerifiedTarget) -> Error {
    sealdex_tuf::Error::Missing { file: target.path().to_string() }.into()
}

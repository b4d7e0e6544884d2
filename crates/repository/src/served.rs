//! What is served: the snapshot that `timestamp.json` makes the current one, and its pages, kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealdex_simple::layout::index_page_target_path;
use sealdex_simple::{CoreMetadata, FileName, IndexPage, PageLimits, ProjectList, ProjectName};
use sealdex_tuf::TargetPath;
use sealdex_tuf::digest::HashAlgorithm;
use sealdex_tuf::metadata::{Timestamp, Unverified};

use crate::blobs::{BlobName, Blobs, Generation};
use crate::error::Error;
use crate::page::{PublishedFile, PublishedPage, PublishedSidecar};
use crate::repository::Repository;
use crate::store::{PageRow, rows};

/// Bytes of pages kept in memory; a page counts about three times, as bytes and as values.
const MAX_CACHED_BYTES: usize = 64 * 1024 * 1024;

/// No page that clients read comes near this.
const MAX_PAGE_BYTES: u64 = 256 * 1024 * 1024;

/// Changes whenever another snapshot is served, by whichever process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    own_publications: u64,
    generation: Option<Generation>,
}

/// Pages in memory. A page is looked up in the database once a generation, and read from disk once a version.
#[derive(Debug, Default)]
pub(crate) struct PageCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    pages: HashMap<ProjectName, (Served, Arc<PublishedPage>)>,
    bytes: usize,
}

impl PageCache {
    fn lookup(&self, project: &ProjectName) -> Option<(Served, Arc<PublishedPage>)> {
        self.lock().pages.get(project).cloned()
    }

    fn put(&self, project: ProjectName, served: Served, page: Arc<PublishedPage>) {
        let mut cached = self.lock();
        if cached.bytes.saturating_add(page.json.len()) > MAX_CACHED_BYTES {
            *cached = Cached::default();
        }
        cached.bytes += page.json.len();
        if let Some((_, replaced)) = cached.pages.insert(project, (served, page)) {
            cached.bytes -= replaced.json.len();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cached> {
        // A panic between lock and unlock can at most miscount bytes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The timestamp that is served, parsed and not verified: this is our own store.
pub(crate) fn served_timestamp(blobs: &Blobs) -> Result<Timestamp, Error> {
    let bytes = blobs.read(&BlobName::timestamp())?;
    Ok(Unverified::<Timestamp>::parse(&bytes)?.unverified_metadata().clone())
}

impl Repository {
    /// A project's page as it is signed and served; `None` for a project that never had a file. From memory, but for
    /// the first time after a publication.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Io`], or [`Error::State`] when the page that is served is not the one that was signed.
    pub async fn project_page(&self, project: &ProjectName) -> Result<Option<Arc<PublishedPage>>, Error> {
        let served = self.served();
        let cached = self.pages().lookup(project);
        if let Some((_, page)) = cached.as_ref().filter(|(of, _)| *of == served) {
            return Ok(Some(Arc::clone(page)));
        }
        let mut look = self.store().look().await?;
        let Some(row) = rows::page(&mut look, project.as_str()).await? else { return Ok(None) };
        drop(look);
        let page = match cached {
            Some((_, page)) if page.sha256 == row.sha256 => page,
            _ => Arc::new(self.read_page(project, row).await?),
        };
        self.pages().put(project.clone(), served, Arc::clone(&page));
        Ok(Some(page))
    }

    /// Every project with a page. Takes a database query: cache what is made of it.
    ///
    /// # Errors
    /// [`Error::Database`], or [`Error::Simple`] for a name that is none.
    pub async fn projects(&self) -> Result<ProjectList, Error> {
        let mut read = self.store().read().await?;
        let names = rows::projects(&mut read).await?;
        let projects =
            names.iter().map(|name| Ok(ProjectName::parse(name)?)).collect::<Result<_, Error>>()?;
        Ok(ProjectList { projects })
    }

    /// A file of a project's published page.
    ///
    /// # Errors
    /// As [`Repository::project_page`].
    pub async fn file(&self, project: &ProjectName, filename: &str) -> Result<Option<PublishedFile>, Error> {
        let Ok(filename) = FileName::parse(filename) else { return Ok(None) };
        let Some(page) = self.project_page(project).await? else { return Ok(None) };
        let Some(listed) = page.page.file(filename.as_str()) else { return Ok(None) };
        let missing = |what: &str| Error::State { reason: format!("the page of {project} lists no {what}") };
        let sha256 = listed.hashes.get("sha256").ok_or_else(|| missing("sha256"))?;
        let sidecar = match &listed.core_metadata {
            CoreMetadata::Hashes(hashes) => {
                let key = BlobName::sidecar(project, &filename, sha256);
                let length = self.blobs().fetch_length(&key).await?;
                let sha256 = hashes.get("sha256").ok_or_else(|| missing("sha256 of metadata"))?.clone();
                Some(PublishedSidecar { name: key, sha256, length })
            }
            CoreMetadata::Absent | CoreMetadata::Present => None,
        };
        Ok(Some(PublishedFile {
            name: BlobName::distribution(project, &filename, sha256),
            sha256: sha256.clone(),
            length: listed.size.ok_or_else(|| missing("size"))?,
            sidecar,
        }))
    }

    fn served(&self) -> Served {
        let own_publications = self.public().own_publications();
        Served { own_publications, generation: self.blobs().generation() }
    }

    async fn read_page(&self, project: &ProjectName, row: PageRow) -> Result<PublishedPage, Error> {
        let target = TargetPath::parse(index_page_target_path(project))?;
        let key = BlobName::target(&target, &row.sha256)?;
        let json = self.blobs().fetch(&key, MAX_PAGE_BYTES).await?;
        let json = json.ok_or(Error::TooLarge { what: "a page", limit: MAX_PAGE_BYTES })?;
        let name = project.clone();
        crate::disk::blocking(move || {
            let found = HashAlgorithm::Sha256.hex_digest(&json);
            if found != row.sha256 {
                let reason = format!("{key} has sha256 {found}");
                return Err(Error::State { reason });
            }
            let page = IndexPage::from_json(&json, &PageLimits::default())?;
            if page.name != name {
                return Err(Error::State { reason: format!("the page of {name} is of {}", page.name) });
            }
            let PageRow { sha256, serial, published_at, .. } = row;
            Ok(PublishedPage { json: json.into(), sha256, page, serial, published_at })
        })
        .await
    }
}

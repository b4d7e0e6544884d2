//! Project pages in the forms they are sent in.

use std::sync::Arc;

use http::HeaderValue;
use sealdex_repository::{Error, PublishedPage, Repository};
use sealdex_simple::{ContentType, IndexFile, ProjectName};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::cache::BoundedCache;
use crate::document::Document;
use crate::generation::{GenerationWatch, Stamp};
use crate::protocol::conditional::EntityTag;

/// Pages by project. A page asked for again is looked up in memory, as long as nothing was published; after a
/// publication it is read once more, and prepared once more only if it changed.
#[derive(Debug)]
pub(crate) struct PageCache {
    watch: GenerationWatch,
    pages: BoundedCache<ProjectName, (Stamp, Arc<PreparedPage>)>,
}

/// A page and what is made of it when it is first asked for.
#[derive(Debug)]
pub(crate) struct PreparedPage {
    published: Arc<PublishedPage>,
    serial: HeaderValue,
    json: Arc<Document>,
    html: OnceCell<Arc<Document>>,
    legacy_html: OnceCell<Arc<Document>>,
}

impl PageCache {
    pub(crate) fn new(watch: GenerationWatch, max_bytes: u64) -> Self {
        Self { watch, pages: BoundedCache::new(max_bytes) }
    }

    /// The page of a project, as it is published; `None` where there is none.
    pub(crate) async fn page(
        &self,
        repository: &Repository,
        project: &ProjectName,
    ) -> Result<Option<Arc<PreparedPage>>, Error> {
        let now = self.watch.stamp();
        let kept = self.pages.value(project);
        if let Some((stamp, page)) = &kept
            && stamp.covers(&now)
        {
            return Ok(Some(Arc::clone(page)));
        }
        let Some(published) = repository.project_page(project).await? else { return Ok(None) };
        let page = match kept {
            Some((_, page)) if page.published.sha256 == published.sha256 => page,
            _ => Arc::new(PreparedPage::new(published)?),
        };
        self.pages.keep(project.clone(), (now, Arc::clone(&page)), page.held_bytes());
        Ok(Some(page))
    }
}

impl PreparedPage {
    fn new(published: Arc<PublishedPage>) -> Result<Self, Error> {
        let tag = EntityTag::from_sha256(&published.sha256)
            .ok_or_else(|| Error::State { reason: "a page's sha256 is not 64 hexadecimal digits".into() })?;
        let bytes = bytes::Bytes::from_owner(Arc::clone(&published.json));
        Ok(Self {
            serial: HeaderValue::from(published.serial),
            json: Document::new(ContentType::JsonV1.as_header_value(), tag, bytes),
            html: OnceCell::new(),
            legacy_html: OnceCell::new(),
            published,
        })
    }

    /// The number of the project's last change.
    pub(crate) fn serial(&self) -> HeaderValue {
        self.serial.clone()
    }

    /// A file of the page.
    pub(crate) fn file(&self, filename: &str) -> Option<&IndexFile> {
        self.published.page.file(filename)
    }

    /// The page in one of its forms. JSON is the exact bytes that are signed.
    pub(crate) async fn document(&self, content_type: ContentType) -> Option<Arc<Document>> {
        match content_type {
            ContentType::JsonV1 => Some(Arc::clone(&self.json)),
            ContentType::HtmlV1 => self.html(&self.html, ContentType::HtmlV1).await,
            ContentType::LegacyHtml => self.html(&self.legacy_html, ContentType::LegacyHtml).await,
        }
    }

    async fn html(&self, cell: &OnceCell<Arc<Document>>, content_type: ContentType) -> Option<Arc<Document>> {
        let make = || async {
            let published = Arc::clone(&self.published);
            let html = spawn_blocking(move || published.page.to_html()).await.map_err(drop)?;
            let tag = EntityTag::from_sha256(&self.published.sha256).ok_or(())?;
            Ok::<_, ()>(html_document(content_type, &tag, html))
        };
        // It can fail at shutdown alone.
        cell.get_or_try_init(make).await.ok().cloned()
    }

    fn held_bytes(&self) -> u64 {
        const BYTES_PER_FILE: u64 = 1024;
        // The page as it was read, and both forms of HTML, which are about as long as the JSON.
        let files = self.published.page.files.len() as u64;
        self.json.held_bytes().saturating_mul(3).saturating_add(files.saturating_mul(BYTES_PER_FILE))
    }
}

/// A page or list in HTML: another representation of what `tag` stands for.
pub(crate) fn html_document(content_type: ContentType, tag: &EntityTag, html: String) -> Arc<Document> {
    let (name, content_type) = match content_type {
        // Text in UTF-8, which the type leaves open.
        ContentType::LegacyHtml => ("html", "text/html; charset=utf-8"),
        other => ("v1html", other.as_header_value()),
    };
    Document::new(content_type, tag.variant(name), html)
}

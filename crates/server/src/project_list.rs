//! The list of all projects in the forms it is sent in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealdex_repository::{Error, Repository};
use sealdex_simple::ContentType;
use sealdex_tuf::digest::sha256;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::document::Document;
use crate::generation::{GenerationWatch, Stamp};
use crate::page_cache::html_document;
use crate::protocol::conditional::EntityTag;

/// A list that took this long to make is made anew only now and then: that of a large index takes a second, and
/// something is published all the time.
const CHEAP: Duration = Duration::from_millis(50);
const COST_FACTOR: u32 = 20;
const MAX_STALENESS: Duration = Duration::from_secs(600);

/// The list, made again after a publication.
#[derive(Debug)]
pub(crate) struct ProjectListCache {
    watch: GenerationWatch,
    list: Mutex<Option<PreparedList>>,
}

#[derive(Clone, Debug)]
struct PreparedList {
    stamp: Stamp,
    made: Instant,
    cost: Duration,
    json: Arc<Document>,
    html: Arc<Document>,
    legacy_html: Arc<Document>,
}

impl ProjectListCache {
    pub(crate) fn new(watch: GenerationWatch) -> Self {
        Self { watch, list: Mutex::new(None) }
    }

    /// The list in one of its forms.
    pub(crate) async fn document(
        &self,
        repository: &Repository,
        content_type: ContentType,
    ) -> Result<Arc<Document>, Error> {
        let mut kept = self.list.lock().await;
        let now = self.watch.stamp();
        let list = match &*kept {
            Some(list) if list.stamp.covers(&now) || list.is_dear_enough() => list.clone(),
            _ => kept.insert(make(repository, now).await?).clone(),
        };
        Ok(match content_type {
            ContentType::JsonV1 => list.json,
            ContentType::HtmlV1 => list.html,
            ContentType::LegacyHtml => list.legacy_html,
        })
    }
}

impl PreparedList {
    /// Whether making it again so soon would cost more than its freshness is worth.
    fn is_dear_enough(&self) -> bool {
        self.cost > CHEAP && self.made.elapsed() < (self.cost * COST_FACTOR).min(MAX_STALENESS)
    }
}

async fn make(repository: &Repository, stamp: Stamp) -> Result<PreparedList, Error> {
    let start = Instant::now();
    let list = repository.projects().await?;
    let made = spawn_blocking(move || {
        let json = list.to_json();
        let html = list.to_html();
        let digest = hex::encode(sha256(&json));
        let tag = EntityTag::from_sha256(&digest)?;
        Some((
            html_document(ContentType::HtmlV1, &tag, html.clone()),
            html_document(ContentType::LegacyHtml, &tag, html),
            Document::new(ContentType::JsonV1.as_header_value(), tag, json),
        ))
    });
    // Neither a panic nor a digest of another length happens; a shutdown does.
    let (html, legacy_html, json) = made.await.ok().flatten().ok_or(Error::Interrupted)?;
    Ok(PreparedList { stamp, made: Instant::now(), cost: start.elapsed(), json, html, legacy_html })
}

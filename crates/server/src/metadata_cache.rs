//! Metadata files in memory, gzip made once: a snapshot is half a megabyte, and every client asks for it.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use sealdex_tuf::digest::sha256;
use tokio::task::spawn_blocking;

use crate::cache::BoundedCache;
use crate::document::Document;
use crate::generation::{GenerationWatch, Stamp};
use crate::protocol::conditional::EntityTag;

/// Files above this are not held in memory.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Metadata by file name.
#[derive(Debug)]
pub(crate) struct MetadataCache {
    watch: GenerationWatch,
    versioned: BoundedCache<String, Arc<Document>>,
    timestamp: RwLock<Option<(Stamp, Arc<Document>)>>,
}

impl MetadataCache {
    pub(crate) fn new(watch: GenerationWatch, max_bytes: u64) -> Self {
        Self { watch, versioned: BoundedCache::new(max_bytes), timestamp: RwLock::default() }
    }

    /// A file that never changes under its name; `None` where it is too long to be held.
    pub(crate) async fn versioned(&self, name: &str, path: PathBuf) -> io::Result<Option<Arc<Document>>> {
        if let Some(document) = self.versioned.value(name) {
            return Ok(Some(document));
        }
        let Some(document) = read(path).await? else { return Ok(None) };
        self.versioned.keep(name.to_owned(), Arc::clone(&document), document.held_bytes());
        Ok(Some(document))
    }

    /// `timestamp.json`
    pub(crate) async fn timestamp(&self, path: PathBuf) -> io::Result<Option<Arc<Document>>> {
        let now = self.watch.stamp();
        if let Some((stamp, document)) = &*self.timestamp.read().unwrap_or_else(PoisonError::into_inner)
            && stamp.covers(&now)
        {
            return Ok(Some(Arc::clone(document)));
        }
        let Some(document) = read(path).await? else { return Ok(None) };
        let kept = Some((now, Arc::clone(&document)));
        *self.timestamp.write().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(Some(document))
    }
}

async fn read(path: PathBuf) -> io::Result<Option<Arc<Document>>> {
    spawn_blocking(move || {
        if std::fs::metadata(&path)?.len() > MAX_FILE_BYTES {
            return Ok(None);
        }
        let bytes = std::fs::read(path)?;
        let tag = EntityTag::from_sha256(&hex::encode(sha256(&bytes)));
        Ok(tag.map(|tag| Document::new("application/json", tag, bytes)))
    })
    .await?
}

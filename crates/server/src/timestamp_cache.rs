//! The timestamp in memory: every client asks for it, every time.

use std::sync::{Arc, PoisonError, RwLock};

use sealdex_repository::{BlobName, Blobs, Error};

use crate::document::Document;
use crate::generation::{GenerationWatch, Stamp};
use crate::immutable;

/// `timestamp.json`, read once for each publication.
#[derive(Debug)]
pub(crate) struct TimestampCache {
    watch: GenerationWatch,
    blobs: Blobs,
    kept: RwLock<Option<(Stamp, Arc<Document>)>>,
    reading: tokio::sync::Mutex<()>,
}

impl TimestampCache {
    pub(crate) fn new(watch: GenerationWatch, blobs: Blobs) -> Self {
        Self { watch, blobs, kept: RwLock::default(), reading: tokio::sync::Mutex::default() }
    }

    /// The timestamp; `None` where it is too long to be held.
    pub(crate) async fn document(&self) -> Result<Option<Arc<Document>>, Error> {
        let now = self.watch.stamp();
        if let Some((stamp, document)) = &*self.kept.read().unwrap_or_else(PoisonError::into_inner)
            && stamp.covers(&now)
        {
            return Ok(Some(Arc::clone(document)));
        }
        // One asks a bucket; those who come meanwhile wait for it.
        let _reading = self.reading.lock().await;
        if let Some((stamp, document)) = &*self.kept.read().unwrap_or_else(PoisonError::into_inner)
            && stamp.covers(&now)
        {
            return Ok(Some(Arc::clone(document)));
        }
        let now = self.watch.stamp();
        let file = immutable::read(&self.blobs, &BlobName::timestamp(), "application/json").await?;
        let Some(file) = file else { return Ok(None) };
        let kept = Some((now, Arc::clone(&file.document)));
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(Some(file.document))
    }
}

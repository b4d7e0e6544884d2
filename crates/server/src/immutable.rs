//! Files that never change under their name, in memory with their packed forms.

use std::sync::Arc;

use bytes::Bytes;
use sealdex_repository::{BlobName, Blobs, Error};
use sealdex_tuf::digest::sha256;

use crate::cache::BoundedCache;
use crate::document::Document;
use crate::protocol::conditional::EntityTag;

/// Files above this are not held in memory.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// A file in memory.
#[derive(Debug)]
pub(crate) struct HeldFile {
    pub(crate) sha256: [u8; 32],
    pub(crate) document: Arc<Document>,
}

/// Immutable files by their name.
#[derive(Debug)]
pub(crate) struct ImmutableFiles {
    blobs: Blobs,
    held: BoundedCache<BlobName, Arc<HeldFile>>,
}

impl ImmutableFiles {
    pub(crate) fn new(blobs: Blobs, max_bytes: u64) -> Self {
        Self { blobs, held: BoundedCache::new(max_bytes) }
    }

    /// The file; `None` where it is too long to be held.
    pub(crate) async fn file(
        &self,
        name: &BlobName,
        content_type: &'static str,
    ) -> Result<Option<Arc<HeldFile>>, Error> {
        if let Some(file) = self.held.value(name) {
            return Ok(Some(file));
        }
        let Some(file) = read(&self.blobs, name, content_type).await? else { return Ok(None) };
        let file = Arc::new(file);
        self.held.keep(name.clone(), Arc::clone(&file), file.document.held_bytes());
        Ok(Some(file))
    }
}

/// Reads a file; `None` where it is too long to be held.
pub(crate) async fn read(
    blobs: &Blobs,
    name: &BlobName,
    content_type: &'static str,
) -> Result<Option<HeldFile>, Error> {
    let Some(bytes) = blobs.fetch(name, MAX_FILE_BYTES).await? else { return Ok(None) };
    let bytes = Bytes::from(bytes);
    let sha256 = sha256(&bytes);
    let tag = EntityTag::from_sha256(&hex::encode(sha256));
    Ok(tag.map(|tag| HeldFile { sha256, document: Document::new(content_type, tag, bytes) }))
}

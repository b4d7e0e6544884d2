//! Files that never change under their name, in memory with their packed forms.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sealdex_tuf::digest::sha256;
use tokio::task::spawn_blocking;

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

/// Immutable files by their path on disk.
#[derive(Debug)]
pub(crate) struct ImmutableFiles(BoundedCache<PathBuf, Arc<HeldFile>>);

impl ImmutableFiles {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self(BoundedCache::new(max_bytes))
    }

    /// The file; `None` where it is too long to be held.
    pub(crate) async fn file(
        &self,
        path: PathBuf,
        content_type: &'static str,
    ) -> io::Result<Option<Arc<HeldFile>>> {
        if let Some(file) = self.0.value(&path) {
            return Ok(Some(file));
        }
        let Some(file) = read(path.clone(), content_type).await? else { return Ok(None) };
        let file = Arc::new(file);
        self.0.keep(path, Arc::clone(&file), file.document.held_bytes());
        Ok(Some(file))
    }
}

/// Reads a file; `None` where it is too long to be held.
pub(crate) async fn read(path: PathBuf, content_type: &'static str) -> io::Result<Option<HeldFile>> {
    spawn_blocking(move || {
        let found = std::fs::metadata(&path)?;
        if !found.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if found.len() > MAX_FILE_BYTES {
            return Ok(None);
        }
        let bytes = Bytes::from(std::fs::read(path)?);
        let sha256 = sha256(&bytes);
        let tag = EntityTag::from_sha256(&hex::encode(sha256));
        Ok(tag.map(|tag| HeldFile { sha256, document: Document::new(content_type, tag, bytes) }))
    })
    .await?
}

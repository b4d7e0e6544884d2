//! Deltas from older versions of a file (RFC 9842): made once, for whoever has the older one.
//!
//! Nothing is searched for: the client repeats the name under which it got the older version, and the digest of what it
//! has must be that of the file of this name. Where anything is amiss, it gets what everybody gets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::cache::BoundedCache;
use crate::document::Delta;
use crate::immutable::{HeldFile, ImmutableFiles};
use crate::packing::{self, MAX_DELTA_BYTES};
use crate::protocol::dictionary::Available;
use crate::protocol::encoding::{Coding, accepted};

/// Deltas made at the same time.
const PLACES: usize = 2;
/// Longest wait for one of them; a plain answer is better than a late one.
const PATIENCE: Duration = Duration::from_millis(250);
/// What a delta takes in memory beside its bytes, about.
const OVERHEAD_BYTES: u64 = 256;

/// SHA-256 of the older version and of the newer one.
type Pair = ([u8; 32], [u8; 32]);

/// `None` inside where a delta is no shorter than the whole.
type Cell = Arc<OnceCell<Option<Bytes>>>;

/// The deltas made so far.
#[derive(Debug)]
pub(crate) struct Deltas {
    kept: BoundedCache<Pair, Cell>,
    places: Arc<Semaphore>,
}

impl Deltas {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { kept: BoundedCache::new(max_bytes), places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// The delta that a request can be answered with. `older` is the path of the file that the client names, if that can
    /// be an older version of the one it asks for.
    pub(crate) async fn requested(
        &self,
        request: &HeaderMap,
        files: &ImmutableFiles,
        file: &HeldFile,
        older: impl FnOnce(&str) -> Option<PathBuf>,
    ) -> Option<Delta> {
        let available = Available::of(request)?;
        if !accepted(request).contains(&Coding::Dcz) || available.sha256 == file.sha256 {
            return None;
        }
        let older = files.file(older(&available.id)?, file.document.content_type()).await.ok()??;
        if older.sha256 != available.sha256 {
            return None;
        }
        self.between(&older, file).await
    }

    async fn between(&self, older: &HeldFile, newer: &HeldFile) -> Option<Delta> {
        if older.document.bytes().len().max(newer.document.bytes().len()) > MAX_DELTA_BYTES {
            return None;
        }
        let pair = (older.sha256, newer.sha256);
        let cell = self.kept.value(&pair).unwrap_or_else(|| {
            let cell = Cell::default();
            self.kept.keep(pair, Arc::clone(&cell), OVERHEAD_BYTES);
            cell
        });
        // Whoever asks for the same meanwhile waits for it. That there is no place is not remembered.
        let delta = cell.get_or_try_init(|| self.make(pair, &cell, older, newer)).await.ok()?.clone()?;
        Some(Delta { bytes: delta, dictionary: older.sha256 })
    }

    async fn make(
        &self,
        pair: Pair,
        cell: &Cell,
        older: &HeldFile,
        newer: &HeldFile,
    ) -> Result<Option<Bytes>, ()> {
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(drop)?.map_err(drop)?;
        let whole = newer.document.packed(Coding::Zstd).await.ok_or(())?;
        let (dictionary, bytes) = (older.document.bytes().clone(), newer.document.bytes().clone());
        let made = spawn_blocking(move || {
            let delta = packing::dcz(&dictionary, &pair.0, &bytes);
            drop(place);
            delta
        });
        let delta = made.await.map_err(drop)?.map_err(drop)?;
        let delta = (delta.len() < whole.len()).then_some(delta);
        let length = delta.as_ref().map_or(0, |delta| delta.len() as u64);
        self.kept.keep(pair, Arc::clone(cell), OVERHEAD_BYTES + length);
        Ok(delta)
    }
}

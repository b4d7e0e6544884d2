//! Deltas from older versions of a file (RFC 9842): made once, for whoever has the older one.
//!
//! Nothing is searched for: the client repeats the name under which it got the older version, and the digest of what it
//! has must be that of the file of this name. Where anything is amiss, it gets what everybody gets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use sealdex_repository::BlobName;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::cache::BoundedCache;
use crate::document::Delta;
use crate::immutable::{HeldFile, ImmutableFiles};
use crate::packing::{self, MAX_DELTA_BYTES};
use crate::protocol::dictionary::Available;
use crate::protocol::encoding::{Coding, accepted};

/// Deltas made at the same time, and those that wait for it as well.
const PLACES: usize = 2;
const QUEUE: usize = 64;
/// Longest wait for one of them; a plain answer is better than a late one, and the next request finds it made.
const PATIENCE: Duration = Duration::from_millis(250);
/// A delta with less than this part of the file's length is not compared with the file packed by itself.
const SURELY_SHORTER: usize = 32;
/// What a delta takes in memory beside its bytes, about.
const OVERHEAD_BYTES: u64 = 256;

/// SHA-256 of the older version and of the newer one.
type Pair = ([u8; 32], [u8; 32]);

/// `None` inside where a delta is no shorter than the whole.
type Cell = Arc<OnceCell<Option<Bytes>>>;

/// The deltas made so far.
#[derive(Debug)]
pub(crate) struct Deltas {
    kept: Arc<BoundedCache<Pair, Cell>>,
    queue: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Deltas {
    pub(crate) fn new(max_bytes: u64) -> Self {
        let kept = Arc::new(BoundedCache::new(max_bytes));
        Self { kept, queue: Arc::new(Semaphore::new(QUEUE)), places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// The delta that a request can be answered with. `older` is the name of the file that the client names, if that can
    /// be an older version of the one it asks for.
    pub(crate) async fn requested(
        &self,
        request: &HeaderMap,
        files: &ImmutableFiles,
        file: &Arc<HeldFile>,
        older: impl FnOnce(&str) -> Option<BlobName>,
    ) -> Option<Delta> {
        let available = Available::of(request)?;
        if !accepted(request).contains(&Coding::Dcz) || available.sha256 == file.sha256 {
            return None;
        }
        let older = files.file(&older(&available.id)?, file.document.content_type()).await.ok()??;
        if older.sha256 != available.sha256 {
            return None;
        }
        self.between(older, Arc::clone(file)).await
    }

    async fn between(&self, older: Arc<HeldFile>, newer: Arc<HeldFile>) -> Option<Delta> {
        if older.document.bytes().len().max(newer.document.bytes().len()) > MAX_DELTA_BYTES {
            return None;
        }
        let (pair, dictionary) = ((older.sha256, newer.sha256), older.sha256);
        let cell = self.kept.value(&pair).unwrap_or_else(|| {
            let cell = Cell::default();
            self.kept.keep(pair, Arc::clone(&cell), OVERHEAD_BYTES);
            cell
        });
        if let Some(made) = cell.get() {
            return made.clone().map(|bytes| Delta { bytes, dictionary });
        }
        let waiting = Arc::clone(&self.queue).try_acquire_owned().ok()?;
        let (kept, places) = (Arc::clone(&self.kept), Arc::clone(&self.places));
        // A task of its own: it goes on when this client has waited long enough, or has gone.
        let making = tokio::spawn(async move {
            let _waiting = waiting;
            // Whoever asks for the same meanwhile waits for it.
            let made = cell.get_or_try_init(|| make(&places, &older, &newer)).await.ok()?.clone();
            let length = made.as_ref().map_or(0, |delta| delta.len() as u64);
            kept.keep(pair, Arc::clone(&cell), OVERHEAD_BYTES + length);
            made
        });
        let bytes = timeout(PATIENCE, making).await.ok()?.ok()??;
        Some(Delta { bytes, dictionary })
    }
}

/// Makes a delta, if it is shorter than the whole. An error is a shutdown.
async fn make(places: &Arc<Semaphore>, older: &HeldFile, newer: &HeldFile) -> Result<Option<Bytes>, ()> {
    let place = Arc::clone(places).acquire_owned().await.map_err(drop)?;
    let (dictionary, bytes) = (older.document.bytes().clone(), newer.document.bytes().clone());
    let sha256 = older.sha256;
    let made = spawn_blocking(move || {
        let delta = packing::dcz(&dictionary, &sha256, &bytes);
        drop(place);
        delta
    });
    let delta = made.await.map_err(drop)?.map_err(drop)?;
    // Nothing of what there is here packs to so little, and to find out takes longer than the delta did.
    if delta.len() < newer.document.bytes().len() / SURELY_SHORTER {
        return Ok(Some(delta));
    }
    let whole = newer.document.packed(Coding::Zstd).await.ok_or(())?;
    Ok((delta.len() < whole.len()).then_some(delta))
}

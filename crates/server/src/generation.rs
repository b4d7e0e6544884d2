//! How long what was read may be served from memory: until something else is public.
//!
//! Looking whether that is so costs a microsecond, so it is looked at for each request, and an upload that was answered
//! is seen by the next request.

use std::time::{Duration, Instant};

use sealdex_repository::{Blobs, Generation};

/// How long something cached is believed in any case. A file system with coarse times that uses an inode again could
/// make two timestamps look alike; what is stale because of that does not stay so.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Something that was read when this generation was public.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    generation: Option<Generation>,
    taken: Instant,
}

/// Looks at what one repository has public.
#[derive(Clone, Debug)]
pub(crate) struct GenerationWatch {
    blobs: Blobs,
}

impl GenerationWatch {
    pub(crate) fn new(blobs: &Blobs) -> Self {
        Self { blobs: blobs.clone() }
    }

    /// The state that is public now. To be taken *before* what it is to be a stamp of is read: then a publication in
    /// between makes the stamp too old, never too new.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { generation: self.blobs.generation(), taken: Instant::now() }
    }
}

impl Stamp {
    /// Whether what bears this stamp is still right, `now` being a stamp just taken.
    pub(crate) fn covers(&self, now: &Self) -> bool {
        self.generation.is_some()
            && self.generation == now.generation
            && now.taken.saturating_duration_since(self.taken) < MAX_AGE
    }
}

//! (being written) the signatures are final.

use std::future::Future;
use std::sync::Arc;

use sealdex_tuf::Signer;

use crate::error::Error;
use crate::repository::Repository;
use crate::transaction::Publication;

/// The one writer of signed metadata.
pub struct SnapshotProcess {}

#[expect(clippy::unused_async, unused_variables, reason = "bodies follow")]
impl SnapshotProcess {
    /// `None`: another process is the writer.
    ///
    /// # Errors
    /// x
    pub async fn acquire(repository: &Repository, online: Arc<dyn Signer>) -> Result<Option<Self>, Error> {
        Err(Error::Interrupted)
    }

    /// Publishes everything pending; `None` if nothing was.
    ///
    /// # Errors
    /// x
    pub async fn publish_pending(&mut self) -> Result<Option<Publication>, Error> {
        Err(Error::Interrupted)
    }

    /// Renews what expires soon; `None` if nothing does.
    ///
    /// # Errors
    /// x
    pub async fn renew(&mut self) -> Result<Option<Publication>, Error> {
        Err(Error::Interrupted)
    }

    /// Publishes and renews until `shutdown`, then publishes what is still pending.
    ///
    /// # Errors
    /// x
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        Err(Error::Interrupted)
    }
}

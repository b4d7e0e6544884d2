//! Files being downloaded: each once, whoever and however many ask for it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, stream};
use sealdex_tuf::digest::Hashes;
use tempfile::NamedTempFile;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use super::content;
use crate::client::Client;
use crate::error::Error;
use crate::fetch::{Fetch, Redirects, Transfer};
use crate::name::Sha256Digest;

/// Withheld from the end of a file until all of it is verified: whoever reads it never has the whole.
const WITHHELD: u64 = 64 * 1024;
const PIECE: u64 = 256 * 1024;

/// A file to download: what the signed page says of it, and where to look for it, in order.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) digest: Sha256Digest,
    pub(super) length: u64,
    pub(super) urls: Vec<Url>,
}

/// The downloads in progress.
#[derive(Default)]
pub(super) struct Downloads(Arc<Mutex<Active>>);

#[derive(Default)]
struct Active {
    downloads: HashMap<Sha256Digest, Arc<Download>>,
    /// Dropped, and so ended, with the proxy. They go on when an installer hangs up: it may try again.
    tasks: JoinSet<()>,
}

/// One download, and what has come of it.
#[derive(Debug)]
pub(super) struct Download {
    file: Arc<File>,
    length: u64,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Debug)]
enum Progress {
    /// So many bytes are in the file, not yet verified.
    Received(u64),
    Verified,
    Failed(Arc<Error>),
}

impl Downloads {
    /// The download of this file in progress, or a new one.
    pub(super) fn join(&self, client: &Client, wanted: Wanted) -> Result<Arc<Download>, Error> {
        let mut active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while active.tasks.try_join_next().is_some() {}
        if let Some(download) = active.downloads.get(&wanted.digest) {
            return Ok(Arc::clone(download));
        }
        let file = client.cache().temporary_file()?;
        let reader = file.reopen().map_err(|source| Error::io("read", file.path(), source))?;
        let (report, progress) = watch::channel(Progress::Received(0));
        let download = Arc::new(Download { file: Arc::new(reader), length: wanted.length, progress });
        active.downloads.insert(wanted.digest, Arc::clone(&download));
        let (client, downloads) = (client.clone(), Arc::downgrade(&self.0));
        active.tasks.spawn(async move {
            let outcome = receive(&client, &wanted, file, &report).await;
            if let Some(downloads) = downloads.upgrade() {
                downloads.lock().unwrap_or_else(PoisonError::into_inner).downloads.remove(&wanted.digest);
            }
            report.send_replace(
                outcome.map_or_else(|error| Progress::Failed(Arc::new(error)), |()| Progress::Verified),
            );
        });
        Ok(download)
    }
}

async fn receive(
    client: &Client,
    wanted: &Wanted,
    mut file: NamedTempFile,
    report: &watch::Sender<Progress>,
) -> Result<(), Error> {
    let mut check = Hashes::from_sha256(*wanted.digest.as_bytes()).check(&wanted.name)?;
    let mut transfer = open(client, wanted).await?;
    let mut received: u64 = 0;
    while let Some(chunk) = transfer.chunk().await? {
        check.update(&chunk);
        // A short write into the page cache: cheaper here than handed to another thread.
        file.write_all(&chunk).map_err(|source| Error::io("write", file.path(), source))?;
        received = received.saturating_add(chunk.len() as u64);
        report.send_replace(Progress::Received(received));
    }
    if received != wanted.length {
        let (file, expected) = (wanted.name.clone(), wanted.length);
        return Err(sealdex_tuf::Error::WrongLength { file, expected, found: received }.into());
    }
    check.finish()?;
    if let Err(error) = client.cache().keep_file(wanted.digest, file) {
        // Readers have it open; it is gone only for later ones.
        tracing::warn!(error = error.report(), "a verified file could not be kept");
    }
    Ok(())
}

/// Opens the first place that has the file.
async fn open(client: &Client, wanted: &Wanted) -> Result<Transfer, Error> {
    for url in &wanted.urls {
        let fetch = Fetch {
            url,
            max_bytes: wanted.length,
            limits: &client.settings().file_fetch,
            redirects: Redirects::AnyHost,
        };
        if let Some(transfer) = client.fetcher().open(fetch).await? {
            return Ok(transfer);
        }
    }
    Err(sealdex_tuf::Error::Missing { file: wanted.name.clone() }.into())
}

impl Download {
    /// Waits until the file is verified.
    pub(super) async fn verified(&self) -> Result<(), Arc<Error>> {
        self.reached(|progress| matches!(progress, Progress::Verified)).await.map(drop)
    }

    /// Waits until the first bytes have come: from then on the answer can begin.
    pub(super) async fn begun(&self) -> Result<(), Arc<Error>> {
        self.reached(|progress| !matches!(progress, Progress::Received(0))).await.map(drop)
    }

    /// The file, once it is verified.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// The whole file while it comes, its end withheld until all of it is verified. On refusal, `refused` is told and the
    /// stream breaks.
    pub(super) fn stream(
        self: Arc<Self>,
        refused: impl Fn(&Error) + Send + Sync + 'static,
    ) -> impl Stream<Item = Result<Bytes, io::Error>> + Send {
        let refused = Arc::new(refused);
        stream::try_unfold(0, move |position| {
            let (download, refused) = (Arc::clone(&self), Arc::clone(&refused));
            async move {
                if position >= download.length {
                    return Ok(None);
                }
                let available = download.available_after(position).await.map_err(|error| {
                    refused(&error);
                    io::Error::other(error.report())
                })?;
                let piece = content::read(download.file(), position, PIECE.min(available - position)).await?;
                let next = position + piece.len() as u64;
                Ok(Some((piece, next)))
            }
        })
    }

    /// How much of the file may be sent, once that is more than `position`.
    async fn available_after(&self, position: u64) -> Result<u64, Arc<Error>> {
        let available = |progress: &Progress| match progress {
            Progress::Received(received) => received.saturating_sub(WITHHELD),
            Progress::Verified => self.length,
            Progress::Failed(_) => 0,
        };
        self.reached(|progress| available(progress) > position).await.map(|progress| available(&progress))
    }

    async fn reached(&self, enough: impl Fn(&Progress) -> bool) -> Result<Progress, Arc<Error>> {
        let mut progress = self.progress.clone();
        let reached = progress.wait_for(|now| matches!(now, Progress::Failed(_)) || enough(now)).await;
        match reached.map(|now| now.clone()) {
            Ok(Progress::Failed(error)) => Err(error),
            Ok(progress) => Ok(progress),
            Err(_) => Err(Arc::new(Error::Task { task: "download" })),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, TryStreamExt as _};

    use super::*;

    #[tokio::test]
    async fn the_end_is_withheld_until_all_is_verified() {
        let length = 3 * WITHHELD;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![7; usize::try_from(length).unwrap()]).unwrap();
        for verifies in [true, false] {
            // Every byte has come, but whether they are the right ones is not known yet.
            let (report, progress) = watch::channel(Progress::Received(length));
            let file = Arc::new(file.reopen().unwrap());
            let download = Arc::new(Download { file, length, progress });
            let mut stream = Box::pin(download.stream(|_| {}));
            let first = stream.next().await.unwrap().unwrap();
            assert_eq!(first.len() as u64, length - WITHHELD);
            let pause = std::time::Duration::from_millis(50);
            assert!(tokio::time::timeout(pause, stream.next()).await.is_err());
            let failed = || Progress::Failed(Arc::new(Error::Task { task: "test" }));
            report.send_replace(if verifies { Progress::Verified } else { failed() });
            let rest: Result<Vec<Bytes>, _> = stream.try_collect().await;
            let rest = rest.map(|pieces| pieces.iter().map(|piece| piece.len() as u64).sum::<u64>());
            assert_eq!(rest.ok(), verifies.then_some(WITHHELD));
        }
    }
}

//! Files being downloaded: each once, whoever and however many ask for it.
//!
//! Nobody gets a byte before all of the file is verified. To withhold its end is not enough: installers unpack while they
//! read, and an archive that ends early, padded to the signed length, is installed before its hash can be known.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use sealdex_tuf::digest::Hashes;
use tempfile::NamedTempFile;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use crate::client::Client;
use crate::error::Error;
use crate::fetch::{Fetch, Kind, Packing, Redirects, Transfer};
use crate::name::Sha256Digest;

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
pub(super) struct Download(watch::Receiver<Progress>);

#[derive(Clone, Debug)]
enum Progress {
    Receiving,
    Verified(Arc<File>),
    Failed(Arc<Error>),
}

impl Downloads {
    /// The download of this file in progress, or a new one.
    pub(super) fn join(&self, client: &Client, wanted: Wanted) -> Arc<Download> {
        let mut active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while active.tasks.try_join_next().is_some() {}
        if let Some(download) = active.downloads.get(&wanted.digest) {
            return Arc::clone(download);
        }
        let (report, progress) = watch::channel(Progress::Receiving);
        let download = Arc::new(Download(progress));
        active.downloads.insert(wanted.digest, Arc::clone(&download));
        let (client, downloads) = (client.clone(), Arc::downgrade(&self.0));
        active.tasks.spawn(async move {
            let outcome = obtain(&client, &wanted).await;
            if let Some(downloads) = downloads.upgrade() {
                downloads.lock().unwrap_or_else(PoisonError::into_inner).downloads.remove(&wanted.digest);
            }
            report.send_replace(outcome.map_or_else(
                |error| Progress::Failed(Arc::new(error)),
                |file| Progress::Verified(Arc::new(file)),
            ));
        });
        download
    }
}

async fn obtain(client: &Client, wanted: &Wanted) -> Result<File, Error> {
    // Another download of it may have ended since the caller looked.
    if let Some(kept) = client.cache().open_file(wanted.digest, wanted.length).await {
        return Ok(kept);
    }
    let file = client.cache().temporary_file()?;
    let reader = file.reopen().map_err(|source| Error::io("read", file.path(), source))?;
    receive(client, wanted, file).await?;
    Ok(reader)
}

async fn receive(client: &Client, wanted: &Wanted, mut file: NamedTempFile) -> Result<(), Error> {
    let mut check = Hashes::from_sha256(*wanted.digest.as_bytes()).check(&wanted.name)?;
    let mut transfer = open(client, wanted).await?;
    let mut received: u64 = 0;
    while let Some(chunk) = transfer.chunk().await? {
        check.update(&chunk);
        // A short write into the page cache: cheaper here than handed to another thread.
        file.write_all(&chunk).map_err(|source| Error::io("write", file.path(), source))?;
        received = received.saturating_add(chunk.len() as u64);
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
            bound: None,
            kind: Kind::File,
            limits: &client.settings().file_fetch,
            redirects: Redirects::AnyHost,
            packing: Packing::Plain,
        };
        if let Some(transfer) = client.fetcher().open(fetch).await? {
            return Ok(transfer);
        }
    }
    Err(sealdex_tuf::Error::Missing { file: wanted.name.clone() }.into())
}

impl Download {
    /// The file, once all of it is verified.
    pub(super) async fn verified(&self) -> Result<Arc<File>, Arc<Error>> {
        let mut progress = self.0.clone();
        let ended = progress.wait_for(|now| !matches!(now, Progress::Receiving)).await;
        match ended.map(|now| now.clone()) {
            Ok(Progress::Verified(file)) => Ok(file),
            Ok(Progress::Failed(error)) => Err(error),
            Ok(Progress::Receiving) | Err(_) => Err(Arc::new(Error::Task { task: "download" })),
        }
    }
}

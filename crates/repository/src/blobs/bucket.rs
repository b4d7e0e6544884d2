//! `public/` in a bucket of an object store that speaks S3's protocol.
//!
//! What never changes is put on the condition that nothing is there; the timestamp on the condition that the one there
//! is the one that was compared. So a writer that was paused and overtaken cannot take anything back.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::bucket_walk::BucketWalk;
use super::client::{Client, SETTLING, YOUNG, version_of};
use super::connect::{Background, Clients, connect};
use super::{Beside, BlobName, Generation};
use crate::error::Error;
use crate::settings::BucketSettings;
use crate::staging::Received;

/// How often one process asks for the timestamp on behalf of all who wait for another's publication.
const LOOK: Duration = Duration::from_millis(100);

/// How long somebody who waits for an answer is let wait for the store, attempts that fail included.
const PATIENCE: Duration = Duration::from_secs(12);

/// Received files that are put at the same time, in bulk: short ones are in memory.
const FILES_AT_ONCE: usize = 16;

/// So many objects that were put again in bulk are remembered before they are looked at.
const MAX_TOUCHED: usize = 10_000;

/// What comes in of an object, piece by piece.
pub type Pieces = BoxStream<'static, Result<Bytes, Error>>;

pub(super) struct Bucket {
    client: Arc<Client>,
    background: Background,
    opened: Instant,
    /// Timestamps known to be served: how many, the version of the last one.
    publications: AtomicU64,
    served: AtomicU64,
    looked: tokio::sync::Mutex<Option<Instant>>,
    touched: Mutex<Vec<BlobName>>,
    /// Received files that are being put in bulk, and places for them.
    filling: Mutex<JoinSet<Result<Vec<BlobName>, Error>>>,
    places: Arc<Semaphore>,
}

impl Bucket {
    pub(super) fn open(settings: &BucketSettings) -> Result<Self, Error> {
        let background = Background::start()?;
        let handle = background.handle().ok_or(Error::Interrupted)?;
        let Clients { store, once } = connect(settings, handle)?;
        Ok(Self {
            client: Arc::new(Client {
                settings: settings.clone(),
                store,
                once,
                young: YOUNG,
                settling: SETTLING,
            }),
            background,
            opened: Instant::now(),
            publications: AtomicU64::new(0),
            served: AtomicU64::new(0),
            looked: tokio::sync::Mutex::new(None),
            touched: Mutex::default(),
            filling: Mutex::default(),
            places: Arc::new(Semaphore::new(FILES_AT_ONCE)),
        })
    }

    pub(super) fn check_empty(&self) -> Result<(), Error> {
        self.wait(|client| async move { client.check_empty().await })
    }

    pub(super) fn check_conditions(&self) -> Result<(), Error> {
        self.wait(|client| async move { client.check_conditions().await })
    }

    pub(super) fn generation(&self) -> Generation {
        Generation::of_bucket(self.publications.load(Ordering::Acquire), self.opened.elapsed())
    }

    /// Whether the timestamp is served in this version or a later one.
    pub(super) async fn serves(&self, version: u64) -> Result<bool, Error> {
        if self.served.load(Ordering::Acquire) < version {
            let mut looked = self.looked.lock().await;
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                let name = BlobName::timestamp();
                let bytes = self.in_time(&name, self.client.read(&name)).await?;
                *looked = Some(Instant::now());
                self.note(version_of(&bytes)?);
            }
        }
        Ok(self.served.load(Ordering::Acquire) >= version)
    }

    pub(super) fn put(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), Error> {
        let blobs = owned(blobs);
        self.wait(|client| async move { client.put_settled(blobs).await })
    }

    pub(super) fn put_in_bulk(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), Error> {
        let blobs = owned(blobs);
        let touched = self.wait(|client| async move { client.put(blobs).await })?;
        self.touch(touched)
    }

    pub(super) fn settle(&self) -> Result<(), Error> {
        let mut filling = std::mem::take(&mut *self.filling());
        let mut touched = self.wait(|_| async move {
            let mut touched = Vec::new();
            while let Some(put) = filling.join_next().await {
                touched.extend(put.map_err(|_| Error::Interrupted)??);
            }
            Ok(touched)
        })?;
        touched.append(&mut self.touched());
        let gone = self.wait(|client| async move { client.gone_after_settling(&touched).await })?;
        match gone.first() {
            None => Ok(()),
            Some(name) => {
                let reason =
                    format!("{name} was removed while it was written again: it is to be put once more");
                Err(Error::State { reason })
            }
        }
    }

    pub(super) fn put_received(
        &self,
        name: &BlobName,
        received: &Received,
        beside: Beside,
    ) -> Result<(), Error> {
        let (name, file, length) = (name.clone(), received.path().to_owned(), received.length());
        self.wait(|client| async move {
            if let Some((name, bytes)) = beside {
                client.put_settled(vec![(name, bytes.into())]).await?;
            }
            while client.put_file(&name, &file, length).await? {
                if client.gone_after_settling(std::slice::from_ref(&name)).await?.is_empty() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Goes on in the background, a few files at a time; how it ends is told by [`Bucket::settle`].
    pub(super) fn put_received_in_bulk(
        &self,
        name: &BlobName,
        received: Received,
        beside: Beside,
    ) -> Result<(), Error> {
        let (name, places) = (name.clone(), Arc::clone(&self.places));
        let place =
            self.wait(|_| async move { places.acquire_owned().await.map_err(|_| Error::Interrupted) })?;
        let (client, handle) =
            (Arc::clone(&self.client), self.background.handle().ok_or(Error::Interrupted)?);
        let putting = async move {
            let _place = place;
            let beside = beside.into_iter().map(|(name, bytes)| (name, Bytes::from(bytes))).collect();
            let mut touched = client.put(beside).await?;
            if client.put_file(&name, received.path(), received.length()).await? {
                touched.push(name);
            }
            Ok(touched)
        };
        self.filling().spawn_on(putting, handle);
        Ok(())
    }

    pub(super) fn put_timestamp(&self, bytes: &[u8]) -> Result<(), Error> {
        let bytes = Bytes::copy_from_slice(bytes);
        let version = self.wait(|client| async move { client.put_timestamp(bytes).await })?;
        self.note(version);
        Ok(())
    }

    pub(super) fn read(&self, name: &BlobName) -> Result<Vec<u8>, Error> {
        let name = name.clone();
        self.wait(|client| async move { client.read(&name).await }).map(Vec::from)
    }

    pub(super) fn read_pieces(&self, name: &BlobName, mut piece: impl FnMut(&[u8])) -> Result<(), Error> {
        let own = name.clone();
        let mut stream = self.wait(|client| async move { client.stream(&own, None).await })?;
        loop {
            let (next, rest) = self.wait(|_| async move { Ok((stream.next().await, stream)) })?;
            stream = rest;
            match next {
                Some(bytes) => piece(&bytes?),
                None => return Ok(()),
            }
        }
    }

    /// All of it; `None` where it is longer than `max_bytes`.
    pub(super) async fn fetch(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.in_time(name, self.client.get(name, max_bytes)).await {
            Ok(Some((_, bytes))) => Ok(Some(bytes.into())),
            Ok(None) => Err(self.client.absent(name)),
            Err(Error::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn stream(&self, name: &BlobName, range: Range<u64>) -> Result<Pieces, Error> {
        self.in_time(name, self.client.stream(name, Some(range))).await
    }

    pub(super) async fn length(&self, name: &BlobName) -> Result<u64, Error> {
        self.in_time(name, self.client.length(name)).await
    }

    /// For somebody who waits: the beginning of an answer in time, or an error.
    async fn in_time<T>(
        &self,
        name: &BlobName,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(self.client.too_late("read", name)))
    }

    pub(super) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    pub(super) fn walk(&self, folder: &str) -> BucketWalk {
        BucketWalk::new(&self.client, folder)
    }

    /// Remembers what was put again until it is known to stay.
    fn touch(&self, new: Vec<BlobName>) -> Result<(), Error> {
        let full = {
            let mut touched = self.touched();
            touched.extend(new);
            touched.len() >= MAX_TOUCHED
        };
        if full { self.settle() } else { Ok(()) }
    }

    /// A timestamp of this version is served.
    fn note(&self, version: u64) {
        if self.served.fetch_max(version, Ordering::AcqRel) < version {
            self.publications.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn filling(&self) -> std::sync::MutexGuard<'_, JoinSet<Result<Vec<BlobName>, Error>>> {
        // Tasks are added and taken out in one step.
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touched(&self) -> std::sync::MutexGuard<'_, Vec<BlobName>> {
        // A list of names is right at each moment.
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until the work is done, which goes on in the background: from any thread, also one of a runtime.
    fn wait<T, F>(&self, work: impl FnOnce(Arc<Client>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        let work = work(Arc::clone(&self.client));
        let handle = self.background.handle().ok_or(Error::Interrupted)?;
        handle.spawn(async move { drop(sender.send(work.await)) });
        receiver.recv().map_err(|_| Error::Interrupted)?
    }
}

fn owned(blobs: &[(BlobName, &[u8])]) -> Vec<(BlobName, Bytes)> {
    blobs.iter().map(|(name, bytes)| (name.clone(), Bytes::copy_from_slice(bytes))).collect()
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Bucket").field(&self.client.settings).finish()
    }
}

//! Objects: how each is put, read, listed and removed.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use object_store::aws::AmazonS3;
use object_store::path::Path as ObjectPath;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, UpdateVersion, WriteMultipart,
};
use sealdex_tuf::metadata::{Timestamp as TimestampRole, Unverified};
use tokio::io::AsyncReadExt as _;
use tokio::time::{sleep, timeout};

use super::{BlobName, Entry, METADATA};
use crate::error::Error;
use crate::settings::BucketSettings;

/// Requests under way at the same time, for one call.
const AT_ONCE: usize = 32;

/// What is longer is put in parts, of at least this length.
const PART_BYTES: u64 = 5 * 1024 * 1024;
const MAX_PARTS: u64 = 9_000;
const PARTS_AT_ONCE: usize = 4;

/// Whatever is read whole is no longer than this.
const MAX_WHOLE_BYTES: u64 = 256 * 1024 * 1024;

/// An object younger than this is removed by nobody for a while yet: see [`crate::MIN_GRACE`]. The rest of the grace is
/// for clocks that differ.
pub(super) const YOUNG: SignedDuration = SignedDuration::from_mins(30);

/// Time for one removal, looking included; and how long after another's write one can still come through.
const REMOVAL: Duration = Duration::from_secs(10);
pub(super) const SETTLING: Duration = Duration::from_secs(20);

/// How often the timestamp is tried when it changes meanwhile.
const TIMESTAMP_ATTEMPTS: usize = 3;

/// A bucket, or a part of one.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) settings: BucketSettings,
    pub(super) store: AmazonS3,
    /// Makes each request once.
    pub(super) once: AmazonS3,
    /// [`YOUNG`] and [`SETTLING`].
    pub(super) young: SignedDuration,
    pub(super) settling: Duration,
}

/// What putting something came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placed {
    /// It is there, and stays.
    Settled,
    /// It was there for long and was put again. Whoever removes what nobody refers to may have looked at it before.
    Touched,
}

impl Client {
    /// Puts all of these. Those in the result were [`Placed::Touched`].
    pub(super) async fn put(&self, blobs: Vec<(BlobName, Bytes)>) -> Result<Vec<BlobName>, Error> {
        stream::iter(blobs)
            .map(|(name, bytes)| async move { Ok((self.put_one(&name, bytes).await?, name)) })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|(placed, name)| async move { Ok((placed == Placed::Touched).then_some(name)) })
            .try_collect()
            .await
    }

    /// Puts all of these so that they stay.
    pub(super) async fn put_settled(&self, blobs: Vec<(BlobName, Bytes)>) -> Result<(), Error> {
        let mut gone = self.put(blobs.clone()).await?;
        while !gone.is_empty() {
            gone = self.gone_after_settling(&gone).await?;
            let again = blobs.iter().filter(|(name, _)| gone.contains(name)).cloned().collect();
            gone = self.put(again).await?;
        }
        Ok(())
    }

    /// Waits until nobody can remove any more what was put again; gives what was removed meanwhile.
    pub(super) async fn gone_after_settling(&self, touched: &[BlobName]) -> Result<Vec<BlobName>, Error> {
        if touched.is_empty() {
            return Ok(Vec::new());
        }
        sleep(self.settling).await;
        stream::iter(touched.to_vec())
            .map(|name| async move { Ok((self.look(&name).await?.is_none(), name)) })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|(gone, name)| async move { Ok(gone.then_some(name)) })
            .try_collect()
            .await
    }

    async fn put_one(&self, name: &BlobName, bytes: Bytes) -> Result<Placed, Error> {
        match self.put_as(name, bytes.clone(), PutMode::Create).await {
            Ok(()) => return Ok(Placed::Settled),
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(self.failed("write", name, error)),
        }
        let there = self.get(name, MAX_WHOLE_BYTES).await?;
        let same = there.as_ref().is_some_and(|(_, there)| *there == bytes);
        let is_metadata = name.folder() == METADATA;
        match there {
            Some((found, _)) if same && (is_metadata || self.is_young(&found)) => return Ok(Placed::Settled),
            Some(_) if is_metadata => {
                let reason = format!("{} is there with other bytes", self.location(name));
                return Err(Error::State { reason });
            }
            _ => {}
        }
        self.put_as(name, bytes, PutMode::Overwrite)
            .await
            .map_err(|error| self.failed("write", name, error))?;
        Ok(Placed::Touched)
    }

    /// Puts a file however long it is; gives whether it was [`Placed::Touched`].
    pub(super) async fn put_file(&self, name: &BlobName, file: &Path, length: u64) -> Result<bool, Error> {
        let failed = |error| Error::io("read", file)(error);
        if length <= PART_BYTES {
            let bytes = tokio::fs::read(file).await.map_err(failed)?;
            return Ok(self.put_one(name, bytes.into()).await? == Placed::Touched);
        }
        let there = self.look(name).await?;
        if there.as_ref().is_some_and(|there| there.size == length && self.is_young(there)) {
            return Ok(false);
        }
        let path = self.path(name)?;
        let options = PutMultipartOptions::from(attributes(name));
        let upload = self.store.put_multipart_opts(&path, options).await;
        let upload = upload.map_err(|error| self.failed("write", name, error))?;
        let part = PART_BYTES.max(length.div_ceil(MAX_PARTS));
        let mut writer =
            WriteMultipart::new_with_chunk_size(upload, usize::try_from(part).unwrap_or(usize::MAX));
        let written = async {
            let mut source = tokio::fs::File::open(file).await.map_err(failed)?;
            let mut left = length;
            while left > 0 {
                let next = usize::try_from(left.min(part)).unwrap_or(usize::MAX);
                let mut bytes = vec![0; next];
                source.read_exact(&mut bytes).await.map_err(failed)?;
                let room = writer.wait_for_capacity(PARTS_AT_ONCE).await;
                room.map_err(|error| self.failed("write", name, error))?;
                writer.put(bytes.into());
                left -= next as u64;
            }
            Ok(())
        };
        if let Err(error) = written.await {
            // The parts that are there cost money and are nobody's.
            drop(writer.abort().await);
            return Err(error);
        }
        writer.finish().await.map_err(|error| self.failed("write", name, error))?;
        Ok(there.is_some())
    }

    /// Replaces the timestamp if that makes it newer; gives its version. What another writer put meanwhile is never
    /// taken back.
    pub(super) async fn put_timestamp(&self, bytes: Bytes) -> Result<u64, Error> {
        let (name, own) = (BlobName::timestamp(), version_of(&bytes)?);
        let mut attempt = 1;
        loop {
            let mode = match self.get(&name, MAX_WHOLE_BYTES).await? {
                None => PutMode::Create,
                Some((found, there)) => {
                    let served = version_of(&there)?;
                    if served > own {
                        return Err(Error::Overtaken { served, own });
                    }
                    if served == own {
                        if there == bytes {
                            return Ok(own);
                        }
                        let reason = format!("the timestamp is served in version {own} with other bytes");
                        return Err(Error::State { reason });
                    }
                    PutMode::Update(UpdateVersion { e_tag: found.e_tag, version: None })
                }
            };
            match self.put_as(&name, bytes.clone(), mode).await {
                Ok(()) => return Ok(own),
                // Somebody else put one, or this one was put and its answer lost: look again.
                Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. })
                    if attempt < TIMESTAMP_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(self.failed("replace", &name, error)),
            }
        }
    }

    /// A repository is begun in an empty place, in a store that refuses to put what is there already.
    pub(super) async fn check_empty(&self) -> Result<(), Error> {
        match self.list("").next().await {
            None => Ok(()),
            Some(Ok(found)) => {
                Err(Error::BucketNotEmpty { bucket: self.settings.to_string(), found: found.location.into() })
            }
            Some(Err(error)) => Err(self.failed_at("list", self.settings.to_string(), error)),
        }
    }

    /// See [`Client::check_empty`]; the timestamp is there by now.
    pub(super) async fn check_conditions(&self) -> Result<(), Error> {
        let name = BlobName::timestamp();
        let Some((_, bytes)) = self.get(&name, MAX_WHOLE_BYTES).await? else {
            let reason = format!("{} was written and is not there", self.location(&name));
            return Err(Error::State { reason });
        };
        match self.put_as(&name, bytes, PutMode::Create).await {
            Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Ok(()) => Err(Error::UnconditionalBucket { bucket: self.settings.to_string() }),
            Err(error) => Err(self.failed("write", &name, error)),
        }
    }

    /// An object of at most `max_bytes`; `None` where there is none.
    pub(super) async fn get(
        &self,
        name: &BlobName,
        max_bytes: u64,
    ) -> Result<Option<(ObjectMeta, Bytes)>, Error> {
        let found = match self.store.get(&self.path(name)?).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed("read", name, error)),
        };
        if found.meta.size > max_bytes {
            return Err(Error::TooLarge { what: "an object to be read whole", limit: max_bytes });
        }
        let meta = found.meta.clone();
        let bytes = found.bytes().await.map_err(|error| self.failed("read", name, error))?;
        Ok(Some((meta, bytes)))
    }

    /// All of it, which may not be long.
    pub(super) async fn read(&self, name: &BlobName) -> Result<Bytes, Error> {
        let found = self.get(name, MAX_WHOLE_BYTES).await?;
        found.map(|(_, bytes)| bytes).ok_or_else(|| self.absent(name))
    }

    /// Its length in bytes.
    pub(super) async fn length(&self, name: &BlobName) -> Result<u64, Error> {
        Ok(self.look(name).await?.ok_or_else(|| self.absent(name))?.size)
    }

    async fn look(&self, name: &BlobName) -> Result<Option<ObjectMeta>, Error> {
        match self.store.head(&self.path(name)?).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", name, error)),
        }
    }

    /// A part of it, or all of it, as it comes in. A failure on the way is the last item.
    pub(super) async fn stream(
        self: &Arc<Self>,
        name: &BlobName,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
        let found = match self.store.get_opts(&self.path(name)?, options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Err(self.absent(name)),
            Err(error) => return Err(self.failed("read", name, error)),
        };
        if range.is_some_and(|range| range != found.range) {
            let reason = format!("the object store sent another range of {}", self.location(name));
            return Err(Error::State { reason });
        }
        let (this, name) = (Arc::clone(self), name.clone());
        Ok(found.into_stream().map_err(move |error| this.failed("read", &name, error)).boxed())
    }

    /// Everything below a folder, in the order of the names.
    pub(super) fn list(&self, folder: &str) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let prefix = [self.settings.prefix.as_str(), folder];
        let prefix = prefix.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        match ObjectPath::parse(prefix) {
            Ok(prefix) => self.store.list(Some(&prefix)),
            Err(error) => stream::once(async { Err(error.into()) }).boxed(),
        }
    }

    /// The name of an object that was listed; `None` for what is not this repository's.
    pub(super) fn name_of(&self, object: &ObjectPath) -> Option<BlobName> {
        let name = match self.settings.prefix.as_str() {
            "" => object.as_ref(),
            prefix => object.as_ref().strip_prefix(prefix)?.strip_prefix('/')?,
        };
        let (folder, name) = name.rsplit_once('/')?;
        Some(BlobName::found(folder, name))
    }

    /// Removes these, but for those that were written since `before`; says of each whether it was removed.
    pub(super) async fn remove(&self, entries: &[Entry], before: Timestamp) -> Result<Vec<bool>, Error> {
        let names: Vec<BlobName> = entries.iter().map(|entry| entry.name.clone()).collect();
        stream::iter(names)
            .map(|name| async move { self.remove_one(&name, before).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// An object cannot be moved out of the way at once, as a file can. So it is looked at and removed within a time
    /// that is known to those who put it again: they look afterwards whether it is still there.
    async fn remove_one(&self, name: &BlobName, before: Timestamp) -> Result<bool, Error> {
        let path = self.path(name)?;
        let removal = async {
            match self.once.head(&path).await {
                Ok(found) if written(&found) < before => {}
                Ok(_) | Err(object_store::Error::NotFound { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
            self.once.delete(&path).await.map(|()| true)
        };
        match timeout(REMOVAL, removal).await {
            Ok(removed) => removed.map_err(|error| self.failed("remove", name, error)),
            Err(_) => Err(self.too_late("remove", name)),
        }
    }

    pub(super) fn too_late(&self, action: &'static str, name: &BlobName) -> Error {
        let source = Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut));
        self.failed(action, name, object_store::Error::Generic { store: "S3", source })
    }

    async fn put_as(&self, name: &BlobName, bytes: Bytes, mode: PutMode) -> object_store::Result<()> {
        let path = ObjectPath::parse(self.key(name))?;
        let options = PutOptions { mode, attributes: attributes(name), ..PutOptions::default() };
        self.store.put_opts(&path, PutPayload::from(bytes), options).await.map(drop)
    }

    fn key(&self, name: &BlobName) -> String {
        match self.settings.prefix.as_str() {
            "" => name.to_string(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    fn path(&self, name: &BlobName) -> Result<ObjectPath, Error> {
        ObjectPath::parse(self.key(name)).map_err(|error| self.failed("name", name, error.into()))
    }

    /// `s3://BUCKET/KEY`
    fn location(&self, name: &BlobName) -> String {
        format!("s3://{}/{}", self.settings.name, self.key(name))
    }

    /// By the system's clock: the object store's goes as well.
    fn is_young(&self, found: &ObjectMeta) -> bool {
        Timestamp::now().duration_since(written(found)) < self.young
    }

    pub(super) fn absent(&self, name: &BlobName) -> Error {
        let path = PathBuf::from(self.location(name));
        Error::Io { action: "read", path, source: std::io::ErrorKind::NotFound.into() }
    }

    fn failed(&self, action: &'static str, name: &BlobName, error: object_store::Error) -> Error {
        self.failed_at(action, self.location(name), error)
    }

    #[expect(clippy::unused_self, reason = "beside its sister")]
    pub(super) fn failed_at(
        &self,
        action: &'static str,
        object: String,
        error: object_store::Error,
    ) -> Error {
        Error::Bucket { action, object, source: Arc::new(error) }
    }
}

/// When an object was written last.
pub(super) fn written(found: &ObjectMeta) -> Timestamp {
    Timestamp::from_millisecond(found.last_modified.timestamp_millis()).unwrap_or(Timestamp::MAX)
}

pub(super) fn version_of(timestamp: &[u8]) -> Result<u64, Error> {
    let timestamp = Unverified::<TimestampRole>::parse(timestamp)?;
    Ok(timestamp.unverified_metadata().common.version.number())
}

/// What a web server, or a cache in front of the bucket, is to say of an object.
fn attributes(name: &BlobName) -> Attributes {
    let caching = if *name == BlobName::timestamp() {
        // Clients ask for it each time; caches may answer a crowd with it for a moment.
        "public, max-age=1, must-revalidate"
    } else {
        "public, max-age=31536000, immutable"
    };
    Attributes::from_iter([(Attribute::CacheControl, caching), (Attribute::ContentType, name.content_type())])
}

#[cfg(test)]
mod tests {
    use sealdex_testkit::object_store::ObjectStore;

    use super::super::connect::connect;
    use super::*;

    /// A client for which everything is old at once.
    fn client(store: &ObjectStore) -> Arc<Client> {
        let settings = BucketSettings {
            endpoint: Some(store.endpoint().to_owned()),
            region: None,
            name: store.new_bucket(),
            prefix: String::new(),
        };
        let clients = connect(&settings, &tokio::runtime::Handle::current()).unwrap();
        let (young, settling) = (SignedDuration::ZERO, Duration::from_secs(2));
        Arc::new(Client { settings, store: clients.store, once: clients.once, young, settling })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_removed_while_it_is_put_again_is_put_once_more() {
        let store = ObjectStore::start();
        let client = client(&store);
        let name = BlobName::servable_target("simple/six/ab.index.json").unwrap();
        let blobs = vec![(name.clone(), Bytes::from_static(b"page"))];
        assert!(client.put(blobs.clone()).await.unwrap().is_empty(), "it was not there");
        assert_eq!(client.put(blobs.clone()).await.unwrap().len(), 1, "it was, for long");

        let own = Arc::clone(&client);
        let putting = tokio::spawn(async move { own.put_settled(blobs).await });
        sleep(Duration::from_millis(500)).await;
        // Whoever looked before it was put again removes it now.
        client.once.delete(&client.path(&name).unwrap()).await.unwrap();
        putting.await.unwrap().unwrap();
        assert_eq!(client.read(&name).await.unwrap(), &b"page"[..]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_written_since_is_not_removed() {
        let store = ObjectStore::start();
        let client = client(&store);
        let name = BlobName::servable_target("a.txt").unwrap();
        client.put(vec![(name.clone(), Bytes::from_static(b"a"))]).await.unwrap();
        let found = client.look(&name).await.unwrap().unwrap();
        let entry = Entry { name: name.clone(), length: found.size, written: written(&found) };
        let absent = Entry { name: BlobName::servable_target("b.txt").unwrap(), ..entry.clone() };
        let entries = [entry, absent];
        assert_eq!(client.remove(&entries, written(&found)).await.unwrap(), [false, false]);
        let later = written(&found) + SignedDuration::from_secs(1);
        assert_eq!(client.remove(&entries, later).await.unwrap(), [true, false]);
        assert!(client.look(&name).await.unwrap().is_none());
    }
}

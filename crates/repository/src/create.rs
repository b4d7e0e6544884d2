//! A new repository: its first root, targets, delegating roles, bins, snapshot and timestamp.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp as Time;
use sealdex_tuf::json::Object;
use sealdex_tuf::metadata::{Common, MetaFile, RoleKeys, Root, Targets, Timestamp};
use sealdex_tuf::sign::sign;
use sealdex_tuf::{Clock, Key, KeyId, RoleName, Scheme, Signer, Version};

use crate::blobs::{BlobName, Blobs};
use crate::database::DatabaseUrl;
use crate::directory::RepositoryDirectory;
use crate::disk;
use crate::error::Error;
use crate::layout::{DelegationKeys, KeyHolder, Layout};
use crate::lifetime::Expiries;
use crate::publish::SnapshotIndex;
use crate::repository::{Repository, location, open_blobs};
use crate::settings::Settings;
use crate::store::{self, Location, Open, RoleRow, Store, commit, publications};

/// The member of root metadata that says that the keys are for development.
pub(crate) const DEVELOPMENT_MARK: &str = "x-sealdex-development";

/// Under which the state keeps the layout by which everything is signed that the last publication lists.
pub(crate) const LAYOUT_FACT: &str = "layout";

/// What an online key is made of unless its owner says otherwise. It signs a snapshot of half a megabyte for each
/// publication: Ed25519 hashes what it signs twice, with SHA-512, ECDSA once, with SHA-256, which processors have.
pub const DEFAULT_ONLINE_SCHEME: Scheme = Scheme::EcdsaSha2Nistp256;

/// The keys that sign a new repository's first metadata. Those of root and targets are used once and not kept.
#[derive(Clone)]
pub struct InitialKeys {
    /// The root keys; at least `root_threshold` distinct ones.
    pub root: Vec<Arc<dyn Signer>>,
    /// How many root keys must sign a root.
    pub root_threshold: u64,
    /// The targets keys, which also sign offline delegating roles.
    pub targets: Vec<Arc<dyn Signer>>,
    /// How many targets keys must sign.
    pub targets_threshold: u64,
    /// The key of timestamp, snapshot, bins and other online roles.
    pub online: Arc<dyn Signer>,
    /// Whether these keys are for development.
    pub development: Development,
}

/// Whether a repository's keys are for development. It is said in the root metadata, so every client can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Development {
    /// Keys that were kept as keys should be.
    No,
    /// Keys that anybody may have read.
    Yes,
}

impl Repository {
    /// Whether a repository can be created with these settings, as far as what is public does not go to its directory:
    /// the bucket can be reached and is empty.
    ///
    /// # Errors
    /// [`Error::Settings`], [`Error::Layout`], [`Error::Bucket`], [`Error::BucketNotEmpty`].
    pub async fn check_storage(settings: &Settings) -> Result<(), Error> {
        settings.check(Path::new("sealdex.toml"))?;
        let Some(bucket) = &settings.storage.bucket else { return Ok(()) };
        let blobs = Blobs::in_bucket(bucket)?;
        disk::blocking(move || blobs.check_empty()).await
    }

    /// Whether a repository can be created in this directory: it is none yet, and holds nothing but `keys/` and what an
    /// interrupted creation has left. To be asked before any key is written.
    ///
    /// # Errors
    /// [`Error::AlreadyRepository`], [`Error::DirectoryNotEmpty`], [`Error::Io`].
    pub fn check_directory(directory: &RepositoryDirectory) -> Result<(), Error> {
        check_empty(directory)
    }

    /// Creates a repository and opens it. The directory may exist already and hold `keys/` or be empty; `sealdex.toml`
    /// is written last, so a directory that has one has everything.
    ///
    /// # Errors
    /// [`Error::AlreadyRepository`], [`Error::DirectoryNotEmpty`], [`Error::Keys`], [`Error::Layout`],
    /// [`Error::Settings`], [`Error::DatabaseAddress`], [`Error::DatabaseInUse`], [`Error::Tuf`] from a signer,
    /// [`Error::Io`], [`Error::Database`]; [`Error::BucketNotEmpty`], [`Error::UnconditionalBucket`],
    /// [`Error::Bucket`].
    pub async fn create(
        directory: RepositoryDirectory,
        settings: Settings,
        keys: &InitialKeys,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Self::create_with_database(directory, settings, keys, clock, None).await
    }

    /// Creates a repository with another address of its database than the settings give. What is in the database
    /// already is not touched.
    ///
    /// # Errors
    /// As [`Repository::create`], [`Error::DatabaseAddress`], and [`Error::DatabaseInUse`] where the database holds a
    /// repository.
    pub async fn create_with_database(
        directory: RepositoryDirectory,
        settings: Settings,
        keys: &InitialKeys,
        clock: Arc<dyn Clock>,
        database: Option<DatabaseUrl>,
    ) -> Result<Self, Error> {
        settings.check(&directory.settings_file())?;
        let layout = settings.layout.clone().unwrap_or_default();
        keys.check()?;
        check_empty(&directory)?;
        let path = directory.path();
        fs::create_dir_all(path).map_err(Error::io("create", path))?;
        let text = Settings { layout: None, ..settings.clone() }.to_toml()?;
        let building = RepositoryDirectory::new(directory.path().join(BUILDING));
        let location = location(&building, &settings, database.clone())?;
        let store = match &location {
            Location::Sqlite(_) => None,
            Location::Postgres(_) => Some(open_unused(&location).await?),
        };
        let state = matches!(location, Location::Sqlite(_)).then(|| building.state_file());
        let blobs = open_blobs(&building, &settings)?;
        let in_bucket = settings.storage.bucket.is_some();
        let (keys, now, place) = (keys.clone(), clock.now(), building.clone());
        let (fact, expiry) = (layout.to_fact()?, settings.expiry);
        let roles = disk::blocking(move || {
            if place.path().exists() {
                fs::remove_dir_all(place.path()).map_err(Error::io("remove", place.path()))?;
            }
            blobs.check_empty()?;
            let public = [place.metadata(), place.targets()];
            let public = public.into_iter().filter(|_| !in_bucket);
            for folder in std::iter::once(place.staging()).chain(public) {
                fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
            }
            if let Some(state) = state {
                // SQLite gives the files beside it the same permissions.
                disk::private_file(&state)?;
            }
            let initial = InitialMetadata::sign(&layout, &expiry, &keys, now)?;
            initial.write(&blobs)?;
            let folders = [place.targets(), place.public(), place.path().to_owned()];
            disk::sync_directories(folders.iter().map(PathBuf::as_path).filter(|folder| folder.exists()))?;
            Ok(initial.roles)
        })
        .await?;
        let store = match store {
            Some(store) => store,
            None => Store::open(&location, Open::New).await?,
        };
        let mut write = store.write().await?;
        store::put_fact(&mut write, LAYOUT_FACT, &fact).await?;
        for role in &roles {
            publications::add_role(&mut write, role).await?;
        }
        commit(write).await?;
        store.close().await;
        let place = directory.clone();
        disk::blocking(move || move_into_place(&building, &place, text.as_bytes())).await?;
        Self::open_with_database(directory, clock, database).await
    }
}

impl Settings {
    /// Looks whether a repository can be made in the database that these settings, or `database`, name; to be asked
    /// before keys are made. SQLite is made with the repository.
    ///
    /// # Errors
    /// [`Error::DatabaseAddress`], [`Error::DatabaseInUse`] or [`Error::Database`].
    pub async fn check_database(&self, database: Option<&DatabaseUrl>) -> Result<(), Error> {
        let Some(url) = database.cloned().map_or_else(|| self.storage.database_url(), |url| Ok(Some(url)))?
        else {
            return Ok(());
        };
        open_unused(&Location::Postgres(url)).await?.close().await;
        Ok(())
    }
}

/// Opens a database in which there is no repository yet.
async fn open_unused(location: &Location) -> Result<Store, Error> {
    let store = Store::open(location, Open::New).await?;
    let mut read = store.read().await?;
    if store::fact(&mut read, LAYOUT_FACT).await?.is_some() {
        return Err(Error::DatabaseInUse { database: store.name() });
    }
    drop(read);
    Ok(store)
}

/// Everything is built in here and then moved.
const BUILDING: &str = ".creating";

fn check_empty(directory: &RepositoryDirectory) -> Result<(), Error> {
    let path = directory.path();
    if directory.settings_file().exists() {
        return Err(Error::AlreadyRepository { directory: path.to_owned() });
    }
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("read", path))?,
    };
    for entry in entries {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        if name != "keys" && name != BUILDING {
            let found = name.to_string_lossy().escape_debug().to_string();
            return Err(Error::DirectoryNotEmpty { directory: path.to_owned(), found });
        }
    }
    Ok(())
}

fn move_into_place(
    building: &RepositoryDirectory,
    directory: &RepositoryDirectory,
    settings: &[u8],
) -> Result<(), Error> {
    for (from, to) in [
        (building.staging(), directory.staging()),
        (building.public(), directory.public()),
        (building.state_file(), directory.state_file()),
    ] {
        if !from.exists() {
            // It is elsewhere: `storage` in the settings.
            continue;
        }
        fs::rename(&from, &to).map_err(Error::io("rename", &from))?;
    }
    fs::remove_dir_all(building.path()).map_err(Error::io("remove", building.path()))?;
    disk::sync_directories([directory.path()])?;
    disk::write_file(&directory.staging(), &directory.settings_file(), settings)?;
    disk::sync_directories([directory.path()])
}

impl InitialKeys {
    /// Enough distinct keys for each threshold, and no offline key that the server would have.
    fn check(&self) -> Result<(), Error> {
        let online = self.online.key().id();
        for (role, signers, threshold) in
            [("root", &self.root, self.root_threshold), ("targets", &self.targets, self.targets_threshold)]
        {
            let ids = distinct_ids(signers);
            if threshold == 0 || (ids.len() as u64) < threshold {
                let reason =
                    format!("{} distinct keys for {role}, but the threshold is {threshold}", ids.len());
                return Err(Error::Keys { reason });
            }
            if ids.contains(&online) {
                return Err(Error::Keys { reason: format!("the online key is a key of {role} too") });
            }
        }
        Ok(())
    }
}

fn distinct_ids(signers: &[Arc<dyn Signer>]) -> Vec<KeyId> {
    let mut ids: Vec<KeyId> = signers.iter().map(|signer| signer.key().id()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn public_keys(signers: &[Arc<dyn Signer>]) -> Vec<Key> {
    signers.iter().map(|signer| signer.key().clone()).collect()
}

/// The first version of every role.
struct InitialMetadata {
    files: Vec<(String, Vec<u8>)>,
    roles: Vec<RoleRow>,
    timestamp: Vec<u8>,
}

impl InitialMetadata {
    fn sign(layout: &Layout, expiry: &Expiries, keys: &InitialKeys, now: Time) -> Result<Self, Error> {
        let mut this = Self { files: Vec::new(), roles: Vec::new(), timestamp: Vec::new() };
        let root_signers: Vec<&dyn Signer> = keys.root.iter().map(AsRef::as_ref).collect();
        let offline: Vec<&dyn Signer> = keys.targets.iter().map(AsRef::as_ref).collect();
        let online: [&dyn Signer; 1] = [keys.online.as_ref()];

        let root = initial_root(keys, expiry.root.from(now));
        this.add(&RoleName::root(), &root.common, sign(&root, &root_signers)?);

        let delegation_keys = DelegationKeys {
            offline: (public_keys(&keys.targets), keys.targets_threshold),
            online: keys.online.key().clone(),
        };
        let mut targets = Targets::new(first(expiry.targets.from(now)));
        targets.delegations = Some(layout.delegations(&delegation_keys)?);
        this.add(&RoleName::targets(), &targets.common, sign(&targets, &offline)?);

        for role in layout.all_roles() {
            let delegations = role.delegations(&delegation_keys)?;
            let lifetime = if delegations.is_some() { expiry.delegations } else { expiry.bins };
            let name = RoleName::parse(role.name.as_str())?;
            let mut metadata = Targets::new(first(lifetime.from(now))).bound_to(&name);
            metadata.delegations = delegations;
            let signers = match role.keys {
                KeyHolder::Offline => offline.as_slice(),
                KeyHolder::Online => online.as_slice(),
            };
            this.add(&name, &metadata.common, sign(&metadata, signers)?);
            let Some(bins) = &role.bins else { continue };
            for name in bins.role_names()? {
                let bin = Targets::new(first(expiry.bins.from(now))).bound_to(&name);
                this.add(&name, &bin.common, sign(&bin, &online)?);
            }
        }

        let mut index = SnapshotIndex::default();
        let listed = this.roles.iter().filter(|role| role.name != RoleName::root().as_str());
        let listed = listed.map(|role| Ok((RoleName::parse(role.name.as_str())?, Version::ONE)));
        index.set(listed.collect::<Result<_, Error>>()?);
        let snapshot_expires = expiry.snapshot.from(now);
        let snapshot = index.sign(&first(snapshot_expires), keys.online.as_ref())?;
        let timestamp = Timestamp {
            common: first(expiry.timestamp.from(now)),
            snapshot: MetaFile::of_bytes(Version::ONE, &snapshot),
        };
        this.add(&RoleName::snapshot(), &first(snapshot_expires), snapshot);
        this.timestamp = sign(&timestamp, &online)?;
        this.roles.push(row(&RoleName::timestamp(), &timestamp.common));
        Ok(this)
    }

    fn add(&mut self, role: &RoleName, common: &Common, signed: Vec<u8>) {
        self.files.push((role.versioned_file_name(common.version), signed));
        self.roles.push(row(role, common));
    }

    fn write(&self, blobs: &Blobs) -> Result<(), Error> {
        let files: Vec<(BlobName, &[u8])> =
            self.files.iter().map(|(name, bytes)| (BlobName::metadata(name), bytes.as_slice())).collect();
        blobs.put(&files)?;
        blobs.put_timestamp(&self.timestamp, None)?;
        blobs.check_conditions()
    }
}

fn initial_root(keys: &InitialKeys, expires: Time) -> Root {
    let mut common = first(expires);
    if keys.development == Development::Yes {
        common.unrecognized.insert(DEVELOPMENT_MARK, true);
    }
    let online = RoleKeys::new(vec![keys.online.key().id()], 1);
    let all = public_keys(&keys.root).into_iter().chain(public_keys(&keys.targets));
    let all: BTreeMap<KeyId, Key> =
        all.chain([keys.online.key().clone()]).map(|key| (key.id(), key)).collect();
    Root {
        common,
        consistent_snapshot: true,
        keys: all,
        root: RoleKeys::new(distinct_ids(&keys.root), keys.root_threshold),
        timestamp: online.clone(),
        snapshot: online,
        targets: RoleKeys::new(distinct_ids(&keys.targets), keys.targets_threshold),
        other_roles: Object::new(),
    }
}

fn first(expires: Time) -> Common {
    Common::new(Version::ONE, expires)
}

fn row(role: &RoleName, common: &Common) -> RoleRow {
    let version = common.version.number();
    RoleRow { name: role.as_str().to_owned(), version, reserved: version, expires: common.expires }
}

impl fmt::Debug for InitialKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InitialKeys").field("development", &self.development).finish_non_exhaustive()
    }
}

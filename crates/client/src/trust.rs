//! The repositories a user trusts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealdex_tuf::{RoleName, Version};
use url::Url;

use crate::bindings::Bindings;
use crate::bound::Bound;
use crate::client::Client;
use crate::error::Error;
use crate::fetch::{Deadline, Fetch, Kind, Packing, Redirects};
use crate::name::{RepositoryName, RepositoryUrl, Sha256Digest};
use crate::session::Session;
use crate::store::fault::{self, Step};
use crate::store::{RepositoryRecord, RepositoryStore, StoreLock, directories, files};

/// Folders being made or removed begin so; no repository can be named like that.
const UNFINISHED: &str = ".unfinished-";
/// No process takes that long over it.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// How trust in a repository begins. There is no third way: nothing is trusted only because it was seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitialTrust {
    /// The bytes of a root metadata file that the user has from its operator.
    Root(Vec<u8>),
    /// The SHA-256 of any version's root metadata file; the file itself is fetched from the repository.
    Fingerprint(Sha256Digest),
}

/// The folder of trusted repositories, shared by all processes of the user.
#[derive(Clone, Debug)]
pub struct TrustStore {
    directory: PathBuf,
}

/// A repository that was added to a store.
#[derive(Clone, Debug)]
pub struct TrustedRepository {
    name: RepositoryName,
    directory: PathBuf,
    record: RepositoryRecord,
}

impl TrustStore {
    /// The user's store: `$XDG_DATA_HOME/sealdex/trust`, else `~/.local/share/sealdex/trust`.
    ///
    /// # Errors
    /// [`Error::NoHome`]
    pub fn default_directory() -> Result<PathBuf, Error> {
        Ok(directories::user_folder("XDG_DATA_HOME", ".local/share")?.join("trust"))
    }

    /// Opens a store, and makes its folder where there is none.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::NotADirectory`]
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        let directory = directory.into();
        files::private_folder(&directory)?;
        Ok(Self { directory })
    }

    /// The folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a repository: fetches and verifies everything a client needs to know, and only then records it. Nothing is
    /// left behind on failure. A repository that was the only one keeps the projects that it had as that: all are bound to
    /// it (`*`), if nothing is bound yet.
    ///
    /// # Errors
    /// [`Error::AlreadyTrusted`], [`Error::NoSuchRoot`], [`Error::DamagedBindings`], and whatever a refresh can fail with.
    pub async fn add(
        &self,
        client: &Client,
        name: &RepositoryName,
        url: &RepositoryUrl,
        initial: &InitialTrust,
    ) -> Result<TrustedRepository, Error> {
        let directory = self.directory.join(name.as_str());
        if directory.symlink_metadata().is_ok() {
            return Err(Error::AlreadyTrusted { name: name.clone() });
        }
        self.remove_abandoned();
        let root = match initial {
            InitialTrust::Root(bytes) => bytes.clone(),
            InitialTrust::Fingerprint(digest) => find_root(client, url, *digest).await?,
        };
        let record = RepositoryRecord::new(url, client.now(), Sha256Digest::of(&root));

        // Everything happens in a folder of its own, which gets its name last. It is removed when dropped before that.
        let unfinished = files::temporary_folder(&self.directory, UNFINISHED)?;
        let store = RepositoryStore::new(name, unfinished.path());
        store.create(&record, &root)?;
        let staged =
            TrustedRepository { name: name.clone(), directory: unfinished.path().to_owned(), record };
        let metadata_url = &staged.record.metadata_url;
        let not_there = |file: &str| file == RoleName::timestamp().file_name();
        match Session::refresh(client, &staged).await {
            // Nobody has trusted what is there: the URL is wrong rather than the repository.
            Err(Error::Verification(sealdex_tuf::Error::Missing { file })) if not_there(&file) => {
                return Err(not_a_repository(url, &metadata_url.file(&file)?));
            }
            outcome => outcome.map(drop)?,
        }

        // First, so that at no moment the new one has what was another's.
        let _lock = self.settle_bindings().await?;
        let named =
            fault::before(Step::Rename, &directory).and_then(|()| fs::rename(unfinished.path(), &directory));
        match named {
            Ok(()) => drop(unfinished.keep()),
            // Another process added the same name meanwhile.
            Err(_) if directory.symlink_metadata().is_ok() => {
                return Err(Error::AlreadyTrusted { name: name.clone() });
            }
            Err(source) => return Err(Error::io("make", directory, source)),
        }
        files::sync_folder(&self.directory)?;
        Ok(TrustedRepository { directory, ..staged })
    }

    /// The repositories by name.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::DamagedTrust`] of the first damaged one.
    pub fn list(&self) -> Result<Vec<TrustedRepository>, Error> {
        self.names()?.iter().map(|name| self.repository(name)).collect()
    }

    fn names(&self) -> Result<Vec<RepositoryName>, Error> {
        let failed = |source| Error::io("read", &self.directory, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(name.to_str().and_then(|name| RepositoryName::parse(name).ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Ends trust in a repository and forgets all that is known of it. What was bound to it stays bound to its name, so
    /// that nobody else gives those projects from one day to the next.
    ///
    /// # Errors
    /// [`Error::UnknownRepository`] or [`Error::Io`]
    pub fn remove(&self, name: &RepositoryName) -> Result<(), Error> {
        let directory = self.directory.join(name.as_str());
        let failed = |source| Error::io("remove", &directory, source);
        // In one step, so that no other process meets half a repository.
        let unfinished = files::temporary_folder(&self.directory, UNFINISHED)?;
        let renamed = fault::before(Step::Rename, &directory)
            .and_then(|()| fs::rename(&directory, unfinished.path().join("removed")));
        renamed.map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound { self.unknown(name) } else { failed(error) }
        })?;
        files::sync_folder(&self.directory)?;
        unfinished.close().map_err(failed)
    }

    /// Removes what killed processes left of repositories they were about to add or to remove.
    fn remove_abandoned(&self) {
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|found| found.modified());
            let abandoned = modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED));
            if abandoned && entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }

    /// The repository of that name.
    ///
    /// # Errors
    /// [`Error::UnknownRepository`], [`Error::DamagedTrust`], [`Error::Exposed`] or [`Error::Io`]
    pub fn repository(&self, name: &RepositoryName) -> Result<TrustedRepository, Error> {
        let directory = self.directory.join(name.as_str());
        match directory.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.unknown(name)),
            Err(source) => return Err(Error::io("read", directory, source)),
        }
        let record = RepositoryStore::new(name, &directory).record()?;
        Ok(TrustedRepository { name: name.clone(), directory, record })
    }

    /// Says which indexes a repository stands for, in place of what was said before: the URLs under which those have
    /// their pages.
    ///
    /// # Errors
    /// As [`TrustStore::repository`].
    pub fn stand_for(
        &self,
        name: &RepositoryName,
        indexes: Vec<RepositoryUrl>,
    ) -> Result<TrustedRepository, Error> {
        let mut repository = self.repository(name)?;
        repository.record.stands_for = indexes;
        repository.store().write_record(&repository.record)?;
        Ok(repository)
    }

    /// Which projects are bound to which repository.
    ///
    /// # Errors
    /// [`Error::DamagedBindings`], [`Error::Exposed`] or [`Error::Io`]
    pub fn bindings(&self) -> Result<Bindings, Error> {
        Bindings::read(&self.directory, &self.names()?)
    }

    /// Changes the bindings, which no other process changes meanwhile.
    ///
    /// # Errors
    /// As [`TrustStore::bindings`]; [`Error::Locked`] or [`Error::Io`]
    pub async fn change_bindings(&self, change: impl FnOnce(&mut Bindings)) -> Result<Bindings, Error> {
        let _lock = self.lock_bindings().await?;
        let mut bindings = self.bindings()?;
        change(&mut bindings);
        bindings.write(&self.directory)?;
        Ok(bindings)
    }

    async fn lock_bindings(&self) -> Result<StoreLock, Error> {
        const WAIT: Duration = Duration::from_secs(10);
        StoreLock::acquire(&self.directory.join(".bindings.lock"), WAIT).await
    }

    /// Writes down whose all other projects are, before there is one more who could have them.
    async fn settle_bindings(&self) -> Result<StoreLock, Error> {
        let lock = self.lock_bindings().await?;
        let names = self.names()?;
        let mut bindings = Bindings::read(&self.directory, &names)?;
        // Also what is not new: an earlier version may have left it unsaid in the file.
        if bindings.settle(&names) || !bindings.is_empty() {
            bindings.write(&self.directory)?;
        }
        Ok(lock)
    }

    fn unknown(&self, name: &RepositoryName) -> Error {
        Error::UnknownRepository { name: name.clone(), directory: self.directory.clone() }
    }
}

impl TrustedRepository {
    /// Its name on this machine.
    #[must_use]
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Where it is, and since when it is trusted.
    #[must_use]
    pub fn record(&self) -> &RepositoryRecord {
        &self.record
    }

    /// The folder with its trusted state.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Every index that it stands for, its own first: the URLs under which those have their pages.
    #[must_use]
    pub fn indexes(&self) -> Vec<RepositoryUrl> {
        [&self.record.simple_url].into_iter().chain(&self.record.stands_for).cloned().collect()
    }

    pub(crate) fn store(&self) -> RepositoryStore {
        RepositoryStore::new(&self.name, &self.directory)
    }
}

fn not_a_repository(url: &RepositoryUrl, asked: &Url) -> Error {
    Error::NotARepository { url: url.to_string(), asked: asked.to_string() }
}

/// Looks for the root version with this digest, from the first one upward. The digest decides alone: what else a server
/// says of its roots is not believed.
async fn find_root(client: &Client, url: &RepositoryUrl, expected: Sha256Digest) -> Result<Vec<u8>, Error> {
    let settings = client.settings();
    let metadata_url = url.folder("metadata");
    let deadline = Deadline::of("the search for the root", settings.update_total);
    let mut tried = 0;
    for version in (1..=settings.metadata.max_root_versions).filter_map(Version::new) {
        let asked = metadata_url.file(&RoleName::root().versioned_file_name(version))?;
        let fetch = Fetch {
            url: &asked,
            max_bytes: settings.metadata.max_root_bytes,
            bound: Some(Bound::MaxRootBytes),
            kind: Kind::Metadata,
            limits: &settings.metadata_fetch,
            redirects: Redirects::SameHost,
            packing: Packing::Packed,
        };
        let Some(found) = deadline.bound(client.fetcher().bytes(fetch)).await? else {
            if tried == 0 {
                return Err(not_a_repository(url, &asked));
            }
            break;
        };
        if Sha256Digest::of(&found.bytes) == expected {
            return Ok(found.bytes);
        }
        tried += 1;
    }
    Err(Error::NoSuchRoot { url: metadata_url.to_string(), expected, tried })
}

//! How a repository is: every role, what is pending, who writes.
//!
//! What is away is told as a part of it, and the rest is told all the same. Nothing is read whose length grows with the
//! index, but for [`Repository::counts`].

mod roles;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sealdex_tuf::Clock;
use serde::Serialize;

use crate::blobs::Blobs;
use crate::database::DatabaseUrl;
use crate::directory::RepositoryDirectory;
use crate::disk;
use crate::error::Error;
use crate::import::{ImportState, UnfinishedImport};
use crate::layout::Layout;
use crate::publish::current_writer;
use crate::repository::{Repository, location, open_blobs, read_settings};
use crate::store::{Location, log, publications, relayouts, targets};
use roles::{Known, Roles};

/// A process that publishes takes what is pending at once. After so long something keeps it from that.
const WAITS_LONG: SignedDuration = SignedDuration::from_secs(30);

/// The state of a repository, for people and monitors.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// What cannot be reached from here, and so is not known below; empty where everything can.
    pub away: Vec<Away>,
    /// Whether what is taken in gets published.
    pub publishing: Publishing,
    /// Whether its keys are for development: nothing it serves deserves trust.
    pub development: Option<bool>,
    /// The layout's name.
    pub layout: Option<String>,
    /// The name of the layout that a change waits to be published for.
    pub waiting_layout: Option<String>,
    /// SHA-256 of the latest root metadata file: what a user is given to trust it.
    pub root_fingerprint: Option<String>,
    /// The top-level roles and those they delegate to, but for bins; parents before children. Without the database, the
    /// top-level roles alone; without what is public, versions and expiries alone.
    pub roles: Vec<RoleStatus>,
    /// The bins, together by the role that delegates to them.
    pub bins: Vec<BinsStatus>,
    /// Transactions that are durable and not published yet, those of imports excepted.
    pub pending_transactions: Option<u64>,
    /// Since when the oldest of them waits.
    pub pending_since: Option<Timestamp>,
    /// The import that is not finished, if there is one.
    pub import: Option<UnfinishedImport>,
    /// Which database holds the state: `SQLite`, or the address of a PostgreSQL.
    pub database: String,
    /// Where everything public lies: a folder, or a bucket.
    pub public: String,
    /// The process that publishes, if one does.
    pub writer: Option<WriterStatus>,
}

/// A part of the repository that cannot be reached.
#[derive(Clone, Debug, Serialize)]
pub struct Away {
    /// Which part it is.
    pub part: Part,
    /// Where it is expected.
    pub place: String,
    /// What was tried, and what came of it.
    pub reason: String,
    /// Whether it is an object store that answers otherwise than it should, or not at all.
    #[serde(skip)]
    pub is_bucket: bool,
}

/// A part of a repository that may be elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The state.
    Database,
    /// Metadata, pages and files.
    Public,
}

/// Whether what is taken in gets published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Publishing {
    /// A process does it.
    Running,
    /// It goes on by itself once what keeps it from that is mended.
    Paused,
    /// No process does it.
    Stopped,
}

/// The state of a role.
#[derive(Clone, Debug, Serialize)]
pub struct RoleStatus {
    /// Its name.
    pub name: String,
    /// The version served.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// Who signed it; `None` where what is public is away.
    #[serde(flatten)]
    pub signatures: Option<Signatures>,
}

/// Who signed a role, and who may.
#[derive(Clone, Debug, Serialize)]
pub struct Signatures {
    /// The ids of the keys that signed the version served.
    pub signed_by: Vec<String>,
    /// Who may sign.
    #[serde(flatten)]
    pub trusted: TrustedKeys,
}

/// Who may sign for a role.
#[derive(Clone, Debug, Serialize)]
pub struct TrustedKeys {
    /// Distinct keys that must sign.
    pub threshold: u64,
    /// The keys that may sign.
    pub keys: Vec<KeyStatus>,
}

/// A key that may sign for a role.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStatus {
    /// Its id.
    pub id: String,
    /// Its scheme, such as `ed25519`.
    pub scheme: String,
}

/// The state of the bins that a role delegates to.
#[derive(Clone, Debug, Serialize)]
pub struct BinsStatus {
    /// The delegating role.
    pub delegator: String,
    /// What their names start with.
    pub name_prefix: String,
    /// How the delegation is written: `succinct` or `explicit`.
    pub style: String,
    /// How many there are.
    pub count: u64,
    /// The greatest version among them.
    pub highest_version: u64,
    /// When the first of them expires.
    pub earliest_expiry: Timestamp,
    /// Who may sign them; `None` where what is public is away.
    #[serde(flatten)]
    pub trusted: Option<TrustedKeys>,
}

/// The process that publishes.
#[derive(Clone, Debug, Serialize)]
pub struct WriterStatus {
    /// Its process id; `None` where it could not be read.
    pub process_id: Option<u32>,
    /// Its machine; `None`: this one.
    pub host: Option<String>,
    /// Since when it publishes, where that is known.
    pub since: Option<Timestamp>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Number of projects.
    pub projects: u64,
    /// Number of distributions, those not published yet included.
    pub files: u64,
    /// Number of targets signed, pages included.
    pub targets: u64,
}

/// Which database it is, and whether it says who publishes.
struct Database {
    name: String,
    has_locks: bool,
}

/// What the database knows.
struct State {
    pending_transactions: u64,
    pending_since: Option<Timestamp>,
    known: Known,
    waiting_layout: Option<String>,
    import: Option<UnfinishedImport>,
    /// Whether something is to be published that takes its time, while everything else waits.
    bulk_waits: bool,
    writer: Option<WriterStatus>,
}

impl Repository {
    /// The process that publishes; `None`: nobody does.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Database`].
    pub async fn writer(&self) -> Result<Option<WriterStatus>, Error> {
        if !self.store().has_locks() {
            return writer_of(self.directory()).await;
        }
        Ok(self.store().writer().await?.map(|row| WriterStatus {
            process_id: u32::try_from(row.process).ok(),
            host: Some(row.host),
            since: Some(row.since),
        }))
    }

    /// How the repository is. Signatures are counted on the files that are served, bins excepted. As fast in a large
    /// repository as in a small one of as many bins.
    ///
    /// # Errors
    /// [`Error::Tuf`] for metadata that cannot be read, [`Error::State`]. What is away is no error.
    pub async fn status(&self) -> Result<Status, Error> {
        let state = self.read_state().await;
        let database = Database { name: self.store().name(), has_locks: self.store().has_locks() };
        Status::put_together(database, self.directory(), self.blobs(), state, self.clock().now()).await
    }

    /// Counts everything: takes seconds for millions of files.
    ///
    /// # Errors
    /// [`Error::Database`]
    pub async fn counts(&self) -> Result<Counts, Error> {
        let mut read = self.store().read().await?;
        let [projects, files, targets] = targets::counts(&mut read).await?;
        Ok(Counts { projects, files, targets })
    }

    async fn read_state(&self) -> Result<State, Error> {
        let mut read = self.store().read().await?;
        let (pending_transactions, pending_since) = log::waiting(&mut read).await?;
        let rows = publications::roles(&mut read).await?;
        let layout = self.read_layout(&mut read).await?;
        let relayout = relayouts::waiting(&mut read).await?;
        let import = self.read_import(&mut read).await?;
        drop(read);
        let waiting = relayout.map(|waiting| Layout::from_fact(&waiting.layout)).transpose()?;
        let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        Ok(State {
            pending_transactions,
            pending_since,
            known: Known { layout, rows },
            bulk_waits: waiting.is_some()
                || import.as_ref().is_some_and(|import| import.state == ImportState::Complete),
            import,
            waiting_layout: waiting.map(|layout| layout.name),
            writer: self.writer().await?,
        })
    }
}

impl Status {
    /// [`Repository::status`] of the repository in a directory, also where it cannot be opened, since its database is
    /// away.
    ///
    /// # Errors
    /// As [`Repository::open`] and [`Repository::status`], but for a database that fails.
    pub async fn of(
        directory: RepositoryDirectory,
        clock: Arc<dyn Clock>,
        database: Option<DatabaseUrl>,
    ) -> Result<(Self, Option<Repository>), Error> {
        let now = clock.now();
        match Repository::open_with_database(directory.clone(), clock, database.clone()).await {
            Ok(repository) => Ok((repository.status().await?, Some(repository))),
            Err(error @ Error::Database { .. }) => {
                let settings = read_settings(&directory)?;
                let blobs = open_blobs(&directory, &settings)?;
                let database = match location(&directory, &settings, database)? {
                    Location::Sqlite(_) => Database { name: "SQLite".to_owned(), has_locks: false },
                    Location::Postgres(url) => Database { name: url.to_string(), has_locks: true },
                };
                let status = Self::put_together(database, &directory, &blobs, Err(error), now).await?;
                Ok((status, None))
            }
            Err(other) => Err(other),
        }
    }

    async fn put_together(
        database: Database,
        directory: &RepositoryDirectory,
        blobs: &Blobs,
        state: Result<State, Error>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let public = blobs.place();
        let mut away = Vec::new();
        let state = match state {
            Ok(state) => Some(state),
            Err(error @ Error::Database { .. }) => {
                away.push(Away::new(Part::Database, &database.name, &error));
                None
            }
            Err(other) => return Err(other),
        };
        let known = state.as_ref().map(|state| &state.known);
        let mut roles = Roles::default();
        if let Err(error) = roles.read(blobs, known).await {
            if !matches!(error, Error::Bucket { .. } | Error::Io { .. }) {
                return Err(error);
            }
            away.push(Away::new(Part::Public, &public, &error));
            roles = known.map_or_else(|| Ok(Roles::default()), Roles::of_rows)?;
        }
        // `None`: it is not known whether there is one. A lock that is a file is there without a database.
        let writer = match &state {
            Some(state) => Some(state.writer.clone()),
            None if database.has_locks => None,
            None => writer_of(directory).await.ok(),
        };
        let waits_long = state.as_ref().is_some_and(|state| {
            !state.bulk_waits
                && state.pending_since.is_some_and(|since| now.duration_since(since) > WAITS_LONG)
        });
        let publishing = match (&writer, &away[..]) {
            (Some(None), _) => Publishing::Stopped,
            (_, [_, ..]) => Publishing::Paused,
            _ if waits_long => Publishing::Paused,
            _ => Publishing::Running,
        };
        let state = state.as_ref();
        Ok(Self {
            away,
            publishing,
            development: roles.development,
            layout: state.map(|state| state.known.layout.name.clone()),
            waiting_layout: state.and_then(|state| state.waiting_layout.clone()),
            root_fingerprint: roles.root_fingerprint,
            roles: roles.roles,
            bins: roles.bins,
            pending_transactions: state.map(|state| state.pending_transactions),
            pending_since: state.and_then(|state| state.pending_since),
            import: state.and_then(|state| state.import.clone()),
            database: database.name,
            public,
            writer: writer.flatten(),
        })
    }

    /// What is away of this part.
    #[must_use]
    pub fn away(&self, part: Part) -> Option<&Away> {
        self.away.iter().find(|away| away.part == part)
    }
}

impl Away {
    fn new(part: Part, place: &str, error: &Error) -> Self {
        Self {
            part,
            place: place.to_owned(),
            reason: error.with_cause(),
            is_bucket: error.is_bucket_failing(),
        }
    }
}

/// Who is the writer by the lock that is a file.
async fn writer_of(directory: &RepositoryDirectory) -> Result<Option<WriterStatus>, Error> {
    let path = directory.writer_lock();
    disk::blocking(move || current_writer(&path)).await
}

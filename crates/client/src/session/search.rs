//! Searches through the delegations, any number at once.
//!
//! The core verifies under a mutex and never waits in it: when it needs a file, the search lets go of the mutex, gets
//! the file, and begins again with the file at hand. What was loaded by then, by whichever search, is not loaded again;
//! of several searches that need the same file, one fetches it and the others wait for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use sealdex_tuf::{Answer, Request, RoleName, Step, TargetPath, Updater, VerifiedTarget};
use tokio::sync::OwnedMutexGuard;

use super::metadata::{fetch, stored_version};
use super::refresh::{Network, offline, read, stored};
use crate::client::Client;
use crate::error::Error;
use crate::fetch::{Deadline, Fetched};
use crate::store::{RepositoryRecord, RepositoryStore};

/// What all searches of a session share.
#[derive(Debug)]
pub(super) struct Searches {
    updater: Mutex<Updater>,
    /// The snapshot that lists what is searched.
    snapshot: Arc<[u8]>,
    flights: Flights,
    /// Verified roles that are not stored yet.
    unstored: Mutex<Vec<(RoleName, Arc<[u8]>)>>,
    /// Held while they are stored.
    storing: tokio::sync::Mutex<()>,
}

/// Files being fetched, by their path. Whoever holds the mutex of one fetches it.
#[derive(Debug, Default)]
struct Flights(Mutex<HashMap<String, Flight>>);

type Flight = Arc<tokio::sync::Mutex<()>>;

/// What a search needs next, or its outcome.
enum Need {
    Read(RoleName),
    Fetch(Request),
    Nothing(Option<VerifiedTarget>),
}

/// Files gathered for one search, and those it verified.
#[derive(Default)]
struct Files {
    read: HashMap<RoleName, Answer>,
    fetched: HashMap<String, Answer>,
    verified: Vec<(RoleName, Arc<[u8]>)>,
}

impl Searches {
    pub(super) fn new(updater: Updater, snapshot: Arc<[u8]>) -> Self {
        Self {
            updater: Mutex::new(updater),
            snapshot,
            flights: Flights::default(),
            unstored: Mutex::default(),
            storing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn run(
        &self,
        client: &Client,
        store: &RepositoryStore,
        record: &RepositoryRecord,
        network: Network,
        path: &TargetPath,
    ) -> Result<Option<VerifiedTarget>, Error> {
        let settings = client.settings();
        let deadline = Deadline::of("the search for a target", settings.update_total);
        let mut files = Files::default();
        let mut waited = HashSet::new();
        // What was fetched last as a delta, and whether others wait for it: until the core has looked at it.
        let mut delta: Option<Request> = None;
        let mut flight: Option<OwnedMutexGuard<()>> = None;
        let found = loop {
            let need = match (self.advance(path, &mut files), delta.take()) {
                (Err(Error::Verification(error)), Some(request)) => {
                    tracing::info!(%error, "metadata from a delta does not verify; fetching the whole");
                    let whole = fetch(client, &record.metadata_url, &request, &deadline, None).await?;
                    files.fetched.insert(request.path, answer(whole));
                    continue;
                }
                (outcome, _) => outcome?,
            };
            drop(flight.take());
            match need {
                Need::Nothing(found) => break found,
                Need::Read(role) => {
                    let answer = read(store, &role, settings);
                    files.read.insert(role, answer);
                }
                Need::Fetch(request) if network == Network::Online => {
                    match self.flights.board(&request.path) {
                        Ok(first) => flight = Some(first),
                        // When it has come for another search, it is there for this one too. If it has not, each
                        // search asks for itself, to be told why.
                        Err(other) if waited.insert(request.path.clone()) => {
                            deadline.bound(async { Ok(other.lock_owned().await) }).await?;
                            continue;
                        }
                        Err(_) => {}
                    }
                    let older = stored_version(store, &request.role);
                    let fetched =
                        fetch(client, &record.metadata_url, &request, &deadline, older.as_ref()).await?;
                    let from_delta = fetched.as_ref().is_some_and(|fetched| fetched.from_delta);
                    files.fetched.insert(request.path.clone(), answer(fetched));
                    delta = from_delta.then_some(request);
                }
                // What was read a moment ago, and did not do: once more, to hear why.
                Need::Fetch(request) => {
                    let answer = stored(store, &request, settings)?;
                    files.fetched.insert(request.path.clone(), answer);
                    let missing = Error::Offline { file: request.path.clone() };
                    return Err(self
                        .advance(path, &mut files)
                        .err()
                        .map_or(missing, |e| offline(&request, e)));
                }
            }
        };
        self.keep(store, files.verified).await;
        Ok(found)
    }

    /// Searches as far as the files at hand allow. One that fails leaves the others unharmed.
    fn advance(&self, path: &TargetPath, files: &mut Files) -> Result<Need, Error> {
        let mut updater = self.updater.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(search(&mut updater, path, files)?)
    }

    /// Stores verified roles for the next process. Searches that end while others store are stored together.
    async fn keep(&self, store: &RepositoryStore, roles: Vec<(RoleName, Arc<[u8]>)>) {
        if roles.is_empty() {
            return;
        }
        let unstored = || self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        unstored().extend(roles);
        let _storing = self.storing.lock().await;
        let roles = std::mem::take(&mut *unstored());
        store.keep_delegated(&self.snapshot, roles).await;
    }
}

impl Flights {
    /// The right to fetch this file, or the mutex of whoever has it.
    fn board(&self, path: &str) -> Result<OwnedMutexGuard<()>, Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody fetches or waits for any more is nobody's business.
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        let flight = Arc::clone(flights.entry(path.to_owned()).or_default());
        Arc::clone(&flight).try_lock_owned().map_err(|_| flight)
    }
}

fn answer(fetched: Option<Fetched>) -> Answer {
    fetched.map_or(Answer::Absent, |fetched| Answer::Bytes(fetched.bytes))
}

fn search(updater: &mut Updater, path: &TargetPath, files: &mut Files) -> Result<Need, sealdex_tuf::Error> {
    updater.search(path.clone())?;
    loop {
        let answer = match updater.step()? {
            Step::Done => return Ok(Need::Nothing(updater.found()?.cloned())),
            Step::Read(role) => match files.read.get(&role) {
                Some(answer) => answer.clone(),
                None => return Ok(Need::Read(role)),
            },
            Step::Fetch(request) => match files.fetched.get(&request.path) {
                Some(answer) => answer.clone(),
                None => return Ok(Need::Fetch(request)),
            },
            Step::Write(role, bytes) => {
                files.verified.push((role, bytes));
                Answer::Written
            }
            Step::Delete(_) => Answer::Written,
        };
        updater.answer(answer)?;
    }
}

//! Drives the update workflow of the core: reads and writes the trusted state, fetches what is new.

use jiff::SignedDuration;
use sealdex_tuf::{Answer, Request, RoleName, Step, Updater};

use super::metadata::{Deltas, RefreshFetches, bound_of};
use crate::client::{Client, ClientSettings};
use crate::error::Error;
use crate::fetch::Deadline;
use crate::store::{ReadLock, RepositoryRecord, RepositoryStore, StoreLock};

/// Where a session may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    Online,
    Offline,
}

/// What a refresh came to.
pub(super) struct Refreshed {
    pub(super) updater: Updater,
    /// How far the machine's clock was behind the last refresh; zero when it was not.
    pub(super) clock_behind: SignedDuration,
}

/// One refresh (5.1 to 5.6). Holds the store's lock from beginning to end; offline, only that for reading.
pub(super) async fn refresh(
    client: &Client,
    store: &RepositoryStore,
    record: &RepositoryRecord,
    network: Network,
) -> Result<Refreshed, Error> {
    let settings = client.settings();
    let lock = match network {
        Network::Online => Lock::Write(store.lock(settings.lock_wait).await?),
        Network::Offline => Lock::Read(store.lock_for_reading(settings.lock_wait).await?),
    };
    let root = store.trusted_root(record, &settings.metadata)?;
    // 5.1: the start time is fixed once the lock is held, so that waiting for it makes nothing stale. It never lies
    // before an earlier refresh: a clock that was set back brings nothing back to life.
    let clock = client.now();
    let now = store.last_refresh(clock).map_or(clock, |last| last.max(clock));
    let mut updater = Updater::new(&root, now, settings.metadata)?;
    // Begun once the lock is held: how long others kept it is bounded by `lock_wait`.
    let deadline = Deadline::of("the refresh", settings.update_total);
    let fetches = |deltas| RefreshFetches::new(client, store, &record.metadata_url, deadline, deltas);
    let state = StateWriter { store, lock: &lock };
    let mut first = fetches(Deltas::Welcome);
    match drive(settings, &state, &mut first, &mut updater, network).await {
        // What a delta did to a file must not look like what the repository did: once more, with whole files.
        Err(Error::Verification(error)) if first.any_delta() => {
            tracing::info!(%error, "metadata from a delta does not verify; fetching the whole");
            let root = store.trusted_root(record, &settings.metadata)?;
            updater = Updater::new(&root, now, settings.metadata)?;
            drive(settings, &state, &mut fetches(Deltas::Refused), &mut updater, network).await?;
        }
        outcome => outcome?,
    }
    if let Lock::Write(lock) = &lock {
        store.keep_last_refresh(lock, now);
    }
    Ok(Refreshed { updater, clock_behind: now.duration_since(clock) })
}

/// What may be done with the store.
enum Lock {
    Write(StoreLock),
    /// Held, never asked: offline there is nothing to write.
    Read(#[expect(dead_code, reason = "held until it is dropped")] ReadLock),
}

async fn drive(
    settings: &ClientSettings,
    state: &StateWriter<'_>,
    fetches: &mut RefreshFetches<'_>,
    updater: &mut Updater,
    network: Network,
) -> Result<(), Error> {
    loop {
        let answer = match updater.step()? {
            Step::Done => return Ok(()),
            Step::Read(role) => read(state.store, &role, settings),
            Step::Fetch(request) => match network {
                Network::Online => fetches.answer(&request).await?,
                Network::Offline => {
                    let answer = stored(state.store, &request, settings)?;
                    updater.answer(answer).map_err(|error| offline(&request, error.into()))?;
                    continue;
                }
            },
            // 5.3.8 and later: what was verified stays trusted, whatever comes of the rest.
            Step::Write(role, bytes) => {
                state.write(&role, &bytes)?;
                Answer::Written
            }
            Step::Delete(role) => {
                state.delete(&role)?;
                Answer::Written
            }
        };
        updater.answer(answer)?;
    }
}

/// The store as far as this refresh may change it: offline, not at all. The core deletes what a rotation of keys made
/// worthless (5.3.11) before it writes the root: a process killed in between finds the same rotation again.
struct StateWriter<'a> {
    store: &'a RepositoryStore,
    lock: &'a Lock,
}

impl StateWriter<'_> {
    fn write(&self, role: &RoleName, bytes: &[u8]) -> Result<(), Error> {
        match self.lock {
            Lock::Write(lock) => self.store.write(lock, role, bytes),
            Lock::Read(_) => Ok(()),
        }
    }

    fn delete(&self, role: &RoleName) -> Result<(), Error> {
        match self.lock {
            Lock::Write(lock) => self.store.delete(lock, role),
            Lock::Read(_) => Ok(()),
        }
    }
}

pub(super) fn read(store: &RepositoryStore, role: &RoleName, settings: &ClientSettings) -> Answer {
    store.read(role, bound_of(role).value(settings)).map_or(Answer::Absent, Answer::Bytes)
}

/// Offline, there is no newer root, and what is stored is all there is: asked for as if it were fetched, the timestamp
/// passes, and of the others the core says why they did not do.
pub(super) fn stored(
    store: &RepositoryStore,
    request: &Request,
    settings: &ClientSettings,
) -> Result<Answer, Error> {
    match read(store, &request.role, settings) {
        _ if request.role == RoleName::root() => Ok(Answer::Absent),
        Answer::Absent => Err(Error::Offline { file: request.path.clone() }),
        answer => Ok(answer),
    }
}

/// Why stored metadata cannot be used offline. What has expired is said to have; anything else is no fault of the
/// repository, and online it would be fetched again.
pub(super) fn offline(request: &Request, error: Error) -> Error {
    match error {
        Error::Verification(sealdex_tuf::Error::Expired { .. }) => error,
        _ => Error::Offline { file: request.path.clone() },
    }
}

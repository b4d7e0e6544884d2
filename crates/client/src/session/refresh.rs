//! Drives the update workflow of the core: reads and writes the trusted state, fetches what is new.

use std::sync::Arc;

use sealdex_tuf::{Answer, Request, RoleName, Step, Updater};

use crate::bound::Bound;
use crate::client::{Client, ClientSettings};
use crate::error::Error;
use crate::fetch::{Deadline, Fetch, Kind, Redirects};
use crate::name::RepositoryUrl;
use crate::store::{RepositoryRecord, RepositoryStore, StoreLock};

/// Where a session may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    Online,
    Offline,
}

/// One refresh (5.1 to 5.6). Holds the store's lock from beginning to end.
pub(super) async fn refresh(
    client: &Client,
    store: &RepositoryStore,
    record: &RepositoryRecord,
    network: Network,
) -> Result<Updater, Error> {
    let settings = client.settings();
    let lock = store.lock(settings.lock_wait).await?;
    let root = store.trusted_root(record, &settings.metadata)?;
    // 5.1: the start time is fixed once the lock is held, so that waiting for it makes nothing stale.
    let mut updater = Updater::new(&root, client.now(), settings.metadata)?;
    let mut state = StateWriter { store, lock: &lock, new_root: None };
    let outcome = drive(client, &mut state, record, &mut updater, network).await;
    // 5.3.8: what was verified before a later failure stays trusted.
    state.flush_root()?;
    outcome?;
    Ok(updater)
}

async fn drive(
    client: &Client,
    state: &mut StateWriter<'_>,
    record: &RepositoryRecord,
    updater: &mut Updater,
    network: Network,
) -> Result<(), Error> {
    let settings = client.settings();
    // Begun once the lock is held: how long others kept it is bounded by `lock_wait`.
    let deadline = Deadline::of("the refresh", settings.update_total);
    loop {
        let answer = match updater.step()? {
            Step::Done => return Ok(()),
            Step::Read(role) => {
                state.flush_root()?;
                read(state.store, &role, settings)
            }
            Step::Fetch(request) => match network {
                Network::Online => fetch(client, &record.metadata_url, &request, &deadline).await?,
                Network::Offline => stored(state.store, &request, settings)?,
            },
            Step::Write(role, bytes) if role == RoleName::root() => {
                state.new_root = Some(bytes);
                Answer::Written
            }
            Step::Write(role, bytes) => {
                state.flush_root()?;
                state.store.write(state.lock, &role, &bytes)?;
                Answer::Written
            }
            Step::Delete(role) => {
                state.store.delete(state.lock, &role)?;
                Answer::Written
            }
        };
        updater.answer(answer)?;
    }
}

/// Writes a new root after the deletions it brings (5.3.11), not before. A process killed in between then begins with
/// the old root again and finds the same rotation; the other way round, it would not know of it any more.
struct StateWriter<'a> {
    store: &'a RepositoryStore,
    lock: &'a StoreLock,
    new_root: Option<Arc<[u8]>>,
}

impl StateWriter<'_> {
    fn flush_root(&mut self) -> Result<(), Error> {
        match self.new_root.take() {
            Some(bytes) => self.store.write(self.lock, &RoleName::root(), &bytes),
            None => Ok(()),
        }
    }
}

pub(super) fn read(store: &RepositoryStore, role: &RoleName, settings: &ClientSettings) -> Answer {
    store.read(role, bound_of(role).value(settings)).map_or(Answer::Absent, Answer::Bytes)
}

fn bound_of(role: &RoleName) -> Bound {
    match role.as_str() {
        "root" => Bound::MaxRootBytes,
        "timestamp" => Bound::MaxTimestampBytes,
        "snapshot" => Bound::MaxSnapshotBytes,
        _ => Bound::MaxTargetsBytes,
    }
}

pub(super) async fn fetch(
    client: &Client,
    base: &RepositoryUrl,
    request: &Request,
    deadline: &Deadline,
) -> Result<Answer, Error> {
    let bound = bound_of(&request.role);
    let fetch = Fetch {
        url: &base.file(&request.path)?,
        max_bytes: request.max_bytes,
        // Otherwise trusted metadata lists the length, and no setting changes that.
        bound: (request.max_bytes == bound.value(client.settings())).then_some(bound),
        kind: Kind::Metadata,
        limits: &client.settings().metadata_fetch,
        redirects: Redirects::SameHost,
    };
    let bytes = deadline.bound(client.fetcher().bytes(fetch)).await?;
    Ok(bytes.map_or(Answer::Absent, Answer::Bytes))
}

/// Offline, the stored timestamp is offered as the latest one, and there is nothing new otherwise.
fn stored(store: &RepositoryStore, request: &Request, settings: &ClientSettings) -> Result<Answer, Error> {
    match request.role.as_str() {
        "root" => Ok(Answer::Absent),
        "timestamp" => match read(store, &request.role, settings) {
            Answer::Absent => Err(Error::Offline { file: request.path.clone() }),
            answer => Ok(answer),
        },
        _ => Err(Error::Offline { file: request.path.clone() }),
    }
}

//! Searches through the delegations, any number at once.
//!
//! The core verifies under a mutex and never waits in it: when it needs a file, the search lets go of the mutex, gets
//! the file, and begins again with the file at hand. What was loaded by then, by whichever search, is not loaded again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealdex_tuf::{Answer, Request, RoleName, Step, TargetPath, Updater, VerifiedTarget};

use super::refresh::{Network, fetch, offline, read, stored};
use crate::client::Client;
use crate::error::Error;
use crate::fetch::Deadline;
use crate::store::{RepositoryRecord, RepositoryStore};

/// What all searches of a session share.
#[derive(Debug)]
pub(super) struct Searches {
    updater: Mutex<Updater>,
    /// The snapshot that lists what is searched.
    snapshot: Arc<[u8]>,
}

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
        Self { updater: Mutex::new(updater), snapshot }
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
        let found = loop {
            match self.advance(path, &mut files)? {
                Need::Nothing(found) => break found,
                Need::Read(role) => {
                    let answer = read(store, &role, settings);
                    files.read.insert(role, answer);
                }
                Need::Fetch(request) if network == Network::Online => {
                    let answer = fetch(client, &record.metadata_url, &request, &deadline).await?;
                    files.fetched.insert(request.path, answer);
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
        store.keep_delegated(&self.snapshot, files.verified).await;
        Ok(found)
    }

    /// Searches as far as the files at hand allow. One that fails leaves the others unharmed.
    fn advance(&self, path: &TargetPath, files: &mut Files) -> Result<Need, Error> {
        let mut updater = self.updater.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(search(&mut updater, path, files)?)
    }
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

//! The crate `sigstore-tuf`, unmodified, with a repository and a store in memory.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, MetadataStore, Repository, TargetFile, Updater, UpdaterConfig};

use super::{caught, decoded, digest};
use crate::case::{Case, Files, LIMITS, Site, Step};
use crate::outcome::{Lookup, Outcome, Refresh};

/// Runs every step of `case`.
pub fn run(case: &Case) -> Vec<Outcome> {
    let store = Store::default();
    case.steps.iter().map(|step| run_step(case, step, &store)).collect()
}

fn run_step(case: &Case, step: &Step, store: &Store) -> Outcome {
    for (role, bytes) in &step.stored {
        let mut files = store.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bytes {
            Some(bytes) => files.insert(format!("{role}.json"), bytes.clone()),
            None => files.remove(&format!("{role}.json")),
        };
    }
    let mut updater = None;
    let refresh = match caught(|| refresh(case, step, store, &mut updater)) {
        Ok(Ok(())) => Refresh::Accepted,
        Ok(Err(error)) => Refresh::Refused(told(&error)),
        Err(panic) => Refresh::Crashed(panic),
    };
    let mut found = Vec::new();
    if let (Refresh::Accepted, Some(updater)) = (&refresh, &mut updater) {
        for path in &step.find {
            found.push(match caught(|| find(updater, path, step.now)) {
                Ok(Ok(None)) => Lookup::NotFound,
                Ok(Ok(Some((file, content)))) => {
                    Lookup::Found { length: file.length.to_string(), hashes: file.hashes, content }
                }
                Ok(Err(error)) => Lookup::Failed(told(&error)),
                Err(panic) => Lookup::Crashed(panic),
            });
        }
    }
    Outcome { refresh, stored: store.trusted(), found }
}

fn refresh(case: &Case, step: &Step, store: &Store, updater: &mut Option<Updater>) -> Result<(), Error> {
    let mut config = UpdaterConfig::default();
    config.root_max_length = LIMITS.max_root_bytes;
    config.timestamp_max_length = LIMITS.max_timestamp_bytes;
    config.snapshot_max_length = LIMITS.max_snapshot_bytes;
    config.targets_max_length = LIMITS.max_targets_bytes;
    config.max_root_rotations = u32::try_from(LIMITS.max_root_versions).unwrap_or(u32::MAX);
    // Here the top-level role counts too.
    config.max_delegations = u32::try_from(LIMITS.max_delegations + 1).unwrap_or(u32::MAX);
    let new = Updater::new(Served(Arc::clone(&step.site)), &case.root)?;
    let updater = updater.insert(new.with_config(config).with_store(store.clone()));
    finish(updater.refresh(step.now))
}

fn find(updater: &mut Updater, path: &str, now: Timestamp) -> Result<Option<(TargetFile, bool)>, Error> {
    let Some(file) = finish(updater.get_target_info(path, now))? else { return Ok(None) };
    let content = finish(updater.download_target(&file, path)).is_ok();
    Ok(Some((file, content)))
}

/// An error and what caused it.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Nothing here ever waits, so one look is enough.
fn finish<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a repository in memory keeps nobody waiting"),
    }
}

struct Served(Arc<Site>);

impl Served {
    fn answer<'a>(file: Option<&Vec<u8>>, max_length: u64) -> FetchFuture<'a> {
        let answer = match file {
            Some(bytes) if bytes.len() as u64 > max_length => {
                Err(Error::transport(format!("more than {max_length} bytes")))
            }
            file => Ok(file.cloned()),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Repository for Served {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Self::answer(self.0.metadata.get(&decoded(name)), max_length)
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Self::answer(self.0.targets.get(path), max_length)
    }
}

/// A store that outlives its updaters.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Files>>);

impl Store {
    /// What the client holds of each role. Next to `ROLE.json` it keeps each snapshot under its versioned name, the
    /// history of roots, and targets.
    fn trusted(&self) -> std::collections::BTreeMap<String, String> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let roles = files.iter().filter_map(|(file, bytes)| {
            let role = file.strip_suffix(".json")?;
            let kept_twice = file.starts_with("root_history/")
                || file.starts_with("targets/")
                || file.split_once('.').is_some_and(|(version, rest)| {
                    rest == "snapshot.json" && version.bytes().all(|byte| byte.is_ascii_digit())
                });
            (!kept_twice).then(|| (decoded(role), digest(bytes)))
        });
        roles.collect()
    }
}

impl MetadataStore for Store {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}

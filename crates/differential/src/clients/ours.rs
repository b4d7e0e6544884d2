//! Our client: `sealdex_tuf::Updater` with a store in memory.

use std::collections::BTreeMap;

use sealdex_tuf::{Answer, Error, RoleName, Step as Asked, TargetPath, Updater, VerifiedTarget};

use super::{caught, decoded, digest};
use crate::case::{Case, Files, LIMITS, Site, Step};
use crate::outcome::{Lookup, Outcome, Refresh};

/// Runs every step of `case`.
pub fn run(case: &Case) -> Vec<Outcome> {
    let mut store = BTreeMap::from([("root".to_owned(), case.root.clone())]);
    let mut outcomes: Vec<Outcome> = case.steps.iter().map(|step| run_step(step, &mut store)).collect();
    if Updater::new(&case.root, case.steps[0].now, LIMITS).is_err() {
        // It came with the software and was never trusted: others store nothing then.
        outcomes.iter_mut().for_each(|outcome| drop(outcome.stored.remove("root")));
    }
    outcomes
}

fn run_step(step: &Step, store: &mut Files) -> Outcome {
    for (role, bytes) in &step.stored {
        match bytes {
            Some(bytes) => store.insert(role.clone(), bytes.clone()),
            None => store.remove(role),
        };
    }
    let mut updater = None;
    let refresh = match caught(|| refresh(step, store, &mut updater)) {
        Ok(Ok(())) => Refresh::Accepted,
        Ok(Err(error)) => Refresh::Refused(error.to_string()),
        Err(panic) => Refresh::Crashed(panic),
    };
    let mut found = Vec::new();
    if let (Refresh::Accepted, Some(updater)) = (&refresh, &mut updater) {
        for path in &step.find {
            found.push(match caught(|| find(updater, path, step, store)) {
                Ok(Ok(None)) => Lookup::NotFound,
                Ok(Ok(Some(target))) => describe(&target, &step.site),
                Ok(Err(error)) => Lookup::Failed(error.to_string()),
                Err(panic) => Lookup::Crashed(panic),
            });
        }
    }
    let stored = store.iter().map(|(role, bytes)| (role.clone(), digest(bytes))).collect();
    Outcome { refresh, stored, found }
}

fn refresh(step: &Step, store: &mut Files, updater: &mut Option<Updater>) -> Result<(), Error> {
    let root = store.get("root").cloned().unwrap_or_default();
    let new = updater.insert(Updater::new(&root, step.now, LIMITS)?);
    drive(new, &step.site, store)
}

fn find(
    updater: &mut Updater,
    path: &str,
    step: &Step,
    store: &mut Files,
) -> Result<Option<VerifiedTarget>, Error> {
    updater.search(TargetPath::parse(path)?)?;
    drive(updater, &step.site, store)?;
    Ok(updater.found()?.cloned())
}

fn drive(updater: &mut Updater, site: &Site, store: &mut Files) -> Result<(), Error> {
    loop {
        let answer = match updater.step()? {
            Asked::Done => return Ok(()),
            Asked::Read(role) => {
                store.get(role.as_str()).map_or(Answer::Absent, |bytes| Answer::Bytes(bytes.clone()))
            }
            Asked::Fetch(request) => {
                let file = site.metadata.get(&decoded(&request.path));
                file.map_or(Answer::Absent, |bytes| Answer::Bytes(bounded(bytes, request.max_bytes)))
            }
            Asked::Write(role, bytes) => {
                store.insert(name(&role), bytes.to_vec());
                Answer::Written
            }
            Asked::Delete(role) => {
                store.remove(role.as_str());
                Answer::Written
            }
        };
        updater.answer(answer)?;
    }
}

/// As a real fetch does: one byte more than allowed is enough to know.
fn bounded(bytes: &[u8], max_bytes: u64) -> Vec<u8> {
    let end = usize::try_from(max_bytes).unwrap_or(usize::MAX).saturating_add(1).min(bytes.len());
    bytes[..end].to_vec()
}

fn name(role: &RoleName) -> String {
    role.as_str().to_owned()
}

fn describe(target: &VerifiedTarget, site: &Site) -> Lookup {
    let file = target.file();
    let hashes = file.hashes.iter().map(|(name, hash)| (name.to_owned(), hash.to_owned())).collect();
    let content = site.targets.get(&decoded(&target.url_path()));
    let content = content.is_some_and(|bytes| target.verify(&bounded(bytes, file.length)).is_ok());
    Lookup::Found { length: file.length.to_string(), hashes, content }
}

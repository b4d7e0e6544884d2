//! The client workflow (TUF spec section 5) as a machine without I/O.
//!
//! [`Updater::step`] says what to do next: read or write a file of the client's own storage, or fetch one from the
//! repository. Do it, give the outcome to [`Updater::answer`], and go on until the step is [`Step::Done`]. Then ask for
//! targets with [`Updater::search`] and go on the same way. Blocking and async callers, tests and fuzzers all drive
//! this same machine. [`crate::guide`] has a complete one, and the list of what a caller owes.

mod search;

use std::sync::Arc;

use jiff::Timestamp as Time;

use crate::error::Error;
use crate::limits::Limits;
use crate::metadata::MetaFile;
use crate::name::{RoleName, TargetPath};
use crate::target::VerifiedTarget;
use crate::trusted::{
    Freshness, KeyRotation, RootStage, SnapshotStage, TargetsStage, TimestampStage, TrustedMetadata,
};
use search::Search;

/// What the caller is to do next.
///
/// Steps that change the storage come in an order that survives a crash between any two of them: a root that takes away
/// keys of timestamp or snapshot is written after those two are deleted (5.3.11), and metadata after what it is
/// verified with. That holds only if each is on the disk before the next is begun: do them one by one, and synchronise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read a role's metadata from the client's own storage; answer [`Answer::Bytes`], damaged or not, or
    /// [`Answer::Absent`]. A file that cannot be read may be answered as absent and is fetched again, at the price of
    /// its protection against rollback.
    Read(RoleName),
    /// Fetch a metadata file from the repository; answer [`Answer::Bytes`] or, where the repository says that it has no
    /// such file, [`Answer::Absent`]. On any other failure drop the updater: nothing was trusted halfway. In particular
    /// a lost connection is not an absent root, which would mean that there is no newer one.
    Fetch(Request),
    /// Write verified metadata to the client's own storage, replacing what is there in one atomic step; answer
    /// [`Answer::Written`]. [`RoleName::stored_file_name`] is a safe name for it.
    Write(RoleName, Arc<[u8]>),
    /// Delete a role's metadata from the client's own storage (5.3.11), durably; that there is none is as good. Answer
    /// [`Answer::Written`].
    Delete(RoleName),
    /// The refresh, or the search, is complete.
    Done,
}

/// A metadata file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The role whose metadata it is.
    pub role: RoleName,
    /// The path relative to the metadata base URL, percent-encoded.
    pub path: String,
    /// More bytes than this are an endless data attack. Stop reading after one more, and answer with what was read: the
    /// updater refuses it.
    pub max_bytes: u64,
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The file's content.
    Bytes(Vec<u8>),
    /// There is no such file.
    Absent,
    /// The file was written or deleted.
    Written,
}

/// A client update in progress, and after it the searches in what it came to trust.
#[derive(Debug)]
pub struct Updater {
    phase: Phase,
    /// What to write or delete before the next phase goes on.
    pending: Vec<Step>,
}

#[derive(Debug)]
enum Phase {
    /// Asking for root version N+1 (5.3).
    Root(RootStage),
    /// Reading the timestamp of an earlier update; after a key rotation there is none.
    StoredTimestamp(TimestampStage),
    FetchTimestamp(TimestampStage),
    StoredSnapshot(SnapshotStage),
    FetchSnapshot(SnapshotStage),
    StoredTargets(TargetsStage),
    FetchTargets(TargetsStage),
    Trusted(Box<TrustedMetadata>, Option<Search>),
    /// An error ends the update as soon as what is pending has been written.
    Refused(Error),
    /// An error ended the update; also stands in while a phase is being replaced.
    Ended,
}

impl Updater {
    /// Begins an update at the fixed time `now` from a trusted root: one that came with the software, or that an
    /// earlier update persisted (5.1, 5.2).
    ///
    /// # Errors
    /// The trusted root is malformed, too long or not signed by itself. Where no newer one may be asked for, also:
    /// it has expired.
    pub fn new(trusted_root: &[u8], now: Time, limits: Limits) -> Result<Self, Error> {
        let stage = RootStage::start(trusted_root, now, limits)?;
        Ok(Self { phase: next_root(stage)?, pending: Vec::new() })
    }

    /// What to do next. Asking twice changes nothing.
    ///
    /// # Errors
    /// The search has failed, or an earlier error has ended this update.
    pub fn step(&self) -> Result<Step, Error> {
        if let Some(step) = self.pending.first() {
            return Ok(step.clone());
        }
        Ok(match &self.phase {
            Phase::Root(stage) => {
                let role = RoleName::root();
                let path = role.versioned_file_name(stage.next_version()?);
                Step::Fetch(Request { role, path, max_bytes: stage.limits().max_root_bytes })
            }
            Phase::StoredTimestamp(_) => Step::Read(RoleName::timestamp()),
            Phase::FetchTimestamp(stage) => {
                let role = RoleName::timestamp();
                Step::Fetch(Request {
                    path: role.file_name(),
                    role,
                    max_bytes: stage.limits().max_timestamp_bytes,
                })
            }
            Phase::StoredSnapshot(_) => Step::Read(RoleName::snapshot()),
            Phase::FetchSnapshot(stage) => {
                let limit = stage.limits().max_snapshot_bytes;
                Step::Fetch(request(
                    RoleName::snapshot(),
                    stage.expected(),
                    stage.consistent_snapshot(),
                    limit,
                ))
            }
            Phase::StoredTargets(_) => Step::Read(RoleName::targets()),
            Phase::FetchTargets(stage) => {
                let limit = stage.limits().max_targets_bytes;
                Step::Fetch(request(
                    RoleName::targets(),
                    stage.expected()?,
                    stage.consistent_snapshot(),
                    limit,
                ))
            }
            Phase::Trusted(trusted, Some(search)) => search.step(trusted)?,
            Phase::Trusted(_, None) => Step::Done,
            Phase::Refused(error) => return Err(error.clone()),
            Phase::Ended => return Err(Error::OutOfOrder { given: "a question", asked: "nothing more" }),
        })
    }

    /// Takes the outcome of the current step.
    ///
    /// # Errors
    /// What was fetched is refused. A refresh has then ended and nothing of it is trusted; metadata that was written
    /// before stays valid; begin again with [`Updater::new`]. A search has then ended without an answer; what the
    /// refresh brought stays trusted and may be searched again.
    pub fn answer(&mut self, answer: Answer) -> Result<(), Error> {
        if !self.pending.is_empty() {
            return match answer {
                Answer::Written => {
                    self.pending.remove(0);
                    Ok(())
                }
                _ => Err(Error::OutOfOrder { given: "bytes", asked: "a file to be written" }),
            };
        }
        let bytes = match answer {
            Answer::Bytes(bytes) => Some(bytes),
            Answer::Absent => None,
            Answer::Written => return Err(Error::OutOfOrder { given: "a written file", asked: "bytes" }),
        };
        if let Phase::Trusted(trusted, search) = &mut self.phase {
            let Some(search) = search else {
                return Err(Error::OutOfOrder { given: "bytes", asked: "nothing more" });
            };
            // 5.6.7
            self.pending.extend(search.answer(trusted, bytes)?);
            return Ok(());
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Ended);
        self.phase = self.advance(phase, bytes)?;
        Ok(())
    }

    /// The trusted metadata, once the refresh is done.
    #[must_use]
    pub fn trusted(&self) -> Option<&TrustedMetadata> {
        match &self.phase {
            Phase::Trusted(trusted, _) => Some(trusted),
            _ => None,
        }
    }

    /// Begins to search `path` among the targets (5.6.7); replaces an earlier search. Go on with [`Updater::step`].
    ///
    /// # Errors
    /// The refresh is not done, or the search has failed without anything to be asked.
    pub fn search(&mut self, path: TargetPath) -> Result<(), Error> {
        let Phase::Trusted(trusted, search) = &mut self.phase else {
            return Err(Error::OutOfOrder { given: "a target path", asked: "the refresh to be completed" });
        };
        let new = search.insert(Search::new(path, trusted.limits().max_delegations));
        new.begin(trusted)
    }

    /// The outcome of a completed search: the target, or `None` when verified metadata says that there is none.
    ///
    /// # Errors
    /// No search has been completed, or the last one failed: then what it failed of.
    pub fn found(&self) -> Result<Option<&VerifiedTarget>, Error> {
        match &self.phase {
            Phase::Trusted(_, Some(search)) => search.outcome(),
            _ => Err(Error::OutOfOrder { given: "a question for a target", asked: "a search" }),
        }
    }

    fn advance(&mut self, phase: Phase, bytes: Option<Vec<u8>>) -> Result<Phase, Error> {
        match (phase, bytes) {
            // 5.3.3 to 5.3.9
            (Phase::Root(mut stage), Some(bytes)) => {
                // 5.3.11 comes before 5.3.8, so that an update cut short between the two does not lose it.
                if stage.update(&bytes)? == KeyRotation::TimestampOrSnapshot {
                    self.pending.extend([RoleName::timestamp(), RoleName::snapshot()].map(Step::Delete));
                }
                self.pending.push(Step::Write(RoleName::root(), stage.root().bytes().clone()));
                // That root is trusted from now on, expired or not: it is written even if the update ends here.
                next_root(stage).or_else(|error| Ok(Phase::Refused(error)))
            }
            (Phase::Root(stage), None) => finish_root(stage),
            (Phase::StoredTimestamp(mut stage), stored) => {
                // A stored file that does not verify any more, damaged or signed by keys since revoked, is as good as
                // none.
                let _worthless = stored.map(|bytes| stage.load_stored(&bytes));
                Ok(Phase::FetchTimestamp(stage))
            }
            // 5.4.2 to 5.4.5
            (Phase::FetchTimestamp(mut stage), Some(bytes)) => {
                let freshness = stage.update(&bytes)?;
                if let Some(new) = stage.timestamp().filter(|_| freshness == Freshness::New) {
                    self.pending.push(Step::Write(RoleName::timestamp(), new.bytes().clone()));
                }
                Ok(Phase::StoredSnapshot(stage.finish()?))
            }
            (Phase::StoredSnapshot(mut stage), stored) => {
                let _worthless = stored.map(|bytes| stage.load_stored(&bytes));
                if stage.is_current() {
                    Ok(Phase::StoredTargets(stage.finish()?))
                } else {
                    Ok(Phase::FetchSnapshot(stage))
                }
            }
            // 5.5.2 to 5.5.7
            (Phase::FetchSnapshot(mut stage), Some(bytes)) => {
                stage.update(&bytes)?;
                let stage = stage.finish()?;
                self.pending.push(Step::Write(RoleName::snapshot(), stage.snapshot().bytes().clone()));
                Ok(Phase::StoredTargets(stage))
            }
            (Phase::StoredTargets(stage), Some(bytes)) => Ok(match stage.update(&bytes) {
                Ok(trusted) => Phase::Trusted(Box::new(trusted), None),
                Err(refused) => Phase::FetchTargets(refused.0),
            }),
            (Phase::StoredTargets(stage), None) => Ok(Phase::FetchTargets(stage)),
            // 5.6.2 to 5.6.6
            (Phase::FetchTargets(stage), Some(bytes)) => {
                let trusted = stage.update(&bytes).map_err(|refused| refused.1)?;
                self.pending.push(Step::Write(RoleName::targets(), trusted.targets().bytes().clone()));
                Ok(Phase::Trusted(Box::new(trusted), None))
            }
            (Phase::FetchTimestamp(_), None) => {
                Err(Error::Missing { file: RoleName::timestamp().file_name() })
            }
            (Phase::FetchSnapshot(stage), None) => {
                let request = request(RoleName::snapshot(), stage.expected(), stage.consistent_snapshot(), 0);
                Err(Error::Missing { file: request.path })
            }
            (Phase::FetchTargets(stage), None) => {
                let request = request(RoleName::targets(), stage.expected()?, stage.consistent_snapshot(), 0);
                Err(Error::Missing { file: request.path })
            }
            (phase @ Phase::Trusted(..), _) => Ok(phase),
            (Phase::Refused(error), _) => Err(error),
            (Phase::Ended, _) => Err(Error::OutOfOrder { given: "bytes", asked: "nothing more" }),
        }
    }
}

/// 5.3.3: asks for one more root, or goes on with this one where the limit of new versions is reached.
fn next_root(stage: RootStage) -> Result<Phase, Error> {
    if stage.next_version().is_ok() { Ok(Phase::Root(stage)) } else { finish_root(stage) }
}

/// 5.3.10 to 5.3.12
fn finish_root(stage: RootStage) -> Result<Phase, Error> {
    let (stage, rotation) = stage.finish()?;
    Ok(match rotation {
        KeyRotation::None => Phase::StoredTimestamp(stage),
        KeyRotation::TimestampOrSnapshot => Phase::FetchTimestamp(stage),
    })
}

/// The request for a role's metadata file: versioned with consistent snapshots (5.5.1, 5.6.1), bounded by the listed
/// length where there is one.
fn request(role: RoleName, expected: &MetaFile, consistent_snapshot: bool, limit: u64) -> Request {
    let path =
        if consistent_snapshot { role.versioned_file_name(expected.version) } else { role.file_name() };
    Request { role, path, max_bytes: expected.length.map_or(limit, |length| length.min(limit)) }
}

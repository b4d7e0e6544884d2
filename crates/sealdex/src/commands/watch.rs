//! Who watches a run: hears each decision of its proxy, logs it once, and remembers what is to be told at the end.

use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sealdex_client::{
    Decision, DecisionLog, FileGiven, LeftOut, Outcome, ProxyOptions, Refusal, RepositoryName, Sha256Digest,
};
use sealdex_simple::ProjectName;
use serde::Serialize;

use super::trusted::hint;
use crate::output::{WARNING, styled, tell};

/// Decisions known, and files remembered: more than any installation has, so that a run does not grow for ever.
const MAX_KNOWN: usize = 50_000;
const MAX_LEFT_OUT: usize = 1000;

/// The watch over one run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Watch {
    begun: Timestamp,
    log: Option<DecisionLog>,
    remember: Remember,
    seen: Arc<Mutex<Seen>>,
}

/// Whether files are remembered, or only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remember {
    Count,
    Files,
}

/// A file, and the repository that vouches for it.
#[derive(Serialize)]
pub(super) struct RepositoryFile {
    repository: Option<RepositoryName>,
    #[serde(flatten)]
    file: FileGiven,
}

/// A file that policy left out of a page.
#[derive(Serialize)]
pub(super) struct Excluded {
    repository: Option<RepositoryName>,
    project: ProjectName,
    #[serde(flatten)]
    pub(super) file: LeftOut,
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Seen {
    known: HashSet<Sha256Digest>,
    /// Files handed out, each once.
    pub(super) file_count: usize,
    pub(super) files: Vec<RepositoryFile>,
    /// The repositories that pages and files came from, and the snapshot of each.
    pub(super) from: BTreeMap<RepositoryName, u64>,
    /// Files that policy left out of pages.
    pub(super) left_out: Vec<Excluded>,
    /// What was refused before there was anything that could be served.
    pub(super) refused_at_start: Vec<Refusal>,
    /// Whether there was more than is remembered.
    pub(super) truncated: bool,
    log_failed: bool,
}

impl Watch {
    /// Watches from now on, with the user's log.
    pub(super) fn begin(remember: Remember) -> Self {
        // Without a home there is no log.
        let log = DecisionLog::default_directory().ok().map(DecisionLog::new);
        Self { begun: Timestamp::now(), log, remember, seen: Arc::default() }
    }

    /// Watches what is only played: the user's log is not for that.
    pub(super) fn unlogged() -> Self {
        Self { log: None, ..Self::begin(Remember::Count) }
    }

    pub(super) fn begun(&self) -> Timestamp {
        self.begun
    }

    pub(super) fn log(&self) -> Option<&DecisionLog> {
        self.log.as_ref()
    }

    /// The options of a proxy that is watched.
    pub(super) fn over(&self, options: ProxyOptions) -> ProxyOptions {
        let watch = self.clone();
        options.on_decision(move |decision| watch.hear(decision))
    }

    /// Takes note that a repository was refused before its proxy could serve anything.
    pub(super) fn refuse_at_start(&self, repository: &RepositoryName, error: &sealdex_client::Error) {
        let mut refusal = Refusal::of(Timestamp::now(), None, None, error);
        refusal.hint = hint(error);
        refusal.repository = Some(repository.clone());
        self.hear(&Decision::refused(&refusal));
        self.seen().refused_at_start.push(refusal);
    }

    /// Takes note of a decision, once.
    pub(super) fn hear(&self, decision: &Decision) {
        if self.is_new(decision) {
            self.keep(decision);
        }
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_new(&self, decision: &Decision) -> bool {
        // Ranges, retries and requests without end about the same thing are one decision.
        let outcome = serde_json::to_vec(&decision.outcome).unwrap_or_default();
        let mut seen = self.seen();
        if seen.known.len() >= MAX_KNOWN {
            seen.known.clear();
        }
        if !seen.known.insert(Sha256Digest::of(&outcome)) {
            return false;
        }
        match &decision.outcome {
            Outcome::File(file) => {
                let repository = decision.repository.clone();
                seen.from.extend(repository.clone().map(|name| (name, file.signed_by.snapshot)));
                seen.file_count += 1;
                let full = seen.files.len() >= MAX_KNOWN;
                match self.remember {
                    Remember::Files if full => seen.truncated = true,
                    Remember::Files => seen.files.push(RepositoryFile { repository, file: file.clone() }),
                    Remember::Count => {}
                }
            }
            Outcome::Page(page) => {
                let repository = decision.repository.clone();
                seen.from.extend(repository.clone().map(|name| (name, page.signed_by.snapshot)));
                let room = MAX_LEFT_OUT.saturating_sub(seen.left_out.len());
                seen.truncated |= page.left_out.len() > room;
                let left_out = page.left_out.iter().take(room).cloned();
                let left_out = left_out.map(|file| Excluded {
                    repository: repository.clone(),
                    project: page.project.clone(),
                    file,
                });
                let left_out: Vec<_> = left_out.collect();
                seen.left_out.extend(left_out);
            }
            _ => {}
        }
        true
    }

    /// Into the log. That it cannot be written is told once, and stops nothing.
    fn keep(&self, decision: &Decision) {
        let Some(Err(error)) = self.log.as_ref().map(|log| log.append(decision)) else { return };
        if !mem::replace(&mut self.seen().log_failed, true) {
            tell(format!("{} no log is kept: {}", styled(WARNING, "warning:"), error.report()));
        }
    }
}

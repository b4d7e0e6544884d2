//! What a user is told of a refusal, in a box on the terminal: what was wrong, which attack it looks like, since when, what
//! to do.

#[cfg(test)]
mod pictures;

use jiff::Timestamp;
use sealdex_client::{Attack, History, Refusal, Target};

use super::trusted::looks_like;
use super::watch::{Excluded, Watch};
use crate::output::boxed::{Boxed, Row};
use crate::output::{count, tell};

/// Boxes at the end of a run; the log has the others.
const MAX_BOXES: usize = 5;

/// Says what was refused, once for each reason, after the installer has said it in its own way.
pub(super) fn explain(watch: &Watch, refusals: &[Refusal]) {
    let mut told: Vec<&Refusal> = Vec::new();
    for refusal in refusals {
        if !told.iter().any(|own| own.message == refusal.message) {
            told.push(refusal);
        }
    }
    let since = Since::new(watch, !told.is_empty());
    for refusal in told.iter().take(MAX_BOXES) {
        tell(boxed(refusal, &since));
    }
    if let Some(more) = told.len().checked_sub(MAX_BOXES).filter(|more| *more > 0) {
        tell(format!(
            "sealdex refused {} for other reasons: see `sealdex log`",
            count(more, "thing", "things")
        ));
    }
}

/// Says which files a policy left out: an installer that found no version to its liking cannot know.
pub(super) fn explain_left_out(left_out: &[Excluded]) {
    let mut rows = Vec::new();
    for Excluded { file: own, .. } in left_out.iter().rev().take(MAX_BOXES) {
        rows.push(Row::new(&own.file, &format!("{} ({})", own.reason, own.rule)));
    }
    if let Some(more) = left_out.len().checked_sub(MAX_BOXES).filter(|more| *more > 0) {
        rows.push(Row::new("", &format!("and {}", count(more, "more file", "more files"))));
    }
    if !rows.is_empty() {
        let heading = "sealdex left out what policy does not allow";
        tell(Boxed::notice(
            heading,
            rows,
            "an installer that finds no version to its liking may have wanted these",
        ));
    }
}

fn boxed(refusal: &Refusal, since: &Since) -> Boxed {
    let what = match (&refusal.file, &refusal.project, &refusal.repository) {
        (Some(file), ..) => file.clone(),
        (None, Some(project), _) => format!("the index page of {project}"),
        (None, None, Some(repository)) => format!("the repository {repository}"),
        (None, None, None) => "this run".to_owned(),
    };
    let mut rows = vec![Row::new("what", &refusal.message)];
    if let Some(repository) = &refusal.repository {
        rows.push(Row::new("from", repository.as_str()));
    }
    if let Some(attack) = refusal.attack {
        rows.push(Row::new("attack", &format!("{}: {}", looks_like(attack), in_words(attack))));
    }
    rows.push(Row::new("since", &since.of(refusal)));
    rows.push(Row::new("to do", &refusal.hint));
    Boxed::alarm(&format!("sealdex refused {what}"), rows, "nothing of it was handed to the installer")
}

/// What an attack does, for who has not read the specification (1.5.2).
fn in_words(attack: Attack) -> &'static str {
    use sealdex_tuf::Attack as Core;
    match attack {
        Attack::Verification(Core::ArbitrarySoftware) => "signed by nobody whom you trust",
        Attack::Verification(Core::Rollback) => "an older state is given out as the latest",
        Attack::Verification(Core::IndefiniteFreeze) => "a stale state is given out as the latest",
        Attack::Verification(Core::MixAndMatch) => "parts of different states are given out as one",
        Attack::Verification(Core::EndlessData) => "more is sent than there can be",
        Attack::Verification(Core::WrongSoftware) => "something else is sent than what was signed",
        Attack::SlowRetrieval => "it is sent too slowly ever to be verified",
        _ => "it is not what was signed",
    }
}

/// Since when things are refused: from the log.
pub(super) struct Since {
    begun: Timestamp,
    histories: std::collections::HashMap<Target, History>,
}

impl Since {
    /// Reads the log if it is `needed`.
    pub(super) fn new(watch: &Watch, needed: bool) -> Self {
        let log = watch.log().filter(|_| needed);
        let histories = log.map(|log| History::of(&log.read())).unwrap_or_default();
        Self { begun: watch.begun(), histories }
    }

    pub(super) fn history(&self, refusal: &Refusal) -> History {
        let (project, file) = (refusal.project.as_ref(), refusal.file.as_deref());
        let known = self.histories.get(&Target::refused(refusal.repository.as_ref(), project, file));
        let mut history = known.copied().unwrap_or_default();
        history.refused_since.get_or_insert(refusal.when);
        history
    }

    fn of(&self, refusal: &Refusal) -> String {
        let History { refused_since, last_good } = self.history(refusal);
        let since = match refused_since.filter(|since| *since < self.begun) {
            Some(since) => minute(since),
            None => "now, for the first time".to_owned(),
        };
        match last_good {
            Some(good) => format!("{since}; it was good on {}", minute(good)),
            None if refusal.attack.is_some() => format!("{since}; the log has no time when it was good"),
            None => since,
        }
    }
}

/// `2026-11-22 10:15 UTC`
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

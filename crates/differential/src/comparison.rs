//! Where two clients differ.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use crate::case::Case;
use crate::clients::Client;
use crate::outcome::{Lookup, Outcome};

/// In what two clients differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Whether the refresh is accepted.
    Refresh,
    /// What is stored afterwards.
    Stored,
    /// What comes of a search.
    Lookup,
}

/// How we stand to the other client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// We refuse, or do not keep, what it takes.
    Stricter,
    /// We take, or keep, what it refuses.
    Laxer,
    /// It keeps a file of an earlier update where we have none any more.
    Deleted,
    /// Both have an answer, and not the same.
    Other,
    /// It ended by an error that its documentation does not speak of.
    Crashed,
}

/// A difference between our client and another one.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The case.
    pub case: String,
    /// The changes in it.
    pub parts: Vec<String>,
    /// The other client.
    pub client: Client,
    /// The step, from 1.
    pub step: usize,
    /// In what they differ.
    pub aspect: Aspect,
    /// The role stored, or the target path.
    pub what: String,
    /// How we stand to the other.
    pub view: View,
    /// Our view: the name of an outcome, or of a stored file.
    pub ours: String,
    /// The other's.
    pub theirs: String,
    /// Both clients' own words.
    pub reasons: [String; 2],
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, client, step, aspect, what, view, ours, theirs, reasons, .. } = self;
        let client = client.name();
        writeln!(formatter, "{case}, step {step}: {view:?} than {client} ({aspect:?} {what})")?;
        writeln!(formatter, "    we:   {ours} {}", reasons[0])?;
        write!(formatter, "    they: {theirs} {}", reasons[1])
    }
}

/// Every difference in the first step in which there is one; what comes after it follows from it.
pub fn compare(case: &Case, client: Client, ours: &[Outcome], theirs: &[Outcome]) -> Vec<Disagreement> {
    for (index, (own, other)) in ours.iter().zip(theirs).enumerate() {
        let found = compare_step(case, client, index, own, other);
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

fn compare_step(
    case: &Case,
    client: Client,
    index: usize,
    ours: &Outcome,
    theirs: &Outcome,
) -> Vec<Disagreement> {
    let difference = |aspect, what: &str, views: [&str; 2], reasons: [String; 2]| Disagreement {
        case: case.id.clone(),
        parts: case.parts.clone(),
        client,
        step: index + 1,
        aspect,
        what: what.to_owned(),
        view: view(aspect, index + 1, views),
        ours: views[0].to_owned(),
        theirs: views[1].to_owned(),
        reasons,
    };
    if ours.refresh.name() != theirs.refresh.name() {
        let reasons = [ours.refresh.reason(), theirs.refresh.reason()].map(str::to_owned);
        let views = [ours.refresh.name(), theirs.refresh.name()];
        return vec![difference(Aspect::Refresh, "", views, reasons)];
    }
    let mut found = Vec::new();
    for (path, (own, other)) in case.steps[index].find.iter().zip(ours.found.iter().zip(&theirs.found)) {
        let mut views = [own.name(), other.name()];
        if views[0] == views[1] && own != other && matches!(own, Lookup::Found { .. }) {
            views[1] = "another";
        }
        if views[0] != views[1] {
            found.push(difference(Aspect::Lookup, path, views, [own.reason(), other.reason()]));
        }
    }
    // A delegated role is stored where it was visited: a difference in that is told above.
    let reasons = || [ours.refresh.reason(), theirs.refresh.reason()].map(str::to_owned);
    let names = names(case);
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let view = |outcome: &Outcome| match outcome.stored.get(role) {
            None => "nothing".to_owned(),
            Some(digest) => names.get(digest).cloned().unwrap_or_else(|| "something else".to_owned()),
        };
        let (own, other) = (view(ours), view(theirs));
        if own != other {
            found.push(difference(Aspect::Stored, role, [&own, &other], reasons()));
        }
    }
    found
}

/// Who is the stricter one, by the names of two outcomes or of two stored files.
fn view(aspect: Aspect, step: usize, [ours, theirs]: [&str; 2]) -> View {
    if ours == "crashed" || theirs == "crashed" {
        return View::Crashed;
    }
    if aspect == Aspect::Stored && ours == "nothing" && step_of(theirs).is_some_and(|earlier| earlier < step)
    {
        return View::Deleted;
    }
    match rank(ours).cmp(&rank(theirs)) {
        Ordering::Less => View::Stricter,
        Ordering::Greater => View::Laxer,
        Ordering::Equal => View::Other,
    }
}

/// The more is trusted, the higher. That there is no such target is an answer as good as one.
fn rank(view: &str) -> usize {
    match view {
        "refused" | "failed" | "nothing" => 0,
        "found but refused" | "the first root" => 1,
        "accepted" | "not found" | "found" | "another" => 2,
        file => step_of(file).map_or(1, |step| step + 1),
    }
}

/// The step in which a file of that name was served.
fn step_of(file: &str) -> Option<usize> {
    file.rsplit_once(" of step ").and_then(|(_, step)| step.parse().ok())
}

/// Names for the files of a case: `2.root.json in step 1`.
fn names(case: &Case) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let digest = |bytes: &[u8]| hex::encode(sealdex_tuf::digest::sha256(bytes));
    names.insert(digest(&case.root), "the first root".to_owned());
    for (index, step) in case.steps.iter().enumerate() {
        for (file, bytes) in &step.site.metadata {
            names.entry(digest(bytes)).or_insert_with(|| format!("{file} of step {}", index + 1));
        }
        for (role, bytes) in &step.stored {
            if let Some(bytes) = bytes {
                names
                    .entry(digest(bytes))
                    .or_insert_with(|| format!("{role} laid before step {}", index + 1));
            }
        }
    }
    names
}

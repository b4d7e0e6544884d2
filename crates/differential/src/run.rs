//! Runs cases and keeps count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::case::{Case, Plan};
use crate::clients::{self, Client, PythonTuf};
use crate::comparison::{Disagreement, compare};
use crate::explanations::{EXPLANATIONS, Excuse, excuses, excuses_for};
use crate::outcome::Outcome;

/// What a run brought.
#[derive(Default)]
pub struct Report {
    /// Cases run.
    pub cases: usize,
    /// Updates in them.
    pub updates: usize,
    /// Cases in which all three clients agree in everything.
    pub agreed: usize,
    /// Cases in which a client and ours disagree, by explanation.
    pub explained: BTreeMap<(&'static str, Client), usize>,
    /// Disagreements that no explanation covers.
    pub unexplained: Vec<Disagreement>,
    used: BTreeSet<Excuse>,
}

/// A case, what ours made of it and what sigstore-tuf did.
type Waiting = VecDeque<(Case, Vec<Outcome>, Vec<Outcome>)>;

/// Cases handed to python-tuf before its answer to the first of them is looked at.
const AHEAD: usize = 32;

/// Runs the cases of `plans` through all three clients.
pub fn run<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Report {
    let mut report = Report::default();
    let mut python = PythonTuf::start();
    let mut waiting = Waiting::new();
    for plan in plans {
        // python-tuf is kept busy: it works on cases that the others have done with.
        if waiting.len() >= AHEAD {
            report.finish(&mut waiting, &mut python);
        }
        let case = plan.case();
        python.begin(&case);
        let (ours, sigstore) = (clients::ours(&case), clients::sigstore_tuf(&case));
        waiting.push_back((case, ours, sigstore));
    }
    while !waiting.is_empty() {
        report.finish(&mut waiting, &mut python);
    }
    report
}

impl Report {
    /// Explanations, by their patterns, that explained nothing: excuses for what is no more.
    pub fn unused(&self) -> Vec<Excuse> {
        excuses().filter(|excuse| !self.used.contains(excuse)).collect()
    }

    /// Compares what the three made of the case that has waited longest.
    fn finish(&mut self, waiting: &mut Waiting, python: &mut PythonTuf) {
        let Some((case, ours, sigstore)) = waiting.pop_front() else { return };
        let python = python.outcomes();
        self.cases += 1;
        self.updates += case.steps.len();
        let mut disagreements = compare(&case, Client::PythonTuf, &ours, &python);
        disagreements.extend(compare(&case, Client::SigstoreTuf, &ours, &sigstore));
        self.agreed += usize::from(disagreements.is_empty());
        self.explain(disagreements);
    }

    fn explain(&mut self, disagreements: Vec<Disagreement>) {
        let mut explained = BTreeSet::new();
        for disagreement in disagreements {
            let excuses: Vec<Excuse> = excuses_for(&disagreement).collect();
            if excuses.is_empty() {
                self.unexplained.push(disagreement);
                continue;
            }
            explained.extend(excuses.iter().map(|(id, client, _, _)| (*id, *client)));
            self.used.extend(excuses);
        }
        for key in explained {
            *self.explained.entry(key).or_default() += 1;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, updates, agreed, .. } = self;
        writeln!(formatter, "{cases} cases with {updates} updates: all three clients agree in {agreed}")?;
        writeln!(formatter, "\n{:<28}{:>12}{:>14}", "cases explained by", "python-tuf", "sigstore-tuf")?;
        for explanation in EXPLANATIONS {
            let count = |client| self.explained.get(&(explanation.id, client)).copied().unwrap_or_default();
            let (python, sigstore) = (count(Client::PythonTuf), count(Client::SigstoreTuf));
            writeln!(formatter, "{:<28}{python:>12}{sigstore:>14}", explanation.id)?;
        }
        if !self.unexplained.is_empty() {
            writeln!(formatter, "\nNOT EXPLAINED: {}", self.unexplained.len())?;
        }
        self.unexplained.iter().try_for_each(|disagreement| writeln!(formatter, "{disagreement}"))
    }
}

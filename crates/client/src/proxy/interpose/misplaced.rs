//! Projects that were asked for at an index which their repository does not stand for, and nowhere else.
//!
//! A tool that asks one index after the other does so with every project, and finds it at the next index: so the answer is
//! that it is not there, which is no refusal. It is one if no other request comes where the project is, for then nothing
//! tells the user why it cannot be found.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use sealdex_simple::ProjectName;

use crate::name::RepositoryUrl;
use crate::proxy::refusal::Refusal;
use crate::trust::TrustedRepository;

/// Projects of a run: more than any installation has.
const MAX_PROJECTS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Misplaced(Mutex<BTreeMap<ProjectName, Place>>);

#[derive(Debug)]
enum Place {
    /// It was asked for where it is.
    Right,
    Wrong(Box<Refusal>),
}

impl Misplaced {
    /// Takes note that a project of `repository` was asked for at `index`, which that does not stand for.
    pub(super) fn note(
        &self,
        now: Timestamp,
        project: &ProjectName,
        repository: &TrustedRepository,
        index: &RepositoryUrl,
    ) {
        let name = repository.name();
        // What was said before is to be said again.
        let indexes: Vec<String> =
            repository.record().stands_for.iter().chain([index]).map(ToString::to_string).collect();
        let refusal = Refusal {
            when: now,
            repository: Some(name.clone()),
            project: Some(project.clone()),
            file: None,
            attack: None,
            rule: None,
            message: format!(
                "{project} belongs to {name}, which does not stand for {index}, the index that was asked for it"
            ),
            hint: format!(
                "if tools are to find it there: sealdex trust stands-for {name} {}; if it is another project: \
                 sealdex trust bind NAME {project}",
                indexes.join(" ")
            ),
        };
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() < MAX_PROJECTS {
            places.entry(project.clone()).or_insert_with(|| Place::Wrong(Box::new(refusal)));
        }
    }

    /// Takes note that a project was asked for where it is.
    pub(super) fn found(&self, project: &ProjectName) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() < MAX_PROJECTS || places.contains_key(project) {
            places.insert(project.clone(), Place::Right);
        }
    }

    /// What was asked for in the wrong place alone.
    pub(super) fn refusals(&self) -> Vec<Refusal> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = places.values().filter_map(|place| match place {
            Place::Right => None,
            Place::Wrong(refusal) => Some(refusal.as_ref().clone()),
        });
        wrong.collect()
    }
}

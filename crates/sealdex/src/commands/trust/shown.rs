//! How trusted repositories, and what is theirs, are shown.

use sealdex_client::{Bindings, ProjectPattern, Repositories, RepositoryName, TrustStore, TrustedRepository};
use serde::Serialize;

use crate::commands::refused::minute;
use crate::commands::trusted::refused;
use crate::failure::Failure;
use crate::output::boxed::wrapped;
use crate::output::{FAINT, GOOD, WARNING, say, styled};

/// No line of a list is longer, unless a single word is.
const WIDTH: usize = 80;
/// Columns before what is said of a repository.
const LABEL: usize = 16;

/// One repository.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) initial_root_sha256: String,
    added: jiff::Timestamp,
    stands_for: Vec<String>,
    pub(super) projects: Vec<String>,
    /// Whether it has all projects that are bound to none.
    all_others: bool,
}

/// All that are trusted, and what is bound.
pub(super) struct Whole {
    repositories: Vec<TrustedRepository>,
    bindings: Bindings,
}

impl Whole {
    pub(super) fn of(store: &TrustStore) -> Result<Self, Failure> {
        let (repositories, bindings) = (store.list().map_err(refused)?, store.bindings().map_err(refused)?);
        Ok(Self { repositories, bindings })
    }

    pub(super) fn row(&self, repository: &TrustedRepository) -> Row {
        let record = repository.record();
        Row {
            name: repository.name().as_str().to_owned(),
            url: record.url.to_string(),
            initial_root_sha256: record.initial_root.to_string(),
            added: record.added,
            stands_for: record.stands_for.iter().map(ToString::to_string).collect(),
            projects: self.bindings.of(repository.name()).map(ToString::to_string).collect(),
            all_others: self.holder().as_deref() == Some(repository.name().as_str()),
        }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.repositories.iter().map(|own| self.row(own)).collect()
    }

    /// The repository that has all projects that are bound to none.
    pub(super) fn holder(&self) -> Option<String> {
        let repositories = Repositories::new(self.repositories.clone(), self.bindings.clone()).ok()?;
        Some(repositories.rest()?.name().to_string())
    }

    /// Patterns whose repository is trusted no longer.
    pub(super) fn orphans(&self) -> Vec<String> {
        let is_trusted = |name: &RepositoryName| self.repositories.iter().any(|own| own.name() == name);
        let orphans = self.bindings.iter().filter(|(_, name)| !is_trusted(name));
        orphans.map(|(pattern, name)| format!("{pattern} is bound to {name}, which is not trusted")).collect()
    }

    /// Says who has all projects that are bound to none, and what to do where nobody has them.
    pub(super) fn say_who_has_all_others(&self) {
        let names = if self.bindings.is_empty() { "all names" } else { "all other names" };
        let whose = match (self.holder(), self.bindings.rest()) {
            (Some(holder), Some(_)) => {
                return say(format!("{names} (*) are taken from {}", styled(GOOD, holder)));
            }
            (Some(holder), None) => {
                return say(format!("{names} are taken from {}, the only one trusted", styled(GOOD, holder)));
            }
            (None, _) if self.repositories.is_empty() => return,
            (None, Some(gone)) => format!("bound to {gone}, which is not trusted"),
            (None, None) => "nobody's".to_owned(),
        };
        say(format!("{names} are {whose}, and {}, until you say whose:", styled(WARNING, "refused")));
        let name = match self.repositories.as_slice() {
            [only] => only.name().as_str(),
            _ => "NAME",
        };
        say(format!("  sealdex trust bind {name} {}", quoted(&ProjectPattern::all())));
    }
}

impl Row {
    pub(super) fn say(&self) {
        say(format!("{}  {}", styled(GOOD, &self.name), self.url));
        self.say_projects();
        self.say_what_it_stands_for();
        let root = self.initial_root_sha256.get(..16).unwrap_or_default();
        line("initial root", &format!("sha256 {root}..."));
        line("trusted since", &minute(self.added));
    }

    pub(super) fn say_projects(&self) {
        let all = ProjectPattern::all().to_string();
        let named = self.projects.iter().filter(|pattern| **pattern != all).cloned();
        let others = self.all_others.then(|| match self.projects.is_empty() {
            true => "all".to_owned(),
            false => "* (all that are bound to none)".to_owned(),
        });
        let projects: Vec<String> = named.chain(others).collect();
        line("projects", if projects.is_empty() { "none".to_owned() } else { projects.join(", ") }.as_str());
    }

    pub(super) fn say_what_it_stands_for(&self) {
        let none = || vec!["no index but its own".to_owned()];
        let indexes = if self.stands_for.is_empty() { none() } else { self.stands_for.clone() };
        line("stands for", &indexes.join(", "));
    }
}

/// A pattern as a shell takes it.
pub(super) fn quoted(pattern: &ProjectPattern) -> String {
    let pattern = pattern.to_string();
    if pattern.contains('*') { format!("'{pattern}'") } else { pattern }
}

fn line(label: &str, text: &str) {
    let mut label = label.to_owned();
    for piece in wrapped(text, WIDTH - LABEL) {
        say(format!("  {}{piece}", styled(FAINT, format!("{label:<width$}", width = LABEL - 2))));
        label.clear();
    }
}

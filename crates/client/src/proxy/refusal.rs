//! What was refused, and why.

use jiff::Timestamp;
use sealdex_simple::ProjectName;

use crate::error::{Attack, Error};
use crate::name::RepositoryName;

/// Something a proxy did not hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// When.
    pub when: Timestamp,
    /// The repository that answers for what was asked for, where there is one.
    pub repository: Option<RepositoryName>,
    /// The project asked for, where there was one.
    pub project: Option<ProjectName>,
    /// The file asked for; `None` for a page. For another source, its host or URL. Escaped.
    pub file: Option<String>,
    /// The attack it looks like; `None` for a fault.
    pub attack: Option<Attack>,
    /// The rule of a policy that refuses it, and where it stands.
    pub rule: Option<String>,
    /// What is wrong: one line, without full stop.
    pub message: String,
    /// What the user can do.
    pub hint: String,
}

impl Refusal {
    /// The refusal that an error is: of a file, of a project's page, of a policy that is not to be had, or of the
    /// repository as a whole.
    #[must_use]
    pub fn of(when: Timestamp, project: Option<&ProjectName>, file: Option<String>, error: &Error) -> Self {
        // Whatever was asked for: what cannot be had is the policy.
        let (repository, project, file) = match error.signed_policy() {
            Some(policy) => (Some(policy.repository().clone()), None, Some(policy.path().to_string())),
            None => (None, project.cloned(), file),
        };
        Self {
            when,
            repository,
            project,
            file,
            attack: error.attack(),
            rule: error.rule().map(str::to_owned),
            message: error.report(),
            hint: error.hint().into_owned(),
        }
    }

    /// A run that was over before anything was asked for.
    #[must_use]
    pub fn before_the_run(when: Timestamp, message: &str, hint: &str) -> Self {
        Self {
            when,
            repository: None,
            project: None,
            file: None,
            attack: None,
            rule: None,
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// The refusal in one line of printable ASCII, short enough for a header: what installers show to their users.
    pub(super) fn line(&self) -> String {
        const MAX_CHARS: usize = 400;
        let line = format!("{}: {}", self.title(), self.message);
        line.chars().take(MAX_CHARS).map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
    }

    /// What it is, without what it is about.
    pub(super) fn title(&self) -> String {
        self.attack
            .map_or_else(|| "refused by sealdex".to_owned(), |attack| format!("refused by sealdex: {attack}"))
    }
}

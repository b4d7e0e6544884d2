//! What a proxy decides: what it gives to an installer and on whose word, and what it refuses.
//!
//! A proxy tells each decision to whoever asked to hear of them ([`ProxyOptions::on_decision`]); nothing that it does
//! depends on who listens. [`DecisionLog`] keeps them for the user.
//!
//! [`ProxyOptions::on_decision`]: crate::ProxyOptions::on_decision

mod history;
mod log;

use jiff::Timestamp;
use sealdex_simple::{IndexFile, ProjectName};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::name::{RepositoryName, Sha256Digest, escaped};
use crate::policy::{LeftOut, Policy};
use crate::proxy::Refusal;
use crate::session::{SignedBy, VerifiedPage};
use crate::store::RepositoryRecord;

pub use history::{History, Target};
pub use log::DecisionLog;

/// One decision. As JSON it is one object, a line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// When.
    pub when: Timestamp,
    /// The repository that was asked; none where it was another source, or in a run without verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryName>,
    /// What was decided.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// A verified page was given.
    Page(PageGiven),
    /// A verified file was given.
    File(FileGiven),
    /// A policy that a repository signs was taken, and is in force from then on.
    Policy(PolicyTaken),
    /// Something was refused.
    Refused(Refused),
    /// A run without verification was begun, as its user demanded.
    Unverified(UnverifiedRun),
}

/// A page that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PageGiven {
    /// The project.
    pub project: ProjectName,
    /// SHA-256 of the page as signed.
    pub sha256: Sha256Digest,
    /// Length of the page as signed, in bytes.
    pub size: u64,
    /// Who vouches for it.
    pub signed_by: SignedBy,
    /// Files of the signed page that policy left out: the last few of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// A file that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileGiven {
    /// The project.
    pub project: ProjectName,
    /// The file's name.
    pub filename: String,
    /// Its version, where its name says one.
    pub version: Option<String>,
    /// SHA-256 of all of it, verified.
    pub sha256: Sha256Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where the signed page has it, without what may be secret.
    pub url: String,
    /// Who vouches for the page that lists it.
    pub signed_by: SignedBy,
}

/// A policy that a repository signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PolicyTaken {
    /// The target's path.
    pub file: String,
    /// SHA-256 of it.
    pub sha256: Sha256Digest,
    /// Its length in bytes.
    pub size: u64,
    /// The snapshot that has it.
    pub snapshot: u64,
}

/// What was refused: a [`Refusal`] as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Refused {
    /// The project asked for, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// The file asked for, or the URL of another source; none for a page or the whole repository. Escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The attack it looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// The rule of a policy that refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What the user can do.
    pub hint: String,
}

/// A run without verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnverifiedRun {
    /// What was run: the program's name, without its arguments, which may hold secrets; escaped.
    pub program: String,
}

impl Decision {
    /// No text of a decision is longer in characters: a line of the log is bounded.
    const MAX_TEXT: usize = 1000;
    /// Files that policy left out, of one page.
    pub(crate) const MAX_LEFT_OUT: usize = 20;

    pub(crate) fn page(when: Timestamp, page: &VerifiedPage, mut left_out: Vec<LeftOut>) -> Self {
        // Pages list the latest files last: those that were wanted, if any.
        left_out.drain(..left_out.len().saturating_sub(Self::MAX_LEFT_OUT));
        let signed_by = page.signed_by().clone();
        let outcome = Outcome::Page(PageGiven {
            project: page.page().name.clone(),
            sha256: page.sha256(),
            size: page.length(),
            signed_by,
            left_out,
        });
        Self { when, repository: Some(page.repository().clone()), outcome }
    }

    /// `None` for a file without a digest or a size, which nobody is given.
    pub(crate) fn file(
        when: Timestamp,
        record: &RepositoryRecord,
        page: &VerifiedPage,
        file: &IndexFile,
    ) -> Option<Self> {
        let project = &page.page().name;
        let url = record.simple_url.folder(project.as_str()).as_url().join(&file.url);
        let outcome = Outcome::File(FileGiven {
            project: project.clone(),
            filename: file.filename.to_string(),
            version: crate::policy::version_of(project, file).map(|version| version.to_string()),
            sha256: Sha256Digest::parse(file.sha256()?).ok()?,
            size: file.size?,
            url: url.map_or_else(|_| escaped(&file.url), shown_url),
            signed_by: page.signed_by().clone(),
        });
        Some(Self { when, repository: Some(page.repository().clone()), outcome })
    }

    /// `None` for a policy of this machine's files.
    pub(crate) fn policy(when: Timestamp, policy: &Policy) -> Option<Self> {
        let signed = policy.signed()?;
        let outcome = Outcome::Policy(PolicyTaken {
            file: signed.target.path().to_string(),
            sha256: policy.digest(),
            size: signed.length,
            snapshot: signed.versions.snapshot,
        });
        Some(Self { when, repository: Some(signed.repository.name().clone()), outcome })
    }

    /// A refusal by a proxy, or of a repository itself.
    #[must_use]
    pub fn refused(refusal: &Refusal) -> Self {
        let bounded = |text: &str| text.chars().take(Self::MAX_TEXT).collect::<String>();
        let outcome = Outcome::Refused(Refused {
            project: refusal.project.clone(),
            file: refusal.file.as_deref().map(bounded),
            attack: refusal.attack.map(|attack| attack.to_string()),
            rule: refusal.rule.as_deref().map(bounded),
            message: bounded(&refusal.message),
            hint: bounded(&refusal.hint),
        });
        Self { when: refusal.when, repository: refusal.repository.clone(), outcome }
    }

    /// A run of `program` without verification.
    #[must_use]
    pub fn unverified(when: Timestamp, program: &str) -> Self {
        let outcome = Outcome::Unverified(UnverifiedRun { program: escaped(program) });
        Self { when, repository: None, outcome }
    }
}

/// A URL as it may be kept: without user, password, query and fragment.
fn shown_url(mut url: Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    // It fails for a URL that cannot have them.
    let _none = url.set_password(None).and_then(|()| url.set_username(""));
    escaped(url.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secrets_of_a_url_are_kept() {
        for (url, shown) in [
            ("https://u:secret@files.example/a.whl?token=1#sha256=2", "https://files.example/a.whl"),
            ("data:text/plain,x", "data:text/plain,x"),
            ("https://files.example/a\u{1b}[2J.whl", "https://files.example/a%1B[2J.whl"),
        ] {
            assert_eq!(shown_url(Url::parse(url).unwrap()), shown);
        }
    }
}

//! What may be installed of what verifies: rules of an administrator, a user, a project.
//!
//! Several policies are intersected: each can only forbid, so that none makes another one weaker, whoever wrote it. They
//! judge what is on a verified page, by its signed fields alone.

mod publishers;
mod rules;
mod selector;
mod signed;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::sync::Arc;

use jiff::Timestamp;
use pep440_rs::Version;
use sealdex_simple::{DistributionFilename, IndexFile, IndexPage, ProjectName};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::name::{Sha256Digest, escaped, printable};
use crate::publisher::Publisher;
use rules::{Asked, Rules};
use signed::Signed;

pub use signed::PolicyTarget;

/// One policy, and where it comes from.
#[derive(Clone, Debug)]
pub struct Policy {
    source: Arc<str>,
    rules: Rules,
    table: toml::Table,
    digest: Sha256Digest,
    /// `None` for one of this machine's files.
    signed: Option<Signed>,
}

/// All policies that are in force. Without any, everything that verifies may be installed.
#[derive(Clone, Debug, Default)]
pub struct Policies(Arc<[Policy]>);

/// A file of a signed page that is not offered, and the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The file's name.
    pub file: String,
    /// The rule, and where it stands.
    pub rule: String,
    /// Why the rule excludes the file.
    pub reason: String,
}

/// A rule as its policy has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleInForce {
    /// Its key.
    pub rule: String,
    /// Its value, as TOML.
    pub value: String,
    /// Where it comes from.
    pub source: String,
}

impl LeftOut {
    /// The refusal in words.
    pub(crate) fn forbidden_text(&self, what: &str) -> String {
        self.clone().forbidden(what).to_string()
    }

    /// The refusal of something for this reason.
    pub(crate) fn forbidden(self, what: &str) -> Error {
        Error::Forbidden { what: escaped(what), rule: self.rule, reason: self.reason }
    }
}

impl Policy {
    /// The greatest length of a policy in bytes.
    pub const MAX_BYTES: u64 = 1 << 20;

    /// Reads a policy. What is not known is an error: a rule that is misspelt must not be a rule less.
    ///
    /// # Errors
    /// [`Error::Policy`]
    pub fn parse(source: &str, text: &str) -> Result<Self, Error> {
        let failed = |error: toml::de::Error| {
            let below = misplaced_below_publishers(text);
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.bytes().filter(|byte| *byte == b'\n').count() + 1);
            let reason = format!("line {line}: {}{below}", printable(error.message()));
            Error::Policy { path: source.to_owned(), reason }
        };
        let rules = toml::from_str(text).map_err(failed)?;
        let table = toml::Table::from_str(text).map_err(failed)?;
        Ok(Self {
            source: source.into(),
            rules,
            table,
            digest: Sha256Digest::of(text.as_bytes()),
            signed: None,
        })
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The signed policies that count as well.
    #[must_use]
    pub fn includes(&self) -> &[PolicyTarget] {
        &self.rules.include
    }

    /// The repository that signs it, and the snapshot it is from; `None` for one of this machine's files.
    pub(crate) fn signed(&self) -> Option<&Signed> {
        self.signed.as_ref()
    }

    /// SHA-256 of its text.
    pub(crate) fn digest(&self) -> Sha256Digest {
        self.digest
    }

    fn left_out(
        &self,
        project: &ProjectName,
        file: &IndexFile,
        now: Timestamp,
        asked: Asked,
    ) -> Option<LeftOut> {
        let (rule, reason) = self.rules.violation(project, file, now, asked)?;
        let rule = format!("{rule} in {}", self.source);
        Some(LeftOut { file: file.filename.to_string(), rule, reason })
    }
}

impl Policies {
    /// All of these together.
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> Self {
        Self(policies.into())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.iter()
    }

    /// Every rule in force, and where it comes from.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleInForce> {
        let of = |policy: &Policy| {
            let source = policy.source.to_string();
            policy
                .table
                .iter()
                .flat_map(|(rule, value)| lines(rule, value))
                .map(|(rule, value)| RuleInForce { rule, value, source: source.clone() })
                .collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }

    /// Whether something that lets anything through unverified may be done.
    ///
    /// # Errors
    /// [`Error::Forbidden`]
    pub fn check_unverified(&self, what: &str) -> Result<(), Error> {
        match self.0.iter().find(|policy| policy.rules.forbid_unverified) {
            None => Ok(()),
            Some(policy) => Err(Error::Forbidden {
                what: what.to_owned(),
                rule: format!("forbid-unverified in {}", policy.source),
                reason: "nothing is to be had unverified".to_owned(),
            }),
        }
    }

    /// Whether any file of a page may be handed out: for who takes all of the page.
    ///
    /// # Errors
    /// [`Error::Forbidden`]
    pub fn check_page(&self, page: &IndexPage, now: Timestamp) -> Result<(), Error> {
        let (admitted, left_out) = self.admitted(page, now);
        if admitted.files.is_empty() && !left_out.is_empty() {
            return Err(nothing_left(&left_out).forbidden(page.name.as_str()));
        }
        Ok(())
    }

    /// Whether a file of a page may be handed out to who names it.
    ///
    /// # Errors
    /// [`Error::Forbidden`]
    pub fn check_file(&self, project: &ProjectName, file: &IndexFile, now: Timestamp) -> Result<(), Error> {
        match self.refuses(project, file, now) {
            None => Ok(()),
            Some(why) => Err(why.forbidden(file.filename.as_str())),
        }
    }

    /// Names this set of policies, to keep apart what was installed under another one; `None` without any.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Sha256Digest> {
        let digests: BTreeSet<Sha256Digest> = self.0.iter().map(|policy| policy.digest).collect();
        let all: Vec<u8> = digests.iter().flat_map(Sha256Digest::as_bytes).copied().collect();
        (!digests.is_empty()).then(|| Sha256Digest::of(&all))
    }

    /// Whether who vouches for what is a project's may: whom each policy pins for it.
    ///
    /// # Errors
    /// [`Error::Publisher`]
    pub fn check_publisher(&self, project: &ProjectName, publisher: &Publisher) -> Result<(), Error> {
        let violation = |policy: &Policy| {
            let (rule, reason) = policy.rules.publishers.violation(project, publisher)?;
            let rule = format!("{rule} in {}", policy.source);
            Some(Error::Publisher { project: project.to_string(), rule, reason })
        };
        self.0.iter().find_map(violation).map_or(Ok(()), Err)
    }

    /// Why a file must not be handed out, as far as its name alone says: by what is denied or allowed.
    pub(crate) fn forbids_named(&self, project: &ProjectName, filename: &str) -> Option<LeftOut> {
        let name = DistributionFilename::parse_for(project, filename).ok()?;
        self.0.iter().find_map(|policy| {
            let (rule, reason) = policy.rules.forbids(project, Some(name.version()))?;
            let rule = format!("{rule} in {}", policy.source);
            Some(LeftOut { file: filename.to_owned(), rule, reason })
        })
    }

    /// Why a file must not be handed out, whoever names it.
    pub(crate) fn refuses(&self, project: &ProjectName, file: &IndexFile, now: Timestamp) -> Option<LeftOut> {
        self.0.iter().find_map(|policy| policy.left_out(project, file, now, Asked::ByName))
    }

    /// The page without the files that are not to be chosen, and those files.
    pub(crate) fn admitted<'a>(
        &self,
        page: &'a IndexPage,
        now: Timestamp,
    ) -> (Cow<'a, IndexPage>, Vec<LeftOut>) {
        if self.is_empty() {
            return (Cow::Borrowed(page), Vec::new());
        }
        let verdict =
            |file| self.0.iter().find_map(|policy| policy.left_out(&page.name, file, now, Asked::OnPage));
        let (mut admitted, mut left_out) = (Vec::new(), Vec::new());
        for file in &page.files {
            match verdict(file) {
                Some(own) => left_out.push(own),
                None => admitted.push(file.clone()),
            }
        }
        if left_out.is_empty() {
            return (Cow::Borrowed(page), left_out);
        }
        let mut shorter = IndexPage { files: Vec::new(), ..page.clone() };
        remove_versions(&mut shorter, page, &admitted);
        shorter.files = admitted;
        (Cow::Owned(shorter), left_out)
    }
}

/// What to say of a rule that stands below `[publishers]`: TOML has it in that table, where it is a project's name.
fn misplaced_below_publishers(text: &str) -> String {
    let table = toml::Table::from_str(text).unwrap_or_default();
    let publishers = table.get("publishers").and_then(toml::Value::as_table);
    // A project may be named like a rule.
    let is_pin = |value: &toml::Value| match value {
        toml::Value::Array(keys) => keys.iter().all(|key| key.as_str().is_some_and(|key| key.len() == 64)),
        other => other.as_str() == Some("claimed"),
    };
    let misplaced = publishers.and_then(|own| {
        Rules::KEYS.into_iter().find(|key| own.get(*key).is_some_and(|value| !is_pin(value)))
    });
    misplaced
        .map(|key| format!("; {key} stands below [publishers]: move it above that line"))
        .unwrap_or_default()
}

/// Why nothing of a page may be installed. `left_out` are all of its files.
pub(crate) fn nothing_left(left_out: &[LeftOut]) -> LeftOut {
    let mut rules: Vec<&str> = left_out.iter().map(|own| own.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    // The last one listed is the latest, more often than not.
    let latest = left_out.last().map(|own| format!("{}: {}", own.file, own.reason)).unwrap_or_default();
    let reason = match left_out {
        [_] => format!("its only file is left out, {latest}"),
        files => format!("all of its {} files are left out, such as {latest}", files.len()),
    };
    LeftOut { file: String::new(), rule: rules.join(", "), reason }
}

/// A rule, or those of a table of rules, as TOML.
fn lines(rule: &str, value: &toml::Value) -> Vec<(String, String)> {
    match value {
        toml::Value::Table(table) => {
            let key = |key: &str| if key.contains('*') { format!("\"{key}\"") } else { key.to_owned() };
            table.iter().map(|(own, value)| (format!("{rule}.{}", key(own)), value.to_string())).collect()
        }
        value => vec![(rule.to_owned(), value.to_string())],
    }
}

/// Takes those versions away that had files and have none any more.
fn remove_versions(shorter: &mut IndexPage, page: &IndexPage, admitted: &[IndexFile]) {
    let versions = |files: &[IndexFile]| -> BTreeSet<Version> {
        files.iter().filter_map(|file| version_of(&page.name, file)).collect()
    };
    let (before, after) = (versions(&page.files), versions(admitted));
    shorter.versions.retain(|text| {
        Version::from_str(text).map_or(true, |own| !before.contains(&own) || after.contains(&own))
    });
}

/// The version that a file's name says.
pub(crate) fn version_of(project: &ProjectName, file: &IndexFile) -> Option<Version> {
    let name = DistributionFilename::parse_for(project, file.filename.as_str()).ok()?;
    Some(name.version().clone())
}

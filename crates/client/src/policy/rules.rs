//! The rules of one policy.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use pep440_rs::Version;
use sealdex_simple::{IndexFile, ProjectName};
use serde::Deserialize;

use super::publishers::Publishers;
use super::selector::{Selector, among};
use super::signed::PolicyTarget;
use super::version_of;
use crate::bindings::ProjectPattern;

/// The rules of one policy: its TOML.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Rules {
    /// Policies that repositories sign.
    pub(super) include: Vec<PolicyTarget>,
    /// Files are offered when they were uploaded at least this long ago.
    minimum_release_age: Option<ReleaseAge>,
    /// Projects for which the age does not count.
    minimum_release_age_exempt: Vec<ProjectPattern>,
    /// Nothing else is offered.
    allow: Option<Vec<Selector>>,
    /// Not offered, whatever is allowed.
    deny: Vec<Selector>,
    /// Wheels alone are offered.
    no_sdists: bool,
    yanked: YankedFiles,
    /// Who must have signed.
    pub(super) publishers: Publishers,
    /// Nothing is run without verification.
    pub(super) forbid_unverified: bool,
}

/// What becomes of yanked files (PEP 592).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum YankedFiles {
    /// The installer is told, and decides.
    #[default]
    Installer,
    /// They are not on pages; who names one, as lock files do, gets it.
    Hide,
    /// They are refused.
    Refuse,
}

/// `7d`: a whole number of hours (`h`), days (`d`) or weeks (`w`).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct ReleaseAge {
    text: String,
    age: SignedDuration,
}

/// How a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// By the page that lists it: an installer chooses among them.
    OnPage,
    /// By its name.
    ByName,
}

impl Rules {
    /// The keys that stand above all tables.
    pub(super) const KEYS: [&'static str; 8] = [
        "include",
        "minimum-release-age",
        "minimum-release-age-exempt",
        "allow",
        "deny",
        "no-sdists",
        "yanked",
        "forbid-unverified",
    ];

    /// What denies a version of a project, or does not allow it.
    pub(super) fn forbids(
        &self,
        project: &ProjectName,
        version: Option<&Version>,
    ) -> Option<(String, String)> {
        if let Some(denied) = among(&self.deny, project, version, true) {
            return Some(("deny".to_owned(), format!("\"{denied}\" is denied")));
        }
        let allowed = self.allow.as_ref()?;
        let is_allowed = among(allowed, project, version, false).is_some();
        (!is_allowed).then(|| ("allow".to_owned(), "it is not among what is allowed".to_owned()))
    }

    /// The first rule that excludes a file, and why.
    pub(super) fn violation(
        &self,
        project: &ProjectName,
        file: &IndexFile,
        now: Timestamp,
        asked: Asked,
    ) -> Option<(String, String)> {
        if let Some(forbidden) = self.forbids(project, version_of(project, file).as_ref()) {
            return Some(forbidden);
        }
        if self.no_sdists && !file.filename.as_str().ends_with(".whl") {
            return Some(("no-sdists".to_owned(), "it is no wheel".to_owned()));
        }
        let yanked = match self.yanked {
            YankedFiles::Installer => None,
            YankedFiles::Hide => (asked == Asked::OnPage).then_some("hide"),
            YankedFiles::Refuse => Some("refuse"),
        };
        if let Some(how) = yanked.filter(|_| file.yanked.is_yanked()) {
            return Some((format!("yanked = \"{how}\""), "it is yanked".to_owned()));
        }
        let age = self.minimum_release_age.as_ref()?;
        let is_exempt = self.minimum_release_age_exempt.iter().any(|own| own.matches(project));
        let too_young = (!is_exempt).then(|| age.reason(file, now));
        too_young.flatten().map(|reason| (format!("minimum-release-age = \"{age}\""), reason))
    }
}

impl ReleaseAge {
    const MAX_HOURS: i64 = 10 * 365 * 24;

    /// Why a file is too young, if it is. Nobody knows the age of one without a time.
    fn reason(&self, file: &IndexFile, now: Timestamp) -> Option<String> {
        let uploaded: Option<Timestamp> = file.upload_time.as_ref().and_then(|time| time.parse().ok());
        let Some(uploaded) = uploaded else {
            return Some("the signed page does not say when it was uploaded".to_owned());
        };
        let Ok(from) = uploaded.checked_add(self.age) else {
            return Some("it was uploaded at the end of time".to_owned());
        };
        let shown = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let reason = || format!("uploaded on {}, to be installed from {} on", shown(uploaded), shown(from));
        (from > now).then(reason)
    }
}

impl TryFrom<String> for ReleaseAge {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let no_age = || format!("{text} is no age: give hours, days or weeks, such as 36h, 7d or 2w");
        let unit = [("h", 1), ("d", 24), ("w", 7 * 24)];
        let parsed = unit.iter().find_map(|(unit, hours)| Some((text.strip_suffix(unit)?, *hours)));
        let (digits, hours) = parsed.ok_or_else(no_age)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(no_age());
        }
        let number: i64 = digits.parse().map_err(|_| no_age())?;
        match number.checked_mul(hours) {
            Some(hours) if hours <= Self::MAX_HOURS => {
                Ok(Self { age: SignedDuration::from_hours(hours), text })
            }
            _ => Err(format!("{text} is longer than ten years")),
        }
    }
}

impl fmt::Display for ReleaseAge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

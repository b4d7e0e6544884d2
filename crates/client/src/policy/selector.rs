//! `NAME`, `NAME` with versions (PEP 440) as in `urllib3 >=1.26, <2`, or the beginning of names as in `acme-*`.

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use sealdex_simple::ProjectName;
use serde::Deserialize;

use crate::bindings::ProjectPattern;
use crate::name::printable;

/// Projects, or some versions of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Selector {
    text: String,
    projects: ProjectPattern,
    /// None for all versions.
    versions: Option<VersionSpecifiers>,
}

/// The first of `selectors` that selects a version of a project. `unknown` is said of a version that cannot be told.
pub(super) fn among<'a>(
    selectors: &'a [Selector],
    project: &ProjectName,
    version: Option<&Version>,
    unknown: bool,
) -> Option<&'a Selector> {
    selectors.iter().filter(|own| own.projects.matches(project)).find(|own| match (&own.versions, version) {
        (None, _) => true,
        (Some(versions), Some(version)) => versions.contains(version),
        (Some(_), None) => unknown,
    })
}

impl TryFrom<String> for Selector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let end = text.find(['<', '>', '=', '!', '~', ' ']).unwrap_or(text.len());
        let (name, versions) = text.split_at(end);
        let projects = ProjectPattern::parse(name.trim()).map_err(|error| error.to_string())?;
        let versions = match versions.trim() {
            "" => None,
            _ if name.ends_with('*') => {
                return Err(format!("{text}: versions are those of one project, and {name} is many"));
            }
            some => Some(VersionSpecifiers::from_str(some).map_err(|error| {
                let reason = error.to_string();
                format!("{text}: {}", reason.lines().next().unwrap_or_default())
            })?),
        };
        Ok(Self { text, projects, versions })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&printable(&self.text))
    }
}

//! `NAME`, or `NAME` with versions (PEP 440), as in `urllib3 >=1.26, <2`.

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use sealdex_simple::ProjectName;
use serde::Deserialize;

/// A project, or some of its versions.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Selector {
    text: String,
    project: ProjectName,
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
    selectors.iter().filter(|own| own.project == *project).find(|own| match (&own.versions, version) {
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
        let project = ProjectName::parse(name.trim()).map_err(|error| error.to_string())?;
        let versions = match versions.trim() {
            "" => None,
            some => Some(VersionSpecifiers::from_str(some).map_err(|error| {
                let reason = error.to_string();
                format!("{text}: {}", reason.lines().next().unwrap_or_default())
            })?),
        };
        Ok(Self { text, project, versions })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

//! The list of all projects, served at `/simple/`.

use serde_json::Value;

use crate::error::Error;
use crate::page::PageLimits;
use crate::{ProjectName, html, json};

/// The projects of an index (PEP 503, 691).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectList {
    /// The projects in any order; what is written is sorted, each name once.
    pub projects: Vec<ProjectName>,
}

impl ProjectList {
    /// Reads a list in its JSON form (PEP 691). Names are normalised; those equal then are kept once, and what other
    /// fields the entries have is dropped.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::InvalidPage`], [`Error::UnsupportedApiVersion`], [`Error::InvalidProjectName`] and
    /// [`Error::LimitExceeded`] as for a page.
    pub fn from_json(bytes: &[u8], limits: &PageLimits) -> Result<Self, Error> {
        let top = json::read_document(bytes, limits, "project list")?;
        let Some(Value::Array(entries)) = top.get("projects") else {
            return Err(json::invalid("projects", "must be an array"));
        };
        if entries.len() > limits.max_projects {
            return Err(Error::LimitExceeded { what: "projects", limit: limits.max_projects as u64 });
        }
        let mut projects = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let Some(Value::String(name)) = entry.get("name") else {
                return Err(json::invalid(format!("projects[{index}].name"), "must be a string"));
            };
            projects.push(ProjectName::parse(name)?);
        }
        Ok(Self { projects: sorted(&projects).into_iter().cloned().collect() })
    }

    /// The list in its JSON form: compact and sorted. Names are the normalised ones.
    pub fn to_json(&self) -> Vec<u8> {
        json::write_list(&sorted(&self.projects))
    }

    /// The list in its HTML form, the links relative to `/simple/`.
    pub fn to_html(&self) -> String {
        html::write_list(&sorted(&self.projects))
    }
}

fn sorted(projects: &[ProjectName]) -> Vec<&ProjectName> {
    let mut projects: Vec<&ProjectName> = projects.iter().collect();
    projects.sort_unstable();
    projects.dedup();
    projects
}

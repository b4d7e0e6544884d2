//! What was refused, and why.

use jiff::Timestamp;
use sealdex_simple::ProjectName;

use crate::error::Attack;

/// Something a proxy did not hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// When.
    pub when: Timestamp,
    /// The project asked for, where there was one.
    pub project: Option<ProjectName>,
    /// The file asked for, escaped; `None` for a page. For another server, its name or URL.
    pub file: Option<String>,
    /// The attack it looks like; `None` for a fault.
    pub attack: Option<Attack>,
    /// What is wrong: one line, without full stop.
    pub message: String,
    /// What the user can do.
    pub hint: String,
}

//! The endpoints, one a file.

pub(crate) mod file;
pub(crate) mod health;
pub(crate) mod metadata;
pub(crate) mod metrics;
pub(crate) mod project_list;
pub(crate) mod project_page;
pub(crate) mod targets;
pub(crate) mod upload;

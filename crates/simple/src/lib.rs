//! The Python simple repository API: names, file names, index pages, core metadata.
//!
//! This crate is the model alone. It opens no socket and knows nothing of signatures: bytes come in, values that
//! hold their promises go out. Whoever serves, mirrors, imports or seals a Python index builds on it.
//!
//! - [`ProjectName`], [`FileName`], [`DistributionFilename`]: what may name a project or a file (PEP 503, 427, 625).
//! - [`IndexPage`], [`ProjectList`]: the pages, read from JSON and written as JSON and HTML (PEP 503, 592, 658, 691,
//!   700, 714, 740, 792).
//! - [`negotiate()`]: which of the representations a request wants (PEP 691).
//! - [`distribution`]: reads the core metadata out of wheels and source distributions, hostile ones included.
//! - [`layout`]: the paths under which pages and files are sealed.
//!
//! Everything read from outside is bounded, by [`PageLimits`] and [`ArchiveLimits`].

#![forbid(unsafe_code)]

pub mod distribution;
mod error;
mod filename;
mod html;
mod json;
pub mod layout;
mod list;
mod name;
mod negotiate;
mod page;
mod strict_json;

pub use distribution::{ArchiveLimits, DistributionMetadata, inspect, inspect_sdist, inspect_wheel};
pub use error::Error;
pub use filename::{DistributionFilename, DistributionKind, FileName};
pub use json::{Amendment, amend_page};
pub use list::ProjectList;
pub use name::ProjectName;
pub use negotiate::{ContentType, negotiate};
pub use page::{CoreMetadata, IndexFile, IndexPage, PageLimits, ProjectState, ProjectStatus, Yanked};

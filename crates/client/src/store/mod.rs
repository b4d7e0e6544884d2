//! Trusted state on disk.

pub(crate) mod directories;
mod record;

pub use record::RepositoryRecord;

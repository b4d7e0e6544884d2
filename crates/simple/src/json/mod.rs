//! Pages and lists as JSON (PEP 691, 700, 714, 740, 792).

mod amend;
mod check;
mod document;
mod fields;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use amend::{Amendment, amend_page};
pub(crate) use check::check_file;
pub(crate) use read::{read_document, read_page};
pub(crate) use write::{write_list, write_page};

use crate::Error;

/// The last is a mistake in the JSON of the public index that clients have learnt to read: left among the unknown
/// fields, it would still promise metadata after [`crate::IndexFile::core_metadata`] was changed.
const CORE_METADATA_KEYS: [&str; 3] = ["core-metadata", "dist-info-metadata", "data-dist-info-metadata"];

/// An [`Error::InvalidPage`].
pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::InvalidPage { field: field.into(), reason: reason.into() }
}

//! Pages and files as they are published.

use std::sync::Arc;

use jiff::Timestamp;
use sealdex_simple::IndexPage;

use crate::blobs::BlobName;

/// A project's page as it is signed.
#[derive(Clone, Debug)]
pub struct PublishedPage {
    /// The exact bytes that are the target `simple/<project>/index.json`.
    pub json: Arc<[u8]>,
    /// Their SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// The same page, read.
    pub page: IndexPage,
    /// The number of the project's last change: `_last-serial`.
    pub serial: u64,
    /// When it was signed.
    pub published_at: Timestamp,
}

/// A distribution on a published page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// Where it lies.
    pub name: BlobName,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its core metadata, where the page promises it.
    pub sidecar: Option<PublishedSidecar>,
}

/// The core metadata served beside a distribution (PEP 658).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSidecar {
    /// Where it lies.
    pub name: BlobName,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub length: u64,
}

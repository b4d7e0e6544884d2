//! What the fuzz targets reach of this crate's inside (feature `fuzzing`, docs/fuzzing.md). Not for other use.

use std::net::SocketAddr;

use http::Request;
use sealdex_simple::{IndexFile, ProjectName};
use url::Url;

use crate::fetch::packing::{self, Coding};
use crate::fetch::{Dictionary, Redirects};
use crate::name::{RepositoryUrl, Sha256Digest};
use crate::proxy::{self, Head, Range, Route};
use crate::store::RepositoryRecord;

/// Where a redirect of metadata leads, if it is followed.
#[must_use]
pub fn redirect_of_metadata(from: &Url, location: &str) -> Option<Url> {
    Redirects::SameHost.follow(from, location).ok()
}

/// Where a redirect of a file with a known digest leads, if it is followed.
#[must_use]
pub fn redirect_of_file(from: &Url, location: &str) -> Option<Url> {
    Redirects::AnyHost.follow(from, location).ok()
}

/// The URL of a file below a repository's folder, given as a percent-encoded path.
#[must_use]
pub fn url_below(folder: &RepositoryUrl, path: &str) -> Option<Url> {
    folder.file(path).ok()
}

/// Where a file of a page is looked for.
#[must_use]
pub fn file_urls(
    record: &RepositoryRecord,
    project: &ProjectName,
    file: &IndexFile,
    digest: Sha256Digest,
) -> Vec<Url> {
    proxy::urls(record, project, file, digest, "")
}

/// Whether the proxy at `address` takes a request for its own.
#[must_use]
pub fn is_ours<B>(address: SocketAddr, request: &Request<B>) -> bool {
    proxy::is_ours(address, &Head::of(request))
}

/// What a request asks the proxy for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A page under its one URL.
    Page(ProjectName),
    /// A page elsewhere: the answer is a redirect.
    Redirect(ProjectName),
    /// A file of a project.
    File(ProjectName, String),
    /// What is never served, or made here.
    Nothing,
}

/// What a request's path means to the proxy.
#[must_use]
pub fn route<B>(request: &Request<B>) -> Asked {
    match Route::of(Head::of(request).segments.as_deref().unwrap_or_default()) {
        Route::Page(project) => Asked::Page(project),
        Route::PageElsewhere(project) => Asked::Redirect(project),
        Route::File(project, filename) => Asked::File(project, filename.to_owned()),
        Route::ProjectList | Route::Release(..) | Route::Unknown => Asked::Nothing,
    }
}

/// The first byte and the one after the last one that a `Range` header asks for, of a file of `length` bytes; `None`
/// when there is nothing to send.
#[must_use]
pub fn range(header: &str, length: u64) -> Option<(u64, u64)> {
    match Range::of(Some(header), length) {
        Range::Whole => Some((0, length)),
        Range::Part { start, end } => Some((start, end)),
        Range::Unsatisfiable => None,
    }
}

/// How an answer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
    /// `dcz`, from an older version
    Dcz,
}

/// What a packed answer unpacks to, within the bound. Without an older version there are no deltas.
#[must_use]
pub fn unpack(how: Packed, older: &[u8], packed: &[u8], max_bytes: u64) -> Option<Vec<u8>> {
    let coding = match how {
        Packed::Gzip => Coding::Gzip,
        Packed::Zstd => Coding::Zstd,
        Packed::Dcz => Coding::Dcz,
    };
    let older = Dictionary::new("older", older.to_vec());
    packing::unpack(coding, packed.to_vec(), older.as_ref(), max_bytes).ok()
}

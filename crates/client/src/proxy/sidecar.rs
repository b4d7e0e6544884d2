//! `GET /files/<project>/<file>.metadata`: core metadata beside a file (PEP 658), by the digest on the signed page.

use std::sync::Arc;

use http::StatusCode;
use sealdex_simple::{IndexFile, ProjectName};
use sealdex_tuf::digest::Hashes;

use super::answer::Answer;
use super::content::{self, Content};
use super::file::{digest, urls};
use super::request::Head;
use super::routes::not_found;
use super::state::State;
use crate::bound::Bound;
use crate::error::Error;
use crate::fetch::{Fetch, Kind, Packing, Redirects};
use crate::name::Sha256Digest;

pub(super) async fn serve(
    state: &State,
    head: &Head<'_>,
    project: &ProjectName,
    file: &IndexFile,
) -> Result<Answer, Arc<Error>> {
    if let Some(digest) = digest(file.core_metadata.sha256())
        && head.has(&content::etag(digest))
    {
        let cache = state.client().cache();
        if let Some(bytes) = cache.read(digest, state.client().settings().max_core_metadata_bytes).await {
            state.prefetches.begin(state, &bytes);
        }
        return Ok(content::with_headers(Answer::empty(StatusCode::NOT_MODIFIED), digest));
    }
    let Some((digest, bytes)) = verified(state, project, file).await? else { return Ok(not_found()) };
    // What it is wanted for next is no reason to refuse this.
    state.prefetches.begin(state, &bytes);
    Ok(content::with_headers(Content::Memory(bytes.into()).answer(head, digest), digest))
}

/// The core metadata beside a file, and its digest. `None` without a digest on the page, by which it could be verified;
/// then it is not offered there either.
pub(super) async fn verified(
    state: &State,
    project: &ProjectName,
    file: &IndexFile,
) -> Result<Option<(Sha256Digest, Vec<u8>)>, Arc<Error>> {
    let Some(digest) = digest(file.core_metadata.sha256()) else { return Ok(None) };
    let cache = state.client().cache();
    if let Some(bytes) = cache.read(digest, state.client().settings().max_core_metadata_bytes).await {
        return Ok(Some((digest, bytes)));
    }
    let bytes = fetch(state, project, file, digest).await?;
    cache.keep(digest, &bytes).await;
    Ok(Some((digest, bytes)))
}

async fn fetch(
    state: &State,
    project: &ProjectName,
    file: &IndexFile,
    expected: Sha256Digest,
) -> Result<Vec<u8>, Error> {
    let name = format!("{}.metadata", file.filename);
    state.may_fetch(&name)?;
    let settings = state.client().settings();
    // Beside the file: in the repository's own folder the name begins with the file's digest.
    let file_digest = digest(file.sha256()).unwrap_or(expected);
    for url in &urls(state.source_of(project)?.record(), project, file, file_digest, ".metadata") {
        let fetch = Fetch {
            url,
            max_bytes: settings.max_core_metadata_bytes,
            bound: Some(Bound::MaxCoreMetadataBytes),
            kind: Kind::Metadata,
            limits: &settings.metadata_fetch,
            redirects: Redirects::AnyHost,
            packing: Packing::Packed,
        };
        if let Some(found) = state.client().fetcher().bytes(fetch).await? {
            Hashes::from_sha256(*expected.as_bytes()).verify(&name, &found.bytes)?;
            return Ok(found.bytes);
        }
    }
    Err(sealdex_tuf::Error::Missing { file: name }.into())
}

//! `GET /targets/{*path}`: targets under their consistent-snapshot names, `DIR/SHA256.NAME` (TUF spec 6.2.1).

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method};
use sealdex_repository::BlobName;

use crate::app::App;
use crate::document::Freshness;
use crate::protocol::conditional::EntityTag;
use crate::refusal::Refusal;
use crate::stored_file::StoredFile;
use crate::versioned;

const PAGE_SUFFIX: &str = ".index.json";

pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let absent = || Refusal::not_found("no such target").into_response();
    let Ok(Path(path)) = path else { return absent() };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    // Without a digest in its name a file is none of ours.
    let Some((digest, plain_name)) = name.split_once('.') else { return absent() };
    let Some(tag) = EntityTag::from_sha256(digest) else { return absent() };
    let Some(stored) = BlobName::servable_target(&path) else { return absent() };
    let file = |tag| StoredFile {
        content_type: stored.content_type(),
        name: stored,
        tag: Some(tag),
        freshness: Freshness::Immutable,
    };
    match plain_name {
        "index.json" => {
            let file = file(tag);
            // An older page of the same project.
            let older = |id: &str| {
                EntityTag::from_sha256(id.strip_suffix(PAGE_SUFFIX)?)?;
                BlobName::servable_target(&format!("{folder}/{id}"))
            };
            versioned::respond(&app, file, name, PAGE_SUFFIX, older, &method, &headers).await
        }
        // The digest in a sidecar's name is that of the distribution it belongs to.
        plain if plain.ends_with(".metadata") => {
            let file = file(tag.variant("metadata"));
            versioned::respond_packed(&app, file, &method, &headers).await
        }
        _ => file(tag).respond(&app, &method, &headers).await,
    }
}

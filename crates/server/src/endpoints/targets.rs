//! `GET /targets/{*path}`: targets under their consistent-snapshot names, `DIR/SHA256.NAME` (TUF spec 6.2.1).

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method};

use crate::app::App;
use crate::disk_file::{DiskFile, content_type};
use crate::document::Freshness;
use crate::protocol::conditional::EntityTag;
use crate::refusal::Refusal;

pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let absent = || Refusal::not_found("no such target").into_response();
    let Ok(Path(path)) = path else { return absent() };
    let name = path.rsplit('/').next().unwrap_or_default();
    // Without a digest in its name a file is none of ours.
    let Some((digest, plain_name)) = name.split_once('.') else { return absent() };
    let Some(tag) = EntityTag::from_sha256(digest) else { return absent() };
    let Some(file) = app.repository.directory().servable_target(&path) else { return absent() };
    let (content_type, tag) = match plain_name {
        "index.json" => (sealdex_simple::ContentType::JsonV1.as_header_value(), tag),
        // The digest in a sidecar's name is that of the distribution it belongs to.
        name if name.ends_with(".metadata") => (content_type(name), tag.variant("metadata")),
        name => (content_type(name), tag),
    };
    DiskFile { path: file, content_type, tag: Some(tag), freshness: Freshness::Immutable }
        .respond(&method, &headers)
        .await
}

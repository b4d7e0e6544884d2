//! `GET /files/{project}/{filename}` and `....metadata`: distributions and their core metadata (PEP 658), under the
//! names that pages link to. What is on no page is not there.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method};
use sealdex_repository::{BlobName, Error};
use sealdex_simple::{FileName, ProjectName};

use crate::app::App;
use crate::document::Freshness;
use crate::protocol::conditional::EntityTag;
use crate::refusal::Refusal;
use crate::stored_file::StoredFile;
use crate::versioned;

pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Ok(Path((project, filename))) = path else { return no_such_file() };
    // Pages link to normalised names alone.
    let Some(project) = ProjectName::parse(&project).ok().filter(|parsed| parsed.as_str() == project) else {
        return no_such_file();
    };
    let Ok(filename) = FileName::parse(&filename) else { return no_such_file() };
    match find(&app, &project, filename.as_str()).await {
        Ok(Some(file)) if filename.as_str().ends_with(".metadata") => {
            versioned::respond_packed(&app, file, &method, &headers).await
        }
        Ok(Some(file)) => file.respond(&app, &method, &headers).await,
        Ok(None) => no_such_file(),
        Err(error) => Refusal::failed(&error).into_response(),
    }
}

/// The file of that name, or the metadata of the file that the name without `.metadata` is of.
async fn find(app: &App, project: &ProjectName, filename: &str) -> Result<Option<StoredFile>, Error> {
    let Some(page) = app.pages.page(&app.repository, project).await? else { return Ok(None) };
    let (name, tag, suffix) = if let Some(file) = page.file(filename) {
        (filename, file.sha256(), "")
    } else if let Some(owner) = filename.strip_suffix(".metadata")
        && let Some(file) = page.file(owner)
    {
        (owner, file.core_metadata.sha256(), ".metadata")
    } else {
        return Ok(None);
    };
    let sha256 = page.file(name).and_then(sealdex_simple::IndexFile::sha256);
    let (Some(sha256), Some(tag)) = (sha256, tag.and_then(EntityTag::from_sha256)) else { return Ok(None) };
    let target = format!("files/{project}/{sha256}.{name}{suffix}");
    Ok(BlobName::servable_target(&target).map(|name| StoredFile {
        content_type: name.content_type(),
        name,
        tag: Some(tag),
        freshness: Freshness::Immutable,
    }))
}

fn no_such_file() -> Response {
    Refusal::not_found("no such file").into_response()
}

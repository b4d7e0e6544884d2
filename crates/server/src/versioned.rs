//! Files of which clients have older versions: sent packed, and as deltas (RFC 9842).

use std::path::PathBuf;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};

use crate::app::App;
use crate::disk_file::{self, DiskFile};
use crate::document::vary_by_encoding;
use crate::protocol::dictionary::{USE_AS_DICTIONARY, use_as_dictionary, vary_by_dictionary};
use crate::refusal::Refusal;

/// Answers with `file`, called `name`, as a delta where the client has another version of it: a file named `*suffix` in
/// the same folder, whose path `older` gives.
pub(crate) async fn respond(
    app: &App,
    file: DiskFile,
    name: &str,
    suffix: &str,
    older: impl FnOnce(&str) -> Option<PathBuf>,
    method: &Method,
    request: &HeaderMap,
) -> Response {
    let held = match app.immutable.file(file.path.clone(), file.content_type).await {
        Ok(Some(held)) => held,
        // Too long to be held in memory.
        Ok(None) => return file.respond(method, request).await,
        Err(error) => return failed(&error),
    };
    let delta = app.deltas.requested(request, &app.immutable, &held, older).await;
    let mut response = held.document.respond(request, file.freshness, vary_by_dictionary(), delta).await;
    if response.status() == StatusCode::OK
        && let Some(value) = use_as_dictionary(name, suffix)
    {
        response.headers_mut().insert(USE_AS_DICTIONARY, value);
    }
    response
}

/// Answers with a small file, packed where the client takes that.
pub(crate) async fn respond_packed(
    app: &App,
    file: DiskFile,
    method: &Method,
    request: &HeaderMap,
) -> Response {
    match app.immutable.file(file.path.clone(), file.content_type).await {
        Ok(Some(held)) => held.document.respond(request, file.freshness, vary_by_encoding(), None).await,
        Ok(None) => file.respond(method, request).await,
        Err(error) => failed(&error),
    }
}

fn failed(error: &std::io::Error) -> Response {
    if disk_file::is_absent(error) {
        return Refusal::not_found("no such file").into_response();
    }
    Refusal::internal(error).into_response()
}

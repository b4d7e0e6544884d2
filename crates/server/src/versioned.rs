//! Files of which clients have older versions: sent packed, and as deltas (RFC 9842).

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};
use sealdex_repository::{BlobName, Error};

use crate::app::App;
use crate::document::vary_by_encoding;
use crate::protocol::dictionary::{USE_AS_DICTIONARY, use_as_dictionary, vary_by_dictionary};
use crate::refusal::Refusal;
use crate::stored_file::StoredFile;

/// Answers with `file`, called `name`, as a delta where the client has another version of it: a file named `*suffix` in
/// the same folder, whose name below `public/` `older` gives.
pub(crate) async fn respond(
    app: &App,
    file: StoredFile,
    name: &str,
    suffix: &str,
    older: impl FnOnce(&str) -> Option<BlobName>,
    method: &Method,
    request: &HeaderMap,
) -> Response {
    let held = match app.immutable.file(&file.name, file.content_type).await {
        Ok(Some(held)) => held,
        // Too long to be held in memory.
        Ok(None) => return file.respond(app, method, request).await,
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
    file: StoredFile,
    method: &Method,
    request: &HeaderMap,
) -> Response {
    match app.immutable.file(&file.name, file.content_type).await {
        Ok(Some(held)) => held.document.respond(request, file.freshness, vary_by_encoding(), None).await,
        Ok(None) => file.respond(app, method, request).await,
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> Response {
    if error.is_absent() {
        return Refusal::not_found("no such file").into_response();
    }
    Refusal::failed(error).into_response()
}

//! `GET /simple/`: the list of all projects (PEP 503, 691).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;

use super::project_page::{negotiated, redirect_to, vary};
use crate::app::App;
use crate::document::Freshness;
use crate::refusal::Refusal;

pub(crate) async fn serve(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let content_type = match negotiated(&headers) {
        Ok(content_type) => content_type,
        Err(refusal) => return refusal.into_response(),
    };
    match app.project_list.document(&app.repository, content_type).await {
        Ok(document) => document.respond(&headers, Freshness::Revalidate, vary(), None).await,
        Err(error) => Refusal::failed(&error).into_response(),
    }
}

/// `/simple`
pub(crate) async fn redirect() -> Response {
    redirect_to("simple/")
}

//! `GET /simple/{project}/`: a project's page, as JSON or HTML (PEP 503, 691). The JSON is the exact bytes signed.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, VARY};
use http::{HeaderMap, StatusCode};
use sealdex_simple::{ContentType, ProjectName, negotiate};

use crate::app::App;
use crate::document::Freshness;
use crate::refusal::Refusal;

const LAST_SERIAL: HeaderName = HeaderName::from_static("x-pypi-last-serial");

pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    project: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Some((project, requested)) = parse(project) else { return no_such_project() };
    if project.as_str() != requested {
        return redirect_to(&format!("../{project}/"));
    }
    let content_type = match negotiated(&headers) {
        Ok(content_type) => content_type,
        Err(refusal) => return refusal.into_response(),
    };
    let page = match app.pages.page(&app.repository, &project).await {
        Ok(Some(page)) => page,
        Ok(None) => return no_such_project(),
        Err(error) => return Refusal::failed(&error).into_response(),
    };
    let Some(document) = page.document(content_type).await else {
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping").into_response();
    };
    let mut response = document.respond(&headers, Freshness::Revalidate, vary(), None).await;
    response.headers_mut().insert(LAST_SERIAL, page.serial());
    response
}

/// `/simple/{project}`: the slash is missing.
pub(crate) async fn redirect(project: Result<Path<String>, PathRejection>) -> Response {
    match parse(project) {
        Some((project, _)) => redirect_to(&format!("{project}/")),
        None => no_such_project(),
    }
}

/// The representation to answer with, or 406.
pub(crate) fn negotiated(headers: &HeaderMap) -> Result<ContentType, Refusal> {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(one), None) => Some(one.to_owned()),
        // Several lines are one list (RFC 9110, 5.3).
        (Some(first), Some(second)) => {
            Some([first, second].into_iter().chain(values).collect::<Vec<_>>().join(","))
        }
    };
    negotiate(accept.as_deref()).ok_or_else(|| {
        let served = [ContentType::JsonV1, ContentType::HtmlV1, ContentType::LegacyHtml]
            .map(ContentType::as_header_value)
            .join(", ");
        Refusal::new(StatusCode::NOT_ACCEPTABLE, format!("pages are served as {served}"))
            .with_header(VARY, vary())
    })
}

/// What the choice of a representation depends on.
pub(crate) fn vary() -> HeaderValue {
    HeaderValue::from_static("accept, accept-encoding")
}

/// A permanent redirect, relative, so that it is right below any prefix a proxy puts before our paths.
pub(crate) fn redirect_to(location: &str) -> Response {
    let mut response = StatusCode::MOVED_PERMANENTLY.into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

/// The name in the path, normalised and as it was.
fn parse(project: Result<Path<String>, PathRejection>) -> Option<(ProjectName, String)> {
    let Path(requested) = project.ok()?;
    Some((ProjectName::parse(&requested).ok()?, requested))
}

fn no_such_project() -> Response {
    Refusal::not_found("no such project").into_response()
}

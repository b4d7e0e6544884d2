//! Which endpoint answers what.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath};
use axum::middleware;
use axum::routing::{get, post};
use http::Method;

use crate::app::App;
use crate::endpoints;
use crate::observe::observe;
use crate::refusal::Refusal;

const METADATA: &str = "/metadata/{name}";
const TARGETS: &str = "/targets/{*path}";
const SIMPLE: &str = "/simple";
const PROJECT_LIST: &str = "/simple/";
const PROJECT: &str = "/simple/{project}";
const PROJECT_PAGE: &str = "/simple/{project}/";
const FILE: &str = "/files/{project}/{filename}";
const HEALTH: &str = "/healthz";
const METRICS: &str = "/metrics";
const UPLOAD: &str = "/legacy/";
const UPLOAD_NO_SLASH: &str = "/legacy";
const UPLOAD_AT_ROOT: &str = "/";

/// Every route, as logs and metrics name them.
const ROUTES: [&str; 12] = [
    METADATA,
    TARGETS,
    SIMPLE,
    PROJECT_LIST,
    PROJECT,
    PROJECT_PAGE,
    FILE,
    HEALTH,
    METRICS,
    UPLOAD,
    UPLOAD_NO_SLASH,
    UPLOAD_AT_ROOT,
];

/// The whole service.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(METADATA, get(endpoints::metadata::serve))
        .route(TARGETS, get(endpoints::targets::serve))
        .route(SIMPLE, get(endpoints::project_list::redirect))
        .route(PROJECT_LIST, get(endpoints::project_list::serve))
        .route(PROJECT, get(endpoints::project_page::redirect))
        .route(PROJECT_PAGE, get(endpoints::project_page::serve))
        .route(FILE, get(endpoints::file::serve))
        .route(HEALTH, get(endpoints::health::serve))
        .route(METRICS, get(endpoints::metrics::serve))
        .route(UPLOAD, post(endpoints::upload::serve))
        .route(UPLOAD_NO_SLASH, post(endpoints::upload::serve))
        .route(UPLOAD_AT_ROOT, post(endpoints::upload::serve))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        // Uploads have limits of their own, and nothing else reads a body.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe))
        .with_state(app)
}

/// The route's name for logs and metrics: one of a few, whatever was asked for.
pub(crate) fn route_label(matched: Option<&MatchedPath>) -> &'static str {
    matched.and_then(|matched| ROUTES.into_iter().find(|route| *route == matched.as_str())).unwrap_or("none")
}

async fn no_such_path() -> Refusal {
    Refusal::not_found("there is nothing at this path")
}

async fn wrong_method(method: Method) -> Refusal {
    let reason = if method == Method::POST {
        "this path takes no uploads: they go to /legacy/"
    } else {
        "this path does not take this method"
    };
    Refusal::new(http::StatusCode::METHOD_NOT_ALLOWED, reason)
}

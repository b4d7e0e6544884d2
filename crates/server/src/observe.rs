//! Around every request: an id, headers that all responses carry, a line in the log, numbers.

use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, SERVER, X_CONTENT_TYPE_OPTIONS};
use tracing::{Instrument as _, Level};

use crate::app::App;
use crate::router::route_label;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// On every response of a repository whose keys are for development.
const DEVELOPMENT_KEYS: HeaderName = HeaderName::from_static("sealdex-development-keys");
const MAX_LOGGED_PATH_CHARS: usize = 300;

pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = format!("{:x}", app.next_request());
    let route = route_label(request.extensions().get::<MatchedPath>());
    let method = request.method().clone();
    // Without the query, which nothing here reads and a confused client may put a secret in.
    let path: Option<String> = tracing::enabled!(Level::INFO)
        .then(|| request.uri().path().chars().take(MAX_LOGGED_PATH_CHARS).collect());

    let span = tracing::info_span!("request", id, %method, route);
    let mut response = next.run(request).instrument(span).await;

    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(SERVER, HeaderValue::from_static("sealdex"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if app.development {
        headers.insert(DEVELOPMENT_KEYS, HeaderValue::from_static("true"));
    }
    let status = response.status();
    let elapsed = start.elapsed();
    let bytes = announced_bytes(&response);
    app.metrics.request(route, &method, status, bytes, elapsed);
    if let Some(path) = path {
        let ms = elapsed.as_secs_f64() * 1000.0;
        tracing::info!(id, %method, route, path, status = status.as_u16(), bytes, ms, "request");
    }
    response
}

/// The length of the body that will follow, as far as it is known; what a client takes of it is its own matter.
fn announced_bytes(response: &Response) -> u64 {
    let announced =
        response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    announced.or(response.body().size_hint().exact()).unwrap_or_default()
}

//! `GET /metrics`: numbers for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::health::Readiness;
use crate::app::App;

pub(crate) async fn serve(State(app): State<Arc<App>>) -> Response {
    let now = app.clock.now();
    match app.status.status(&app.repository).await {
        Ok(status) => {
            let fault = app.repository.publishing_fault();
            let ready = Readiness::assess(&status, app.writer.state(), fault, now).is_ready();
            app.metrics.gauge("sealdex_ready", None, i64::from(ready));
            for role in &status.roles {
                let remaining = role.expires.as_second().saturating_sub(now.as_second());
                app.metrics.gauge("sealdex_role_expiry_seconds", Some(&role.name), remaining);
                app.metrics.gauge("sealdex_role_version", Some(&role.name), count(role.version));
            }
            for bins in &status.bins {
                let name = format!("{}-*", bins.name_prefix);
                let remaining = bins.earliest_expiry.as_second().saturating_sub(now.as_second());
                app.metrics.gauge("sealdex_role_expiry_seconds", Some(&name), remaining);
                app.metrics.gauge("sealdex_role_version", Some(&name), count(bins.highest_version));
            }
            if let Some(pending) = status.pending_transactions {
                app.metrics.gauge("sealdex_pending_transactions", None, count(pending));
            }
        }
        // The other numbers are as good without.
        Err(_) => app.metrics.gauge("sealdex_ready", None, 0),
    }
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (headers, app.metrics.render()).into_response()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

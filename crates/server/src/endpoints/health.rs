//! `GET /healthz`: whether clients can rely on what is served, and whether uploads get published.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jiff::Timestamp;
use sealdex_repository::{Away, Part, Status};
use serde::Serialize;

use crate::app::App;
use crate::health::WriterState;

pub(crate) async fn serve(State(app): State<Arc<App>>) -> Response {
    let readiness = match app.status.status(&app.repository).await {
        Ok(status) => {
            let fault = app.repository.publishing_fault();
            Readiness::assess(&status, app.writer.state(), fault, app.clock.now())
        }
        Err(problem) => Readiness::unreadable(problem, app.writer.state()),
    };
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    match serde_json::to_vec(&readiness) {
        Ok(body) => (status, headers, body).into_response(),
        Err(error) => crate::refusal::Refusal::internal(&error).into_response(),
    }
}

/// The body of the answer.
#[derive(Debug, Serialize)]
pub(crate) struct Readiness {
    /// `ready` or `unready`
    status: &'static str,
    /// What is wrong.
    problems: Vec<String>,
    /// The role that expires next.
    next_expiry: Option<Expiry>,
    timestamp: Option<Expiry>,
    writer: WriterState,
    pending_transactions: Option<u64>,
    development_keys: Option<bool>,
    server_version: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Expiry {
    role: String,
    version: u64,
    expires: Timestamp,
    seconds_left: i64,
}

impl Readiness {
    /// Whether clients accept what is served now, and who publishes is alive.
    pub(crate) fn assess(
        status: &Status,
        writer: WriterState,
        fault: Option<String>,
        now: Timestamp,
    ) -> Self {
        let expiry = |name: &str, version, expires: Timestamp| Expiry {
            role: name.to_owned(),
            version,
            expires,
            seconds_left: expires.as_second().saturating_sub(now.as_second()),
        };
        let roles = status.roles.iter().map(|role| expiry(&role.name, role.version, role.expires));
        let bins = status.bins.iter().map(|bins| {
            expiry(&format!("{}-*", bins.name_prefix), bins.highest_version, bins.earliest_expiry)
        });
        let all: Vec<Expiry> = roles.chain(bins).collect();
        let expired = all.iter().filter(|expiry| expiry.expires <= now);
        let expired = expired.map(|expiry| format!("{} expired at {}", expiry.role, expiry.expires));
        let mut problems: Vec<String> =
            status.away.iter().map(|away| told(away).to_owned()).chain(expired).collect();
        let timestamp = all.iter().find(|expiry| expiry.role == "timestamp").cloned();
        if timestamp.is_none() && status.away.is_empty() {
            problems.push("there is no timestamp".to_owned());
        }
        match (writer, &status.writer) {
            (WriterState::Running, _) | (WriterState::Elsewhere | WriterState::StandingBy, Some(_)) => {}
            (WriterState::Stopped, _) => problems.push("the snapshot process has stopped".to_owned()),
            (WriterState::Unable, _) => {
                problems
                    .push("the snapshot process cannot go on, see the server's log: uploads wait".to_owned());
            }
            // Who is the writer stands in the database.
            (WriterState::Elsewhere | WriterState::StandingBy, None)
                if status.away(Part::Database).is_some() => {}
            (WriterState::Elsewhere | WriterState::StandingBy, None) => {
                problems.push("no snapshot process runs: uploads are not published".to_owned());
            }
        }
        if let Some(fault) = fault {
            problems.push(format!("publishing is paused, and tried again every few seconds: {fault}"));
        }
        Self {
            status: if problems.is_empty() { "ready" } else { "unready" },
            problems,
            next_expiry: all.iter().min_by_key(|expiry| expiry.expires).cloned(),
            timestamp,
            writer,
            pending_transactions: status.pending_transactions,
            development_keys: status.development,
            server_version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The repository's state could not be read.
    fn unreadable(problem: &str, writer: WriterState) -> Self {
        Self {
            status: "unready",
            problems: vec![problem.to_owned()],
            next_expiry: None,
            timestamp: None,
            writer,
            pending_transactions: None,
            development_keys: None,
            server_version: env!("CARGO_PKG_VERSION"),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }
}

/// What is away, for anybody: places and reasons are in the log alone.
fn told(away: &Away) -> &'static str {
    match away.part {
        Part::Database => "the database cannot be reached: nothing is taken in or published until it is back",
        Part::Public if away.is_bucket => {
            "the object store does not answer as it should, see the server's log: nothing is taken in or published until \
             it does"
        }
        Part::Public => "what is public cannot be read, see the server's log",
    }
}

//! `POST /legacy/` (and `/`): the upload API that twine and uv speak.
//!
//! 200 means published: the timestamp that includes the file is served. A file that is there already, with the same
//! contents, is published too. Attestations (PEP 740) and detached signatures are not kept, and the answer says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use sealdex_repository::{Actor, AddDistribution, Error, Receipt, Received, Transaction};
use tokio::time::timeout;

use crate::app::App;
use crate::metrics::UploadOutcome;
use crate::refusal::Refusal;
use crate::upload::body::{Leftover, UploadBody};
use crate::upload::check;
use crate::upload::credentials::OfferedToken;
use crate::upload::receive::{Content, ReceivedForm, boundary, max_file_bytes, receive};

pub(crate) async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let leftover = if head.headers.contains_key(EXPECT) { Leftover::Untouched } else { Leftover::Drained };
    let body = UploadBody::new(body, app.config.uploads, leftover);
    match upload(&app, &head.headers, body).await {
        Ok(answer) => answer.into_response(),
        Err(refusal) => {
            tracing::info!(status = refusal.status().as_u16(), reason = refusal.reason(), "upload refused");
            let outcome = if refusal.status() == StatusCode::SERVICE_UNAVAILABLE {
                UploadOutcome::Waiting
            } else {
                UploadOutcome::Refused
            };
            app.metrics.upload(outcome);
            refusal.into_response()
        }
    }
}

async fn upload(app: &App, headers: &HeaderMap, body: UploadBody) -> Result<Response, Refusal> {
    // What can be told from the head alone.
    let offered = OfferedToken::from_headers(headers)?;
    let boundary = headers
        .get(CONTENT_TYPE)
        .and_then(|value| boundary(value.to_str().ok()?))
        .ok_or_else(|| Refusal::bad_request("uploads are multipart/form-data, with a boundary"))?;
    let announced: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length| length > app.config.uploads.max_body_bytes()) {
        return Err(check::too_large(max_file_bytes(app)));
    }
    // Whoever holds no token gets no place. What the token allows is known with the file's name.
    let token = app.repository.authenticate(offered.expose()).await.map_err(check::unauthorized)?;

    // One of a few places, while the body comes in and is looked through.
    let queue_time = Duration::from_secs(app.config.uploads.queue_seconds);
    let place = timeout(queue_time, Arc::clone(&app.uploads).acquire_owned()).await;
    let Ok(Ok(place)) = place else { return Err(busy()) };
    let ReceivedForm { mut fields, content: Content { filename, file } } =
        receive(app, &token, &boundary, body).await?;
    let not_kept = std::mem::take(&mut fields.not_kept);
    let max_metadata_bytes = app.repository.settings().limits.max_core_metadata_bytes;
    let named = filename.clone();
    let check = move |received: &Received| {
        check::fields(&fields, &named, received)?;
        check::contents(&named, received, max_metadata_bytes)
    };
    let (received, metadata) = file.finish_and(check).await.map_err(|error| check::storage_fault(&error))?;
    let metadata = Some(metadata?);
    drop(place);

    // Durable, then published.
    let transaction = Transaction::AddDistribution(AddDistribution {
        filename: filename.clone(),
        received,
        metadata,
        upload_time: None,
    });
    let receipt = app
        .repository
        .submit(transaction, Actor::Token(token.id))
        .await
        .map_err(|error| check::unsubmitted(error, &filename))?;
    let mut text = published(app, &receipt, filename.as_str()).await?;
    for field in &not_kept {
        text.push_str(&format!("note: this server does not keep the form field {field} yet\n"));
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::OK, headers, text).into_response())
}

/// Waits until the file is served, and says so.
async fn published(app: &App, receipt: &Receipt, filename: &str) -> Result<String, Refusal> {
    let start = Instant::now();
    let patience = Duration::from_secs(app.config.uploads.publish_seconds);
    let publication = app.repository.published(receipt, patience).await.map_err(|error| match error {
        // It is durable in any case.
        Error::NotPublishedYet { .. } | Error::Bucket { .. } => {
            tracing::error!(transaction = %receipt.transaction, "an upload is still not published");
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "{filename} was accepted as transaction {}, but is not published yet: uploading it again waits \
                     for it and changes nothing",
                    receipt.transaction
                ),
            )
            .with_header(RETRY_AFTER, HeaderValue::from_static("30"))
        }
        error => check::storage_fault(&error),
    })?;
    let snapshot = publication.snapshot_version;
    if receipt.is_unchanged() {
        app.metrics.upload(UploadOutcome::Unchanged);
        return Ok(format!("{filename} was published before, with the same contents\n"));
    }
    app.metrics.published(start.elapsed());
    app.metrics.upload(UploadOutcome::Published);
    tracing::info!(filename, transaction = %receipt.transaction, snapshot = %snapshot, "published");
    Ok(format!("{filename} is published in snapshot {snapshot}\n"))
}

fn busy() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many uploads at once, try again in a moment")
        .with_header(RETRY_AFTER, HeaderValue::from_static("10"))
}

//! Reads the form to its end: the file goes to disk while it comes in, once the token is known to allow that.

use futures_util::Stream;
use http::StatusCode;
use sealdex_repository::{Action, Error, StagedFile, Token};
use sealdex_simple::DistributionFilename;

use super::body::{BodyError, UploadBody};
use super::check;
use super::form::{FormFields, MAX_VALUE_BYTES, missing, quoted};
use super::multipart::{Multipart, MultipartError, Part};
use crate::app::App;
use crate::refusal::Refusal;

pub(crate) use super::multipart::boundary;

/// A form that was received whole.
pub(crate) struct ReceivedForm {
    pub(crate) fields: FormFields,
    pub(crate) content: Content,
}

/// The file of the form.
pub(crate) struct Content {
    pub(crate) filename: DistributionFilename,
    pub(crate) file: StagedFile,
}

/// Receives a form.
///
/// The token is checked against the project that the *file name* is of, before the first byte is written: fields may
/// come in any order, and what the field `name` says must be the same in the end.
pub(crate) async fn receive(
    app: &App,
    token: &Token,
    boundary: &str,
    body: UploadBody,
) -> Result<ReceivedForm, Refusal> {
    let limits = &app.config.uploads;
    let mut multipart = Multipart::new(body, boundary);
    let mut fields = FormFields::default();
    let mut content: Option<Content> = None;
    let mut field_bytes = 0;
    let mut parts = 0;
    while let Some(part) = multipart.next_part().await.map_err(|error| broken_form(&error))? {
        parts += 1;
        if parts > limits.max_fields {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the form has more than {} fields", limits.max_fields),
            ));
        }
        if part.name == "content" {
            if content.is_some() {
                return Err(Refusal::bad_request("the form has more than one file"));
            }
            content = Some(receive_file(app, token, part, &mut multipart).await?);
        } else {
            receive_field(&mut fields, &part.name, &mut multipart, &mut field_bytes, limits.max_field_bytes)
                .await?;
        }
    }
    let content = content.ok_or_else(|| missing("content"))?;
    Ok(ReceivedForm { fields, content })
}

async fn receive_file(
    app: &App,
    token: &Token,
    part: Part,
    multipart: &mut Multipart<UploadBody>,
) -> Result<Content, Refusal> {
    let filename = part.filename.ok_or_else(|| Refusal::bad_request("the form field content is no file"))?;
    let filename =
        DistributionFilename::parse(&filename).map_err(|error| Refusal::bad_request(error.to_string()))?;
    token.authorize(filename.project(), Action::Upload).map_err(check::unauthorized)?;
    let max_file_bytes = max_file_bytes(app);
    let mut file = app.repository.stage().map_err(|error| check::storage_fault(&error))?;
    while let Some(bytes) = multipart.chunk().await.map_err(|error| broken_form(&error))? {
        if file.length().saturating_add(bytes.len() as u64) > max_file_bytes {
            return Err(check::too_large(max_file_bytes));
        }
        file.write(&bytes).map_err(|error| match error {
            Error::TooLarge { limit, .. } => check::too_large(limit),
            error => check::storage_fault(&error),
        })?;
        app.metrics.received(bytes.len() as u64);
    }
    Ok(Content { filename, file })
}

/// The largest file that both the server's and the repository's settings allow.
pub(crate) fn max_file_bytes(app: &App) -> u64 {
    app.config.uploads.max_file_bytes.min(app.repository.settings().limits.max_file_bytes)
}

pub(crate) async fn receive_field<S>(
    fields: &mut FormFields,
    name: &str,
    multipart: &mut Multipart<S>,
    field_bytes: &mut u64,
    max_field_bytes: u64,
) -> Result<(), Refusal>
where
    S: Stream<Item = Result<bytes::Bytes, BodyError>> + Unpin,
{
    let matters = fields.slot(name).is_some();
    let mut value = Vec::new();
    while let Some(bytes) = multipart.chunk().await.map_err(|error| broken_form(&error))? {
        *field_bytes = field_bytes.saturating_add(bytes.len() as u64);
        if *field_bytes > max_field_bytes {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the form fields beside the file have more than {max_field_bytes} bytes together"),
            ));
        }
        if matters {
            value.extend_from_slice(&bytes);
            if value.len() > MAX_VALUE_BYTES {
                return Err(Refusal::bad_request(format!(
                    "the form field {name} is longer than {MAX_VALUE_BYTES} bytes"
                )));
            }
        }
    }
    let Some(slot) = fields.slot(name) else {
        fields.pass_over(name);
        return Ok(());
    };
    let value = String::from_utf8(value)
        .map_err(|_| Refusal::bad_request(format!("the form field {name} is not utf-8")))?;
    // Two readers of one form must not see two names in it.
    if let Some(first) = slot.replace(value)
        && slot.as_ref() != Some(&first)
    {
        return Err(Refusal::bad_request(format!(
            "the form field {name} stands twice: {} and {}",
            quoted(&first),
            quoted(slot.as_deref().unwrap_or_default())
        )));
    }
    Ok(())
}

/// A form that does not come in whole.
fn broken_form(error: &MultipartError) -> Refusal {
    let status = match error {
        MultipartError::Truncated | MultipartError::Malformed(_) => StatusCode::BAD_REQUEST,
        MultipartError::Body(BodyError::TooLong { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        MultipartError::Body(BodyError::TooSlow { .. } | BodyError::TookTooLong { .. }) => {
            StatusCode::REQUEST_TIMEOUT
        }
        MultipartError::Body(BodyError::Broken) => StatusCode::BAD_REQUEST,
    };
    Refusal::new(status, error.to_string())
}

//! Compares what a form says with the file that came in, and words each refusal as twine and uv show it.
//!
//! twine's `--skip-existing` looks for status 400 with "already exist" in reason or body.

use std::io::BufReader;
use std::str::FromStr as _;

use http::StatusCode;
use pep440_rs::Version;
use sealdex_repository::{Error, Received};
use sealdex_simple::{
    ArchiveLimits, DistributionFilename, DistributionKind, DistributionMetadata, ProjectName, inspect,
};

use super::form::{FormFields, quoted};
use crate::refusal::{Refusal, chain};

/// Compares the form's fields with the file's name and digests.
pub(crate) fn fields(
    fields: &FormFields,
    filename: &DistributionFilename,
    received: &Received,
) -> Result<(), Refusal> {
    fields.check()?;
    filetype(fields.filetype.as_deref().unwrap_or_default(), filename)?;

    let name = fields.name.as_deref().unwrap_or_default();
    let project = ProjectName::parse(name).map_err(|error| Refusal::bad_request(error.to_string()))?;
    if project != *filename.project() {
        return Err(Refusal::bad_request(format!(
            "the form is for project {project}, the file {filename} is of {}",
            filename.project()
        )));
    }
    let written = fields.version.as_deref().unwrap_or_default();
    let version = Version::from_str(written)
        .map_err(|_| Refusal::bad_request(format!("invalid version {} (PEP 440)", quoted(written))))?;
    if version != *filename.version() {
        return Err(Refusal::bad_request(format!(
            "the form is for version {version}, the file {filename} is of {}",
            filename.version()
        )));
    }
    digest("sha256_digest", fields.sha256_digest.as_deref(), &received.sha256())?;
    digest("blake2_256_digest", fields.blake2_256_digest.as_deref(), received.blake2b_256())
}

fn filetype(filetype: &str, filename: &DistributionFilename) -> Result<(), Refusal> {
    let expected = match filename.kind() {
        DistributionKind::Wheel => "bdist_wheel",
        DistributionKind::SourceDistribution => "sdist",
    };
    if !matches!(filetype, "bdist_wheel" | "sdist") {
        return Err(Refusal::bad_request(format!(
            "unsupported filetype {}: only wheels (bdist_wheel) and source distributions (sdist) are taken",
            quoted(filetype)
        )));
    }
    if filetype != expected {
        return Err(Refusal::bad_request(format!(
            "the form says filetype {filetype}, the file {filename} is a {}",
            filename.kind()
        )));
    }
    Ok(())
}

fn digest(field: &str, claimed: Option<&str>, found: &str) -> Result<(), Refusal> {
    match claimed.filter(|claimed| !claimed.is_empty()) {
        Some(claimed) if !claimed.eq_ignore_ascii_case(found) => Err(Refusal::bad_request(format!(
            "wrong digest: the form's {field} is {}, the file received has {found}; it changed on its way",
            quoted(claimed)
        ))),
        _ => Ok(()),
    }
}

/// Reads the core metadata out of the file, which must be of the project and version that its name says. Blocks.
pub(crate) fn contents(
    filename: &DistributionFilename,
    received: &Received,
    max_metadata_bytes: u64,
) -> Result<DistributionMetadata, Refusal> {
    let file = received.open().map_err(|error| storage_fault(&error))?;
    let defaults = ArchiveLimits::default();
    let limits =
        ArchiveLimits { max_metadata_bytes: defaults.max_metadata_bytes.min(max_metadata_bytes), ..defaults };
    inspect(BufReader::new(file), filename, &limits).map_err(|error| match error {
        error @ sealdex_simple::Error::Io { .. } => Refusal::internal(&error),
        error => Refusal::bad_request(chain(&error)),
    })
}

/// A transaction the repository does not take.
pub(crate) fn unsubmitted(error: Error, filename: &DistributionFilename) -> Refusal {
    match error {
        Error::FileExists { existing, offered, .. } => Refusal::bad_request(format!(
            "File already exists ('{filename}', with sha256 {existing}), and this one differs (sha256 {offered}): \
             files never change, use another version"
        )),
        Error::FileNameUsed { .. } => Refusal::bad_request(format!(
            "the name {filename} was used by a file that was removed: names are not used twice, use another version"
        )),
        error @ (Error::UnsupportedPath { .. }
        | Error::ReservedPath { .. }
        | Error::InvalidPath { .. }
        | Error::WrongMetadata { .. }
        | Error::Simple(_)) => Refusal::bad_request(error.to_string()),
        Error::TooLarge { limit, .. } => too_large(limit),
        error => storage_fault(&error),
    }
}

/// A token that does not allow the upload.
pub(crate) fn unauthorized(error: Error) -> Refusal {
    match error {
        Error::InvalidToken => {
            Refusal::new(StatusCode::FORBIDDEN, "the token is not valid: unknown, revoked or expired")
        }
        Error::TokenScope { token, project, .. } => Refusal::new(
            StatusCode::FORBIDDEN,
            format!("the token {token} may not upload to project {project}: it is for others"),
        ),
        error => storage_fault(&error),
    }
}

/// The disk, the object store, or the database.
pub(crate) fn storage_fault(error: &Error) -> Refusal {
    if error.is_disk_full() {
        tracing::error!(error = %chain(error), "the disk is full");
        return Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "the server's disk is full, nothing was kept");
    }
    Refusal::failed(error)
}

/// 413
pub(crate) fn too_large(limit: u64) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("file too large: this server takes files of at most {limit} bytes"),
    )
}

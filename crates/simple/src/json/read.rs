//! Reads pages.

use std::collections::HashSet;

use pep440_rs::Version;
use serde_json::{Map, Value};

use super::document::{self, FileFields, Files};
use super::fields::{Fields, Place, read_text, read_upload_time};
use super::{CORE_METADATA_KEYS, invalid};
use crate::error::{Error, excerpt};
use crate::page::{CoreMetadata, IndexFile, IndexPage, PageLimits, ProjectState, ProjectStatus, Yanked};
use crate::{DistributionFilename, FileName, ProjectName, strict_json};

/// Reads a document and checks that it is written for this major version of the API.
pub(crate) fn read_document(
    bytes: &[u8],
    limits: &PageLimits,
    document: &'static str,
) -> Result<Map<String, Value>, Error> {
    check_limit("bytes in a page", bytes.len(), limits.max_page_bytes)?;
    let value = strict_json::from_slice(bytes, limits.max_values)
        .map_err(|source| Error::Json { document, source })?;
    let Value::Object(top) = value else {
        return Err(invalid(document, "must be an object"));
    };
    check_api_version(&top)?;
    Ok(top)
}

fn check_api_version(top: &Map<String, Value>) -> Result<(), Error> {
    let version = top.get("meta").and_then(|meta| meta.get("api-version"));
    let Some(Value::String(version)) = version else {
        return Err(invalid("meta.api-version", "must be a string"));
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match version.split_once('.') {
        Some(("1", minor)) if is_number(minor) => Ok(()),
        _ => Err(Error::UnsupportedApiVersion { found: excerpt(version) }),
    }
}

pub(crate) fn read_page(bytes: &[u8], limits: &PageLimits) -> Result<IndexPage, Error> {
    const DOCUMENT: &str = "index page";
    check_limit("bytes in a page", bytes.len(), limits.max_page_bytes)?;
    let document = document::read(bytes, limits.max_values)
        .map_err(|source| Error::Json { document: DOCUMENT, source })?
        .ok_or_else(|| invalid(DOCUMENT, "must be an object"))?;
    check_api_version(&document.top)?;
    let mut top = Fields::new(document.top, Place::Top, limits);
    let mut meta = Fields::new(top.object("meta")?.unwrap_or_default(), Place::Member("meta"), limits);
    meta.take("api-version");
    let last_serial = meta.number("_last-serial")?;
    let name = top.text("name")?.ok_or_else(|| top.missing("name"))?;
    let name = ProjectName::parse(&name)?;
    let files = match document.files {
        Files::Absent => return Err(top.missing("files")),
        Files::NoArray => return Err(top.wrong("files", "must be an array")),
        Files::Listed(files) => read_files(files, limits)?,
    };

    let versions = match top.array("versions")? {
        None => versions_of(&name, &files),
        Some(values) => {
            check_limit("versions in a page", values.len(), limits.max_versions)?;
            let mut versions = Vec::with_capacity(values.len());
            let mut seen = HashSet::with_capacity(values.len());
            for (index, value) in values.into_iter().enumerate() {
                let version = read_text(value, limits)
                    .map_err(|reason| invalid(format!("versions[{index}]"), reason))?;
                // The list is a set (PEP 700).
                if seen.insert(version.clone()) {
                    versions.push(version);
                }
            }
            versions
        }
    };

    let project_status = match top.object("project-status")? {
        None => None,
        Some(status) => Some(read_status(Fields::new(status, Place::Member("project-status"), limits))?),
    };
    Ok(IndexPage { name, versions, files, project_status, last_serial, extra: top.map, meta_extra: meta.map })
}

fn read_files(entries: Vec<Option<FileFields>>, limits: &PageLimits) -> Result<Vec<IndexFile>, Error> {
    check_limit("files in a page", entries.len(), limits.max_files)?;
    let mut files = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let entry = entry.ok_or_else(|| invalid(format!("files[{index}]"), "must be an object"))?;
        files.push(read_file(Fields::new(entry, Place::File(index), limits))?);
    }
    let mut names: Vec<&FileName> = files.iter().map(|file| &file.filename).collect();
    names.sort_unstable();
    match names.array_windows().find(|[one, next]| one == next) {
        Some([twice, _]) => Err(Error::DuplicateFile { filename: excerpt(twice.as_str()) }),
        None => Ok(files),
    }
}

fn check_limit(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found > limit { Err(Error::LimitExceeded { what, limit: limit as u64 }) } else { Ok(()) }
}

fn read_file(mut fields: Fields<'_, FileFields>) -> Result<IndexFile, Error> {
    let filename = fields.text("filename")?.ok_or_else(|| fields.missing("filename"))?;
    let filename = FileName::parse(&filename)?;
    let url = fields.url("url")?.ok_or_else(|| fields.missing("url"))?;
    let hashes = fields.object("hashes")?.ok_or_else(|| fields.missing("hashes"))?;
    let hashes = fields.hashes("hashes", hashes)?;
    let size = fields.number("size")?;
    let upload_time = match fields.text("upload-time")? {
        None => None,
        Some(time) => Some(
            read_upload_time(&time)
                .ok_or_else(|| fields.wrong("upload-time", "must be a time in rfc 3339"))?,
        ),
    };
    let requires_python = fields.text("requires-python")?;
    let yanked = match fields.take("yanked") {
        None | Some(Value::Bool(false)) => Yanked::No,
        Some(Value::Bool(true)) => Yanked::Yes,
        // Only a truthy value yanks (PEP 691).
        Some(Value::String(reason)) if reason.is_empty() => Yanked::No,
        Some(value @ Value::String(_)) => {
            Yanked::Reason(read_text(value, fields.limits).map_err(|reason| fields.wrong("yanked", reason))?)
        }
        Some(_) => return Err(fields.wrong("yanked", "must be a boolean or a string")),
    };
    let mut core_metadata = None;
    for key in CORE_METADATA_KEYS {
        let value = match fields.take(key) {
            None => continue,
            Some(Value::Bool(false)) => CoreMetadata::Absent,
            Some(Value::Bool(true)) => CoreMetadata::Present,
            Some(Value::Object(hashes)) => match fields.hashes(key, hashes)? {
                hashes if hashes.is_empty() => CoreMetadata::Absent,
                hashes => CoreMetadata::Hashes(hashes),
            },
            Some(_) => return Err(fields.wrong(key, "must be a boolean or an object")),
        };
        core_metadata.get_or_insert(value);
    }
    let gpg_sig = fields.boolean("gpg-sig")?;
    let provenance = fields.url("provenance")?;
    Ok(IndexFile {
        filename,
        url,
        hashes,
        size,
        upload_time,
        requires_python,
        yanked,
        core_metadata: core_metadata.unwrap_or_default(),
        gpg_sig,
        provenance,
        extra: fields.map.extra,
    })
}

/// PEP 792 says `project-status.state` in its text, `status` in its example and in what is deployed.
fn read_status(mut fields: Fields<'_>) -> Result<ProjectStatus, Error> {
    let status = fields.text("status")?;
    let state = fields.text("state")?;
    let state = status.or(state).map_or(ProjectState::Active, |marker| ProjectState::parse(&marker));
    let reason = fields.text("reason")?;
    Ok(ProjectStatus { state, reason, extra: fields.map })
}

/// The versions that the names of the files say, for pages without a list of them.
fn versions_of(name: &ProjectName, files: &[IndexFile]) -> Vec<String> {
    let mut versions: Vec<Version> = files
        .iter()
        .filter_map(|file| DistributionFilename::parse_for(name, file.filename.as_str()).ok())
        .map(|filename| filename.version().clone())
        .collect();
    versions.sort();
    versions.dedup();
    versions.iter().map(Version::to_string).collect()
}

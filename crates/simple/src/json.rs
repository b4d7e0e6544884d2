//! Reads and writes pages as JSON (PEP 691, 700, 714, 740, 792).

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr as _;

use pep440_rs::Version;
use serde_json::{Map, Value, json};

use crate::error::{Error, excerpt};
use crate::page::{
    CoreMetadata, IndexFile, IndexPage, PageLimits, ProjectState, ProjectStatus, Yanked, is_sha256,
};
use crate::{DistributionFilename, FileName, ProjectName, strict_json};

/// The last is a mistake in the JSON of the public index that clients have learnt to read: left among the unknown
/// fields, it would still promise metadata after [`IndexFile::core_metadata`] was changed.
const CORE_METADATA_KEYS: [&str; 3] = ["core-metadata", "dist-info-metadata", "data-dist-info-metadata"];

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
    let version = top.get("meta").and_then(|meta| meta.get("api-version"));
    let Some(Value::String(version)) = version else {
        return Err(invalid("meta.api-version", "must be a string"));
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match version.split_once('.') {
        Some(("1", minor)) if is_number(minor) => Ok(top),
        _ => Err(Error::UnsupportedApiVersion { found: excerpt(version) }),
    }
}

pub(crate) fn read_page(bytes: &[u8], limits: &PageLimits) -> Result<IndexPage, Error> {
    let mut top = Fields::new(read_document(bytes, limits, "index page")?, &"", limits);
    let mut meta = Fields::new(top.object("meta")?.unwrap_or_default(), &"meta.", limits);
    meta.take("api-version");
    let last_serial = meta.number("_last-serial")?;
    let name = top.text("name")?.ok_or_else(|| top.missing("name"))?;
    let name = ProjectName::parse(&name)?;

    let entries = top.array("files")?.ok_or_else(|| top.missing("files"))?;
    check_limit("files in a page", entries.len(), limits.max_files)?;
    let mut files = Vec::with_capacity(entries.len());
    let mut seen = HashSet::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let path = format_args!("files[{index}]").to_string();
        let Value::Object(entry) = entry else {
            return Err(invalid(path, "must be an object"));
        };
        let file = read_file(Fields::new(entry, &format_args!("{path}."), limits))?;
        if !seen.insert(file.filename.clone()) {
            return Err(Error::DuplicateFile { filename: excerpt(file.filename.as_str()) });
        }
        files.push(file);
    }

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
        Some(status) => Some(read_status(Fields::new(status, &"project-status.", limits))?),
    };
    Ok(IndexPage { name, versions, files, project_status, last_serial, extra: top.map, meta_extra: meta.map })
}

pub(crate) fn write_page(page: &IndexPage) -> Vec<u8> {
    let mut meta = page.meta_extra.clone();
    meta.remove("_last-serial");
    meta.insert("api-version".to_owned(), page.api_version().into());
    if let Some(last_serial) = page.last_serial {
        meta.insert("_last-serial".to_owned(), last_serial.into());
    }
    let mut top = page.extra.clone();
    top.remove("project-status");
    top.insert("meta".to_owned(), Value::Object(meta));
    top.insert("name".to_owned(), page.name.as_str().into());
    top.insert("versions".to_owned(), sorted_versions(&page.versions).into());
    top.insert("files".to_owned(), page.sorted_files().into_iter().map(write_file).collect());
    if let Some(status) = &page.project_status {
        top.insert("project-status".to_owned(), write_status(status));
    }
    let mut document = Value::Object(top);
    document.sort_all_objects();
    document.to_string().into_bytes()
}

pub(crate) fn write_list(projects: &[&ProjectName]) -> Vec<u8> {
    let mut document = String::with_capacity(64 + projects.len() * 40);
    document.push_str(r#"{"meta":{"api-version":"1.1"},"projects":["#);
    for (index, project) in projects.iter().enumerate() {
        if index > 0 {
            document.push(',');
        }
        // A project name holds only letters, digits and hyphens.
        document.push_str(r#"{"name":""#);
        document.push_str(project.as_str());
        document.push_str(r#""}"#);
    }
    document.push_str("]}");
    document.into_bytes()
}

/// An [`Error::InvalidPage`].
pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::InvalidPage { field: field.into(), reason: reason.into() }
}

fn check_limit(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found > limit { Err(Error::LimitExceeded { what, limit: limit as u64 }) } else { Ok(()) }
}

fn read_file(mut fields: Fields<'_>) -> Result<IndexFile, Error> {
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
        extra: fields.map,
    })
}

fn write_file(file: &IndexFile) -> Value {
    let mut fields = file.extra.clone();
    for key in CORE_METADATA_KEYS {
        fields.remove(key);
    }
    let mut set = |key: &str, value: Option<Value>| match value {
        Some(value) => {
            fields.insert(key.to_owned(), value);
        }
        None => {
            fields.remove(key);
        }
    };
    set("filename", Some(file.filename.as_str().into()));
    set("url", Some(file.url.as_str().into()));
    set("hashes", Some(json!(file.hashes)));
    set("size", file.size.map(Value::from));
    set("upload-time", file.upload_time.as_deref().map(Value::from));
    set("requires-python", file.requires_python.as_deref().map(Value::from));
    let yanked = match &file.yanked {
        Yanked::No => false.into(),
        Yanked::Reason(reason) if !reason.is_empty() => reason.as_str().into(),
        Yanked::Yes | Yanked::Reason(_) => true.into(),
    };
    set("yanked", Some(yanked));
    let core_metadata = match &file.core_metadata {
        CoreMetadata::Absent => None,
        CoreMetadata::Hashes(hashes) if !hashes.is_empty() => Some(json!(hashes)),
        CoreMetadata::Present | CoreMetadata::Hashes(_) => Some(true.into()),
    };
    set("core-metadata", core_metadata.clone());
    set("dist-info-metadata", core_metadata);
    set("gpg-sig", file.gpg_sig.map(Value::from));
    set("provenance", file.provenance.as_deref().map(Value::from));
    Value::Object(fields)
}

/// PEP 792 says `project-status.state` in its text, `status` in its example and in what is deployed.
fn read_status(mut fields: Fields<'_>) -> Result<ProjectStatus, Error> {
    let status = fields.text("status")?;
    let state = fields.text("state")?;
    let state = status.or(state).map_or(ProjectState::Active, |marker| ProjectState::parse(&marker));
    let reason = fields.text("reason")?;
    Ok(ProjectStatus { state, reason, extra: fields.map })
}

fn write_status(status: &ProjectStatus) -> Value {
    let mut fields = status.extra.clone();
    fields.remove("state");
    fields.remove("reason");
    fields.insert("status".to_owned(), status.state.as_str().into());
    if let Some(reason) = &status.reason {
        fields.insert("reason".to_owned(), reason.as_str().into());
    }
    Value::Object(fields)
}

/// The fields of one object, taken out one by one; what is left is unknown.
struct Fields<'a> {
    map: Map<String, Value>,
    path: String,
    limits: &'a PageLimits,
}

impl<'a> Fields<'a> {
    fn new(map: Map<String, Value>, path: &dyn fmt::Display, limits: &'a PageLimits) -> Self {
        Self { map, path: path.to_string(), limits }
    }

    /// The value, unless it is absent or `null`.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        read_text(value, self.limits).map(Some).map_err(|reason| self.wrong(key, reason))
    }

    fn url(&mut self, key: &str) -> Result<Option<String>, Error> {
        let Some(url) = self.text(key)? else { return Ok(None) };
        check_url(&url).map_err(|reason| self.wrong(key, reason))?;
        Ok(Some(url))
    }

    fn number(&mut self, key: &str) -> Result<Option<u64>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        value.as_u64().map(Some).ok_or_else(|| self.wrong(key, "must be a whole number that is not negative"))
    }

    fn boolean(&mut self, key: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(key, "must be a boolean"))
    }

    fn array(&mut self, key: &str) -> Result<Option<Vec<Value>>, Error> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(key, "must be an array")),
        }
    }

    fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, Error> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(key, "must be an object")),
        }
    }

    fn hashes(&self, key: &str, values: Map<String, Value>) -> Result<BTreeMap<String, String>, Error> {
        read_hashes(values).map_err(|reason| self.wrong(key, reason))
    }

    fn missing(&self, key: &str) -> Error {
        self.wrong(key, "is missing")
    }

    fn wrong(&self, key: &str, reason: &str) -> Error {
        invalid(format!("{}{key}", self.path), reason)
    }
}

fn read_text(value: Value, limits: &PageLimits) -> Result<String, &'static str> {
    match value {
        Value::String(text) if text.len() > limits.max_text_bytes => Err("is too long"),
        Value::String(text) if text.contains('\0') => Err("has a nul character"),
        Value::String(text) => Ok(text),
        _ => Err("must be a string"),
    }
}

/// Lower-cases names and digests; SHA-256 must have its length, the others must be hexadecimal.
fn read_hashes(values: Map<String, Value>) -> Result<BTreeMap<String, String>, &'static str> {
    const MAX_HASHES: usize = 16;
    const MAX_ALGORITHM_BYTES: usize = 32;
    const MAX_DIGEST_BYTES: usize = 256;
    if values.len() > MAX_HASHES {
        return Err("has too many digests");
    }
    let mut hashes = BTreeMap::new();
    for (algorithm, digest) in values {
        let Value::String(digest) = digest else {
            return Err("must hold strings");
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if algorithm.is_empty() || algorithm.len() > MAX_ALGORITHM_BYTES || !algorithm.bytes().all(is_name) {
            return Err("has an invalid algorithm name");
        }
        if digest.is_empty()
            || digest.len() > MAX_DIGEST_BYTES
            || !digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err("has a digest that is not hexadecimal");
        }
        let (algorithm, digest) = (algorithm.to_ascii_lowercase(), digest.to_ascii_lowercase());
        if algorithm == "sha256" && !is_sha256(&digest) {
            return Err("has a sha256 that is not 64 hexadecimal digits");
        }
        if hashes.insert(algorithm, digest).is_some() {
            return Err("names an algorithm twice");
        }
    }
    Ok(hashes)
}

/// Relative, or `http` or `https`: nothing that a reader of the page would run or open locally.
fn check_url(url: &str) -> Result<(), &'static str> {
    if url.is_empty() {
        return Err("is empty");
    }
    if !url.chars().all(|character| !character.is_control() && !character.is_whitespace()) {
        return Err("has white space or a control character");
    }
    if url.contains('\\') {
        return Err("has a backslash");
    }
    let before_path = url.split(['/', '?', '#']).next().unwrap_or_default();
    match before_path.split_once(':') {
        Some((scheme, "")) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            Ok(())
        }
        Some(_) => Err("is neither relative nor http nor https"),
        None => Ok(()),
    }
}

/// Keeps `yyyy-mm-ddThh:mm:ss[.f{1,6}]Z` (PEP 700) as it is and converts other times in RFC 3339 to it.
fn read_upload_time(time: &str) -> Option<String> {
    const MAX_TIME_BYTES: usize = 48;
    if time.len() > MAX_TIME_BYTES {
        return None;
    }
    let timestamp = jiff::Timestamp::from_str(time).ok()?;
    if is_pep700_time(time) {
        return Some(time.to_owned());
    }
    Some(timestamp.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}

fn is_pep700_time(time: &str) -> bool {
    let Some((whole, rest)) = time.split_at_checked("yyyy-mm-ddThh:mm:ss".len()) else {
        return false;
    };
    let is_shape = whole.bytes().zip("0000-00-00T00:00:00".bytes()).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    let Some(fraction) = rest.strip_suffix('Z') else { return false };
    let is_fraction = match fraction.strip_prefix('.') {
        None => fraction.is_empty(),
        Some(digits) => (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()),
    };
    // A leap second is a time, but one that few readers know.
    is_shape && is_fraction && !whole.ends_with("60")
}

/// By version (PEP 440, what is none first), then by text; each once.
fn sorted_versions(versions: &[String]) -> Vec<&str> {
    let mut versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    versions.sort_by_cached_key(|version| (Version::from_str(version).ok(), *version));
    versions.dedup();
    versions
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

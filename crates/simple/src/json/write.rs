//! Writes pages and lists, the same bytes for the same contents.

use std::str::FromStr as _;

use pep440_rs::Version;
use serde_json::{Value, json};

use super::CORE_METADATA_KEYS;
use crate::ProjectName;
use crate::page::{CoreMetadata, IndexFile, IndexPage, ProjectStatus, Yanked};

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
    set("core-metadata", core_metadata);
    set("gpg-sig", file.gpg_sig.map(Value::from));
    set("provenance", file.provenance.as_deref().map(Value::from));
    Value::Object(fields)
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

/// By version (PEP 440, what is none first), then by text; each once.
fn sorted_versions(versions: &[String]) -> Vec<&str> {
    let mut versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    versions.sort_by_cached_key(|version| (Version::from_str(version).ok(), *version));
    versions.dedup();
    versions
}

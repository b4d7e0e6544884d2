//! Writes pages and lists, the same bytes for the same contents.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use pep440_rs::Version;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

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
    let status = page.project_status.as_ref().map(|status| Value::Object(write_status(status)));
    let known = ["files", "meta", "name", "project-status", "versions"];
    let mut top = Members::new(&page.extra, &known);
    let files: Vec<FileEntry<'_>> = page.sorted_files().into_iter().map(FileEntry::Whole).collect();
    let meta = Value::Object(meta);
    top.add("files", Member::Files(&files));
    top.add("meta", Member::Value(&meta));
    top.add("name", Member::Text(page.name.as_str()));
    top.add_some("project-status", status.as_ref().map(Member::Value));
    let versions = sorted_versions(&page.versions);
    top.add("versions", Member::Texts(&versions));
    // About so long is what is said of a file.
    top.to_json(256 + 400 * files.len())
}

/// The members of an object, written in the order of their names.
pub(super) struct Members<'a>(Vec<(&'a str, Member<'a>)>);

/// A member's value. Few files have fields that this crate does not know, and there are thousands of files: what is
/// written does not become a [`Value`] first.
pub(super) enum Member<'a> {
    Bool(bool),
    Number(u64),
    Text(&'a str),
    Texts(&'a [&'a str]),
    Hashes(&'a BTreeMap<String, String>),
    Value(&'a Value),
    Files(&'a [FileEntry<'a>]),
}

/// What a page says of a file.
pub(super) enum FileEntry<'a> {
    Whole(&'a IndexFile),
    /// As it is written.
    Written(&'a RawValue),
}

impl<'a> Members<'a> {
    /// Begins with what this crate does not know.
    pub(super) fn new(extra: &'a Map<String, Value>, known: &[&str]) -> Self {
        let extra = extra.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        Self(extra.map(|(name, value)| (name.as_str(), Member::Value(value))).collect())
    }

    pub(super) fn add(&mut self, name: &'a str, value: Member<'a>) {
        self.0.push((name, value));
    }

    fn add_some(&mut self, name: &'a str, value: Option<Member<'a>>) {
        self.0.extend(value.map(|value| (name, value)));
    }

    /// About `length` bytes.
    pub(super) fn to_json(&self, length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(length);
        // Writing to memory cannot fail, and every key is a string.
        let _ = serde_json::to_writer(&mut out, self);
        out
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut order: Vec<&(&str, Member<'_>)> = self.0.iter().collect();
        order.sort_unstable_by_key(|(name, _)| *name);
        let mut map = serializer.serialize_map(Some(order.len()))?;
        for (name, value) in order {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => value.serialize(serializer),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(value) => value.serialize(serializer),
            Self::Texts(value) => value.serialize(serializer),
            Self::Hashes(value) => value.serialize(serializer),
            Self::Value(value) => {
                let mut value = (*value).clone();
                value.sort_all_objects();
                value.serialize(serializer)
            }
            Self::Files(files) => {
                let mut sequence = serializer.serialize_seq(Some(files.len()))?;
                for file in *files {
                    match file {
                        FileEntry::Whole(file) => sequence.serialize_element(&write_file(file))?,
                        FileEntry::Written(file) => sequence.serialize_element(file)?,
                    }
                }
                sequence.end()
            }
        }
    }
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

/// The fields of a file that this crate knows; others with these names are not written.
const FILE_KEYS: [&str; 9] = [
    "filename",
    "gpg-sig",
    "hashes",
    "provenance",
    "requires-python",
    "size",
    "upload-time",
    "url",
    "yanked",
];

fn write_file(file: &IndexFile) -> Members<'_> {
    let mut fields = Members::new(&file.extra, &FILE_KEYS);
    fields.0.retain(|(name, _)| !CORE_METADATA_KEYS.contains(name));
    fields.add_some(
        "core-metadata",
        match &file.core_metadata {
            CoreMetadata::Absent => None,
            CoreMetadata::Hashes(hashes) if !hashes.is_empty() => Some(Member::Hashes(hashes)),
            CoreMetadata::Present | CoreMetadata::Hashes(_) => Some(Member::Bool(true)),
        },
    );
    fields.add("filename", Member::Text(file.filename.as_str()));
    fields.add_some("gpg-sig", file.gpg_sig.map(Member::Bool));
    fields.add("hashes", Member::Hashes(&file.hashes));
    fields.add_some("provenance", file.provenance.as_deref().map(Member::Text));
    fields.add_some("requires-python", file.requires_python.as_deref().map(Member::Text));
    fields.add_some("size", file.size.map(Member::Number));
    fields.add_some("upload-time", file.upload_time.as_deref().map(Member::Text));
    fields.add("url", Member::Text(&file.url));
    fields.add(
        "yanked",
        match &file.yanked {
            Yanked::No => Member::Bool(false),
            Yanked::Reason(reason) if !reason.is_empty() => Member::Text(reason),
            Yanked::Yes | Yanked::Reason(_) => Member::Bool(true),
        },
    );
    fields
}

fn write_status(status: &ProjectStatus) -> Map<String, Value> {
    let mut fields = status.extra.clone();
    fields.remove("state");
    fields.remove("reason");
    fields.insert("status".to_owned(), status.state.as_str().into());
    if let Some(reason) = &status.reason {
        fields.insert("reason".to_owned(), reason.as_str().into());
    }
    fields
}

/// By version (PEP 440, what is none first), then by text; each once.
fn sorted_versions(versions: &[String]) -> Vec<&str> {
    let mut versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    versions.sort_by_cached_key(|version| (Version::from_str(version).ok(), *version));
    versions.dedup();
    versions
}

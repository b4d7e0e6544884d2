//! The upload form as tools send it, open for a test to spoil.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealdex_testkit::archive::Archive;

const BOUNDARY: &str = "a-boundary-that-no-archive-has-in-it";

/// An upload form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) filename: String,
    pub(crate) content: Vec<u8>,
}

impl Form {
    /// The form for a file, with right fields throughout.
    pub(crate) fn new(archive: &Archive) -> Self {
        let mut parts = archive.file_name.split('-');
        let name = parts.next().unwrap_or_default();
        let version = parts.next().unwrap_or_default().trim_end_matches(".tar.gz");
        let filetype = if archive.file_name.ends_with(".whl") { "bdist_wheel" } else { "sdist" };
        let fields = [
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("name", name),
            ("version", version),
            ("filetype", filetype),
            ("pyversion", "py3"),
            ("metadata_version", "2.2"),
            ("sha256_digest", &archive.sha256()),
            ("md5_digest", "this one is not looked at"),
            ("description", &"A long text. ".repeat(1000)),
            ("classifiers", "A :: B"),
            ("classifiers", "C :: D"),
        ];
        Self {
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            filename: archive.file_name.clone(),
            content: archive.bytes.clone(),
        }
    }

    /// The same form with another value for a field, or without it.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.fields.retain(|(own, _)| own != name);
        self.fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// The body.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        bytes.extend_from_slice(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n",
                self.filename
            )
            .as_bytes(),
        );
        bytes.extend_from_slice(&self.content);
        bytes.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        bytes
    }
}

/// The value of `Content-Type` for the forms made here.
pub(crate) fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// The value of `Authorization` for a token.
pub(crate) fn authorization(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("__token__:{token}")))
}

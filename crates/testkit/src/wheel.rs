//! Builds small real wheels: what pip and uv accept, with the same bytes on every run.

use std::io::{Cursor, Write};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::archive::Archive;
use crate::core_metadata::CoreMetadata;

/// Builds a wheel. Without a module of its own, the wheel holds one named like the project, with its version in
/// `VERSION`.
#[derive(Clone, Debug)]
pub struct WheelBuilder {
    metadata: CoreMetadata,
    tag: String,
}

impl WheelBuilder {
    /// A pure Python wheel (`py3-none-any`) of `name` at `version`; the name may be in any spelling.
    pub fn new(name: &str, version: &str) -> Self {
        Self { metadata: CoreMetadata::new(name, version), tag: "py3-none-any".to_owned() }
    }

    /// Adds a dependency (`Requires-Dist`), such as `idna>=3`.
    #[must_use]
    pub fn requires(mut self, requirement: &str) -> Self {
        self.metadata.requires.push(requirement.to_owned());
        self
    }

    /// Adds a dependency that is needed with that extra alone (`Provides-Extra`).
    #[must_use]
    pub fn extra(mut self, extra: &str, requirement: &str) -> Self {
        self.metadata.extras.push(extra.to_owned());
        self.requires(&format!("{requirement} ; extra == '{extra}'"))
    }

    /// Sets `Requires-Python`, such as `>=3.9`.
    #[must_use]
    pub fn requires_python(mut self, specifier: &str) -> Self {
        self.metadata.requires_python = Some(specifier.to_owned());
        self
    }

    /// Adds a file such as `hello.py` or `hello/__init__.py` with its source.
    #[must_use]
    pub fn module(mut self, path: &str, source: &str) -> Self {
        self.metadata.modules.push((path.to_owned(), source.to_owned()));
        self
    }

    /// Sets the compatibility tag, such as `cp311-cp311-win_amd64`.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    /// The wheel.
    ///
    /// # Panics
    /// When a module's path cannot be stored in a ZIP archive.
    pub fn build(&self) -> Archive {
        let stem = format!("{}-{}", self.metadata.escaped_name(), self.metadata.escaped_version());
        let core_metadata = self.metadata.to_bytes();
        let mut files: Vec<(String, Vec<u8>)> =
            self.metadata.modules().into_iter().map(|(path, source)| (path, source.into_bytes())).collect();
        files.push((format!("{stem}.dist-info/METADATA"), core_metadata.clone()));
        files.push((format!("{stem}.dist-info/WHEEL"), self.wheel_file()));
        let record_path = format!("{stem}.dist-info/RECORD");
        files.push((record_path.clone(), record(&files, &record_path)));
        Archive { file_name: format!("{stem}-{}.whl", self.tag), bytes: zip(&files), core_metadata }
    }

    fn wheel_file(&self) -> Vec<u8> {
        let pure = self.tag.ends_with("-none-any");
        let root_is_purelib = if pure { "true" } else { "false" };
        let tag = &self.tag;
        format!(
            "Wheel-Version: 1.0\nGenerator: sealdex-testkit\nRoot-Is-Purelib: {root_is_purelib}\nTag: {tag}\n"
        )
        .into_bytes()
    }
}

/// The RECORD file: path, unpadded URL-safe Base64 SHA-256 and size of each file; its own line has neither.
fn record(files: &[(String, Vec<u8>)], record_path: &str) -> Vec<u8> {
    let mut text = String::new();
    for (path, bytes) in files {
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes));
        text.push_str(&format!("{path},sha256={hash},{}\n", bytes.len()));
    }
    text.push_str(&format!("{record_path},,\n"));
    text.into_bytes()
}

fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer.start_file(path.as_str(), options).expect("the path fits a ZIP archive");
        writer.write_all(bytes).expect("writing to memory succeeds");
    }
    writer.finish().expect("writing to memory succeeds").into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_is_normalised_and_the_metadata_is_not() {
        let wheel = WheelBuilder::new("Hello-.World", "1.0+local").requires("idna>=3").build();
        assert_eq!(wheel.file_name, "hello_world-1.0+local-py3-none-any.whl");
        let metadata = String::from_utf8(wheel.core_metadata).unwrap();
        assert!(metadata.contains("Name: Hello-.World\n"), "{metadata}");
        assert!(metadata.contains("Requires-Dist: idna>=3\n"), "{metadata}");
    }

    #[test]
    fn two_builds_have_the_same_bytes() {
        let builder = WheelBuilder::new("hello", "1.0").module("hello.py", "print('hello')\n");
        assert_eq!(builder.build(), builder.build());
    }

    #[test]
    fn a_platform_wheel_says_that_it_is_not_pure() {
        let wheel = WheelBuilder::new("hello", "1.0").tag("cp311-cp311-win_amd64").build();
        assert_eq!(wheel.file_name, "hello-1.0-cp311-cp311-win_amd64.whl");
    }
}

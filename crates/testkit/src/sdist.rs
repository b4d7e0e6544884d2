//! Builds small real source distributions (PEP 625) that install without a network.
//!
//! The build backend lies inside the archive (`backend-path`, PEP 517) and needs nothing but Python itself, so that an
//! installer's isolated build downloads nothing.

use flate2::{Compression, GzBuilder};
use tar::{Builder, Header};

use crate::archive::Archive;
use crate::core_metadata::CoreMetadata;

const BACKEND: &str = include_str!("sdist_backend.py");
const BUILD_SYSTEM: &str = r#"[build-system]
build-backend = "sdist_backend"
backend-path = ["build_backend"]
"#;

/// Builds a source distribution. Without a module of its own, it holds one named like the project, with its version
/// in `VERSION`.
#[derive(Clone, Debug)]
pub struct SdistBuilder {
    metadata: CoreMetadata,
    build_requires: Vec<String>,
}

impl SdistBuilder {
    /// A source distribution of `name` at `version`; the name may be in any spelling.
    pub fn new(name: &str, version: &str) -> Self {
        Self { metadata: CoreMetadata::new(name, version), build_requires: Vec::new() }
    }

    /// Adds a dependency (`Requires-Dist`), such as `idna>=3`.
    #[must_use]
    pub fn requires(mut self, requirement: &str) -> Self {
        self.metadata.requires.push(requirement.to_owned());
        self
    }

    /// Adds what an installer has to install before it can build (PEP 518).
    #[must_use]
    pub fn build_requires(mut self, requirement: &str) -> Self {
        self.build_requires.push(requirement.to_owned());
        self
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

    /// The source distribution, a `.tar.gz`.
    ///
    /// # Panics
    /// When a module's path cannot be stored in a tar archive.
    pub fn build(&self) -> Archive {
        let stem = format!("{}-{}", self.metadata.escaped_name(), self.metadata.escaped_version());
        let core_metadata = self.metadata.to_bytes();
        let pyproject = format!("{BUILD_SYSTEM}requires = {:?}\n", self.build_requires);
        let mut files = vec![
            (format!("{stem}/PKG-INFO"), core_metadata.clone()),
            (format!("{stem}/pyproject.toml"), pyproject.into_bytes()),
            (format!("{stem}/build_backend/sdist_backend.py"), BACKEND.as_bytes().to_vec()),
        ];
        for (path, source) in self.metadata.modules() {
            files.push((format!("{stem}/src/{path}"), source.into_bytes()));
        }
        Archive { file_name: format!("{stem}.tar.gz"), bytes: tar_gz(&files), core_metadata }
    }
}

fn tar_gz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    let mut archive = Builder::new(gzip);
    for (path, bytes) in files {
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, path, bytes.as_slice()).expect("the path fits a tar archive");
    }
    let gzip = archive.into_inner().expect("writing to memory succeeds");
    gzip.finish().expect("writing to memory succeeds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_follows_pep_625() {
        let sdist = SdistBuilder::new("Hello.World", "1.0").build();
        assert_eq!(sdist.file_name, "hello_world-1.0.tar.gz");
    }

    #[test]
    fn two_builds_have_the_same_bytes() {
        let builder = SdistBuilder::new("hello", "1.0").module("hello.py", "print('hello')\n");
        assert_eq!(builder.build(), builder.build());
    }
}

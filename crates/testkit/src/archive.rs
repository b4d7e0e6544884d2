//! A distribution file as a test holds it: name, bytes and core metadata.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

/// A built wheel or source distribution. The fields are open: an attacker in a test changes them as it likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// File name, such as `hello-1.0-py3-none-any.whl`.
    pub file_name: String,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// The core metadata inside: `METADATA` of a wheel (what PEP 658 serves), `PKG-INFO` of a source distribution.
    pub core_metadata: Vec<u8>,
}

impl Archive {
    /// SHA-256 of the bytes, as lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        sha256_hex(&self.bytes)
    }

    /// SHA-256 of the core metadata, as lower-case hexadecimal.
    pub fn core_metadata_sha256(&self) -> String {
        sha256_hex(&self.core_metadata)
    }

    /// Writes the file under its own name into `folder` and returns its path.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write_to(&self, folder: &Path) -> PathBuf {
        let path = folder.join(&self.file_name);
        fs::write(&path, &self.bytes)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }
}

/// SHA-256 of `bytes`, as lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::sha256_hex;

    #[test]
    fn sha256_of_nothing_is_the_well_known_value() {
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

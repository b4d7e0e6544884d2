//! What this machine has of a file's older versions, for the server to refer to (RFC 9842).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::HeaderName;
use sealdex_tuf::digest::sha256;

pub(super) const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");
pub(super) const DICTIONARY_ID: HeaderName = HeaderName::from_static("dictionary-id");

/// An older version of a file that is to be fetched.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    id: HeaderValue,
    sha256: [u8; 32],
    bytes: Vec<u8>,
}

impl Dictionary {
    /// Longer files are fetched whole.
    pub(crate) const MAX_BYTES: usize = 8 << 20;

    /// The older version and the file name that it has in its repository: what Sealdex serves is to be called by that
    /// (`Use-As-Dictionary`). `None` where it is too long, or the name is one that cannot stand in a header.
    pub(crate) fn new(file_name: &str, bytes: Vec<u8>) -> Option<Self> {
        if bytes.is_empty() || bytes.len() > Self::MAX_BYTES || file_name.contains(['"', '\\']) {
            return None;
        }
        // A string (RFC 9651, 3.3.3): ASCII in quotation marks.
        let id = HeaderValue::from_str(&format!("\"{file_name}\"")).ok().filter(|id| id.to_str().is_ok())?;
        Some(Self { id, sha256: sha256(&bytes), bytes })
    }

    /// The value of `Dictionary-ID` (2.3).
    pub(super) fn id(&self) -> HeaderValue {
        self.id.clone()
    }

    /// The value of `Available-Dictionary` (2.2): a byte sequence.
    pub(super) fn available(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!(":{}:", STANDARD.encode(self.sha256))).ok()
    }

    pub(super) fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_it() {
        let dictionary = Dictionary::new("1.snapshot.json", b"older".to_vec()).unwrap();
        assert_eq!(dictionary.id(), "\"1.snapshot.json\"");
        let available = dictionary.available().unwrap();
        let sha256_in_base64 =
            available.to_str().unwrap().strip_prefix(':').unwrap().strip_suffix(':').unwrap();
        assert_eq!(STANDARD.decode(sha256_in_base64).unwrap(), sha256(b"older"));
        for (name, bytes) in
            [("a\"b", vec![1]), ("a\nb", vec![1]), ("a", vec![]), ("a", vec![0; (8 << 20) + 1])]
        {
            assert!(Dictionary::new(name, bytes).is_none(), "{name:?}");
        }
    }
}

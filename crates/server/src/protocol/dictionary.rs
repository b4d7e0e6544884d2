//! Compression dictionaries (RFC 9842): which one a client has, and which documents can become one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

pub(crate) const USE_AS_DICTIONARY: HeaderName = HeaderName::from_static("use-as-dictionary");
const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");
const DICTIONARY_ID: HeaderName = HeaderName::from_static("dictionary-id");

/// The dictionary that a client says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Available {
    /// Its SHA-256 (2.2).
    pub(crate) sha256: [u8; 32],
    /// What we called it (2.3): a file name, which is to be checked like any other.
    pub(crate) id: String,
}

impl Available {
    /// Of a request; `None` where there is none that we gave a name to, or none that can be read.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        // A byte sequence, then a string (RFC 9651, 3.3.5 and 3.3.3). Neither has parameters here.
        let sha256 = only(headers, &AVAILABLE_DICTIONARY)?.strip_prefix(':')?.strip_suffix(':')?;
        let id = only(headers, &DICTIONARY_ID)?.strip_prefix('"')?.strip_suffix('"')?;
        if id.contains(['"', '\\']) {
            return None;
        }
        Some(Self { sha256: STANDARD.decode(sha256).ok()?.try_into().ok()?, id: id.to_owned() })
    }
}

/// The value of `Use-As-Dictionary` for a file whose other versions are in the same folder under `*SUFFIX` (2.1). Neither
/// name holds a character that strings or URL patterns would want escaped; `None` where one does.
pub(crate) fn use_as_dictionary(name: &str, suffix: &str) -> Option<HeaderValue> {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !plain(name) || !plain(suffix) {
        return None;
    }
    HeaderValue::from_str(&format!("match=\"*{suffix}\", id=\"{name}\"")).ok()
}

/// The `Vary` of files that are sent as deltas (6.2).
pub(crate) fn vary_by_dictionary() -> HeaderValue {
    HeaderValue::from_static("accept-encoding, available-dictionary")
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::trim),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sha256: &str, id: &str) -> Option<Available> {
        let fields = [(AVAILABLE_DICTIONARY, sha256.parse().unwrap()), (DICTIONARY_ID, id.parse().unwrap())];
        Available::of(&fields.into_iter().collect())
    }

    #[test]
    fn what_a_client_has() {
        let ones = ":AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=:";
        let expected = Available { sha256: [1; 32], id: "1.snapshot.json".into() };
        assert_eq!(of(ones, "\"1.snapshot.json\""), Some(expected));
        for (sha256, id) in [
            ("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "\"a\""),
            (":AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE:", "\"a\""),
            (":AQE=:", "\"a\""),
            ("::", "\"a\""),
            (":", "\"a\""),
            (ones, "a"),
            (ones, "\""),
            (ones, "\"a\\\"\""),
        ] {
            assert_eq!(of(sha256, id), None, "{sha256} {id}");
        }
        assert_eq!(Available::of(&HeaderMap::new()), None);
        let twice =
            [(AVAILABLE_DICTIONARY, ones.parse().unwrap()), (AVAILABLE_DICTIONARY, ones.parse().unwrap())];
        assert_eq!(Available::of(&twice.into_iter().collect()), None);
    }

    #[test]
    fn what_others_may_use() {
        let value = use_as_dictionary("12.snapshot.json", ".snapshot.json").unwrap();
        assert_eq!(value, "match=\"*.snapshot.json\", id=\"12.snapshot.json\"");
        assert_eq!(use_as_dictionary("1.a\"b.json", ".a\"b.json"), None);
        assert_eq!(use_as_dictionary("1.a%20b.json", ".a%20b.json"), None);
    }
}

//! The fields of an object, and the values that pages are made of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use serde_json::{Map, Value};

use super::document::FileFields;
use super::invalid;
use crate::error::Error;
use crate::page::{PageLimits, is_sha256};

/// The fields of one object, taken out one by one; what is left is unknown.
pub(super) struct Fields<'a, M = Map<String, Value>> {
    pub(super) map: M,
    place: Place,
    pub(super) limits: &'a PageLimits,
}

/// Where an object is in a page.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Top,
    /// A member of the page.
    Member(&'static str),
    /// So many files are before it.
    File(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Member(name) => write!(formatter, "{name}."),
            Self::File(index) => write!(formatter, "files[{index}]."),
        }
    }
}

/// What fields are taken out of.
pub(super) trait Source {
    fn remove(&mut self, key: &str) -> Option<Value>;
}

impl Source for Map<String, Value> {
    fn remove(&mut self, key: &str) -> Option<Value> {
        self.remove(key)
    }
}

impl Source for FileFields {
    fn remove(&mut self, key: &str) -> Option<Value> {
        self.remove(key)
    }
}

impl<'a, M: Source> Fields<'a, M> {
    pub(super) fn new(map: M, place: Place, limits: &'a PageLimits) -> Self {
        Self { map, place, limits }
    }

    /// The value, unless it is absent or `null`.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        read_text(value, self.limits).map(Some).map_err(|reason| self.wrong(key, reason))
    }

    pub(super) fn url(&mut self, key: &str) -> Result<Option<String>, Error> {
        let Some(url) = self.text(key)? else { return Ok(None) };
        check_url(&url).map_err(|reason| self.wrong(key, reason))?;
        Ok(Some(url))
    }

    pub(super) fn number(&mut self, key: &str) -> Result<Option<u64>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        value.as_u64().map(Some).ok_or_else(|| self.wrong(key, "must be a whole number that is not negative"))
    }

    pub(super) fn boolean(&mut self, key: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(key, "must be a boolean"))
    }

    pub(super) fn array(&mut self, key: &str) -> Result<Option<Vec<Value>>, Error> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(key, "must be an array")),
        }
    }

    pub(super) fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, Error> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(key, "must be an object")),
        }
    }

    pub(super) fn hashes(
        &self,
        key: &str,
        values: Map<String, Value>,
    ) -> Result<BTreeMap<String, String>, Error> {
        read_hashes(values).map_err(|reason| self.wrong(key, reason))
    }

    pub(super) fn missing(&self, key: &str) -> Error {
        self.wrong(key, "is missing")
    }

    pub(super) fn wrong(&self, key: &str, reason: &str) -> Error {
        invalid(format!("{}{key}", self.place), reason)
    }
}

pub(super) fn read_text(value: Value, limits: &PageLimits) -> Result<String, &'static str> {
    match value {
        Value::String(text) => check_text(&text, limits).map(|()| text),
        _ => Err("must be a string"),
    }
}

pub(super) fn check_text(text: &str, limits: &PageLimits) -> Result<(), &'static str> {
    if text.len() > limits.max_text_bytes {
        return Err("is too long");
    }
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err("has a nul character");
    }
    Ok(())
}

const MAX_HASHES: usize = 16;
const MAX_ALGORITHM_BYTES: usize = 32;
const MAX_DIGEST_BYTES: usize = 256;

/// Lower-cases names and digests.
fn read_hashes(values: Map<String, Value>) -> Result<BTreeMap<String, String>, &'static str> {
    check_number_of_hashes(values.len())?;
    let mut hashes = BTreeMap::new();
    for (mut algorithm, digest) in values {
        let Value::String(mut digest) = digest else {
            return Err("must hold strings");
        };
        algorithm.make_ascii_lowercase();
        digest.make_ascii_lowercase();
        check_hash(&algorithm, &digest)?;
        if hashes.insert(algorithm, digest).is_some() {
            return Err("names an algorithm twice");
        }
    }
    Ok(hashes)
}

pub(super) fn check_number_of_hashes(number: usize) -> Result<(), &'static str> {
    if number > MAX_HASHES { Err("has too many digests") } else { Ok(()) }
}

/// SHA-256 must have its length, the others must be hexadecimal; in lower case.
pub(super) fn check_hash(algorithm: &str, digest: &str) -> Result<(), &'static str> {
    let is_name = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'_');
    if algorithm.is_empty() || algorithm.len() > MAX_ALGORITHM_BYTES || !algorithm.bytes().all(is_name) {
        return Err("has an invalid algorithm name");
    }
    if digest.is_empty()
        || digest.len() > MAX_DIGEST_BYTES
        || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Err("has a digest that is not hexadecimal");
    }
    if algorithm == "sha256" && !is_sha256(digest) {
        return Err("has a sha256 that is not 64 hexadecimal digits");
    }
    Ok(())
}

/// Relative, or `http` or `https`: nothing that a reader of the page would run or open locally.
pub(super) fn check_url(url: &str) -> Result<(), &'static str> {
    if url.is_empty() {
        return Err("is empty");
    }
    let is_plain = if url.is_ascii() {
        url.bytes().all(|byte| byte.is_ascii_graphic())
    } else {
        url.chars().all(|character| !character.is_control() && !character.is_whitespace())
    };
    if !is_plain {
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
pub(super) fn read_upload_time(time: &str) -> Option<String> {
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

//! The fields of an object, and the values that pages are made of.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use serde_json::{Map, Value};

use super::invalid;
use crate::error::Error;
use crate::page::{PageLimits, is_sha256};

/// The fields of one object, taken out one by one; what is left is unknown.
pub(super) struct Fields<'a> {
    pub(super) map: Map<String, Value>,
    path: String,
    pub(super) limits: &'a PageLimits,
}

impl<'a> Fields<'a> {
    pub(super) fn new(map: Map<String, Value>, path: &dyn fmt::Display, limits: &'a PageLimits) -> Self {
        Self { map, path: path.to_string(), limits }
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
        invalid(format!("{}{key}", self.path), reason)
    }
}

pub(super) fn read_text(value: Value, limits: &PageLimits) -> Result<String, &'static str> {
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

//! JSON as TUF metadata uses it: strict parsing and canonical encoding.
//!
//! Two readers of the same bytes must never see two different documents, so this parser refuses what JSON leaves
//! open: duplicate keys, floating-point numbers (TUF spec 4.1, "with floating-point numbers omitted") and integers
//! that do not fit 64 bits. Depth is bounded by the parser's recursion limit of 128.
//!
//! The canonical form is the "Canonical JSON" subdialect the specification names in section 4.1: keys sorted, no
//! white space, only `"` and `\` escaped. Unicode is *not* normalised. It is computed from the parse, never from the
//! typed metadata, so fields this crate does not know are covered by signatures too.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Malformed};

/// A JSON value without floating-point numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer that fits an `i64` or a `u64`.
    Integer(i128),
    /// A string, exactly as received.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object with unique keys.
    Object(Object),
}

/// A JSON object: keys are unique and kept in canonical (code point) order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    entries: Vec<(String, Value)>,
}

impl Object {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The members in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value under `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.position(key).ok().map(|at| &self.entries[at].1)
    }

    /// Sets `key`, replacing what stood there.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.position(&key) {
            Ok(at) => self.entries[at].1 = value,
            Err(at) => self.entries.insert(at, (key, value)),
        }
    }

    /// Removes and returns the value under `key`.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.position(key).ok().map(|at| self.entries.remove(at).1)
    }

    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(own, _)| own.as_str().cmp(key))
    }

    /// Builds an object; `None` if a key occurs twice.
    fn from_entries(mut entries: Vec<(String, Value)>) -> Option<Self> {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return None;
            }
        }
        Some(Self { entries })
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Later entries replace earlier ones of the same key.
impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(iter: I) -> Self {
        let mut entries: Vec<_> = iter.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|a, b| a.0 == b.0);
        entries.reverse();
        Self { entries }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::Array(items)
    }
}

impl Value {
    /// Parses strict JSON.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything but one JSON document with unique keys and 64-bit integers.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|error| Malformed::new("json", error.to_string()).into())
    }

    /// The canonical encoding: what signatures are made over (TUF spec 4.2.1).
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, write_canonical_string);
        out
    }

    /// Compact JSON with members in canonical order: valid JSON even where strings hold control characters, which
    /// the canonical form leaves raw.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, write_json_string);
        out
    }

    fn write(&self, out: &mut Vec<u8>, write_string: fn(&mut Vec<u8>, &str)) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::String(text) => write_string(out, text),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out, write_string);
                }
                out.push(b']');
            }
            Self::Object(object) => {
                out.push(b'{');
                for (index, (key, value)) in object.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(out, key);
                    out.push(b':');
                    value.write(out, write_string);
                }
                out.push(b'}');
            }
        }
    }
}

fn write_canonical_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[b'\\', rest[at]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without floating-point numbers")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry::<String, Value>()? {
            entries.push(entry);
        }
        Object::from_entries(entries)
            .map(Value::Object)
            .ok_or_else(|| serde::de::Error::custom("an object has the same key twice"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canonical_form_is_the_specified_one() {
        let table: &[(&str, &str)] = &[
            (r#"{"b":1,"a":[true,false,null]}"#, r#"{"a":[true,false,null],"b":1}"#),
            (r#"{"a" : "\u00e9\n\"\\/" }"#, "{\"a\":\"\u{e9}\n\\\"\\\\/\"}"),
            // Composed and decomposed forms stay apart: TUF does not normalise Unicode.
            ("\"\u{e9}e\u{301}\"", "\"\u{e9}e\u{301}\""),
            (
                r#"{"\ud83d\ude00":-5,"\uffff":18446744073709551615}"#,
                "{\"\u{ffff}\":18446744073709551615,\"\u{1f600}\":-5}",
            ),
            ("{}", "{}"),
            ("[]", "[]"),
        ];
        for (input, expected) in table {
            let canonical = Value::parse(input.as_bytes()).unwrap().canonical();
            assert_eq!(String::from_utf8(canonical).unwrap(), *expected, "{input}");
        }
    }

    #[test]
    fn ambiguous_documents_are_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for input in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"c":2,"b":3}}"#,
            "1.0",
            "1e3",
            "18446744073709551616",
            "-0",
            "{} x",
            "",
            "\"\\ud800\"",
            &deep,
        ] {
            assert!(Value::parse(input.as_bytes()).is_err(), "{input}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|n| Value::Integer(n.into())),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_round_trips(value in value()) {
            prop_assert_eq!(Value::parse(&value.to_json()).unwrap(), value);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::parse(&bytes);
        }
    }
}

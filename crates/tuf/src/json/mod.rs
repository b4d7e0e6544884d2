//! JSON as TUF metadata uses it: strict parsing and canonical encoding.
//!
//! Two readers of the same bytes must never see two different documents, so this parser refuses what JSON leaves
//! open: duplicate keys, floating-point numbers (TUF spec 4.1, "with floating-point numbers omitted") and integers
//! that do not fit 64 bits. Depth is bounded by the parser's recursion limit of 128.
//!
//! The canonical form is the "Canonical JSON" subdialect the specification names in section 4.1: keys sorted, no
//! white space, only `"` and `\` escaped. Unicode is *not* normalised. It is computed from the parse, never from the
//! typed metadata, so fields this crate does not know are covered by signatures too.

mod node;
mod write;

pub(crate) use node::{Entry, Members, Node};
use write::{Document, Writer};

use crate::error::Error;

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
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
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
        Node::parse(bytes).map(Node::into_value)
    }

    /// The canonical encoding: what signatures are made over (TUF spec 4.2.1).
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        self.written(Writer::canonical())
    }

    /// Compact JSON with members in canonical order: valid JSON even where strings hold control characters, which
    /// the canonical form leaves raw.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        self.written(Writer::json())
    }

    fn written(&self, mut writer: Writer) -> Vec<u8> {
        self.write(&mut writer);
        writer.finish()
    }
}

impl Document for Value {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.null(),
            Self::Bool(truth) => writer.bool(*truth),
            Self::Integer(number) => writer.integer(*number),
            Self::String(text) => writer.string(text),
            Self::Array(items) => writer.array(items),
            Self::Object(object) => writer.object(object.iter()),
        }
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

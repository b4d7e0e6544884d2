//! What the parser makes, and what is written: a tree that borrows its strings from where they are.
//!
//! Metadata is read through this tree and not through [`Value`], which owns what it holds: a snapshot of PyPI's size
//! has tens of thousands of members, and most of their text is looked at once and kept in another form, or not at all.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::write::{Document, Writer};
use super::{Object, Value};
use crate::error::{Error, Malformed};

/// A member of an object.
pub(crate) type Entry<'a> = (Cow<'a, str>, Node<'a>);

/// A parsed JSON value; see [`Value`] for what is accepted.
#[derive(Debug)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Below 0.
    Negative(i64),
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Members<'a>),
    /// Never parsed: a value to be written with others.
    Borrowed(&'a Value),
    /// The same, boxed to keep this small: a snapshot makes tens of thousands of others.
    Owned(Box<Value>),
}

/// The members of an object: keys are unique and in canonical order.
#[derive(Debug, Default)]
pub struct Members<'a>(Vec<Entry<'a>>);

impl<'a> Node<'a> {
    /// Parses strict JSON, as [`Value::parse`] describes it.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|error| Malformed::new("json", error.to_string()))?;
        serde_json::from_str(text).map_err(|error| Malformed::new("json", error.to_string()).into())
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Unsigned(number) => Value::Integer(number.into()),
            Self::Negative(number) => Value::Integer(number.into()),
            Self::String(text) => Value::String(text.into_owned()),
            Self::Array(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            Self::Object(members) => Value::Object(members.into_object()),
            Self::Borrowed(value) => value.clone(),
            Self::Owned(value) => *value,
        }
    }
}

impl<'a> Members<'a> {
    /// Sorts the entries; `None` if a key occurs twice.
    fn new(mut entries: Vec<Entry<'a>>) -> Option<Self> {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return None;
            }
        }
        entries.shrink_to_fit();
        Some(Self(entries))
    }

    /// An object to be written: these members, and those of `others` that have other keys. Of one key the first counts.
    pub(crate) fn written(mut own: Vec<Entry<'a>>, others: &'a Object) -> Self {
        if !others.is_empty() {
            let own_keys: BTreeSet<String> = own.iter().map(|(key, _)| key.to_string()).collect();
            let others = Self::borrowed(others).into_iter();
            own.extend(others.filter(|(key, _)| !own_keys.contains(key.as_ref())));
        }
        own.sort_by(|a, b| a.0.cmp(&b.0));
        own.dedup_by(|later, first| later.0 == first.0);
        Self(own)
    }

    /// An object to be written, of these members, whose keys differ.
    pub(crate) fn of(members: Vec<Entry<'a>>) -> Self {
        Self::written(members, const { &Object::new() })
    }

    /// The same members, borrowed.
    pub(crate) fn borrowed(object: &'a Object) -> Self {
        Self(object.iter().map(|(key, value)| (Cow::Borrowed(key), Node::Borrowed(value))).collect())
    }

    /// Removes and returns the value under `key`.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Node<'a>> {
        let at = self.0.binary_search_by(|(own, _)| own.as_ref().cmp(key)).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The canonical encoding of this object.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        self.encoded(Writer::canonical())
    }

    /// Compact JSON, as [`Value::to_json`] writes it.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        self.encoded(Writer::json())
    }

    fn encoded(&self, mut writer: Writer) -> Vec<u8> {
        writer.object(self.entries());
        writer.finish()
    }

    pub(crate) fn into_object(self) -> Object {
        let entries = self.0.into_iter().map(|(key, value)| (key.into_owned(), value.into_value()));
        Object { entries: entries.collect() }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Node<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = Entry<'a>;
    type IntoIter = std::vec::IntoIter<Entry<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Document for Node<'_> {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.null(),
            Self::Bool(truth) => writer.bool(*truth),
            Self::Unsigned(number) => writer.integer((*number).into()),
            Self::Negative(number) => writer.integer((*number).into()),
            Self::String(text) => writer.string(text),
            Self::Array(items) => writer.array(items),
            Self::Object(members) => writer.object(members.entries()),
            Self::Borrowed(value) => value.write(writer),
            Self::Owned(value) => value.write(writer),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without floating-point numbers")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).map_or(Node::Negative(number), Node::Unsigned))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Node::Unsigned(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Node::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Node::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        items.shrink_to_fit();
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        // The objects there are most of, the entries of a snapshot, have one member.
        let mut entries = Vec::with_capacity(1);
        while let Some((Key(key), value)) = access.next_entry()? {
            entries.push((key, value));
        }
        Members::new(entries)
            .map(Node::Object)
            .ok_or_else(|| A::Error::custom("an object has the same key twice"))
    }
}

/// The key of a member. Borrowed where it has no escapes, which `Cow` alone does not do.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

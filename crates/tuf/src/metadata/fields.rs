//! Taking the members of a JSON object apart, with errors that name role and member.

use std::borrow::Cow;

use jiff::Timestamp as Time;

use super::parse_time;
use crate::error::{Error, Malformed};
use crate::json::{Members, Node, Object};
use crate::key::KeyId;
use crate::name::Version;

/// The members of an object, taken one by one; what is left is unrecognised.
pub struct Fields<'a> {
    what: Cow<'static, str>,
    members: Members<'a>,
}

impl<'a> Fields<'a> {
    /// `what` names the object in errors.
    pub(crate) fn new(what: impl Into<Cow<'static, str>>, members: Members<'a>) -> Self {
        Self { what: what.into(), members }
    }

    /// The members of `value`, which must be an object.
    pub(crate) fn of(what: impl Into<Cow<'static, str>>, value: Node<'a>) -> Result<Self, Error> {
        match value {
            Node::Object(members) => Ok(Self::new(what, members)),
            _ => Err(Malformed::new(what.into(), "not an object").into()),
        }
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> Error {
        Malformed::new(self.what.as_ref(), reason).into()
    }

    fn missing(&self, name: &str) -> Error {
        self.malformed(format!("\"{name}\" is missing"))
    }

    /// Members nobody took.
    pub(crate) fn rest(&mut self) -> Object {
        std::mem::take(&mut self.members).into_object()
    }

    pub(crate) fn optional(&mut self, name: &str) -> Option<Node<'a>> {
        self.members.remove(name)
    }

    pub(crate) fn value(&mut self, name: &str) -> Result<Node<'a>, Error> {
        self.optional(name).ok_or_else(|| self.missing(name))
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Members<'a>, Error> {
        match self.value(name)? {
            Node::Object(members) => Ok(members),
            _ => Err(self.malformed(format!("\"{name}\" is not an object"))),
        }
    }

    pub(crate) fn array(&mut self, name: &str) -> Result<Vec<Node<'a>>, Error> {
        match self.value(name)? {
            Node::Array(items) => Ok(items),
            _ => Err(self.malformed(format!("\"{name}\" is not an array"))),
        }
    }

    pub(crate) fn optional_strings(&mut self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>, Error> {
        let Some(value) = self.optional(name) else { return Ok(None) };
        let Node::Array(items) = value else {
            return Err(self.malformed(format!("\"{name}\" is not an array")));
        };
        let texts = items.into_iter().map(|item| match item {
            Node::String(text) => Ok(text),
            _ => Err(self.malformed(format!("\"{name}\" holds something else than strings"))),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<Cow<'a, str>, Error> {
        match self.value(name)? {
            Node::String(text) => Ok(text),
            _ => Err(self.malformed(format!("\"{name}\" is not a string"))),
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Error> {
        match self.optional(name) {
            None => Ok(None),
            Some(Node::Bool(truth)) => Ok(Some(truth)),
            Some(_) => Err(self.malformed(format!("\"{name}\" is not a boolean"))),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<u64, Error> {
        self.optional_number(name)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn optional_number(&mut self, name: &str) -> Result<Option<u64>, Error> {
        match self.optional(name) {
            None => Ok(None),
            Some(Node::Unsigned(number)) => Ok(Some(number)),
            Some(Node::Negative(_)) => Err(self.malformed(format!("\"{name}\" is below 0"))),
            Some(_) => Err(self.malformed(format!("\"{name}\" is not an integer"))),
        }
    }

    pub(crate) fn version(&mut self, name: &str) -> Result<Version, Error> {
        let number = self.number(name)?;
        Version::new(number).ok_or_else(|| self.malformed(format!("\"{name}\" is 0; versions start at 1")))
    }

    pub(crate) fn time(&mut self, name: &str) -> Result<Time, Error> {
        let text = self.string(name)?;
        parse_time(&text).map_err(|error| self.malformed(error.reason))
    }

    /// KEYIDs, each once: a repeated one could be counted twice towards a threshold.
    pub(crate) fn key_ids(&mut self, name: &str) -> Result<Vec<KeyId>, Error> {
        let ids: Vec<KeyId> = self
            .optional_strings(name)?
            .ok_or_else(|| self.missing(name))?
            .into_iter()
            .map(KeyId::parse)
            .collect::<Result<_, _>>()?;
        let mut sorted: Vec<&KeyId> = ids.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(self.malformed(format!("\"{name}\" lists the key id {} twice", twice[0]))),
            None => Ok(ids),
        }
    }

    /// THRESHOLD: at least 1.
    pub(crate) fn threshold(&mut self) -> Result<u64, Error> {
        match self.number("threshold")? {
            0 => Err(self.malformed("\"threshold\" is 0")),
            threshold => Ok(threshold),
        }
    }
}

//! Taking the members of a JSON object apart, with errors that name role and member.

use std::collections::HashSet;

use jiff::Timestamp as Time;

use super::parse_time;
use crate::error::{Error, Malformed};
use crate::json::{Object, Value};
use crate::key::KeyId;
use crate::name::Version;

/// The members of an object, taken one by one; what is left is unrecognised.
pub struct Fields {
    what: String,
    object: Object,
}

impl Fields {
    /// `what` names the object in errors.
    pub(crate) fn new(what: impl Into<String>, object: Object) -> Self {
        Self { what: what.into(), object }
    }

    /// The members of `value`, which must be an object.
    pub(crate) fn of(what: impl Into<String>, value: Value) -> Result<Self, Error> {
        let what = what.into();
        match value {
            Value::Object(object) => Ok(Self { what, object }),
            _ => Err(Malformed::new(what, "not an object").into()),
        }
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> Error {
        Malformed::new(self.what.as_str(), reason).into()
    }

    /// Members nobody took.
    pub(crate) fn rest(&mut self) -> Object {
        std::mem::take(&mut self.object)
    }

    pub(crate) fn optional(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name)
    }

    pub(crate) fn value(&mut self, name: &str) -> Result<Value, Error> {
        self.optional(name).ok_or_else(|| self.malformed(format!("\"{name}\" is missing")))
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Object, Error> {
        match self.value(name)? {
            Value::Object(object) => Ok(object),
            _ => Err(self.malformed(format!("\"{name}\" is not an object"))),
        }
    }

    pub(crate) fn array(&mut self, name: &str) -> Result<Vec<Value>, Error> {
        match self.value(name)? {
            Value::Array(items) => Ok(items),
            _ => Err(self.malformed(format!("\"{name}\" is not an array"))),
        }
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<String, Error> {
        match self.value(name)? {
            Value::String(text) => Ok(text),
            _ => Err(self.malformed(format!("\"{name}\" is not a string"))),
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Error> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(truth)),
            Some(_) => Err(self.malformed(format!("\"{name}\" is not a boolean"))),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<u64, Error> {
        self.optional_number(name)?.ok_or_else(|| self.malformed(format!("\"{name}\" is missing")))
    }

    pub(crate) fn optional_number(&mut self, name: &str) -> Result<Option<u64>, Error> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::Integer(number)) => u64::try_from(number)
                .map(Some)
                .map_err(|_| self.malformed(format!("\"{name}\" is not a positive 64-bit integer"))),
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
        let (mut ids, mut known) = (Vec::new(), HashSet::new());
        for value in self.array(name)? {
            let Value::String(text) = value else {
                return Err(self.malformed(format!("\"{name}\" holds something else than strings")));
            };
            let id = KeyId::parse(text)?;
            if !known.insert(id.clone()) {
                return Err(self.malformed(format!("\"{name}\" lists the key id {id} twice")));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// THRESHOLD: at least 1.
    pub(crate) fn threshold(&mut self) -> Result<u64, Error> {
        match self.number("threshold")? {
            0 => Err(self.malformed("\"threshold\" is 0")),
            threshold => Ok(threshold),
        }
    }
}

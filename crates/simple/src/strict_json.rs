//! JSON in which no object has a key twice, and of which the number of values is bounded.
//!
//! Which of two equal keys counts differs between readers, so a page with one could show two readers two files.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON document of at most `max_values` values. The nesting is bounded by `serde_json` (128).
pub(crate) fn from_slice(bytes: &[u8], max_values: usize) -> Result<Value, serde_json::Error> {
    from_slice_with(bytes, Strict { left: &Cell::new(max_values) })
}

/// [`from_slice`] for a document that becomes something else than a [`Value`].
pub(crate) fn from_slice_with<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<S::Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads one value of a document.
#[derive(Clone, Copy)]
pub(crate) struct Strict<'a> {
    /// How many values may come yet.
    pub(crate) left: &'a Cell<usize>,
}

impl Strict<'_> {
    /// Counts a value.
    pub(crate) fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        self.left.set(left);
        Ok(())
    }
}

/// A key that comes twice in an object.
pub(crate) fn duplicate_key<E: serde::de::Error>(key: &str) -> E {
    E::custom(format_args!("duplicate key {}", crate::error::excerpt(key)))
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a json value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if values.contains_key(&key) {
                return Err(duplicate_key(&key));
            }
            let value = access.next_value_seed(self)?;
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::from_slice;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,3.5,null,true,"x\n"],"b":{"c":{}}}"#;
        assert_eq!(from_slice(text.as_bytes(), 100).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn refuses() {
        for text in
            [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"b":2,"\u0061":3}]}"#, "{} x", "", "[1", "\"\\ud800\""]
        {
            assert!(from_slice(text.as_bytes(), 100).is_err(), "{text}");
        }
        assert!(from_slice("[".repeat(100_000).as_bytes(), 1_000_000).is_err());
    }

    #[test]
    fn counts_values() {
        assert!(from_slice(b"[1,2,3]", 4).is_ok());
        assert!(from_slice(b"[1,2,3,4]", 4).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = from_slice(&bytes, 50);
        }
    }
}

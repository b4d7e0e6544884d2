//! A page as its document has it, every value where it belongs and none of them looked at yet.
//!
//! Pages have thousands of files. What is said of one goes into places of its own by its names, without a map that is
//! filled and emptied again for each.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::strict_json::{self, Strict, duplicate_key};

/// What this crate knows of a file.
const FILE_KEYS: [&str; 12] = [
    "core-metadata",
    "data-dist-info-metadata",
    "dist-info-metadata",
    "filename",
    "gpg-sig",
    "hashes",
    "provenance",
    "requires-python",
    "size",
    "upload-time",
    "url",
    "yanked",
];

/// A page's document.
#[derive(Default)]
pub(super) struct Document {
    /// All members but the files.
    pub(super) top: Map<String, Value>,
    pub(super) files: Files,
}

/// The member `files`.
#[derive(Default)]
pub(super) enum Files {
    /// It is not there, or `null`.
    #[default]
    Absent,
    /// The elements of the array; `None` for what is no object.
    Listed(Vec<Option<FileFields>>),
    NoArray,
}

/// The fields of a file.
#[derive(Default)]
pub(super) struct FileFields {
    known: [Option<Value>; FILE_KEYS.len()],
    /// Those that this crate does not know.
    pub(super) extra: Map<String, Value>,
}

impl FileFields {
    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        self.known[position(key)?].take()
    }
}

fn position(key: &str) -> Option<usize> {
    FILE_KEYS.iter().position(|known| *known == key)
}

/// Reads a document; `None` if it is no object.
pub(super) fn read(bytes: &[u8], max_values: usize) -> Result<Option<Document>, serde_json::Error> {
    let left = Cell::new(max_values);
    strict_json::from_slice_with(bytes, Top { strict: Strict { left: &left } })
}

/// Everything that is not what it should be is taken in and thrown away: the reason is told later.
macro_rules! nothing_else {
    ($nothing:expr) => {
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a json value")
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    };
}

#[derive(Clone, Copy)]
struct Top<'a> {
    strict: Strict<'a>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = Option<Document>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.strict.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Option<Document>;

    nothing_else!(None);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut top = Map::new();
        let mut files = None;
        while let Some(key) = access.next_key::<String>()? {
            if key == "files" {
                if files.is_some() {
                    return Err(duplicate_key(&key));
                }
                files = Some(access.next_value_seed(FileList { strict: self.strict })?);
                continue;
            }
            if top.contains_key(&key) {
                return Err(duplicate_key(&key));
            }
            let value = access.next_value_seed(self.strict)?;
            top.insert(key, value);
        }
        Ok(Some(Document { top, files: files.unwrap_or_default() }))
    }
}

#[derive(Clone, Copy)]
struct FileList<'a> {
    strict: Strict<'a>,
}

impl<'de> DeserializeSeed<'de> for FileList<'_> {
    type Value = Files;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Files, D::Error> {
        self.strict.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FileList<'_> {
    type Value = Files;

    nothing_else!(Files::NoArray);

    fn visit_unit<E>(self) -> Result<Files, E> {
        Ok(Files::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Files, A::Error> {
        let mut files = Vec::new();
        while let Some(file) = access.next_element_seed(File { strict: self.strict })? {
            files.push(file);
        }
        Ok(Files::Listed(files))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Files, A::Error> {
        while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Files::NoArray)
    }
}

#[derive(Clone, Copy)]
struct File<'a> {
    strict: Strict<'a>,
}

impl<'de> DeserializeSeed<'de> for File<'_> {
    type Value = Option<FileFields>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.strict.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for File<'_> {
    type Value = Option<FileFields>;

    nothing_else!(None);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut fields = FileFields::default();
        while let Some(key) = access.next_key_seed(FileKey)? {
            match key {
                Key::Known(at) if fields.known[at].is_some() => return Err(duplicate_key(FILE_KEYS[at])),
                Key::Known(at) => fields.known[at] = Some(access.next_value_seed(self.strict)?),
                Key::Other(key) => {
                    if fields.extra.contains_key(&key) {
                        return Err(duplicate_key(&key));
                    }
                    let value = access.next_value_seed(self.strict)?;
                    fields.extra.insert(key, value);
                }
            }
        }
        Ok(Some(fields))
    }
}

/// The name of a file's field.
enum Key {
    /// Its place in [`FILE_KEYS`].
    Known(usize),
    Other(String),
}

#[derive(Clone, Copy)]
struct FileKey;

impl<'de> DeserializeSeed<'de> for FileKey {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FileKey {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(position(key).map_or_else(|| Key::Other(key.to_owned()), Key::Known))
    }
}

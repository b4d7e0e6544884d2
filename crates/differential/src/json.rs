//! JSON that need not be well-behaved: members keep their order, may occur twice, and any text may stand for a value.

/// A JSON document as it is to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's text, which need not be an integer's.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object's members, in order; keys may occur twice.
    Object(Vec<(String, Json)>),
    /// Text that is written as it stands, and the value it is read as.
    Raw(String, Box<Json>),
}

/// One step from a document to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The first member of that name.
    Member(String),
    /// The item at that index.
    Item(usize),
}

/// Where a part of a document stands.
pub type Pointer = Vec<Segment>;

impl Json {
    /// An integer.
    pub fn integer(number: u64) -> Self {
        Self::Number(number.to_string())
    }

    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An object of these members.
    pub fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Json)>) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// An array of strings.
    pub fn texts(texts: &[&str]) -> Self {
        Self::Array(texts.iter().map(|text| Self::text(*text)).collect())
    }

    /// The first member of that name.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The first member of that name.
    pub fn member_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Object(members) => members.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Sets the first member of that name, or adds one.
    pub fn set(&mut self, name: &str, value: Self) {
        if let Some(own) = self.member_mut(name) {
            *own = value;
        } else if let Self::Object(members) = self {
            members.push((name.to_owned(), value));
        }
    }

    /// Removes every member of that name.
    pub fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self {
            members.retain(|(key, _)| key != name);
        }
    }

    /// The part at `pointer`.
    pub fn at(&self, pointer: &[Segment]) -> Option<&Self> {
        pointer.iter().try_fold(self, |value, segment| match segment {
            Segment::Member(name) => value.member(name),
            Segment::Item(index) => match value {
                Self::Array(items) => items.get(*index),
                _ => None,
            },
        })
    }

    /// The part at `pointer`.
    pub fn at_mut(&mut self, pointer: &[Segment]) -> Option<&mut Self> {
        pointer.iter().try_fold(self, |value, segment| match segment {
            Segment::Member(name) => value.member_mut(name),
            Segment::Item(index) => match value {
                Self::Array(items) => items.get_mut(*index),
                _ => None,
            },
        })
    }

    /// Where every part stands, the whole included.
    pub fn pointers(&self) -> Vec<Pointer> {
        let mut all = vec![Vec::new()];
        let mut below = |segment: Segment, part: &Self| {
            all.extend(part.pointers().into_iter().map(|rest| {
                let mut pointer = vec![segment.clone()];
                pointer.extend(rest);
                pointer
            }));
        };
        match self {
            Self::Object(members) => {
                members.iter().for_each(|(key, part)| below(Segment::Member(key.clone()), part));
            }
            Self::Array(items) => {
                items.iter().enumerate().for_each(|(index, part)| below(Segment::Item(index), part));
            }
            _ => {}
        }
        all
    }

    /// Compact JSON, members in their order.
    pub fn write(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Number(text) | Self::Raw(text, _) => text.clone(),
            Self::Text(text) => quote(text, true),
            Self::Array(items) => format!("[{}]", join(items.iter().map(Self::write))),
            Self::Object(members) => {
                let members =
                    members.iter().map(|(key, value)| format!("{}:{}", quote(key, true), value.write()));
                format!("{{{}}}", join(members))
            }
        }
    }

    /// What signatures are made over: the canonical form of what a lenient reader takes this for, who keeps the last of
    /// two members with one name. Written anew here, so that our own encoder is under test too.
    pub fn canonical(&self) -> String {
        match self {
            Self::Raw(_, meaning) => meaning.canonical(),
            Self::Text(text) => quote(text, false),
            Self::Array(items) => format!("[{}]", join(items.iter().map(Self::canonical))),
            Self::Object(members) => {
                let last: std::collections::BTreeMap<&str, &Self> =
                    members.iter().map(|(key, value)| (key.as_str(), value)).collect();
                let members =
                    last.iter().map(|(key, value)| format!("{}:{}", quote(key, false), value.canonical()));
                format!("{{{}}}", join(members))
            }
            plain => plain.write(),
        }
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

fn quote(text: &str, escape_controls: bool) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            control if escape_controls && u32::from(control) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// The pointer as text, such as `/roles/root/keyids/0`.
pub fn show(pointer: &[Segment]) -> String {
    pointer
        .iter()
        .map(|segment| match segment {
            Segment::Member(name) => format!("/{name}"),
            Segment::Item(index) => format!("/{index}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_meant() {
        let object = Json::object([
            ("b", Json::integer(1)),
            ("a", Json::Raw("\"\\u0041\"".to_owned(), Box::new(Json::text("A")))),
            ("b", Json::text("\n\"")),
        ]);
        assert_eq!(object.write(), r#"{"b":1,"a":"\u0041","b":"\u000a\""}"#);
        assert_eq!(object.canonical(), "{\"a\":\"A\",\"b\":\"\n\\\"\"}");
        assert_eq!(object.pointers().iter().map(|p| show(p)).collect::<Vec<_>>(), ["", "/b", "/a", "/b"]);
    }
}

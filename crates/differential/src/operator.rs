//! What can be done to one part of a document, whatever it means.

use crate::json::{Json, Pointer, Segment};

/// A change of one part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The member or item is not there.
    Drop,
    /// The member is there twice, with the same value.
    DuplicateEqual,
    /// The member is there twice: another value, then the right one.
    DuplicateLastRight,
    /// The member is there twice: the right value, then another one.
    DuplicateFirstRight,
    /// The member's name begins with the other case.
    RenameCase,
    /// The member or item comes first, or last if it did.
    Move,
    /// The item is there twice.
    RepeatItem,
    /// Another value, with a name for it.
    Replace(&'static str, Json),
    /// The value is the one item of an array.
    Wrap,
    /// A number as a string, a string's digits as a number.
    Requote,
    /// A number with `.0` after it.
    Point,
    /// A number with `e0` after it.
    Exponent,
    /// A number more.
    Increment,
    /// A number less.
    Decrement,
    /// Every letter of a string in the other case.
    SwapCase,
    /// A blank after a string.
    TrailingBlank,
    /// A string whose first character is written as an escape.
    Escape,
    /// A string with something after it, with a name for that.
    Append(&'static str, &'static str),
    /// Members in the opposite order.
    Reverse,
    /// One more member, with a name for it.
    Add(&'static str, &'static str, Json),
    /// One more item, with a name for it.
    Push(&'static str, Json),
}

impl Operator {
    /// The operator in the description of a case.
    pub fn name(&self) -> String {
        match self {
            Self::Replace(name, _) => format!("to-{name}"),
            Self::Append(name, _) => format!("append-{name}"),
            Self::Add(name, _, _) => format!("add-{name}"),
            Self::Push(name, _) => format!("push-{name}"),
            plain => {
                let mut name = String::new();
                for c in format!("{plain:?}").chars() {
                    if c.is_ascii_uppercase() && !name.is_empty() {
                        name.push('-');
                    }
                    name.push(c.to_ascii_lowercase());
                }
                name
            }
        }
    }

    /// Changes the part at `pointer`; whether that changed anything.
    pub fn apply(&self, document: &mut Json, pointer: &[Segment]) -> bool {
        let before = document.clone();
        let done = match self {
            Self::Drop
            | Self::DuplicateEqual
            | Self::DuplicateLastRight
            | Self::DuplicateFirstRight
            | Self::RenameCase
            | Self::Move
            | Self::RepeatItem => self.apply_to_place(document, pointer),
            _ => document.at_mut(pointer).is_some_and(|value| self.apply_to_value(value)),
        };
        done && *document != before
    }

    /// Changes that are not to a value, but to its place among others.
    fn apply_to_place(&self, document: &mut Json, pointer: &[Segment]) -> bool {
        let Some((last, above)) = pointer.split_last() else { return false };
        match (document.at_mut(above), last) {
            (Some(Json::Object(members)), Segment::Member(name)) => {
                let Some(at) = members.iter().position(|(key, _)| key == name) else { return false };
                let (key, value) = members[at].clone();
                match self {
                    Self::Drop => drop(members.remove(at)),
                    Self::DuplicateEqual => members.insert(at, (key, value)),
                    Self::DuplicateLastRight => members.insert(at, (key, other(&value))),
                    Self::DuplicateFirstRight => members.insert(at + 1, (key, other(&value))),
                    Self::RenameCase => {
                        let mut letters = key.chars();
                        let first: String =
                            letters.next().map(|c| swap_case(&c.to_string())).unwrap_or_default();
                        members[at].0 = first + letters.as_str();
                    }
                    Self::Move => {
                        let member = members.remove(at);
                        members.insert(if at == 0 { members.len() } else { 0 }, member);
                    }
                    _ => return false,
                }
            }
            (Some(Json::Array(items)), Segment::Item(at)) => {
                let Some(item) = items.get(*at).cloned() else { return false };
                match self {
                    Self::Drop => drop(items.remove(*at)),
                    Self::RepeatItem => items.insert(*at, item),
                    Self::Move => {
                        items.remove(*at);
                        items.insert(if *at == 0 { items.len() } else { 0 }, item);
                    }
                    _ => return false,
                }
            }
            _ => return false,
        }
        true
    }

    fn apply_to_value(&self, value: &mut Json) -> bool {
        let new = match (self, &*value) {
            (Self::Replace(_, new), _) => new.clone(),
            (Self::Wrap, own) => Json::Array(vec![own.clone()]),
            (Self::Requote, Json::Number(number)) => Json::text(number.as_str()),
            (Self::Point, Json::Number(number)) => Json::Number(format!("{number}.0")),
            (Self::Exponent, Json::Number(number)) => Json::Number(format!("{number}e0")),
            (Self::Increment, Json::Number(number)) => match number.parse::<u64>() {
                Ok(number) => Json::integer(number + 1),
                Err(_) => return false,
            },
            (Self::Decrement, Json::Number(number)) => match number.parse::<u64>() {
                Ok(number @ 1..) => Json::integer(number - 1),
                _ => return false,
            },
            (Self::SwapCase, Json::Text(text)) => Json::Text(swap_case(text)),
            (Self::TrailingBlank, Json::Text(text)) => Json::Text(format!("{text} ")),
            (Self::Append(_, more), Json::Text(text)) => Json::Text(format!("{text}{more}")),
            (Self::Escape, Json::Text(text)) => {
                let Some(first) = text.chars().next() else { return false };
                let mut units = [0; 2];
                let escapes = first.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}"));
                let rest = Json::text(&text[first.len_utf8()..]).write();
                let written = format!("\"{}{}", escapes.collect::<String>(), &rest[1..]);
                Json::Raw(written, Box::new(Json::text(text.as_str())))
            }
            (Self::Reverse, Json::Object(members)) => Json::Object(members.iter().rev().cloned().collect()),
            (Self::Reverse, Json::Array(items)) => Json::Array(items.iter().rev().cloned().collect()),
            (Self::Add(_, key, more), Json::Object(members)) => {
                let mut members = members.clone();
                members.push(((*key).to_owned(), more.clone()));
                Json::Object(members)
            }
            (Self::Push(_, more), Json::Array(items)) => {
                let mut items = items.clone();
                items.push(more.clone());
                Json::Array(items)
            }
            _ => return false,
        };
        *value = new;
        true
    }
}

/// A value of the same type that is not the right one.
fn other(value: &Json) -> Json {
    match value {
        Json::Null => Json::Bool(false),
        Json::Bool(truth) => Json::Bool(!truth),
        Json::Number(_) => Json::integer(7),
        Json::Text(_) => Json::text("other"),
        Json::Array(_) => Json::Array(Vec::new()),
        Json::Object(_) => Json::Object(Vec::new()),
        Json::Raw(_, meaning) => other(meaning),
    }
}

fn swap_case(text: &str) -> String {
    let swap = |c: char| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
    text.chars().map(swap).collect()
}

/// Arrays in arrays.
pub fn nested(depth: usize) -> Json {
    (0..depth).fold(Json::Array(Vec::new()), |inner, _| Json::Array(vec![inner]))
}

/// Everything that can be done to the part of `document` at `pointer`.
pub fn all_for(document: &Json, pointer: &Pointer) -> Vec<Operator> {
    use Operator as Op;
    let mut operators = vec![
        Op::Drop,
        Op::DuplicateEqual,
        Op::DuplicateLastRight,
        Op::DuplicateFirstRight,
        Op::RenameCase,
        Op::Move,
        Op::RepeatItem,
        Op::Wrap,
        Op::Requote,
        Op::Point,
        Op::Exponent,
        Op::Increment,
        Op::Decrement,
        Op::SwapCase,
        Op::TrailingBlank,
        Op::Escape,
        Op::Append("null-character", "\0"),
        Op::Append("combining", "e\u{301}"),
        Op::Append("emoji", "\u{1f600}"),
        Op::Reverse,
        Op::Push("null", Json::Null),
        Op::Push("text", Json::text("x")),
        Op::Replace("null", Json::Null),
        Op::Replace("true", Json::Bool(true)),
        Op::Replace("zero", Json::integer(0)),
        Op::Replace("one", Json::integer(1)),
        Op::Replace("empty-text", Json::text("")),
        Op::Replace("text", Json::text("x")),
        Op::Replace("empty-array", Json::Array(Vec::new())),
        Op::Replace("empty-object", Json::Object(Vec::new())),
        Op::Add(
            "member",
            "x-note",
            Json::object([("\u{fc}", Json::Array(vec![Json::Null, Json::text("\n")]))]),
        ),
        Op::Add("nameless", "", Json::integer(0)),
    ];
    match document.at(pointer) {
        Some(Json::Bool(_)) => operators.push(Op::Replace("false", Json::Bool(false))),
        Some(Json::Number(_)) => {
            let numbers = [
                ("minus-one", "-1"),
                ("minus-zero", "-0"),
                ("fraction", "1.5"),
                ("2^31", "2147483648"),
                ("2^53+1", "9007199254740993"),
                ("2^63-1", "9223372036854775807"),
                ("2^63", "9223372036854775808"),
                ("2^64-1", "18446744073709551615"),
                ("2^64", "18446744073709551616"),
                ("10^40", "10000000000000000000000000000000000000000"),
            ];
            operators
                .extend(numbers.map(|(name, number)| Op::Replace(name, Json::Number(number.to_owned()))));
        }
        Some(Json::Text(_)) => {
            let surrogate = Json::Raw("\"\\ud800\"".to_owned(), Box::new(Json::text("\u{fffd}")));
            operators.push(Op::Replace("lone-surrogate", surrogate));
            operators.push(Op::Replace("300-letters", Json::text("l".repeat(300))));
        }
        _ => {}
    }
    if pointer.is_empty() {
        operators.extend([
            Op::Add("nested-60", "x-deep", nested(60)),
            Op::Add("nested-200", "x-deep", nested(200)),
            Op::Add("nested-1500", "x-deep", nested(1500)),
            Op::Add("fraction", "x-number", Json::Number("1.5".to_owned())),
            Op::Add("2^63", "x-number", Json::Number("9223372036854775808".to_owned())),
            Op::Add("2^64", "x-number", Json::Number("18446744073709551616".to_owned())),
            Op::Add("minus-2^63", "x-number", Json::Number("-9223372036854775808".to_owned())),
            Op::Add(
                "surrogate-order",
                "\u{1f600}",
                Json::object([("\u{ffff}", Json::Null), ("\u{1f600}", Json::Null)]),
            ),
        ]);
    }
    operators.retain(|operator| operator.apply(&mut document.clone(), pointer));
    operators
}

//! Every operator on every part of every role's metadata.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::case;
use crate::bases::{self, Base};
use crate::case::{Case, Plan};
use crate::json::{Json, Pointer, Segment};
use crate::operator::{Operator, all_for};
use crate::repository::{Change, Listed, Mutation, Naming};

/// At which moment of the client's life the changed file is met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// In its first update; a root comes with its software.
    First,
    /// In its second update, as the next version; then comes an honest third.
    Next,
    /// As [`Mode::First`], but changed after it was signed.
    Unsigned,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Next => "next",
            Self::Unsigned => "unsigned",
        }
    }
}

/// A change of one part of one role's metadata.
pub(super) struct Field {
    id: String,
    base: Arc<Base>,
    role: String,
    pointer: Pointer,
    operator: Operator,
    mode: Mode,
}

/// The bases and roles that are gone through.
const PLANS: [(&str, &[&str]); 7] = [
    ("delegations", &["root", "timestamp", "snapshot", "targets", "first"]),
    ("plain", &["timestamp", "snapshot"]),
    ("inconsistent", &["root", "snapshot"]),
    ("prefixes", &["targets"]),
    ("succinct", &["index"]),
    ("thresholds", &["root"]),
    ("hashes", &["timestamp", "targets"]),
];

/// The bases and roles of which two parts are changed at once.
pub(super) const PAIRED: [(&str, &[&str]); 3] = [
    ("plain", &["root", "timestamp", "snapshot", "targets"]),
    ("inconsistent", &["timestamp", "snapshot", "targets"]),
    ("delegations", &["snapshot", "targets", "first"]),
];

pub(super) fn plans() -> Vec<Plan> {
    let fields = PLANS
        .iter()
        .flat_map(|(base, roles)| fields(base, roles, &[Mode::First, Mode::Next, Mode::Unsigned]));
    let plan = |field: Field| Plan::new(field.id.clone(), move |id| field.case(id));
    fields.map(plan).collect()
}

/// Every change of these roles that a first update can meet.
pub(super) fn all_of(base: &str, roles: &[&str]) -> Vec<Field> {
    fields(base, roles, &[Mode::First])
}

/// Both changes in one first update.
pub(super) fn both(one: &Arc<Field>, other: &Arc<Field>) -> Plan {
    let (one, other) = (Arc::clone(one), Arc::clone(other));
    let id = format!("{} & {}", one.id, other.id);
    Plan::new(id, move |id| {
        let site = one.base.repository.publish(&[one.mutation(), other.mutation()], None);
        let mut case = case(id, &one.base, &[Arc::new(site)]);
        case.parts = vec![one.id.clone(), other.id.clone()];
        case
    })
}

fn fields(base: &str, roles: &[&str], modes: &[Mode]) -> Vec<Field> {
    let base = Arc::new(bases::base(base));
    let mut fields = Vec::new();
    for role in roles {
        add(&mut fields, &base, role, modes);
    }
    fields
}

fn add(fields: &mut Vec<Field>, base: &Arc<Base>, role: &str, modes: &[Mode]) {
    let document = listed(base, role);
    // Where several parts of one shape stand beside each other, the first speaks for all: but for the root's keys and
    // roles, who are different to everyone.
    let every = base.name == "delegations" && role == "root";
    let pointers =
        document.pointers().into_iter().filter(|pointer| every || is_first_of_shape(&document, pointer));
    // What other bases have too is left to them.
    let special = match (base.name, role) {
        ("prefixes" | "succinct", _) => "delegations",
        ("hashes", "targets") => "targets",
        ("hashes", _) => "meta",
        _ => "",
    };
    let mut seen = BTreeSet::new();
    for pointer in pointers {
        let place = show(base, &pointer);
        if !place.trim_start_matches('/').starts_with(special) {
            continue;
        }
        for operator in all_for(&document, &pointer) {
            for mode in modes.iter().copied().filter(|mode| worthwhile(*mode, every, &operator)) {
                let id = format!("{}|{}|{role}|{place}|{}", base.name, mode.name(), operator.name());
                if seen.insert(id.clone()) {
                    let (base, role) = (Arc::clone(base), role.to_owned());
                    let (pointer, operator) = (pointer.clone(), operator.clone());
                    fields.push(Field { id, base, role, pointer, operator, mode });
                }
            }
        }
    }
}

/// Metadata that nobody signed is refused for that alone; what can slip through is what leaves the meaning, or what
/// signatures do not cover. A root is changed in every mode, because both are told apart in its chain.
fn worthwhile(mode: Mode, root: bool, operator: &Operator) -> bool {
    match mode {
        Mode::First => true,
        Mode::Next => root || matches!(operator, Operator::Drop | Operator::Increment | Operator::Decrement),
        Mode::Unsigned => matches!(
            operator,
            Operator::DuplicateLastRight
                | Operator::DuplicateFirstRight
                | Operator::Move
                | Operator::Escape
                | Operator::Reverse
                | Operator::Point
                | Operator::Exponent
                | Operator::RepeatItem
        ),
    }
}

/// The document as it is when it is published, `meta` included.
fn listed(base: &Base, role: &str) -> Json {
    let seen = Arc::new(std::sync::Mutex::new(Json::Null));
    let sink = Arc::clone(&seen);
    let look = Mutation::signed(role, move |signed| {
        *sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = signed.clone();
    });
    base.repository.publish(&[look], None);
    let document = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    document.clone()
}

/// Whether no part before this one, or above, stands beside one of the same shape.
fn is_first_of_shape(document: &Json, pointer: &Pointer) -> bool {
    (1..=pointer.len()).all(|length| {
        let (above, own) = (document.at(&pointer[..length - 1]), document.at(&pointer[..length]));
        let (Some(above), Some(own)) = (above, own) else { return false };
        let parts: Vec<&Json> = match above {
            Json::Object(members) => members.iter().map(|(_, part)| part).collect(),
            Json::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        // Members of a known name differ in meaning; it is maps and lists that hold the same thing many times.
        let map = matches!(above, Json::Array(_)) || parts.iter().all(|part| matches!(part, Json::Object(_)));
        let first = parts.iter().find(|part| shape(part) == shape(own));
        !map || first.is_some_and(|first| std::ptr::eq(*first, own))
    })
}

fn shape(value: &Json) -> String {
    match value {
        Json::Object(members) if members.iter().all(|(_, part)| matches!(part, Json::Object(_))) => {
            "{}".to_owned()
        }
        Json::Object(members) => {
            members.iter().map(|(key, part)| format!("{key}:{} ", shape(part))).collect()
        }
        Json::Array(_) => "[]".to_owned(),
        Json::Bool(truth) => truth.to_string(),
        Json::Null => "null".to_owned(),
        Json::Number(_) => "number".to_owned(),
        Json::Text(_) | Json::Raw(..) => "text".to_owned(),
    }
}

impl Field {
    fn mutation(&self) -> Mutation {
        let (pointer, operator) = (self.pointer.clone(), self.operator.clone());
        let edit = Arc::new(move |signed: &mut Json| {
            operator.apply(signed, &pointer);
        });
        let change = if self.mode == Mode::Unsigned { Change::Unsigned(edit) } else { Change::Signed(edit) };
        Mutation { role: self.role.clone(), change, listed: Listed::AsChanged }
    }

    fn case(&self, id: String) -> Case {
        let (base, role, mutation) = (&self.base, self.role.as_str(), self.mutation());
        if self.mode != Mode::Next {
            return case(id, base, &[Arc::new(base.repository.publish(&[mutation], None))]);
        }
        let above: &[&str] = match role {
            "root" => &["root"],
            "timestamp" => &["timestamp"],
            "snapshot" => &["snapshot", "timestamp"],
            role => &[role, "snapshot", "timestamp"],
        };
        let mut repository = base.repository.clone();
        if role == "root" {
            repository.naming = Naming::Both;
        }
        let first = Arc::new(repository.publish(&[], None));
        repository.advance(above);
        let second = Arc::new(repository.publish(&[mutation], Some(&first)));
        // A root's version is not skipped: the honest file stands in its place. Others go on with the next version.
        if role != "root" {
            repository.advance(above);
        }
        let third = Arc::new(repository.publish(&[], Some(&second)));
        case(id, base, &[first, second, third])
    }
}

/// The pointer with keys by their names.
fn show(base: &Base, pointer: &Pointer) -> String {
    let text = pointer.iter().map(|segment| match segment {
        Segment::Item(index) => format!("/{index}"),
        Segment::Member(name) => format!("/{}", key_name(base, name).unwrap_or(name)),
    });
    let text: String = text.collect();
    if text.is_empty() { "/".to_owned() } else { text }
}

fn key_name<'a>(base: &'a Base, id: &str) -> Option<&'a str> {
    let repository = &base.repository;
    let documents = [&repository.root, &repository.timestamp, &repository.snapshot];
    let signers = documents.into_iter().chain(&repository.targets).flat_map(|document| &document.signers);
    signers.into_iter().find(|key| key.id == id).map(|key| key.name.as_str())
}

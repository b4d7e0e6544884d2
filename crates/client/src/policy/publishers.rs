//! `[publishers]`: whose keys must have signed for projects.

use std::collections::BTreeSet;
use std::fmt;

use sealdex_simple::ProjectName;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::bindings::ProjectPattern;
use crate::name::Sha256Digest;
use crate::publisher::{Claim, Publisher};

/// Keys shown in a message; it is to fit into a box.
const MAX_SHOWN: usize = 3;

/// Who must have signed for projects of which names. Whatever matches a project counts, all of it; so two spellings of
/// one name are two pins, and none of them is lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Publishers(Vec<(ProjectPattern, Pin)>);

/// Who must have signed for a project.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pin {
    /// Its developers, whoever they are ([`Claim`]).
    Claimed,
    /// As many of these keys as have to sign for it, and not one that is no key of these.
    Keys(BTreeSet<Sha256Digest>),
}

impl Publishers {
    /// The first pin that a project's publisher is not, and why.
    pub(super) fn violation(&self, project: &ProjectName, publisher: &Publisher) -> Option<(String, String)> {
        let mut pins = self.0.iter().filter(|(pattern, _)| pattern.matches(project));
        pins.find_map(|(pattern, pin)| Some((rule(pattern), pin.violation(publisher)?)))
    }
}

/// The rule as TOML writes its key.
fn rule(pattern: &ProjectPattern) -> String {
    let pattern = pattern.to_string();
    if pattern.ends_with('*') { format!("publishers.\"{pattern}\"") } else { format!("publishers.{pattern}") }
}

impl Pin {
    fn violation(&self, publisher: &Publisher) -> Option<String> {
        match (self, &publisher.claim) {
            (Self::Claimed, Claim::Claimed) => None,
            (Self::Claimed, Claim::Unclaimed(reason)) => {
                Some(format!("it is not claimed by its developers: {reason}"))
            }
            (Self::Keys(pinned), _) if publisher.is_signed_by(|key| pinned.contains(key)) => None,
            (Self::Keys(pinned), _) => {
                let Publisher { role, threshold, .. } = publisher;
                let signed = || publisher.keys.iter().filter(|own| own.has_signed).map(|own| own.key);
                let found = match signed().filter(|key| pinned.contains(key)).count() {
                    0 => "none".to_owned(),
                    some => some.to_string(),
                };
                Some(format!(
                    "it is listed by the role {role}, signed by {}; {found} of these is pinned, and {threshold} of the \
                     keys {} must have signed",
                    listed(signed()),
                    listed(pinned.iter().copied()),
                ))
            }
        }
    }
}

fn listed(keys: impl Iterator<Item = Sha256Digest>) -> String {
    let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
    let shown = keys.iter().take(MAX_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match keys.len().saturating_sub(MAX_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl<'de> Deserialize<'de> for Publishers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PublishersVisitor)
    }
}

struct PublishersVisitor;

impl<'de> Visitor<'de> for PublishersVisitor {
    type Value = Publishers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table of projects and their publishers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Publishers, A::Error> {
        let mut pins = Vec::new();
        while let Some(pin) = table.next_entry()? {
            pins.push(pin);
        }
        Ok(Publishers(pins))
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PinVisitor)
    }
}

struct PinVisitor;

impl<'de> Visitor<'de> for PinVisitor {
    type Value = Pin;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"claimed\", or a list of key ids")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pin, E> {
        match text {
            "claimed" => Ok(Pin::Claimed),
            other => Err(E::custom(format!(
                "publishers are \"claimed\", or a list of key ids in brackets, but not \"{other}\""
            ))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pin, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(PinnedKey(key)) = list.next_element()? {
            keys.insert(key);
        }
        if keys.is_empty() {
            return Err(A::Error::custom(
                "no key is pinned: nobody could sign; to exclude a project, deny it",
            ));
        }
        Ok(Pin::Keys(keys))
    }
}

/// A KEYID, which is the SHA-256 of a key (4.2.1).
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct PinnedKey(Sha256Digest);

impl TryFrom<String> for PinnedKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let key = Sha256Digest::parse(&text).ok().filter(|_| text.len() == 64 && text.bytes().all(is_digit));
        let shown: String = text.chars().take(80).collect();
        key.map(Self).ok_or_else(|| {
            format!(
                "\"{shown}\" is no key id, which has 64 lower-case hexadecimal digits: see sealdex policy publisher NAME"
            )
        })
    }
}

//! Keys by name: the same all through a process, and Ed25519 keys the same in every run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sealdex_testkit::simulator::{generate, seeded};
use sealdex_tuf::{KeyPair, Scheme, Signer, digest};

use crate::json::Json;

/// A key that a case can name.
#[derive(Clone)]
pub struct TestKey {
    /// Its name in the descriptions of cases.
    pub name: String,
    /// The identifier that the specification asks for.
    pub id: String,
    pair: Arc<KeyPair>,
}

impl TestKey {
    /// The Ed25519 key of that name.
    pub fn ed25519(name: &str) -> Self {
        Self::of(name, &Scheme::Ed25519)
    }

    /// The key of that name and scheme.
    pub fn of(name: &str, scheme: &Scheme) -> Self {
        static KEYS: Cache<String, Arc<KeyPair>> = OnceLock::new();
        let pair = cached(&KEYS, name.to_owned(), || make(name, scheme));
        Self { name: name.to_owned(), id: pair.key().id().as_str().to_owned(), pair }
    }

    /// The KEY object of metadata.
    pub fn object(&self) -> Json {
        let public = match self.pair.key().to_value() {
            sealdex_tuf::json::Value::Object(key) => match key.value("keyval") {
                Some(sealdex_tuf::json::Value::Object(keyval)) => keyval.value("public").cloned(),
                _ => None,
            },
            _ => None,
        };
        let Some(sealdex_tuf::json::Value::String(public)) = public else {
            panic!("a key has a public part")
        };
        let scheme = self.pair.key().scheme();
        let keytype = match scheme {
            Scheme::Ed25519 => "ed25519",
            Scheme::RsassaPssSha256 => "rsa",
            _ => "ecdsa",
        };
        Json::object([
            ("keytype", Json::text(keytype)),
            ("scheme", Json::text(scheme.name())),
            ("keyval", Json::object([("public", Json::text(public))])),
        ])
    }

    /// A signature over `message`, in hex: the same one for the same message, so that what is not changed stays as it
    /// was.
    pub fn sign(&self, message: &[u8]) -> String {
        static SIGNATURES: Cache<(String, [u8; 32]), String> = OnceLock::new();
        let of = (self.id.clone(), digest::sha256(message));
        cached(&SIGNATURES, of, || hex::encode(self.pair.sign(message).expect("a key in memory signs")))
    }
}

type Cache<K, V> = OnceLock<Mutex<BTreeMap<K, V>>>;

fn cached<K: Ord, V: Clone>(cache: &Cache<K, V>, key: K, make: impl FnOnce() -> V) -> V {
    let mut known = cache.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(key).or_insert_with(make).clone()
}

fn make(name: &str, scheme: &Scheme) -> Arc<KeyPair> {
    match scheme {
        Scheme::Ed25519 => seeded(&digest::sha256(name.as_bytes())),
        scheme => generate(scheme),
    }
}

//! Keys for tests.

use std::sync::{Arc, OnceLock};

use sealdex_tuf::{KeyPair, Scheme};

const NUMBERED: usize = 16;

/// The Ed25519 key of that number, 0 to 15: the same one all through a process, so that tables of cases can name keys.
///
/// # Panics
/// There are 16.
pub fn numbered(number: usize) -> Arc<KeyPair> {
    static KEYS: OnceLock<Vec<Arc<KeyPair>>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| (0..NUMBERED).map(|_| generate(&Scheme::Ed25519)).collect());
    keys[number].clone()
}

/// A new key.
///
/// # Panics
/// When the scheme is unknown.
pub fn generate(scheme: &Scheme) -> Arc<KeyPair> {
    Arc::new(KeyPair::generate(scheme).expect("a key of a known scheme can be generated"))
}

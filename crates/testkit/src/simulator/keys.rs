//! Keys for tests.

use std::sync::Arc;

use sealdex_tuf::{KeyPair, Scheme, digest};

/// The Ed25519 key of that number: the same one in every process, so that tables of cases can name keys and a failure
/// comes again.
///
/// # Panics
/// Never: any seed makes a key.
pub fn numbered(number: usize) -> Arc<KeyPair> {
    seeded(&digest::sha256(format!("key {number}").as_bytes()))
}

/// The Ed25519 key of that seed (RFC 8032, 5.1.5).
///
/// # Panics
/// Never: any seed makes a key.
pub fn seeded(seed: &[u8; 32]) -> Arc<KeyPair> {
    /// PKCS#8 up to the seed (RFC 8410).
    const PKCS8: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    let pkcs8 = [&PKCS8[..], seed].concat();
    Arc::new(KeyPair::from_pkcs8(&Scheme::Ed25519, &pkcs8).expect("any 32 bytes are a seed"))
}

/// A new key.
///
/// # Panics
/// When the scheme is unknown.
pub fn generate(scheme: &Scheme) -> Arc<KeyPair> {
    Arc::new(KeyPair::generate(scheme).expect("a key of a known scheme can be generated"))
}

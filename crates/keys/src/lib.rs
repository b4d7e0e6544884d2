//! Private keys of TUF roles as files.
//!
//! A key file is PKCS#8 in PEM. It is encrypted (PBES2 with scrypt and AES-256-CBC, RFC 8018 and RFC 7914), so that
//! `openssl pkey` and securesystemslib's `CryptoSigner` read it too. Only development keys are written unencrypted, and
//! their files say so. Plain key material lives in zeroised memory and is never printed.
#![forbid(unsafe_code)]

mod error;
mod file;
mod passphrase;

pub use error::Error;
pub use file::{MAX_KEY_FILE_BYTES, Protection, StoredAs, read_key, stored_as, write_key};
pub use passphrase::Passphrase;

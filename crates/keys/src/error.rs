//! What can go wrong with key files.

use std::io;
use std::path::PathBuf;

/// A key file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read or written.
    #[error("key file {path}: {source}")]
    Io {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of that name exists; keys are never overwritten.
    #[error("key file {path} exists already and is not overwritten")]
    Exists {
        /// The key file.
        path: PathBuf,
    },
    /// The file does not hold a private key of a known kind.
    #[error("{path} is not a key file: {reason}")]
    Malformed {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is encrypted and no passphrase was given.
    #[error("key file {path} is encrypted and needs its passphrase")]
    PassphraseNeeded {
        /// The key file.
        path: PathBuf,
    },
    /// The passphrase does not open the file.
    #[error("the passphrase does not open key file {path}")]
    WrongPassphrase {
        /// The key file.
        path: PathBuf,
    },
    /// The passphrase is too short to protect anything.
    #[error("a passphrase needs at least {minimum} characters, this one has {found}")]
    PassphraseTooShort {
        /// Characters needed.
        minimum: usize,
        /// Characters given.
        found: usize,
    },
}

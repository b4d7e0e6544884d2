//! The Update Framework (TUF), specification 1.0.x, without I/O.
//!
//! - [`metadata`]: the documents of section 4, parsed strictly, unknown fields kept.
//! - [`Unverified`](metadata::Unverified) and [`Verified`]: before and after signatures were counted. There is one way
//!   from the one to the other.
//! - [`trusted`]: the checks of the client workflow (section 5), one type a stage, in the order of the specification.
//! - [`updater`]: the workflow as a machine that says what to read, fetch and write, and is given the outcome.
//! - [`sign`]: making and signing metadata (section 6).
//!
//! No clock, file or socket is touched here: time and bytes come from the caller.
#![forbid(unsafe_code)]

pub mod clock;
pub mod digest;
pub mod error;
pub mod json;
pub mod key;
pub mod limits;
pub mod metadata;
pub mod name;
pub mod pattern;
pub mod sign;
pub mod target;
pub mod trusted;
pub mod updater;
mod verify;

pub use clock::Clock;
pub use error::{Attack, Error};
pub use key::{Key, KeyId, Scheme};
pub use limits::Limits;
pub use name::{RoleName, TargetPath, Version};
pub use sign::{KeyPair, Signer};
pub use target::{TargetCheck, VerifiedTarget};
pub use trusted::TrustedMetadata;
pub use updater::{Answer, Request, Step, Updater};
pub use verify::{SignatureStatus, Verified};

//! The Update Framework (TUF), [specification] 1.0.x: a client and what a repository signs with, without I/O.
//!
//! A client that updates software, packages or models asks a server that may be broken into, over a network that may
//! lie. TUF metadata says which files are the right ones, and is signed by several roles, so that no single stolen key
//! suffices. This crate is the part of it that must not be wrong: bytes and the time go in, verified types or errors
//! come out. No clock, file or socket is touched here.
//!
//! Start with the [`guide`]: a complete repository and a complete client in a page each, and what is left for the
//! caller to do.
//!
//! | to | use | specification |
//! |---|---|---|
//! | update a client, find a target, check its bytes | [`Updater`], [`VerifiedTarget`] | 5 |
//! | know whose keys vouch for a target, by whose leave | [`VerifiedTarget::chain`] | 4.5, 5.6.7 |
//! | bound what an update may cost | [`Limits`] | 5, W to Z |
//! | make and sign metadata | [`metadata`], [`sign`] | 4, 6 |
//! | keep a key elsewhere than in memory | [`Signer`] | 4.2 |
//! | delegate: patterns, hash prefixes, succinct bins | [`metadata::Delegations`] | 4.5, TAP 15 |
//! | drive the checks one by one, without the updater | [`trusted`] | 5.2 to 5.6 |
//! | try snapshot Merkle trees, experimental | [`merkle`] | TAP 16 |
//! | say what a refusal means | [`Error`], [`Attack`] | 1.5.2 |
//!
//! Numbers such as 5.3.4 in this documentation are sections of the [specification], words in capitals (KEYID) its own.
//! TAPs are the [proposals] to extend it.
//!
//! # What the types promise
//! - [`Verified<M>`](Verified) is metadata that a threshold of distinct keys has signed, and keeps its bytes as
//!   received. There is one function that makes one. What was only parsed is [`Unverified`](metadata::Unverified).
//! - The order of the workflow is in the types of [`trusted`]: a stage is reached through the one before it alone.
//! - A [`VerifiedTarget`] comes from a completed search in verified metadata, and from nowhere else.
//! - No input makes this crate panic, recurse without bound or allocate more than a multiple of it. `unsafe` is
//!   forbidden.
//!
//! [specification]: https://theupdateframework.github.io/specification/v1.0.34/
//! [proposals]: https://github.com/theupdateframework/taps
#![forbid(unsafe_code)]

pub mod chain;
pub mod clock;
pub mod digest;
pub mod error;
pub mod guide;
pub mod json;
pub mod key;
pub mod limits;
pub mod merkle;
pub mod metadata;
pub mod name;
pub mod pattern;
pub mod sign;
pub mod target;
pub mod trusted;
pub mod updater;
mod verify;

pub use chain::{ChainedKey, ChainedRole, Grant};
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

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! A target that trusted metadata speaks of, and the check of its bytes (TUF spec 5.7).

use std::fmt;
use std::sync::Arc;

use crate::chain::ChainedRole;
use crate::digest::HashCheck;
use crate::error::Error;
use crate::key::KeyId;
use crate::metadata::{TargetFile, Targets};
use crate::name::{RoleName, TargetPath, Version};
use crate::verify::Verified;

/// A target found in verified metadata, by the order of delegations (5.6.7). Only a search makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTarget {
    path: TargetPath,
    file: TargetFile,
    role: RoleName,
    role_version: Version,
    signed_by: Arc<[KeyId]>,
    chain: Arc<[ChainedRole]>,
    consistent_snapshot: bool,
}

impl VerifiedTarget {
    /// The target `path` as the verified metadata of `role` lists it, if it does.
    pub(crate) fn listed(
        path: &TargetPath,
        role: &RoleName,
        targets: &Verified<Targets>,
        chain: Vec<ChainedRole>,
        consistent_snapshot: bool,
    ) -> Option<Self> {
        let file = targets.targets.get(path)?.clone();
        Some(Self {
            chain: chain.into(),
            path: path.clone(),
            file,
            role: role.clone(),
            role_version: targets.common.version,
            signed_by: Arc::clone(targets.signed_by()),
            consistent_snapshot,
        })
    }

    /// The target's path.
    #[must_use]
    pub fn path(&self) -> &TargetPath {
        &self.path
    }

    /// Length, hashes and custom data.
    #[must_use]
    pub fn file(&self) -> &TargetFile {
        &self.file
    }

    /// The role that speaks for the target.
    #[must_use]
    pub fn role(&self) -> &RoleName {
        &self.role
    }

    /// The version of that role's metadata.
    #[must_use]
    pub fn role_version(&self) -> Version {
        self.role_version
    }

    /// The key ids that signed that role's metadata, as [`Verified::signed_by`].
    #[must_use]
    pub fn signed_by(&self) -> &[KeyId] {
        &self.signed_by
    }

    /// The roles that lead to the target: `targets` first, the one that lists it last.
    #[must_use]
    pub fn chain(&self) -> &[ChainedRole] {
        &self.chain
    }

    /// What to ask the targets base URL for: percent-encoded, with the digest in it where the repository has
    /// consistent snapshots (5.7.3).
    #[must_use]
    pub fn url_path(&self) -> String {
        let digest = self.consistent_snapshot.then(|| self.file.hashes.file_name_digest()).flatten();
        self.path.url_path(digest)
    }

    /// Starts a check of the target's bytes.
    ///
    /// # Errors
    /// [`Error::NoKnownHash`]
    pub fn check(&self) -> Result<TargetCheck, Error> {
        let file = self.path.to_string();
        Ok(TargetCheck { hashes: self.file.hashes.check(&file)?, file, expected: self.file.length, found: 0 })
    }

    /// Checks all of the target's bytes at once.
    ///
    /// # Errors
    /// [`Error::WrongLength`], [`Error::WrongHash`] or [`Error::NoKnownHash`].
    pub fn verify(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut check = self.check()?;
        check.update(bytes)?;
        check.finish()
    }
}

/// A check of a target's bytes as they stream in: length and every known hash.
#[derive(Clone)]
pub struct TargetCheck {
    file: String,
    hashes: HashCheck,
    expected: u64,
    found: u64,
}

impl TargetCheck {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`Error::WrongLength`] as soon as there are more than listed.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.found = self.found.saturating_add(bytes.len() as u64);
        if self.found > self.expected {
            return Err(self.wrong_length());
        }
        self.hashes.update(bytes);
        Ok(())
    }

    /// Bytes still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.expected.saturating_sub(self.found)
    }

    /// Compares length and hashes.
    ///
    /// # Errors
    /// [`Error::WrongLength`] or [`Error::WrongHash`].
    pub fn finish(self) -> Result<(), Error> {
        if self.found != self.expected {
            return Err(self.wrong_length());
        }
        self.hashes.finish()
    }

    fn wrong_length(&self) -> Error {
        Error::WrongLength { file: self.file.clone(), expected: self.expected, found: self.found }
    }
}

impl fmt::Debug for TargetCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TargetCheck")
            .field("file", &self.file)
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

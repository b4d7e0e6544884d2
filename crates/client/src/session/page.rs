//! Pages that verified metadata vouches for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sealdex_simple::{IndexPage, ProjectName};
use sealdex_tuf::VerifiedTarget;
use sealdex_tuf::digest::HashAlgorithm;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::Session;
use crate::error::Error;
use crate::name::{RepositoryName, Sha256Digest};
use crate::publisher::Publisher;

/// Who vouches for a page, and so for the files on it: the role that lists it, in which snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignedBy {
    /// The role's name.
    pub role: String,
    /// The version of the role's metadata.
    pub role_version: u64,
    /// The keys that signed it, those alone that the role has.
    pub key_ids: Vec<String>,
    /// The version of the snapshot.
    pub snapshot: u64,
    /// When the timestamp that names the snapshot expires.
    pub timestamp_expires: Timestamp,
    /// Whether the project is claimed by its developers ([`Claim`](crate::Claim)).
    #[serde(default)]
    pub claimed: bool,
}

/// A project's page that verified metadata vouches for. Only [`Session::page`](super::Session::page) makes one.
#[derive(Clone, Debug)]
pub struct VerifiedPage {
    page: IndexPage,
    sha256: Sha256Digest,
    length: u64,
    repository: RepositoryName,
    signed_by: SignedBy,
    publisher: Publisher,
}

impl VerifiedPage {
    /// Verifies the bytes and reads them: the one way to a verified page.
    pub(super) fn verify(
        session: &Session,
        project: &ProjectName,
        target: &VerifiedTarget,
        bytes: &[u8],
    ) -> Result<Self, Error> {
        target.verify(bytes)?;
        let page = IndexPage::from_json(bytes, &session.shared.client.settings().page)
            .map_err(|source| Error::Page { project: project.to_string(), source })?;
        if page.name != *project {
            return Err(Error::OtherProject { expected: project.to_string(), found: page.name.to_string() });
        }
        let (sha256, length) = (Sha256Digest::of(bytes), bytes.len() as u64);
        let publisher = Publisher::of(target);
        let signed_by = SignedBy {
            role: target.role().to_string(),
            role_version: target.role_version().number(),
            key_ids: target.signed_by().iter().map(ToString::to_string).collect(),
            snapshot: session.versions().snapshot,
            timestamp_expires: session.timestamp_expires(),
            claimed: publisher.claim.is_claimed(),
        };
        let repository = session.repository().name().clone();
        Ok(Self { page, sha256, length, repository, signed_by, publisher })
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> &IndexPage {
        &self.page
    }

    /// SHA-256 of the signed bytes.
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// Length of the signed bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The repository that it is from.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Who vouches for the page.
    #[must_use]
    pub fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }

    /// Whose keys vouch for the page.
    #[must_use]
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }
}

/// The digest under which a target's bytes are kept.
pub(super) fn digest_of(target: &VerifiedTarget) -> Option<Sha256Digest> {
    let digest = target.file().hashes.digest(HashAlgorithm::Sha256)?;
    Sha256Digest::parse(digest).ok()
}

/// A page being loaded, or loaded: whoever asks for it meanwhile waits for the same.
pub(super) type PageCell = Arc<OnceCell<Option<Arc<VerifiedPage>>>>;

/// The pages of a session in memory. Of many, those asked for first are forgotten; they are kept on disk.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<PagesInMemory>);

#[derive(Debug, Default)]
struct PagesInMemory {
    cells: HashMap<ProjectName, PageCell>,
    order: VecDeque<ProjectName>,
}

impl Pages {
    const MAX_PAGES: usize = 1024;
    /// Signed bytes; the values read from them take several times as much.
    const MAX_BYTES: u64 = 64 << 20;

    pub(super) fn cell(&self, project: &ProjectName) -> PageCell {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = pages.cells.get(project) {
            return Arc::clone(cell);
        }
        while pages.order.len() >= Self::MAX_PAGES || pages.bytes() > Self::MAX_BYTES {
            let Some(oldest) = pages.order.pop_front() else { break };
            pages.cells.remove(&oldest);
        }
        let cell = PageCell::default();
        pages.order.push_back(project.clone());
        pages.cells.insert(project.clone(), Arc::clone(&cell));
        cell
    }
}

impl PagesInMemory {
    fn bytes(&self) -> u64 {
        let loaded = self.cells.values().filter_map(|cell| cell.get()?.as_ref());
        loaded.map(|page| page.length()).sum()
    }
}

//! The repository as a client that trusts its first root would find it: every signature, every bin, every page.
//!
//! This reads what is served, `public/`, and follows its delegations: not the database, and no key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sealdex_simple::layout::relative_file_url;
use sealdex_simple::{IndexPage, PageLimits};
use sealdex_tuf::digest::{HashAlgorithm, Hasher};
use sealdex_tuf::metadata::{DelegatedRoles, Delegations, TargetFile, Targets};
use sealdex_tuf::trusted::TrustedMetadata;
use sealdex_tuf::{Answer, Limits, RoleName, Step, TargetPath, Updater, Version};
use serde::Serialize;

use crate::blobs::{BlobName, Blobs};
use crate::disk;
use crate::error::Error;
use crate::layout::{Content, MAX_ROLES};
use crate::repository::Repository;

/// What there is and is as it should be, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Roles whose metadata was verified.
    pub roles: u64,
    /// Targets that they list.
    pub targets: u64,
    /// Index pages among them that were read and verified.
    pub pages: u64,
    /// Distributions that these pages list, and in a tree of files the files.
    pub files: u64,
    /// Distributions among them that are kept elsewhere.
    pub files_elsewhere: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is wrong, one sentence each: the first hundred.
    pub faults: Vec<String>,
    /// How many faults there are.
    pub fault_count: u64,
}

/// Faults that are told one by one.
const MAX_FAULTS: usize = 100;

/// Roles loaded into one copy of the top-level metadata.
const ROLES: usize = 32;

impl Repository {
    /// Verifies everything that is served: all metadata from the first root on; every page, every file a page lists and
    /// its core metadata, and every other target by its hash. Files kept elsewhere are not looked at. `progress` is told
    /// of roles done and of how many there are.
    ///
    /// # Errors
    /// [`Error::Tuf`] when no client could refresh, [`Error::Io`]. Everything else is a fault in the result.
    pub async fn verify(
        &self,
        progress: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<Verification, Error> {
        let (blobs, now) = (self.blobs().clone(), self.clock().now());
        // What is sealed stays the same in every layout.
        let content = self.layout().content;
        disk::blocking(move || {
            let trusted = refresh(&blobs, now)?;
            Verifier { blobs, content, trusted, progress, found: Mutex::default(), done: AtomicU64::new(0) }
                .run()
        })
        .await
    }
}

fn refresh(blobs: &Blobs, now: jiff::Timestamp) -> Result<TrustedMetadata, Error> {
    let root = blobs.read(&BlobName::role(&RoleName::root(), Version::ONE))?;
    let mut updater = Updater::new(&root, now, LIMITS)?;
    loop {
        let answer = match updater.step()? {
            Step::Done => break,
            Step::Read(_) => Answer::Absent,
            Step::Write(..) | Step::Delete(_) => Answer::Written,
            Step::Fetch(request) => {
                blobs.find(&BlobName::metadata(&request.path))?.map_or(Answer::Absent, Answer::Bytes)
            }
        };
        updater.answer(answer)?;
    }
    let trusted = updater
        .trusted()
        .ok_or_else(|| Error::State { reason: "a refresh that trusts nothing".to_owned() })?;
    Ok(trusted.clone())
}

/// Every root since the first, and bins of every length that this repository signs.
const LIMITS: Limits = Limits {
    max_root_bytes: 16_000_000,
    max_timestamp_bytes: 1_000_000,
    max_snapshot_bytes: 64_000_000,
    max_targets_bytes: 256_000_000,
    max_root_versions: 1_000_000,
    max_delegations: 1_000_000,
};

/// A role that delegates to more roles than these delegates to bins: a layout has no more others.
const MAX_LISTED: usize = MAX_ROLES;

/// Through whom a role is trusted, and its name.
type Delegation = (RoleName, RoleName);

struct Verifier<P> {
    blobs: Blobs,
    content: Content,
    trusted: TrustedMetadata,
    progress: P,
    found: Mutex<Verification>,
    done: AtomicU64,
}

impl<P: Fn(u64, u64) + Send + Sync> Verifier<P> {
    fn run(mut self) -> Result<Verification, Error> {
        self.found().roles = 4;
        self.check_targets(&self.trusted.targets().targets);
        let mut bins: Vec<Delegation> = Vec::new();
        let mut delegators =
            vec![(RoleName::targets(), delegated_roles(&self.trusted.targets().delegations))];
        let mut visited = BTreeSet::new();
        while let Some((delegator, roles)) = delegators.pop() {
            if roles.len() > MAX_LISTED {
                bins.extend(roles.into_iter().map(|role| (delegator.clone(), role)));
                continue;
            }
            // Few roles may delegate, and stay loaded; bins come and go.
            for role in roles {
                match load(&self.blobs, &mut self.trusted, &delegator, &role) {
                    Ok(length) => {
                        if let Some(targets) = self.trusted.delegated(&delegator, &role)
                            && visited.insert(role.clone())
                        {
                            self.count_role(length, targets);
                            delegators.push((role.clone(), delegated_roles(&targets.delegations)));
                        }
                    }
                    Err(error) => self.fault(format!("{role}: {error}")),
                }
            }
        }
        let total = bins.len() as u64;
        let queue = Mutex::new(bins.chunks(ROLES));
        std::thread::scope(|scope| {
            for _ in 0..self.blobs.readers() {
                scope.spawn(|| {
                    while let Some(part) = { queue.lock().unwrap_or_else(PoisonError::into_inner).next() } {
                        self.check_bins(part, total);
                    }
                });
            }
        });
        let mut found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.faults.sort();
        Ok(found)
    }

    fn check_bins(&self, bins: &[Delegation], total: u64) {
        let mut trusted = self.trusted.clone();
        for (delegator, role) in bins {
            match load(&self.blobs, &mut trusted, delegator, role) {
                Ok(length) => {
                    if let Some(targets) = trusted.delegated(delegator, role) {
                        self.count_role(length, targets);
                    }
                }
                Err(error) => self.fault(format!("{role}: {error}")),
            }
            (self.progress)(self.done.fetch_add(1, Ordering::Relaxed) + 1, total);
        }
    }

    fn count_role(&self, length: u64, targets: &Targets) {
        {
            let mut found = self.found();
            found.roles += 1;
            found.bytes += length;
        }
        self.check_targets(&targets.targets);
    }

    fn check_targets(&self, targets: &BTreeMap<TargetPath, TargetFile>) {
        for (path, file) in targets {
            let Some(sha256) = file.hashes.digest(HashAlgorithm::Sha256) else {
                self.fault(format!("{path} is listed without a sha256"));
                continue;
            };
            self.found().targets += 1;
            let Ok(place) = BlobName::target(path, sha256) else {
                self.fault(format!("{path} can be no file"));
                continue;
            };
            let path_text = path.as_str();
            if self.content == Content::PythonIndex && path_text.starts_with("files/") {
                // Looked at by the page that lists it, which knows where it is kept.
                continue;
            }
            let is_page = self.content == Content::PythonIndex && path_text.starts_with("simple/");
            if !is_page {
                self.found().files += 1;
                self.check_file(&place, Some(file.length), sha256);
                continue;
            }
            match self.blobs.read(&place) {
                Ok(bytes)
                    if bytes.len() as u64 == file.length
                        && HashAlgorithm::Sha256.hex_digest(&bytes) == *sha256 =>
                {
                    self.check_page(path, &bytes);
                }
                Ok(_) => self.fault(format!("{place} is not the page that was signed")),
                Err(error) => self.fault(error.with_cause()),
            }
        }
    }

    fn check_page(&self, path: &TargetPath, bytes: &[u8]) {
        let page = match IndexPage::from_json(bytes, &PageLimits::default()) {
            Ok(page) => page,
            Err(error) => return self.fault(format!("{path}: {error}")),
        };
        let mut elsewhere = 0;
        for file in &page.files {
            if file.url != relative_file_url(&page.name, &file.filename) {
                elsewhere += 1;
                continue;
            }
            let (Some(sha256), Some(size)) = (file.sha256(), file.size) else {
                self.fault(format!("{path}: {} is listed without a sha256 or a size", file.filename));
                continue;
            };
            let place = BlobName::distribution(&page.name, &file.filename, sha256);
            self.check_file(&place, Some(size), sha256);
            if let Some(core_metadata) = file.core_metadata.sha256() {
                let beside = BlobName::sidecar(&page.name, &file.filename, sha256);
                self.check_file(&beside, None, core_metadata);
            }
        }
        let mut found = self.found();
        found.pages += 1;
        found.bytes += bytes.len() as u64;
        found.files += page.files.len() as u64;
        found.files_elsewhere += elsewhere;
    }

    /// A file must have these bytes. It is read piece by piece: files may be gigabytes.
    fn check_file(&self, place: &BlobName, length: Option<u64>, sha256: &str) {
        let (mut hasher, mut read) = (Hasher::new(HashAlgorithm::Sha256), 0);
        let hashed = self.blobs.read_pieces(place, |piece| {
            hasher.update(piece);
            read += piece.len() as u64;
        });
        match hashed {
            Ok(()) => {
                self.found().bytes += read;
                if length.is_some_and(|length| read != length) || hasher.finish() != sha256 {
                    self.fault(format!("{place} is not the file that was signed"));
                }
            }
            Err(error) => self.fault(error.with_cause()),
        }
    }

    fn fault(&self, fault: String) {
        let mut found = self.found();
        found.fault_count += 1;
        if found.faults.len() < MAX_FAULTS {
            found.faults.push(fault);
        }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Verification> {
        // Counts are complete at each moment.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The roles that a role delegates to.
fn delegated_roles(delegations: &Option<Delegations>) -> Vec<RoleName> {
    match delegations.as_ref().map(|delegations| &delegations.roles) {
        None => Vec::new(),
        Some(DelegatedRoles::Listed(roles)) => roles.iter().map(|role| role.name.clone()).collect(),
        Some(DelegatedRoles::Succinct(bins)) => bins.role_names().collect(),
    }
}

/// Loads a role from what is served, verified; gives its length in bytes.
fn load(
    blobs: &Blobs,
    trusted: &mut TrustedMetadata,
    delegator: &RoleName,
    role: &RoleName,
) -> Result<u64, Error> {
    let bytes = blobs.read(&BlobName::role(role, trusted.expected(role)?.version))?;
    trusted.load_delegated(delegator, role, &bytes)?;
    Ok(bytes.len() as u64)
}

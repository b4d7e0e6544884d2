//! Fetches metadata: packed, as deltas from what is stored, and the first two files of a refresh at the same time.

use sealdex_tuf::{Answer, Request, RoleName, Version};
use serde::Deserialize;

use crate::bound::Bound;
use crate::client::Client;
use crate::error::Error;
use crate::fetch::{Deadline, Dictionary, Fetch, Fetched, Kind, Packing, Redirects};
use crate::name::RepositoryUrl;
use crate::store::RepositoryStore;

/// Whether the server may refer to stored metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deltas {
    Welcome,
    /// One did not verify.
    Refused,
}

/// The fetches of one refresh.
pub(super) struct RefreshFetches<'a> {
    client: &'a Client,
    store: &'a RepositoryStore,
    base: &'a RepositoryUrl,
    deadline: Deadline,
    deltas: Deltas,
    begun: bool,
    /// What came of the timestamp when it was asked for along with the first root.
    timestamp: Option<Result<Answer, Error>>,
    any_delta: bool,
}

impl<'a> RefreshFetches<'a> {
    pub(super) fn new(
        client: &'a Client,
        store: &'a RepositoryStore,
        base: &'a RepositoryUrl,
        deadline: Deadline,
        deltas: Deltas,
    ) -> Self {
        Self { client, store, base, deadline, deltas, begun: false, timestamp: None, any_delta: false }
    }

    /// Whether anything came as a delta.
    pub(super) fn any_delta(&self) -> bool {
        self.any_delta
    }

    /// The answer to a request of the core. The first one is for a newer root, which there hardly ever is; so the
    /// timestamp is asked for at the same time. The core gets it when its turn has come, and never one that was asked
    /// for before a newer root came: that may bring the timestamp new keys.
    pub(super) async fn answer(&mut self, request: &Request) -> Result<Answer, Error> {
        if request.role == RoleName::timestamp()
            && let Some(early) = self.timestamp.take()
        {
            return early;
        }
        if request.role != RoleName::root() || std::mem::replace(&mut self.begun, true) {
            return self.fetch(request).await.map(|fetched| self.note(fetched));
        }
        let role = RoleName::timestamp();
        let max_bytes = self.client.settings().metadata.max_timestamp_bytes;
        let timestamp = Request { path: role.file_name(), role, max_bytes };
        let (root, timestamp) = tokio::join!(self.fetch(request), self.fetch(&timestamp));
        let root = self.note(root?);
        if root == Answer::Absent {
            self.timestamp = Some(timestamp.map(|fetched| self.note(fetched)));
        }
        Ok(root)
    }

    async fn fetch(&self, request: &Request) -> Result<Option<Fetched>, Error> {
        let older = match self.deltas {
            Deltas::Welcome => stored_version(self.store, &request.role),
            Deltas::Refused => None,
        };
        fetch(self.client, self.base, request, &self.deadline, older.as_ref()).await
    }

    fn note(&mut self, fetched: Option<Fetched>) -> Answer {
        self.any_delta |= fetched.as_ref().is_some_and(|fetched| fetched.from_delta);
        fetched.map_or(Answer::Absent, |fetched| Answer::Bytes(fetched.bytes))
    }
}

/// Fetches a metadata file; `None` where there is none.
pub(super) async fn fetch(
    client: &Client,
    base: &RepositoryUrl,
    request: &Request,
    deadline: &Deadline,
    older: Option<&Dictionary>,
) -> Result<Option<Fetched>, Error> {
    let bound = bound_of(&request.role);
    let fetch = Fetch {
        url: &base.file(&request.path)?,
        max_bytes: request.max_bytes,
        // Otherwise trusted metadata lists the length, and no setting changes that.
        bound: (request.max_bytes == bound.value(client.settings())).then_some(bound),
        kind: Kind::Metadata,
        limits: &client.settings().metadata_fetch,
        redirects: Redirects::SameHost,
        packing: older.map_or(Packing::Packed, Packing::Delta),
    };
    deadline.bound(client.fetcher().bytes(fetch)).await
}

/// What is stored of a role, under the name it was fetched by. It need not verify any more: what is made of it must.
pub(super) fn stored_version(store: &RepositoryStore, role: &RoleName) -> Option<Dictionary> {
    // Most roots that are asked for are not there, and timestamps are as short as a delta would be.
    if *role == RoleName::root() || *role == RoleName::timestamp() {
        return None;
    }
    let bytes = store.read(role, Dictionary::MAX_BYTES as u64)?;
    let version = version_of(&bytes)?;
    Dictionary::new(&role.versioned_file_name(version), bytes)
}

/// The setting that bounds a role's metadata.
pub(super) fn bound_of(role: &RoleName) -> Bound {
    match role.as_str() {
        "root" => Bound::MaxRootBytes,
        "timestamp" => Bound::MaxTimestampBytes,
        "snapshot" => Bound::MaxSnapshotBytes,
        _ => Bound::MaxTargetsBytes,
    }
}

/// The version that metadata says it is; nothing else of it is looked at.
fn version_of(metadata: &[u8]) -> Option<Version> {
    #[derive(Deserialize)]
    struct File {
        signed: Signed,
    }
    #[derive(Deserialize)]
    struct Signed {
        version: u64,
    }
    Version::new(serde_json::from_slice::<File>(metadata).ok()?.signed.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_nothing_else() {
        let of = |text: &str| version_of(text.as_bytes()).map(Version::number);
        assert_eq!(of(r#"{"signatures":[],"signed":{"meta":{"version":7},"version":12}}"#), Some(12));
        for bad in
            ["", "{}", r#"{"signed":{}}"#, r#"{"signed":{"version":0}}"#, r#"{"signed":{"version":"1"}}"#]
        {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}

//! The repository engine: layouts, transaction log, snapshot process, storage.
//!
//! - [`Layout`]: the tree of roles as data; one engine interprets every shape ([`layout`]).
//! - [`Repository`]: a repository on disk. Many may have it open; all of them may read and [`Repository::submit`].
//! - [`SnapshotProcess`]: the one writer of signed metadata. It takes everything pending at once and publishes it as one
//!   consistent snapshot (PEP 458, "Producing Consistent Snapshots").
//!
//! A [`Receipt`] means durable, a [`Publication`] means served. What lies between is the transaction log: a crash at any
//! point loses no receipt, publishes nothing by halves and never uses a version for two contents (see [`publish`]).
#![forbid(unsafe_code)]

mod audit;
mod blobs;
mod collect;
mod create;
mod database;
mod directory;
mod disk;
mod error;
mod import;
pub mod layout;
mod lifetime;
mod page;
mod public;
pub mod publish;
mod relayout;
mod repository;
mod served;
mod settings;
mod staging;
mod status;
mod store;
mod submit;
mod together;
mod token;
mod transaction;
mod verify;

pub use audit::AuditEntry;
pub use blobs::{BlobName, Blobs, Entry, Generation, Pieces, Walk};
pub use collect::{Collected, MIN_GRACE, Sweep};
pub use create::{DEFAULT_ONLINE_SCHEME, Development, InitialKeys};
pub use database::DatabaseUrl;
pub use directory::RepositoryDirectory;
pub use error::Error;
pub use import::{
    AbandonedImport, CheckedImport, ImportLock, ImportOutcome, ImportState, ImportedFile, PlacedFile,
    UnfinishedImport,
};
pub use layout::Layout;
pub use lifetime::{Expiries, Lifetime};
pub use page::{PublishedFile, PublishedPage, PublishedSidecar};
pub use publish::{SnapshotProcess, Turn};
pub use relayout::{RelayoutId, RelayoutPlan, WaitingRelayout};
pub use repository::Repository;
pub use settings::{BucketSettings, FileLimits, Settings, Storage};
pub use staging::{Received, StagedFile};
pub use status::{
    Away, BinsStatus, Counts, KeyStatus, Part, Publishing, RoleStatus, Signatures, Status, TrustedKeys,
    WriterStatus,
};
pub use token::{Action, Projects, Token, TokenId, TokenScope, TokenSecret};
pub use transaction::{
    Actor, AddDistribution, AddTarget, Existing, Outcome, Publication, Receipt, Transaction, TransactionId,
};
pub use verify::Verification;

//! The verifying client: what is trusted on this machine, how it is brought up to date, and a loopback proxy through
//! which unmodified installers install verified files alone.
//!
//! - [`TrustStore`]: the repositories a user has chosen to trust, each by a root or its fingerprint.
//! - [`Repositories`]: several of them together, each with the projects that are bound to it.
//! - [`Client`]: limits, clock, cache and HTTP, shared by everything below.
//! - [`Session`]: one consistent snapshot of one repository; pages and targets come out of it verified.
//! - [`VerifyingProxy`]: serves such pages and their files to pip, uv and others on 127.0.0.1.
//! - [`Decision`]: what such a proxy gives, on whose word, and what it refuses; [`DecisionLog`] keeps them.
//! - [`Policies`]: what may be installed of what verifies.
//! - [`pip_environment`], [`uv_environment`]: variables that point an installer at the proxy and nowhere else.
//!
//! Every transfer is bounded in bytes, rate and time ([`FetchLimits`]), and so is every update as a whole; users can
//! set each of these bounds by its name ([`Bound`]). The trusted state may be shared by several
//! processes at once, any of which may be killed at any point.
#![forbid(unsafe_code)]

mod bindings;
mod blocking;
mod bound;
mod cache;
mod client;
mod decision;
mod destination;
mod environment;
mod error;
mod fetch;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod name;
mod policy;
mod proxy;
mod publisher;
mod repositories;
mod session;
mod store;
mod trust;

pub use bindings::{Bindings, ProjectPattern};
pub use bound::Bound;
pub use cache::{CacheCheck, CacheUsage, FileCache, FileCount};
pub use client::{Client, ClientSettings};
pub use decision::{
    Decision, DecisionLog, FileGiven, History, Outcome, PageGiven, PolicyTaken, Refused, Target,
    UnverifiedRun,
};
pub use destination::file_to_write;
pub use environment::{Setting, is_another_spelling, pip_environment, run_environment, uv_environment};
pub use error::{Attack, Error};
pub use fetch::{FetchLimits, HttpFetcher};
pub use name::{RepositoryName, RepositoryUrl, Sha256Digest, printable};
pub use policy::{LeftOut, Policies, Policy, PolicyTarget, RuleInForce};
pub use proxy::{
    AllowedHost, Interposition, OfflineUse, PROXY_NAME, ProxyOptions, Refusal, SnapshotPolicy, VerifyingProxy,
};
pub use publisher::{Claim, Publisher, PublisherKey};
pub use repositories::Repositories;
pub use session::{RoleVersions, Session, SignedBy, VerifiedPage};
pub use store::RepositoryRecord;
pub use trust::{InitialTrust, TrustStore, TrustedRepository};

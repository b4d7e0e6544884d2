//! Serves a repository over HTTP: TUF metadata, the simple API, files, uploads.
//!
//! | path | what |
//! |---|---|
//! | `/metadata/{name}` | TUF metadata (TUF specification, section 6) |
//! | `/targets/{path}` | targets under their consistent-snapshot names |
//! | `/simple/`, `/simple/{project}/` | the simple API as JSON and HTML (PEP 503, 592, 658, 691, 700, 714) |
//! | `/files/{project}/{filename}` | distributions, and `.metadata` beside them |
//! | `/legacy/` | uploads by twine and uv |
//! | `/healthz`, `/metrics` | for machines that look after it |
//!
//! Nothing served here asks to be believed: clients verify it. So the server holds no key, and whoever takes it over
//! can withhold, but not forge.

#![forbid(unsafe_code)]

mod app;
mod cache;
mod config;
mod deltas;
mod document;
mod endpoints;
mod error;
mod export;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod generation;
mod guarded_stream;
mod health;
mod immutable;
mod metrics;
mod observe;
mod packing;
mod page_cache;
mod project_list;
mod protocol;
mod refusal;
mod router;
mod server;
mod status_cache;
mod stored_file;
mod timestamp_cache;
mod upload;
mod versioned;

pub use config::{ConnectionLimits, ServerConfig, UploadLimits};
pub use error::Error;
pub use export::{Exported, export};
pub use health::{WriterHealth, WriterState};
pub use server::Server;

//! Measures what metadata costs on the wire: layouts, numbers of bins, encodings, and clients that were away for long or
//! short, over the same index of PyPI's size ([`sealdex_workload`]). Never shipped; `cargo xtask bench -- wire` runs it.
//!
//! What is counted is real metadata, made and signed with the core's types and compressed for real. What is not made are
//! the 18 million files of the index and the bins that nobody in a sample asks for: of those the versions alone are
//! computed, since the snapshot lists them.
//!
//! - [`world`]: a year and a month of uploads replayed, the version of every bin at five [`moment`]s, and what is in the
//!   bins that samples touch.
//! - [`metadata`]: those files, signed. [`encoding`]: their lengths.
//! - [`layout`]: what is compared. [`cost`]: what a client fetches, added up.
//! - [`http`], [`pages`], [`merkle`], [`levels`]: what else there is to count. [`pep458`]: what it is compared with.
//! - [`report`] and [`plot`]: tables, figures and pictures.
#![forbid(unsafe_code)]

pub mod cost;
pub mod encoding;
pub mod http;
pub mod layout;
pub mod levels;
pub mod merkle;
pub mod metadata;
pub mod moment;
pub mod pages;
pub mod pep458;
pub mod plot;
pub mod report;
mod tables;
pub mod versions;
pub mod world;

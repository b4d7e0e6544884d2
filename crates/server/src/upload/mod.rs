//! Receives a distribution through the legacy upload API, as twine and uv send it.
//!
//! [`body`] bounds what comes in, [`multipart`] takes the form apart, [`form`] knows its fields, [`receive`] writes the
//! file to disk, and [`check`] compares what was said with what was sent.

pub(crate) mod body;
pub(crate) mod check;
pub(crate) mod credentials;
pub(crate) mod form;
pub(crate) mod multipart;
pub(crate) mod receive;

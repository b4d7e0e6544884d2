//! Parts of HTTP that no library here has: entity tags, ranges, content codings.

pub(crate) mod conditional;
pub(crate) mod dictionary;
pub(crate) mod encoding;
pub(crate) mod range;

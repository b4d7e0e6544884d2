//! Fetches files over HTTP, every transfer bounded in bytes, rate and time.

mod limits;

pub use limits::FetchLimits;

use crate::error::Error;

/// HTTP connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpFetcher {}

impl HttpFetcher {
    /// Makes a fetcher; opens no connection.
    ///
    /// # Errors
    /// [`Error::HttpClient`]
    pub fn new() -> Result<Self, Error> {
        Ok(Self {})
    }
}

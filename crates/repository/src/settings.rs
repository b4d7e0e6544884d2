//! `sealdex.toml`: what an operator may set.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::database::DatabaseUrl;
use crate::directory::is_plain_segment;
use crate::error::Error;
use crate::layout::Layout;
use crate::lifetime::Expiries;

/// The settings of a repository, as `sealdex.toml` holds them. Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The tree of roles of a repository that is to be created; from then on the state has it, see
    /// [`Repository::layout`](crate::Repository::layout). Files of earlier versions have it too: it must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// How long metadata lives.
    #[serde(default)]
    pub expiry: Expiries,
    /// Bounds on what is taken in.
    #[serde(default)]
    pub limits: FileLimits,
    /// Where the repository keeps what grows.
    #[serde(default, skip_serializing_if = "Storage::is_default")]
    pub storage: Storage,
    /// The server's own settings, which this crate keeps and does not read.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub server: toml::Table,
}

/// Bounds on the files taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileLimits {
    /// Length of one target file in bytes.
    pub max_file_bytes: u64,
    /// Length of the core metadata beside a distribution in bytes (PEP 658).
    pub max_core_metadata_bytes: u64,
}

/// Where the repository keeps what grows; without anything, in its directory. Secrets are no settings: they come from the
/// environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The address of a PostgreSQL database, without a password: that comes from the environment (`PGPASSWORD`,
    /// `PGPASSFILE`). Absent: `state.sqlite` in the repository's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The bucket that takes the place of `public/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketSettings>,
}

impl Storage {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The database, where it is not SQLite.
    ///
    /// # Errors
    /// [`Error::DatabaseAddress`], also when a password is part of the address.
    pub fn database_url(&self) -> Result<Option<DatabaseUrl>, Error> {
        let Some(url) = self.database.as_deref().map(DatabaseUrl::parse).transpose()? else {
            return Ok(None);
        };
        if url.has_password() {
            let reason = "the settings are no place for a password: take it out of the address, and set PGPASSWORD, \
                          PGPASSFILE or SEALDEX_DATABASE";
            return Err(Error::DatabaseAddress { reason: reason.to_owned() });
        }
        Ok(Some(url))
    }
}

/// A bucket of an object store that speaks S3's protocol, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSettings {
    /// The store's URL; without it the cloud's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region; without it `us-east-1`, which stores without regions expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The bucket's name.
    pub name: String,
    /// What all names in it begin with, followed by a `/`; empty: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

impl BucketSettings {
    fn check(&self) -> Result<(), &'static str> {
        if self.name.is_empty() || self.name.contains(|c: char| c == '/' || c.is_whitespace()) {
            return Err("storage.bucket.name is no bucket's name");
        }
        if !self.prefix.is_empty() && !self.prefix.split('/').all(is_plain_segment) {
            return Err(
                "storage.bucket.prefix is to be segments parted by '/', without one at its begin or end",
            );
        }
        let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if !self.endpoint.as_ref().is_none_or(is_url) {
            return Err("storage.bucket.endpoint is neither an http nor an https URL");
        }
        Ok(())
    }
}

/// `s3://BUCKET/PREFIX`
impl fmt::Display for BucketSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.name, self.prefix)
    }
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { max_file_bytes: 1024 * 1024 * 1024, max_core_metadata_bytes: 5 * 1024 * 1024 }
    }
}

impl Settings {
    /// Settings to create a repository of this layout with, everything else as it is by default.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout: Some(layout),
            expiry: Expiries::default(),
            limits: FileLimits::default(),
            storage: Storage::default(),
            server: toml::Table::new(),
        }
    }

    /// Reads the settings from the text of a `sealdex.toml`; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Settings`] or [`Error::Layout`].
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, Error> {
        let settings: Self = toml::from_str(text)
            .map_err(|error| Error::Settings { path: path.to_owned(), reason: error.to_string() })?;
        settings.check(path)?;
        Ok(settings)
    }

    /// Whether a repository can be made or opened with these; `path` is for messages.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        let invalid = |reason: &str| Error::Settings { path: path.to_owned(), reason: reason.to_owned() };
        self.storage.bucket.as_ref().map_or(Ok(()), BucketSettings::check).map_err(invalid)?;
        self.layout.as_ref().map_or(Ok(()), Layout::check)
    }

    /// The text of a `sealdex.toml`.
    ///
    /// # Errors
    /// [`Error::Settings`] when the server's settings cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self)
            .map_err(|error| Error::Settings { path: "sealdex.toml".into(), reason: error.to_string() })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new(Layout::default())
    }
}

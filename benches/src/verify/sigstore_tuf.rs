//! The jobs as sigstore-tuf does them.

use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{FileStore, Repository, TrustedMetadataSet, Updater, UpdaterConfig};

use super::child::{Files, RefreshAndLookup, milliseconds_since};
use super::files::BIN;

/// With its own store of files, and the HTTP client that we use, here without certificates: its own one would read them
/// for nothing.
pub(super) fn refresh(
    url: &str,
    root: &str,
    target: &str,
    directory: &Path,
) -> anyhow::Result<RefreshAndLookup> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let root = std::fs::read(root)?;
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let start = Instant::now();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let repository =
            Http { metadata: format!("{url}metadata/"), targets: format!("{url}targets/"), client };
        let mut config = UpdaterConfig::default();
        config.snapshot_max_length = 8_000_000;
        config.targets_max_length = 8_000_000;
        let mut updater =
            Updater::new(repository, &root)?.with_config(config).with_store(FileStore::new(directory));
        let now = jiff::Timestamp::now();
        updater.refresh(now).await?;
        let refreshed = milliseconds_since(start);
        let start = Instant::now();
        let found = updater.get_target_info(target, now).await?;
        ensure!(found.is_some(), "{target} was not found");
        Ok((refreshed, milliseconds_since(start)))
    })
}

/// Milliseconds to verify the snapshot, or the bin.
pub(super) fn verify(files: &Files) -> anyhow::Result<f64> {
    let now = jiff::Timestamp::now();
    let mut trusted = TrustedMetadataSet::from_root(&files.root)?;
    trusted.update_timestamp(&files.timestamp, now)?;
    let start = Instant::now();
    trusted.update_snapshot(&files.snapshot, now)?;
    let Some((targets, bin)) = &files.bin else { return Ok(milliseconds_since(start)) };
    trusted.update_targets(targets, now)?;
    let start = Instant::now();
    trusted.update_delegated_targets(bin, BIN, "targets", now)?;
    Ok(milliseconds_since(start))
}

/// Bounded fetches, as its own transport does them.
struct Http {
    metadata: String,
    targets: String,
    client: reqwest::Client,
}

impl Http {
    async fn fetch(&self, url: String, max_length: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let failed =
            |error: reqwest::Error| sigstore_tuf::Error::transport_with_source("the fetch failed", error);
        let mut response = self.client.get(url).send().await.map_err(failed)?;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > max_length {
                return Err(sigstore_tuf::Error::transport("the answer is too long"));
            }
        }
        Ok(Some(bytes))
    }
}

impl Repository for Http {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(format!("{}{name}", self.metadata), max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(format!("{}{path}", self.targets), max_length))
    }
}

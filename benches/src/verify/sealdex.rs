//! The jobs as Sealdex does them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use sealdex_client::{
    Client, ClientSettings, InitialTrust, RepositoryName, RepositoryUrl, Session, TrustStore,
};
use sealdex_tuf::trusted::{RootStage, TrustedMetadata};
use sealdex_tuf::{Limits, RoleName, TargetPath};

use super::child::{Files, RefreshAndLookup, milliseconds_since};
use super::files::BIN;

/// With the shipped client: a state that survives crashes, written with fsync. A repository that is not known yet is
/// added, which is a whole refresh; the session to look up in is a second one, which no figure but those of the whole
/// process counts.
pub(super) fn refresh(
    url: &str,
    root: &str,
    target: &str,
    directory: &Path,
) -> anyhow::Result<RefreshAndLookup> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let root = std::fs::read(root)?;
        let start = Instant::now();
        let (store, name) = (TrustStore::open(directory.join("trust"))?, RepositoryName::parse("bench")?);
        let client =
            Client::new(ClientSettings::new(directory.join("cache")), Arc::new(jiff::Timestamp::now))?;
        let (session, refreshed) = match store.repository(&name) {
            Ok(repository) => (Session::refresh(&client, &repository).await?, milliseconds_since(start)),
            Err(_) => {
                let url = RepositoryUrl::parse(url)?;
                let repository = store.add(&client, &name, &url, &InitialTrust::Root(root)).await?;
                let refreshed = milliseconds_since(start);
                (Session::refresh(&client, &repository).await?, refreshed)
            }
        };
        let start = Instant::now();
        let found = session.target(&TargetPath::parse(target)?).await?;
        ensure!(found.is_some(), "{target} was not found");
        Ok((refreshed, milliseconds_since(start)))
    })
}

/// Milliseconds to verify the snapshot, or the bin.
pub(super) fn verify(files: &Files) -> anyhow::Result<f64> {
    let root = RootStage::start(&files.root, jiff::Timestamp::now(), Limits::default())?;
    let (mut timestamp, _) = root.finish()?;
    timestamp.update(&files.timestamp)?;
    let mut snapshot = timestamp.finish()?;
    let start = Instant::now();
    snapshot.update(&files.snapshot)?;
    let Some((targets, bin)) = &files.bin else { return Ok(milliseconds_since(start)) };
    let mut trusted: TrustedMetadata = snapshot.finish()?.update(targets).map_err(|refused| refused.1)?;
    let role = RoleName::parse(BIN)?;
    let start = Instant::now();
    trusted.load_delegated(&RoleName::targets(), &role, bin)?;
    Ok(milliseconds_since(start))
}

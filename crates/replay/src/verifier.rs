//! A client that was here before: it refreshes, looks a project's page up, and finds the file on it with its digest.

use std::sync::Arc;

use anyhow::{Context, ensure};
use sealdex_client::{
    Client, ClientSettings, InitialTrust, RepositoryName, RepositoryUrl, Session, TrustStore,
};
use tempfile::TempDir;

use crate::server::Server;
use crate::wheels::Wheel;

pub(crate) struct Verifier {
    client: Client,
    store: TrustStore,
    name: RepositoryName,
    _place: TempDir,
}

impl Verifier {
    /// Trusts the server's repository, and refreshes for the first time.
    pub(crate) async fn new(server: &Server) -> anyhow::Result<Self> {
        let place = TempDir::new()?;
        let store = TrustStore::open(place.path().join("trust"))?;
        let settings = ClientSettings::new(place.path().join("cache"));
        let client = Client::new(settings, Arc::new(jiff::Timestamp::now))?;
        let name = RepositoryName::parse("replayed")?;
        let url = RepositoryUrl::parse(&format!("http://{}/", server.address))?;
        let root = InitialTrust::Root(std::fs::read(&server.root)?);
        store.add(&client, &name, &url, &root).await?;
        Ok(Self { client, store, name, _place: place })
    }

    /// Finds all of these, published by now, in one session.
    pub(crate) async fn verify(&self, wheels: &[&Wheel]) -> anyhow::Result<()> {
        let repository = self.store.repository(&self.name)?;
        let session = Session::refresh(&self.client, &repository).await?;
        let projects: Vec<_> = wheels.iter().map(|wheel| wheel.project.clone()).collect();
        let pages = session.pages(&projects).await?;
        for (wheel, page) in wheels.iter().zip(pages) {
            let page = page.with_context(|| format!("{} has no page", wheel.project))?;
            let found = page.page().files.iter().find(|file| file.filename == wheel.filename);
            let found = found.with_context(|| format!("{} is not on its page", wheel.filename))?;
            ensure!(found.sha256() == Some(&wheel.sha256), "{} is another file", wheel.filename);
        }
        Ok(())
    }
}

//! Refreshing and looking up one page, over HTTP, with nothing known and with everything known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sealdex_client::{
    Client, ClientSettings, InitialTrust, RepositoryName, RepositoryUrl, Session, TrustStore,
    TrustedRepository,
};
use sealdex_server::{Server, ServerConfig};
use sealdex_tuf::TargetPath;

use crate::figures::{Row, Spread};
use crate::python;
use crate::scene::Scene;

const RUNS: usize = 15;
const TARGET: &str = "simple/looked-up/index.json";

pub(crate) async fn measure(bit_length: u8) -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::new(bit_length).await?;
    scene.submit("looked-up").await?;
    scene.process.publish_pending().await?;
    let listen = "127.0.0.1:0".parse()?;
    let server =
        Server::bind(scene.repository.clone(), ServerConfig { listen, ..ServerConfig::default() }).await?;
    let url = format!("http://{}/", server.local_addr());
    let serving = tokio::spawn(server.run(std::future::pending()));

    let root_file = scene.repository.directory().metadata().join("1.root.json");
    let root = std::fs::read(&root_file)?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let place = scene.directory(&format!("client-{run}"))?;
        let (store, name) = (TrustStore::open(place.join("trust"))?, RepositoryName::parse("bench")?);
        // A new client each time: connections and memory are as cold as in a new process.
        let client = || Client::new(ClientSettings::new(place.join("cache")), Arc::new(jiff::Timestamp::now));
        let start = Instant::now();
        let repository = store
            .add(&client()?, &name, &RepositoryUrl::parse(&url)?, &InitialTrust::Root(root.clone()))
            .await?;
        let added = start.elapsed();
        // Adding a repository refreshes it whole; what is left of a cold lookup is its bin.
        cold.push(added + lookup(&client()?, &repository).await?);
        warm.push(lookup(&client()?, &repository).await?);
    }
    let root_file = root_file.to_str().context("the path is not Unicode")?;
    let peer = python::run(&["refresh", &url, root_file, TARGET, &RUNS.to_string()])?;
    serving.abort();
    let bins = 1_u64 << bit_length;
    let row = |name: &str, ours: &[Duration], peer| {
        Row::new(
            format!("{name} refresh and lookup, {bins} bins"),
            "ms",
            Spread::milliseconds(ours),
            Some(peer),
        )
    };
    Ok(vec![
        row("cold", &cold, python::spread(&peer, "cold")?),
        row("warm", &warm, python::spread(&peer, "warm")?),
    ])
}

async fn lookup(client: &Client, repository: &TrustedRepository) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let session = Session::refresh(client, repository).await?;
    let found = session.target(&TargetPath::parse(TARGET)?).await?;
    ensure!(found.is_some(), "{TARGET} was not found");
    Ok(start.elapsed())
}

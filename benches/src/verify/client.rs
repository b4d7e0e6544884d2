//! Refreshing and looking up one page over HTTP, with nothing known and with everything known.

use std::path::Path;

use anyhow::Context;
use sealdex_repository::layout::BinStyle;
use sealdex_server::{Server, ServerConfig};
use serde_json::Value;

use super::{PROCESSES, Peer, rows};
use crate::figures::Row;
use crate::scene::Scene;

const RUNS: &str = "15";
const TARGET: &str = "simple/looked-up/index.json";

pub(crate) async fn measure(style: BinStyle, bit_length: u8) -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::new(style, bit_length).await?;
    scene.submit("looked-up").await?;
    scene.process.publish_pending().await?;
    let listen = "127.0.0.1:0".parse()?;
    let server =
        Server::bind(scene.repository.clone(), ServerConfig { listen, ..ServerConfig::default() }).await?;
    let url = format!("http://{}/", server.local_addr());
    let serving = tokio::spawn(server.run(std::future::pending()));
    let root = scene.repository.directory().metadata().join("1.root.json");
    let place = scene.directory(&format!("clients-{style}"))?;
    let measured = tokio::task::spawn_blocking(move || compare(style, bit_length, &url, &root, &place));
    let rows = measured.await??;
    serving.abort();
    Ok(rows)
}

fn compare(
    style: BinStyle,
    bit_length: u8,
    url: &str,
    root: &Path,
    place: &Path,
) -> anyhow::Result<Vec<Row>> {
    let peers = Peer::of(style);
    let root = root.to_str().context("the path is not Unicode")?;
    let bins = 1_u64 << bit_length;
    let title = format!("{bins} {style} bins");
    let mut all = rows(
        peers,
        &title,
        &[
            ("cold_refresh", "cold refresh", "ms"),
            ("cold_lookup", "lookup, bin fetched", "ms"),
            ("warm_refresh", "warm refresh", "ms"),
            ("warm_lookup", "lookup, bin known", "ms"),
        ],
        |peer| {
            let directory = place.join(format!("{peer:?}"));
            let directory = directory.to_str().context("the path is not Unicode")?;
            Ok(vec![peer.run(&["client", url, root, TARGET, directory, RUNS])?])
        },
    )?;
    // The state that the first process leaves behind is what the others are warm with.
    let whole = |peer: Peer, first: bool| -> anyhow::Result<Vec<Value>> {
        let run = |directory: &Path| {
            let directory = directory.to_str().context("the path is not Unicode")?;
            peer.run(&["process", url, root, TARGET, directory])
        };
        let mut results = Vec::new();
        for process in 0..PROCESSES {
            let directory = place.join(format!("{peer:?}-process-{process}"));
            let cold = run(&directory)?;
            results.push(if first { cold } else { run(&directory)? });
            std::fs::remove_dir_all(&directory)?;
        }
        Ok(results)
    };
    for (name, first) in [("cold", true), ("warm", false)] {
        all.extend(rows(
            peers,
            &format!("{name} refresh and lookup, {title}"),
            &[
                ("cpu_milliseconds", "CPU of the process", "ms"),
                ("peak_mib", "peak memory of the process", "MiB"),
            ],
            |peer| whole(peer, first),
        )?);
    }
    Ok(all)
}

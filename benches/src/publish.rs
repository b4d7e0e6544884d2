//! Publishing one file: from a complete upload to the new timestamp, and many at once by group commit.

use std::time::Instant;

use sealdex_repository::layout::BinStyle;

use crate::figures::{Row, Spread};
use crate::python;
use crate::scene::Scene;

const RUNS: usize = 60;
const GROUP: usize = 500;

pub(crate) async fn measure(bit_length: u8) -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::new(BinStyle::Succinct, bit_length).await?;
    let mut alone = Vec::new();
    for run in 0..RUNS {
        let start = Instant::now();
        scene.submit(&format!("single{run}")).await?;
        scene.process.publish_pending().await?;
        alone.push(start.elapsed());
    }
    let start = Instant::now();
    for run in 0..GROUP {
        scene.submit(&format!("group{run}")).await?;
    }
    let submitted = start.elapsed();
    scene.process.publish_pending().await?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = GROUP as f64 / start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let submit_rate = GROUP as f64 / submitted.as_secs_f64();
    let directory = scene.directory("python")?;
    let directory = directory.to_string_lossy();
    let peer = python::run(&["publish", &bit_length.to_string(), &RUNS.to_string(), &directory])?;
    let peer = python::spread(&peer, "milliseconds")?;
    let bins = 1_u64 << bit_length;
    Ok(vec![
        Row::new(format!("publish one file, {bins} bins"), "ms", Spread::milliseconds(&alone), Some(peer)),
        Row::new(
            format!("accept files durably, {bins} bins"),
            "files/s",
            Spread::of(vec![submit_rate]),
            None,
        ),
        Row::new(
            format!("publish {GROUP} files by group commit, {bins} bins"),
            "files/s",
            Spread::of(vec![rate]),
            None,
        ),
    ])
}

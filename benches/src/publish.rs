//! Publishing one file: from a complete upload to the new timestamp, and many at once by group commit.

use std::time::{Duration, Instant};

use sealdex_repository::layout::BinStyle;
use sealdex_testdatabase::{PostgresServer, Synchronise};

use crate::figures::{Row, Spread};
use crate::python;
use crate::scene::{Scene, memory};

const RUNS: usize = 60;
const GROUP: usize = 500;

pub(crate) async fn measure(bit_length: u8) -> anyhow::Result<Vec<Row>> {
    let bins = 1_u64 << bit_length;
    let mut scene = Scene::new(BinStyle::Succinct, bit_length).await?;
    let ours = publish(&mut scene).await?;
    let directory = scene.directory("python")?;
    let directory = directory.to_string_lossy();
    let peer = python::run(&["publish", &bit_length.to_string(), &RUNS.to_string(), &directory])?;
    let peer = python::spread(&peer, "milliseconds")?;
    let mut rows = ours.rows(&format!("{bins} bins"), Some(peer));

    let server = PostgresServer::start_in(&memory(), Synchronise::Yes).map_err(anyhow::Error::msg)?;
    let database = server.schema().map_err(anyhow::Error::msg)?;
    let mut scene = Scene::on(database, BinStyle::Succinct, bit_length).await?;
    rows.extend(publish(&mut scene).await?.rows(&format!("{bins} bins, PostgreSQL"), None));
    Ok(rows)
}

/// What publishing took.
struct Took {
    alone: Vec<Duration>,
    submitted: Duration,
    group: Duration,
}

async fn publish(scene: &mut Scene) -> anyhow::Result<Took> {
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
    Ok(Took { alone, submitted, group: start.elapsed() })
}

impl Took {
    fn rows(&self, of: &str, peer: Option<Spread>) -> Vec<Row> {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let rate = |took: Duration| Spread::of(vec![GROUP as f64 / took.as_secs_f64()]);
        let group = format!("publish {GROUP} files by group commit, {of}");
        vec![
            Row::new(format!("publish one file, {of}"), "ms", Spread::milliseconds(&self.alone), peer),
            Row::new(format!("accept files durably, {of}"), "files/s", rate(self.submitted), None),
            Row::new(group, "files/s", rate(self.group), None),
        ]
    }
}

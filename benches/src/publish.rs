//! Publishing one file, from a complete upload to the new timestamp, and many at the same time.

use std::time::{Duration, Instant};

use sealdex_repository::layout::BinStyle;
use sealdex_testdatabase::{PostgresServer, Synchronise};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::wheel::WheelBuilder;

use crate::figures::{Row, Spread};
use crate::python;
use crate::scene::{Scene, memory, submit};
use crate::signing;

const RUNS: usize = 60;

/// Who uploads at the same time, and how many files each.
const UPLOADERS: usize = 128;
const EACH: usize = 32;

pub(crate) async fn measure(bit_length: u8) -> anyhow::Result<Vec<Row>> {
    let bins = 1_u64 << bit_length;
    let mut scene = Scene::new(BinStyle::Succinct, bit_length).await?;
    let ours = publish(&mut scene).await?;
    let directory = scene.directory("python")?;
    let directory = directory.to_string_lossy();
    let peer = python::run(&["publish", &bit_length.to_string(), &RUNS.to_string(), &directory])?;
    let peer = python::spread(&peer, "milliseconds")?;
    let mut rows = ours.rows(&format!("{bins} bins"), Some(peer));
    let alone = signing::add(bit_length, RUNS, &scene.directory("metadata")?)?;
    let job = format!("... its metadata alone, {bins} bins");
    rows.insert(1, Row::new(job, "ms", Spread::milliseconds(&alone), Some(peer)));
    rows.push(together(scene, &format!("{bins} bins")).await?);

    let server = PostgresServer::start_in(&memory(), Synchronise::Yes).map_err(anyhow::Error::msg)?;
    let database = server.schema().map_err(anyhow::Error::msg)?;
    let mut scene = Scene::on(database, BinStyle::Succinct, bit_length).await?;
    let of = format!("{bins} bins, PostgreSQL");
    rows.extend(publish(&mut scene).await?.rows(&of, None));
    rows.push(together(scene, &of).await?);
    Ok(rows)
}

/// What publishing took.
struct Took {
    alone: Vec<Duration>,
    submitted: Duration,
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
    for run in 0..RUNS {
        scene.submit(&format!("accepted{run}")).await?;
    }
    let submitted = start.elapsed();
    scene.process.publish_pending().await?;
    Ok(Took { alone, submitted })
}

/// Files a second from many who upload at the same time and wait until each of theirs is public, as a server's clients do.
async fn together(scene: Scene, of: &str) -> anyhow::Result<Row> {
    let Scene { repository, process, place: _place } = scene;
    let wheels = |uploader: usize| {
        (0..EACH).map(move |file| WheelBuilder::new(&format!("together{uploader}-{file}"), "1.0").build())
    };
    let wheels: Vec<Vec<Archive>> = (0..UPLOADERS).map(|uploader| wheels(uploader).collect()).collect();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::spawn(process.run(async move { drop(stopped.await) }));
    let start = Instant::now();
    let mut uploaders = tokio::task::JoinSet::new();
    for wheels in wheels {
        let repository = repository.clone();
        uploaders.spawn(async move {
            for wheel in wheels {
                let receipt = submit(&repository, &wheel).await?;
                repository.published(&receipt, Duration::from_secs(60)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(uploader) = uploaders.join_next().await {
        uploader??;
    }
    let took = start.elapsed();
    drop(stop);
    writer.await??;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = (UPLOADERS * EACH) as f64 / took.as_secs_f64();
    let job = format!("publish {} files, {UPLOADERS} at the same time, {of}", UPLOADERS * EACH);
    Ok(Row::new(job, "files/s", Spread::of(vec![rate]), None))
}

impl Took {
    fn rows(&self, of: &str, peer: Option<Spread>) -> Vec<Row> {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let rate = Spread::of(vec![RUNS as f64 / self.submitted.as_secs_f64()]);
        let accept = format!("accept files durably, one after the other, {of}");
        vec![
            Row::new(format!("publish one file, {of}"), "ms", Spread::milliseconds(&self.alone), peer),
            Row::new(accept, "files/s", rate, None),
        ]
    }
}

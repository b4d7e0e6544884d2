//! Half a million targets signed for the first time, and every bin signed anew before it expires: what it costs, and for
//! how long an upload would wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use sealdex_repository::layout::{BinStyle, Layout};
use sealdex_repository::{Actor, ImportedFile};
use sealdex_simple::{DistributionFilename, Yanked};
use sealdex_tuf::Clock;
use sealdex_tuf::digest::HashAlgorithm;
use serde_json::Value;

use crate::figures::{Row, Spread};
use crate::python;
use crate::scene::Scene;
use crate::signing;
use crate::usage::{cpu, forget_peak, peak_mib};

const PROJECTS: usize = 25_000;
const FILES_A_PROJECT: usize = 20;

/// Behind the moment at which the last bin is due, and before any has expired.
const LATER: i64 = 61 * 24 * 3600;

/// A clock that is set forward.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let clock = Arc::new(SetClock(AtomicI64::new(Timestamp::now().as_second())));
    let layout = Layout::pep458(BinStyle::Succinct, 14)?;
    let mut scene = Scene::with(layout, Arc::<SetClock>::clone(&clock)).await?;
    let directory =
        |name: &str| Ok::<_, anyhow::Error>(scene.directory(name)?.to_string_lossy().into_owned());
    let numbers = [14, PROJECTS, FILES_A_PROJECT].map(|number| number.to_string());
    let [bits, projects, files] = &numbers;
    let alone = signing::run(&[bits, projects, files, &directory("metadata")?])?;
    let peer = python::run(&["first", bits, projects, files, &directory("python")?])?;
    let figure = |of: &Value, name: &str| of[name].as_f64().map(|figure| Spread::of(vec![figure]));
    import(&scene).await?;
    forget_peak()?;
    let start = (Instant::now(), cpu()?);
    scene.process.publish_pending().await?.context("nothing was published")?;
    let first = (start.0.elapsed(), cpu()? - start.1);
    let memory = peak_mib()?;
    clock.0.fetch_add(LATER, Ordering::SeqCst);
    let before = cpu()?;
    let mut parts = Vec::new();
    loop {
        let part = Instant::now();
        if scene.process.renew().await?.is_none() {
            break;
        }
        parts.push(part.elapsed());
    }
    let renewed = cpu()? - before;
    let status = scene.repository.status().await?;
    ensure!(status.bins.iter().all(|bins| bins.earliest_expiry > clock.now()), "a bin was not renewed");
    let targets = PROJECTS * FILES_A_PROJECT + PROJECTS;
    let seconds = |duration: Duration| Spread::of(vec![duration.as_secs_f64()]);
    let mut rows = Vec::new();
    let of_import = |seconds: Duration| Some(Spread::of(vec![seconds.as_secs_f64()]));
    for (job, ours) in [
        (
            format!("sign {targets} targets, 2 x 16384 bins: metadata alone"),
            ["seconds", "cpu_seconds", "peak_mib"].map(|name| figure(&alone, name)),
        ),
        (
            format!("publish an import of {targets} targets, 2 x 16384 bins, pages included"),
            [of_import(first.0), of_import(first.1), Some(Spread::of(vec![memory]))],
        ),
    ] {
        let named = [
            (job.as_str(), "s", "seconds"),
            ("... CPU", "s", "cpu_seconds"),
            ("... peak memory of the process", "MiB", "peak_mib"),
        ];
        for ((job, unit, name), ours) in named.into_iter().zip(ours) {
            rows.push(Row::new(job, unit, ours.context("a figure is missing")?, figure(&peer, name)));
        }
    }
    rows.push(Row::new(
        format!("renew all 2 x 16384 bins of {targets} targets, CPU"),
        "s",
        seconds(renewed),
        None,
    ));
    rows.push(Row::new(
        "... an upload in between waits at most for",
        "ms",
        Spread::milliseconds(&parts),
        None,
    ));
    Ok(rows)
}

async fn import(scene: &Scene) -> anyhow::Result<()> {
    for part in (0..PROJECTS).collect::<Vec<_>>().chunks(500) {
        let mut files = Vec::new();
        for project in part {
            for version in 0..FILES_A_PROJECT {
                let name = format!("project{project}-{version}.0-py3-none-any.whl");
                files.push(ImportedFile {
                    sha256: HashAlgorithm::Sha256.hex_digest(name.as_bytes()),
                    filename: DistributionFilename::parse(&name)?,
                    length: 1_000_000,
                    upload_time: Timestamp::UNIX_EPOCH,
                    requires_python: None,
                    yanked: Yanked::No,
                    core_metadata_sha256: None,
                    url: Some(format!("https://files.example/{name}")),
                });
            }
        }
        let checked = scene.repository.check_import(files);
        let outcome = scene.repository.import(checked, "bench", |_| String::new(), Actor::Local).await?;
        ensure!(outcome.refused.is_empty(), "refused: {:?}", outcome.refused);
    }
    scene.repository.finish_import("bench").await?.context("nothing was imported")?;
    Ok(())
}

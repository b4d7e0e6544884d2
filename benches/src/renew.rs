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

use crate::figures::{Row, Spread};
use crate::python;
use crate::scene::Scene;
use crate::signing;

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
    let directory = scene.directory("metadata")?;
    forget_peak()?;
    let start = (Instant::now(), cpu()?);
    signing::first(14, PROJECTS, FILES_A_PROJECT, &directory)?;
    let alone = (start.0.elapsed(), cpu()? - start.1, peak_mib()?);
    import(&scene).await?;
    forget_peak()?;
    let start = (Instant::now(), cpu()?);
    scene.process.publish_pending().await?.context("nothing was published")?;
    let first = (start.0.elapsed(), cpu()? - start.1);
    let memory = peak_mib()?;
    let directory = scene.directory("python")?;
    let directory = directory.to_string_lossy();
    let numbers = [14, PROJECTS, FILES_A_PROJECT].map(|number| number.to_string());
    let peer = python::run(&["first", &numbers[0], &numbers[1], &numbers[2], &directory])?;
    let peer = |figure: &str| peer[figure].as_f64().map(|figure| Spread::of(vec![figure]));

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
    let figure = |figure: f64| Spread::of(vec![figure]);
    Ok(vec![
        Row::new(
            format!("sign {targets} targets, 2 x 16384 bins: metadata alone"),
            "s",
            seconds(alone.0),
            peer("seconds"),
        ),
        Row::new("... CPU", "s", seconds(alone.1), peer("cpu_seconds")),
        Row::new("... peak memory of the process", "MiB", figure(alone.2), peer("peak_mib")),
        Row::new(
            format!("publish an import of {targets} targets, 2 x 16384 bins, pages included"),
            "s",
            seconds(first.0),
            peer("seconds"),
        ),
        Row::new("... CPU", "s", seconds(first.1), peer("cpu_seconds")),
        Row::new("... peak memory of the process", "MiB", figure(memory), peer("peak_mib")),
        Row::new(format!("renew all 2 x 16384 bins of {targets} targets, CPU"), "s", seconds(renewed), None),
        Row::new("... an upload in between waits at most for", "ms", Spread::milliseconds(&parts), None),
    ])
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

/// Lets the kernel count the peak of memory from now on.
fn forget_peak() -> anyhow::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of memory")
}

fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kibibytes: f64 = peak.split_whitespace().next().context("the kernel names no peak")?.parse()?;
    Ok(kibibytes / 1024.0)
}

/// CPU time of this process so far.
fn cpu() -> anyhow::Result<Duration> {
    Ok(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).try_into()?)
}

//! Measures how long one publication takes: `cargo run --release -p sealdex-repository --example publish_latency`.
//!
//! A repository is made in a temporary folder below the current directory, so that its file system's synchronisation is
//! what is measured. The time for synchronising alone (a file, a directory) is measured beside it.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{
    Actor, AddDistribution, Development, InitialKeys, Layout, Repository, RepositoryDirectory, Settings,
    SnapshotProcess, Transaction,
};
use sealdex_simple::DistributionFilename;
use sealdex_tuf::{KeyPair, Scheme, Signer};

const ROUNDS: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir_in(".")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "fsync of a new 4 KiB file and its folder: {:?}", synchronisation(folder.path())?)?;
    for bit_length in [8, 14] {
        let layout = Layout::pep458(BinStyle::Succinct, bit_length)?;
        let bins = 1u32 << bit_length;
        let started = Instant::now();
        let (repository, mut writer) = create(&folder.path().join(format!("{bins}")), layout).await?;
        writeln!(out, "{bins} bins twice: created in {:?}", started.elapsed())?;
        let (mut submits, mut publishes) = (Vec::new(), Vec::new());
        for number in 0..ROUNDS {
            let started = Instant::now();
            submit(&repository, number).await.map_err(|error| error.to_string())?;
            submits.push(started.elapsed());
            let started = Instant::now();
            writer.publish_pending().await?;
            publishes.push(started.elapsed());
        }
        writeln!(
            out,
            "  receive and submit, median {:?}, p95 {:?}",
            at(&mut submits, 50),
            at(&mut submits, 95)
        )?;
        writeln!(
            out,
            "  publish_pending, median {:?}, p95 {:?}",
            at(&mut publishes, 50),
            at(&mut publishes, 95)
        )?;
        let rate = sustained(repository, writer).await?;
        writeln!(out, "  32 uploaders at once: {rate:.0} files a second submitted and published")?;
    }
    Ok(())
}

async fn create(
    folder: &Path,
    layout: Layout,
) -> Result<(Repository, SnapshotProcess), Box<dyn std::error::Error>> {
    let key = || -> Result<Arc<dyn Signer>, sealdex_tuf::Error> {
        Ok(Arc::new(KeyPair::generate(&Scheme::Ed25519)?))
    };
    let online = key()?;
    let keys = InitialKeys {
        root: vec![key()?],
        root_threshold: 1,
        targets: vec![key()?],
        targets_threshold: 1,
        online: Arc::clone(&online),
        development: Development::Yes,
    };
    let directory = RepositoryDirectory::new(folder);
    let clock = Arc::new(jiff::Timestamp::now);
    let repository = Repository::create(directory, Settings::new(layout), &keys, clock).await?;
    let writer = SnapshotProcess::acquire(&repository, online).await?.ok_or("there is another writer")?;
    Ok((repository, writer))
}

async fn submit(
    repository: &Repository,
    number: usize,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut staged = repository.stage()?;
    staged.write(format!("content of {number}").as_bytes())?;
    let received = staged.finish().await?;
    let filename = DistributionFilename::parse(&format!("p{number}-1.0.tar.gz"))?;
    let add = AddDistribution { filename, received, metadata: None, upload_time: None };
    let receipt = repository.submit(Transaction::AddDistribution(add), Actor::Local).await?;
    if number >= ROUNDS {
        repository.published(&receipt, Duration::from_secs(60)).await?;
    }
    Ok(())
}

/// Many upload while one publishes.
async fn sustained(
    repository: Repository,
    writer: SnapshotProcess,
) -> Result<f64, Box<dyn std::error::Error>> {
    const FILES: usize = 3200;
    const UPLOADERS: usize = 32;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(writer.run(async {
        let _ = stopped.await;
    }));
    let started = Instant::now();
    let tasks: Vec<_> = (0..UPLOADERS)
        .map(|uploader| {
            let repository = repository.clone();
            tokio::spawn(async move {
                for number in (ROUNDS + uploader..ROUNDS + FILES).step_by(UPLOADERS) {
                    submit(&repository, number).await.map_err(|error| error.to_string())?;
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let rate = f64::from(u32::try_from(FILES)?) / started.elapsed().as_secs_f64();
    let _ = stop.send(());
    running.await??;
    Ok(rate)
}

fn synchronisation(folder: &Path) -> Result<Duration, std::io::Error> {
    let mut times = Vec::new();
    for number in 0..50 {
        let started = Instant::now();
        let mut file = std::fs::File::create(folder.join(format!("probe-{number}")))?;
        file.write_all(&[0; 4096])?;
        file.sync_all()?;
        std::fs::File::open(folder)?.sync_all()?;
        times.push(started.elapsed());
    }
    Ok(at(&mut times, 50))
}

/// The given percentile.
fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

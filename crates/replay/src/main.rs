//! `cargo xtask replay`: uploads to a server at several rates, and how long it takes until a client can verify them.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool says what it does")]

mod pace;
mod report;
mod server;
mod upload;
mod verifier;
mod wheels;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;
use sealdex_workload::Population;

use pace::Pace;
use server::Server;
use verifier::Verifier;
use wheels::Wheels;

/// Replays uploads against a server of its own, and verifies each as a client.
#[derive(Parser)]
struct Arguments {
    /// The `sealdex` to measure.
    #[arg(long)]
    sealdex: PathBuf,
    /// The repository, with development keys; uploads are added to it.
    #[arg(long)]
    repository: PathBuf,
    /// Projects of the repository: uploads go to them, and to new ones.
    #[arg(long)]
    projects: u32,
    /// Files a time: `7.4/min`, `60/min`, `20/s`, or `flat-out`; several, one after the other.
    #[arg(long = "rate", required = true)]
    rates: Vec<Pace>,
    /// How long each goes on.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Uploads at the same time when it goes flat out.
    #[arg(long, default_value_t = 256)]
    connections: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.seconds > 0 && arguments.connections > 0, "nothing is to be uploaded");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let population = Population::new(arguments.projects).context("too many projects, or none")?;
    let server = Server::start(&arguments.sealdex, &arguments.repository).await?;
    let verifier = Verifier::new(&server).await?;
    let mut wheels = Wheels::new(&population, jiff::Timestamp::now());
    report::head();
    for pace in &arguments.rates {
        eprintln!("{pace} for {} s ...", arguments.seconds);
        let before = server.cost()?;
        let measured = pace.replay(arguments, &server, &verifier, &mut wheels).await?;
        report::row(*pace, &measured, &before, &server.cost()?);
    }
    server.stop()
}

//! The client under test of the tuf-conformance suite: its CLIENT-CLI.md on top of `sealdex_tuf::Updater`.
//!
//! The thinnest shell there can be around the core, so that what the suite says is about the core. See
//! docs/conformance.md for how to run it.
#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a command line tool talks to its user")]

mod fetch;
mod session;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::fetch::Fetcher;
use crate::session::Session;
use crate::store::Store;

/// A TUF client for the tuf-conformance suite.
#[derive(Parser)]
struct Arguments {
    /// Directory of the trusted metadata.
    #[arg(long)]
    metadata_dir: PathBuf,
    #[command(flatten)]
    repository: RepositoryArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct RepositoryArguments {
    /// Base URL of the repository's metadata.
    #[arg(long)]
    metadata_url: Option<String>,
    /// Path of a target to download; may be repeated.
    #[arg(long)]
    target_name: Vec<String>,
    /// Base URL of the repository's targets.
    #[arg(long)]
    target_base_url: Option<String>,
    /// Directory that downloaded targets are kept in.
    #[arg(long)]
    target_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Trust this root.
    Init {
        /// The file with the initial root metadata.
        trusted_root: PathBuf,
    },
    /// Update the top-level metadata.
    Refresh,
    /// Update the top-level metadata and download the targets.
    Download,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if let Some(attack) = error.downcast_ref().and_then(sealdex_tuf::Error::attack) {
                eprintln!("this looks like: {attack}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let store = Store::new(&arguments.metadata_dir);
    let repository = &arguments.repository;
    match &arguments.command {
        Command::Init { trusted_root } => {
            let root = std::fs::read(trusted_root)
                .with_context(|| format!("{} cannot be read", trusted_root.display()))?;
            store.write(&sealdex_tuf::RoleName::root(), &root)
        }
        Command::Refresh => refresh(store, repository).map(|_| ()),
        Command::Download => {
            let mut session = refresh(store, repository)?;
            let base = repository.target_base_url.as_deref().context("--target-base-url is missing")?;
            let directory = repository.target_dir.as_deref().context("--target-dir is missing")?;
            let targets = Fetcher::new(base);
            repository.target_name.iter().try_for_each(|name| session.download(name, &targets, directory))
        }
    }
}

fn refresh(store: Store, repository: &RepositoryArguments) -> Result<Session> {
    let base = repository.metadata_url.as_deref().context("--metadata-url is missing")?;
    Session::refresh(store, Fetcher::new(base), jiff::Timestamp::now())
}

//! The `sealdex` command.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod environment;
mod failure;
mod limits;
mod output;
mod passphrase;
mod policy;
mod shutdown;

use std::io;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, LogFormat};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(&cli);
    let outcome = tokio::runtime::Runtime::new()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(commands::run(cli)));
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Logs go to standard error: warnings alone unless more is asked for; `serve` also says what it does.
fn log(cli: &Cli) {
    let default = match (cli.verbose, &cli.command) {
        (0, cli::Command::Serve(_)) => "warn,sealdex=info,sealdex_server=info,sealdex_repository=info",
        (0, _) => "error",
        (1, _) => "warn,sealdex=info,sealdex_server=info,sealdex_client=info,sealdex_repository=info",
        (_, _) => "info,sealdex=debug,sealdex_server=debug,sealdex_client=debug,sealdex_repository=debug",
    };
    let filter = std::env::var(environment::LOG)
        .ok()
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never);
    match cli.log_format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

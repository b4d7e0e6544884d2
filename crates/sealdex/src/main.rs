//! The `sealdex` command.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod environment;
mod failure;
mod inherited;
mod limits;
mod output;
mod passphrase;
mod policy;
mod shutdown;

use std::io;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::EnvFilter;

use cli::{Cli, LogFormat};
use failure::Failure;

/// Names, digests and rows are millions of small pieces of memory: with the system's own allocator they take half as much
/// time again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads for files and whatever else blocks: enough to keep a disk busy. Each keeps some memory to itself.
const BLOCKING_THREADS: usize = 64;

fn main() -> ExitCode {
    let mut cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| misunderstood(&error));
    log(&cli);
    if let cli::Command::Proxy(arguments) = &mut cli.command {
        // Here, while there is one thread: variables are taken away.
        match inherited::socket() {
            Ok(socket) => arguments.inherited = socket,
            Err(failure) => return failure.report(),
        }
    }
    if let cli::Command::Child(arguments) = &cli.command {
        // It becomes another program: threads would be begun for nothing.
        return commands::child(arguments).unwrap_or_else(|failure| failure.report());
    }
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(commands::run(cli)));
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Tells of wrong usage, or gives the help that was asked for. What is quoted of the command line is escaped first, for it
/// may hold anything.
fn misunderstood(error: &clap::Error) -> Cli {
    let words = std::env::args_os().map(|word| output::plain(&word.to_string_lossy()));
    match Cli::read(words) {
        Err(shown) => shown.exit(),
        Ok(_) => error.exit(),
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
    let filter = environment::text(environment::LOG)
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

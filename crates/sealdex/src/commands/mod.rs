//! The commands, one file each.

mod add;
mod cache;
mod collect;
mod completions;
mod config;
mod demo;
mod doctor;
mod export;
mod fetch;
mod import;
mod init;
mod installer;
mod layout;
mod log;
mod man;
mod offline;
mod pip;
mod poetry_settings;
mod policy;
mod programs;
mod proxy;
mod publish;
mod refused;
mod remove;
mod report;
mod run;
mod serve;
mod setup;
mod status;
mod token;
mod tool_caches;
mod trust;
mod trusted;
mod unverified;
mod uv;
mod uv_settings;
mod verify;
mod watch;
mod yank;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

pub(crate) use run::child;
pub(crate) use trusted::refused;

/// Runs the command that was asked for.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let format = cli.format;
    match cli.command {
        Command::Demo(arguments) => demo::run(arguments).await?,
        Command::Init(arguments) => init::run(arguments, format).await?,
        Command::Add(arguments) => add::run(arguments, format).await?,
        Command::Import(arguments) => import::run(arguments, format).await?,
        Command::Collect(arguments) => collect::run(arguments, format).await?,
        Command::Verify(arguments) => verify::run(arguments, format).await?,
        Command::Layout(arguments) => layout::run(arguments, format).await?,
        Command::Remove(arguments) => remove::run(arguments, format).await?,
        Command::Yank(arguments) => yank::run(arguments, format).await?,
        Command::Serve(arguments) => serve::run(arguments).await?,
        Command::Export(arguments) => export::run(arguments, format).await?,
        Command::Status(arguments) => return status::run(arguments, format).await,
        Command::Token(arguments) => token::run(arguments, format).await?,
        Command::Trust(arguments) => trust::run(arguments, format).await?,
        Command::Pip(arguments) => return pip::run(arguments).await,
        Command::Uv(arguments) => return uv::run(&arguments).await,
        Command::Run(arguments) => {
            return run::run("run", &arguments.interposition, &arguments.command).await;
        }
        Command::Child(arguments) => return child(&arguments),
        Command::Proxy(arguments) => proxy::run(arguments).await?,
        Command::Setup(arguments) => setup::run(&arguments)?,
        Command::Doctor => return doctor::run(format).await,
        Command::Log(arguments) => log::run(&arguments, format)?,
        Command::Policy(command) => policy::run(command, format).await?,
        Command::Fetch(arguments) => fetch::run(arguments, format).await?,
        Command::Cache(arguments) => cache::run(arguments, format)?,
        Command::Config(arguments) => config::run(&arguments, format)?,
        Command::Completions { shell } => completions::run(shell),
        Command::Man { directory } => man::run(&directory)?,
    }
    Ok(ExitCode::SUCCESS)
}

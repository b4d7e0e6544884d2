//! `cargo xtask replay`: uploads to a repository as it is in use, at several rates.

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{command, scale};

/// To what, how fast, for how long.
#[derive(Args)]
#[command(after_help = "\
Builds a repository first, as `cargo xtask scale` does; one that `scale --keep` left behind is used as it is. Uploads are small wheels, sent over HTTP to a server in a process
of its own; a client that was here before verifies each, or a part of them when it goes flat out.

Examples:
  cargo xtask replay                                   500,000 files; 7.4 and 60 a minute, 20 a second, flat out
  cargo xtask replay --projects 740000                 at the size of PyPI
  cargo xtask replay --postgresql                      the state in a PostgreSQL of its own
  cargo xtask replay --rate flat-out --directory /dev/shm/replay")]
pub(crate) struct Arguments {
    /// Projects that are there before the first upload; files a project are as on PyPI.
    #[arg(long, default_value_t = 20_000)]
    projects: u32,
    #[command(flatten)]
    place: scale::Place,

    /// Files a time: like 7.4/min, 20/s, or flat-out; repeat for more, one after the other.
    #[arg(long = "rate", value_name = "RATE", default_values = ["7.4/min", "60/min", "20/s", "flat-out"])]
    rates: Vec<String>,

    /// How long each goes on.
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// Uploads at the same time when it goes flat out.
    #[arg(long, default_value_t = 256)]
    connections: usize,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let Arguments { projects, place, rates, seconds, connections } = arguments;
    let repository = place.repository(workspace);
    let is_there = repository.exists();
    let database = scale::Database::of(place)?;
    if !is_there {
        scale::build(workspace, *projects, place, &database)?;
    }
    let mut build = workspace.cargo()?;
    command::run(build.args(["build", "--release", "--package", "sealdex", "--package", "sealdex-replay"]))?;
    let tools = workspace.target.join("release");
    let mut replay = database.command(&tools.join("sealdex-replay"));
    replay.arg("--sealdex").arg(tools.join("sealdex")).arg("--repository").arg(&repository);
    for (name, value) in [
        ("--projects", u64::from(*projects)),
        ("--seconds", *seconds),
        ("--connections", *connections as u64),
    ] {
        replay.arg(name).arg(value.to_string());
    }
    for rate in rates {
        replay.args(["--rate", rate]);
    }
    println!();
    let outcome = command::run(&mut replay);
    if !is_there {
        place.clean(workspace)?;
    }
    outcome
}

//! What a client does: refresh, look up, verify. Three clients in the same run, each in processes of its own.

mod child;
mod client;
mod files;
mod sealdex;
mod sigstore_tuf;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use sealdex_repository::layout::BinStyle;
use sealdex_testkit::python;
use serde_json::Value;

use crate::figures::{Row, Spread};
use crate::python as python_tuf;

pub(crate) use child::run as run_child;
pub(crate) use client::measure as measure_client;
pub(crate) use files::measure as measure_files;

/// Processes started anew for each figure of a whole process.
const PROCESSES: usize = 5;

/// The clients compared. The first one is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Sealdex,
    PythonTuf,
    SigstoreTuf,
}

impl Peer {
    const ALL: [Self; 3] = [Self::Sealdex, Self::PythonTuf, Self::SigstoreTuf];

    /// Those that find targets in bins of this style: sigstore-tuf does not know succinct ones.
    fn of(style: BinStyle) -> &'static [Self] {
        match style {
            BinStyle::Succinct => &[Self::Sealdex, Self::PythonTuf],
            BinStyle::Explicit => &Self::ALL,
        }
    }

    /// Runs a job in a process of this client, and gives what it printed.
    fn run(self, arguments: &[&str]) -> anyhow::Result<Value> {
        let name = match self {
            Self::PythonTuf => return python_tuf::run(arguments),
            Self::Sealdex => "sealdex",
            Self::SigstoreTuf => "sigstore-tuf",
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", name]).args(arguments);
        let output = python::run(&mut command, Duration::from_secs(300)).expect_success();
        serde_json::from_str(&output.stdout).with_context(|| format!("{name}'s job printed no JSON"))
    }
}

/// Rows of the figures `names`, by every client of `peers`.
fn rows(
    peers: &[Peer],
    title: &str,
    figures: &[(&'static str, &'static str, &'static str)],
    run: impl Fn(Peer) -> anyhow::Result<Vec<Value>>,
) -> anyhow::Result<Vec<Row>> {
    let results: Vec<Vec<Value>> = peers.iter().map(|&peer| run(peer)).collect::<Result<_, _>>()?;
    figures
        .iter()
        .map(|&(key, name, unit)| {
            let of = |peer: Peer| -> anyhow::Result<Option<Spread>> {
                let Some(at) = peers.iter().position(|&own| own == peer) else { return Ok(None) };
                let numbers = results[at].iter().flat_map(|result| match &result[key] {
                    Value::Array(numbers) => numbers.iter().filter_map(Value::as_f64).collect(),
                    number => Vec::from_iter(number.as_f64()),
                });
                let numbers: Vec<f64> = numbers.collect();
                ensure!(!numbers.is_empty(), "{peer:?} gave no figure {key}");
                Ok(Some(Spread::of(numbers)))
            };
            let ours = of(Peer::Sealdex)?.context("we were not measured")?;
            let row = Row::new(format!("{name}, {title}"), unit, ours, of(Peer::PythonTuf)?);
            Ok(row.with_sigstore_tuf(of(Peer::SigstoreTuf)?))
        })
        .collect()
}

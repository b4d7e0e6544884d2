//! `sealdex-workload`: writes the workload for others to read.
#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a command line tool says what it has done")]

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};
use jiff::SignedDuration;
use sealdex_workload::{PYPI_PROJECTS, Population, START, Uploads, manifest};

/// A package index of PyPI's size as data, the same on every machine.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every file of the index, a JSON line each, grouped by project.
    Manifest(Output),
    /// The files uploaded after that, in the order of time, a JSON line each.
    Uploads {
        #[command(flatten)]
        output: Output,
        /// For so many hours.
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
}

#[derive(clap::Args)]
struct Output {
    /// How many projects; rates and the largest project shrink with it.
    #[arg(long, default_value_t = PYPI_PROJECTS)]
    projects: u32,
    /// The file to write; standard output when none is given.
    #[arg(long)]
    output: Option<PathBuf>,
}

impl Output {
    fn population(&self) -> anyhow::Result<Population> {
        Population::new(self.projects)
            .with_context(|| format!("1 to {} projects are possible", Population::MAX_PROJECTS))
    }

    fn writer(&self) -> anyhow::Result<Box<dyn Write>> {
        Ok(match &self.output {
            Some(path) => {
                let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
                Box::new(BufWriter::with_capacity(1 << 20, file))
            }
            None => Box::new(BufWriter::with_capacity(1 << 20, stdout().lock())),
        })
    }
}

fn main() -> anyhow::Result<()> {
    let started = Instant::now();
    let files = match Arguments::parse().command {
        Command::Manifest(output) => {
            let (population, mut out) = (output.population()?, output.writer()?);
            let written = manifest::write_manifest(&population, &mut out)?;
            out.flush()?;
            eprintln!("{} projects, {} releases", written.projects, written.releases);
            written.files
        }
        Command::Uploads { output, hours } => {
            let (population, mut out) = (output.population()?, output.writer()?);
            let end = START.checked_add(SignedDuration::from_hours(hours.into()))?;
            let (mut files, mut line) = (0, Vec::new());
            for upload in Uploads::starting(&population, START).take_while(|upload| upload.at < end) {
                line.clear();
                upload.write_line(&population, &mut line);
                out.write_all(&line)?;
                files += 1;
            }
            out.flush()?;
            files
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{files} files in {seconds:.1} s, {:.0} a second", files as f64 / seconds);
    Ok(())
}

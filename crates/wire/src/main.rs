//! `cargo xtask bench -- wire`: measures, and writes tables, pictures and figures into a folder.
#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a command line tool says what it does")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use sealdex_wire::cost::{Bins, Files};
use sealdex_wire::encoding::Lengths;
use sealdex_wire::layout::LAYOUTS;
use sealdex_wire::metadata::Keys;
use sealdex_wire::report::{Measured, PACKAGES};
use sealdex_wire::world::{BIT_LENGTHS, World};
use sealdex_wire::{levels, merkle, pages};
use sealdex_workload::{PYPI_PROJECTS, Population};

/// Where the tables go in `wire.md`.
const MARKS: (&str, &str) = ("<!-- tables: cargo xtask bench -- wire -->\n", "<!-- end of tables -->\n");

/// Measures what metadata costs on the wire, for all layouts, numbers of bins and encodings.
#[derive(Parser)]
struct Arguments {
    /// Where wire.md is, and the pictures and wire.csv go.
    #[arg(default_value = "docs/benchmarks")]
    folder: PathBuf,
    /// Projects of the index: fewer to try it out.
    #[arg(long, default_value_t = PYPI_PROJECTS)]
    projects: u32,
    /// Installations of which median and highest are shown.
    #[arg(long, default_value_t = 5)]
    samples: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.samples > 0, "there must be a sample");
    let started = Instant::now();
    let measured = measure(&arguments)?;
    fs::create_dir_all(&arguments.folder)?;
    fs::write(arguments.folder.join("wire.csv"), measured.csv())?;
    for (name, svg) in measured.plots()? {
        fs::write(arguments.folder.join(name), svg)?;
    }
    write_tables(&arguments.folder.join("wire.md"), &measured.tables())?;
    eprintln!("done in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn measure(arguments: &Arguments) -> anyhow::Result<Measured> {
    let population = Population::new(arguments.projects).context("too many projects, or none")?;
    let most = u32::try_from(PACKAGES[PACKAGES.len() - 1])?;
    eprintln!("replaying uploads to {} projects ...", arguments.projects);
    let world = World::replay(&population, arguments.samples, most, &BIT_LENGTHS);
    let keys = Keys::new()?;
    let (mut bins, mut files, mut times) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for bits in BIT_LENGTHS {
        eprintln!("signing and compressing with {} bins ...", 1_u32 << bits);
        let own = Bins::measure(&world, &keys, bits)?;
        for (place, layout) in LAYOUTS.into_iter().enumerate() {
            files.insert((place, bits), Files::measure(&world, &keys, layout, bits, &own)?);
        }
        bins.insert(bits, own);
        times.insert(bits, merkle::measure(&world, bits)?);
    }
    eprintln!("pages ...");
    let mut page_lengths: BTreeMap<u32, Lengths> = BTreeMap::new();
    for package in world.samples.iter().flatten() {
        let uploads = world.uploads.get(&package.project).map_or(&[][..], Vec::as_slice);
        page_lengths.insert(package.project, pages::measure(&population, package.project, uploads)?);
    }
    let levels = levels::measure(&world, &keys)?;
    let index = population.iter().fold((0, 0), |(projects, files), project| {
        (projects + 1, files + u64::from(project.releases) * u64::from(project.kind.files()))
    });
    Ok(Measured { world, bins, files, times, pages: page_lengths, levels, index })
}

/// Replaces what stands between the marks, or makes a file of nothing else.
fn write_tables(path: &std::path::Path, tables: &str) -> anyhow::Result<()> {
    let page = fs::read_to_string(path).unwrap_or_else(|_| format!("{}{}", MARKS.0, MARKS.1));
    let (before, rest) = page.split_once(MARKS.0).context("wire.md has lost the mark before its tables")?;
    let (_, after) = rest.split_once(MARKS.1).context("wire.md has lost the mark after its tables")?;
    fs::write(path, format!("{before}{}\n{tables}{}{after}", MARKS.0, MARKS.1))?;
    Ok(())
}

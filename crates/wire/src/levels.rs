//! What levels of zstd give and take, with 16,384 bins.

use std::time::Instant;

use anyhow::Context;

use crate::cost::roles;
use crate::encoding::{delta_length, zstd_length};
use crate::layout::LAYOUTS;
use crate::metadata::{Keys, Set};
use crate::moment::{Away, NOW};
use crate::versions::bin_name;
use crate::world::World;

const BIT_LENGTH: u8 = 14;
const LEVELS: [i32; 5] = [1, 3, 9, 15, 19];

/// One file at one level.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Its length.
    pub bytes: usize,
    /// The time of the shortest of three runs.
    pub milliseconds: f64,
}

/// One level.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// zstd's number for it.
    pub level: i32,
    /// The snapshot.
    pub snapshot: Trial,
    /// A bin of pages.
    pub bin: Trial,
    /// The snapshot as the difference from that of a day ago.
    pub difference: Trial,
}

/// Measures.
///
/// # Errors
/// Those of signing and compressing.
pub fn measure(world: &World, keys: &Keys) -> anyhow::Result<Vec<Level>> {
    let layout =
        LAYOUTS.into_iter().find(|layout| layout.name == "succinct, index-only").context("no layout")?;
    let (version, then) = (world.publications.0, world.publications.1[Away::Day.index()]);
    let now = keys.snapshot(version, NOW, &roles(world, layout, BIT_LENGTH, None)?)?;
    let day = Some(Away::Day);
    let old = keys.snapshot(then, Away::Day.moment(), &roles(world, layout, BIT_LENGTH, day)?)?;
    let number = world.touched(Set::Index, BIT_LENGTH).into_iter().next().context("no bin is touched")?;
    let bins = world.bins.get(&(Set::Index, BIT_LENGTH)).context("these bins were not replayed")?;
    let targets = world.targets(Set::Index, BIT_LENGTH, NOW);
    let name = bin_name(Set::Index.name(), BIT_LENGTH, number);
    let bin = keys.bin(&name, bins.now[number], targets.get(&number).into_iter().flatten().copied())?;
    let levels = LEVELS.into_iter().map(|level| {
        Ok(Level {
            level,
            snapshot: timed(|| zstd_length(&now, level))?,
            bin: timed(|| zstd_length(&bin, level))?,
            difference: timed(|| delta_length(&now, &old, level))?,
        })
    });
    levels.collect()
}

fn timed(work: impl Fn() -> anyhow::Result<usize>) -> anyhow::Result<Trial> {
    let mut shortest = Trial { bytes: 0, milliseconds: f64::INFINITY };
    for _ in 0..3 {
        let start = Instant::now();
        shortest.bytes = work()?;
        shortest.milliseconds = shortest.milliseconds.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(shortest)
}

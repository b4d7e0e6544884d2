//! Every figure as CSV, and pictures. The tables are in `tables.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;

use crate::cost::{Bins, Cost, Files};
use crate::encoding::{Encoding, Lengths};
use crate::layout::{Client, LAYOUTS, Layout, Versions};
use crate::levels::Level;
use crate::merkle::Times;
use crate::metadata::Style;
use crate::moment::Away;
use crate::plot::{Group, bars};
use crate::tables::thousands;
use crate::world::{BIT_LENGTHS, World};

/// Packages of an installation.
pub const PACKAGES: [usize; 3] = [1, 10, 50];

/// Everything that was measured.
pub struct Measured {
    /// What it was measured in.
    pub world: World,
    /// By number of bins, log2.
    pub bins: BTreeMap<u8, Bins>,
    /// By layout (its place) and number of bins.
    pub files: BTreeMap<(usize, u8), Files>,
    /// Merkle trees' computing times, by number of bins.
    pub times: BTreeMap<u8, Times>,
    /// Pages, by project.
    pub pages: BTreeMap<u32, Lengths>,
    /// Levels of zstd.
    pub levels: Vec<Level>,
    /// Projects and files of the index.
    pub index: (u64, u64),
}

/// A sum over samples.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: Cost,
    pub(crate) highest: usize,
}

impl Measured {
    pub(crate) fn spread(
        &self,
        layout: usize,
        bits: u8,
        packages: usize,
        client: Client,
        encoding: Encoding,
    ) -> Option<Spread> {
        let files = self.files.get(&(layout, bits))?;
        let costs = self
            .world
            .samples
            .iter()
            .map(|sample| files.cost(&sample[..packages.min(sample.len())], client, encoding));
        let mut costs: Vec<Cost> = costs.collect();
        costs.sort_by_key(|cost| cost.bytes);
        Some(Spread { median: *costs.get(costs.len() / 2)?, highest: costs.last()?.bytes })
    }

    /// Every combination, a line each.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut csv =
            "layout,bins,client,packages,encoding,median_bytes,highest_bytes,requests,trips\n".to_owned();
        for (place, layout) in LAYOUTS.iter().enumerate() {
            for bits in BIT_LENGTHS {
                for client in Client::all() {
                    for packages in PACKAGES {
                        for encoding in Encoding::ALL {
                            let Some(Spread { median, highest }) =
                                self.spread(place, bits, packages, client, encoding)
                            else {
                                continue;
                            };
                            let Cost { bytes, requests, trips } = median;
                            let _ = writeln!(
                                csv,
                                "\"{}\",{},\"{}\",{packages},{},{bytes},{highest},{requests},{trips}",
                                short_name(layout),
                                1_u32 << bits,
                                client.name(),
                                encoding.name(),
                            );
                        }
                    }
                }
            }
        }
        csv
    }

    /// The pictures: file name and SVG.
    ///
    /// # Errors
    /// When something that they show was not measured.
    pub fn plots(&self) -> anyhow::Result<Vec<(String, String)>> {
        let names: Vec<&str> = LAYOUTS.iter().map(|layout| short_name(layout)).collect();
        let mut plots = Vec::new();
        for (file, title, client, budget) in [
            ("wire-new.svg", "a new client", Client::New, 250.0),
            ("wire-day.svg", "a client that was here a day ago", Client::Same(Away::Day), 40.0),
            ("wire-hour.svg", "a client that was here an hour ago", Client::Same(Away::Hour), 8.0),
        ] {
            let mut groups = Vec::new();
            for bits in BIT_LENGTHS {
                let values =
                    (0..LAYOUTS.len()).map(|layout| self.kilobytes_of(layout, bits, client, Encoding::Delta));
                let name = format!("{} bins", thousands(1 << bits));
                groups.push(Group { name, values: values.collect::<anyhow::Result<_>>()? });
            }
            let title = format!("Metadata for 50 packages, {title}: KB with dcz");
            plots.push((file.to_owned(), bars(&title, &names, &groups, Some(budget))));
        }
        let place = LAYOUTS.len() - 2;
        let mut groups = Vec::new();
        let clients = [Client::New].into_iter().chain(Away::ALL.into_iter().map(Client::Same));
        for client in clients {
            let values =
                Encoding::ALL.into_iter().map(|encoding| self.kilobytes_of(place, 14, client, encoding));
            groups.push(Group { name: client.name(), values: values.collect::<anyhow::Result<_>>()? });
        }
        let encodings = Encoding::ALL.map(Encoding::name);
        let title = format!("{}, 16,384 bins, 50 packages: KB by encoding", LAYOUTS[place].name);
        plots.push(("wire-encodings.svg".to_owned(), bars(&title, &encodings, &groups, None)));
        Ok(plots)
    }

    fn kilobytes_of(
        &self,
        layout: usize,
        bits: u8,
        client: Client,
        encoding: Encoding,
    ) -> anyhow::Result<f64> {
        let spread = self.spread(layout, bits, 50, client, encoding).context("this was not measured")?;
        Ok(spread.median.bytes as f64 / 1e3)
    }
}

fn short_name(layout: &Layout) -> &'static str {
    match (layout.style, layout.versions, layout.sets.len(), layout.read.len()) {
        (_, Versions::Merkle, ..) => "Merkle",
        (Style::Explicit, _, 2, _) => "explicit, files",
        (Style::Explicit, ..) => "explicit, pages",
        (Style::Succinct, _, 2, 2) => "succinct, files",
        (Style::Succinct, _, 2, _) => "files not read",
        (Style::Succinct, ..) => "index-only",
    }
}

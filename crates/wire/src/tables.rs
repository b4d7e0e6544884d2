//! Tables in Markdown.

use std::fmt::Write;

use crate::cost::Cost;
use crate::encoding::{Encoding, Lengths};
use crate::http::overhead;
use crate::layout::{Client, LAYOUTS, Versions};
use crate::levels::{Level, Trial};
use crate::metadata::{Set, Style};
use crate::moment::Away;
use crate::pep458::{Assumptions, IN_2019, MERCURY, estimate};
use crate::report::{Measured, Spread};
use crate::world::BIT_LENGTHS;

/// Bytes of an average downloaded file today.
const DOWNLOAD_BYTES: u64 = 1_430_000;

impl Measured {
    /// All tables.
    #[must_use]
    pub fn tables(&self) -> String {
        let mut out = String::new();
        let same: Vec<Client> =
            [Client::New].into_iter().chain(Away::ALL.into_iter().map(Client::Same)).collect();
        let other: Vec<Client> = Away::ALL.into_iter().map(Client::Other).collect();
        section(&mut out, "50 packages, the same as last time");
        text(
            &mut out,
            "KB of metadata with `dcz` (`zstd` for what is new to the client): median of the samples, and in brackets the highest.",
        );
        self.by_layout(&mut out, 50, &same);
        section(&mut out, "50 packages, none of them in a bin that the client has");
        self.by_layout(&mut out, 50, &other);
        section(&mut out, "10 packages, the same as last time");
        self.by_layout(&mut out, 10, &same);
        section(&mut out, "One package, the same as last time");
        self.by_layout(&mut out, 1, &same);
        self.encodings(&mut out, &same);
        self.budgets(&mut out);
        self.single_files(&mut out);
        self.merkle(&mut out);
        self.others(&mut out);
        self.index_pages(&mut out);
        self.compression(&mut out);
        out
    }

    fn by_layout(&self, out: &mut String, packages: usize, clients: &[Client]) {
        let names: Vec<String> = clients.iter().map(|client| client.name()).collect();
        let _ = writeln!(out, "| layout | bins | {} |", names.join(" | "));
        let _ = writeln!(out, "|---|---|{}", "---|".repeat(clients.len()));
        for (place, layout) in LAYOUTS.iter().enumerate() {
            for bits in BIT_LENGTHS {
                let cells = clients.iter().map(|&client| {
                    let spread = self.spread(place, bits, packages, client, Encoding::Delta);
                    spread.map_or_else(String::new, |Spread { median, highest }| {
                        format!("{} ({})", kilobytes(median.bytes), kilobytes(highest))
                    })
                });
                let cells: Vec<String> = cells.collect();
                let _ =
                    writeln!(out, "| {} | {} | {} |", layout.name, thousands(1 << bits), cells.join(" | "));
            }
        }
        out.push('\n');
    }

    fn encodings(&self, out: &mut String, clients: &[Client]) {
        section(out, "What the encodings do");
        text(out, "KB of metadata, 16,384 bins, 50 packages, the same as last time.");
        let names: Vec<String> = clients.iter().map(|client| client.name()).collect();
        let _ = writeln!(out, "| layout | encoding | {} |", names.join(" | "));
        let _ = writeln!(out, "|---|---|{}", "---|".repeat(clients.len()));
        for (place, layout) in LAYOUTS.iter().enumerate() {
            for encoding in Encoding::ALL {
                let cells: Vec<String> = clients
                    .iter()
                    .filter_map(|&client| self.spread(place, 14, 50, client, encoding))
                    .map(|spread| kilobytes(spread.median.bytes))
                    .collect();
                let _ = writeln!(out, "| {} | {} | {} |", layout.name, encoding.name(), cells.join(" | "));
            }
        }
        out.push('\n');
    }

    /// The budgets are for everything that crosses the network as metadata.
    fn budgets(&self, out: &mut String) {
        section(out, "Against the budgets, HTTP included");
        let each = overhead(Encoding::Delta);
        text(
            out,
            &format!(
                "50 packages, `dcz`; KB with what HTTP/2 ({} bytes) and HTTP/1.1 ({} bytes) add to each \
             request, in brackets without. *Trips*: in sequence, when everything known is asked for at once, a new client's \
             `trust add` included; *requests*: one after another.",
                each.http2, each.http1
            ),
        );
        out.push_str("| layout | bins | client | budget | HTTP/2 | HTTP/1.1 | trips | requests |\n");
        out.push_str("|---|---|---|---|---|---|---|---|\n");
        let clients = [
            (Client::New, Some(250.0)),
            (Client::Same(Away::Day), Some(40.0)),
            (Client::Same(Away::Hour), Some(8.0)),
            (Client::Other(Away::Day), None),
            (Client::Other(Away::Hour), None),
        ];
        for (place, layout) in LAYOUTS.iter().enumerate().filter(|(_, layout)| layout.read == [Set::Index]) {
            for bits in BIT_LENGTHS {
                for (client, budget) in clients {
                    let Some(Spread { median, .. }) = self.spread(place, bits, 50, client, Encoding::Delta)
                    else {
                        continue;
                    };
                    let Cost { bytes, requests, trips } = median;
                    let with = |each: usize| {
                        let sum = bytes + requests * each;
                        let met =
                            budget.map(|budget| if sum as f64 / 1e3 <= budget { ", met" } else { ", over" });
                        format!("{}{}", kilobytes(sum), met.unwrap_or(""))
                    };
                    let _ = writeln!(
                        out,
                        "| {} | {} | {} | {} | {} ({}) | {} | {trips} | {requests} |",
                        layout.name,
                        thousands(1 << bits),
                        client.name(),
                        budget.map_or_else(|| "-".to_owned(), |budget| budget.to_string()),
                        with(each.http2),
                        kilobytes(bytes),
                        with(each.http1),
                    );
                }
            }
        }
        out.push('\n');
    }

    fn single_files(&self, out: &mut String) {
        section(out, "File by file");
        text(
            out,
            "KB plain / gzip / zstd; differences as `dcz`; bins are the mean of those that samples touch.",
        );
        numbers_of_bins(out, "file");
        let place = |name: &str| LAYOUTS.iter().position(|layout| layout.name == name).unwrap_or(0);
        let (succinct, both) = (place("succinct, index-only"), place("succinct, pages and files"));
        let explicit = place("explicit, index-only");
        let plain_gzip_zstd = |of: &dyn Fn(Encoding) -> usize| {
            let all =
                [Encoding::Plain, Encoding::Gzip, Encoding::Zstd].map(|encoding| kilobytes(of(encoding)));
            all.join(" / ")
        };
        type Cell<'a> = Box<dyn Fn(u8) -> Option<String> + 'a>;
        let files = |layout: usize, bits: u8| self.files.get(&(layout, bits));
        let since = |layout: usize, away: Away| -> Cell<'_> {
            Box::new(move |bits| Some(kilobytes(files(layout, bits)?.snapshot_since(away))))
        };
        let rows: Vec<(String, Cell<'_>)> = vec![
            (
                "snapshot, pages alone".into(),
                Box::new(|bits| {
                    let files = files(succinct, bits)?;
                    Some(plain_gzip_zstd(&|encoding| files.snapshot_bytes(encoding)))
                }),
            ),
            ("... after an hour".into(), since(succinct, Away::Hour)),
            ("... a day".into(), since(succinct, Away::Day)),
            ("... a week".into(), since(succinct, Away::Week)),
            ("... a month".into(), since(succinct, Away::Month)),
            (
                "snapshot, pages and files".into(),
                Box::new(|bits| {
                    let files = files(both, bits)?;
                    Some(plain_gzip_zstd(&|encoding| files.snapshot_bytes(encoding)))
                }),
            ),
            ("... after a day".into(), since(both, Away::Day)),
            (
                "a bin of pages".into(),
                Box::new(|bits| {
                    let bins = self.bins.get(&bits)?;
                    Some(plain_gzip_zstd(&|encoding| bins.mean(Set::Index, encoding)))
                }),
            ),
            (
                "a bin of files".into(),
                Box::new(|bits| {
                    let bins = self.bins.get(&bits)?;
                    Some(plain_gzip_zstd(&|encoding| bins.mean(Set::Files, encoding)))
                }),
            ),
            (
                "explicit delegations to one set".into(),
                Box::new(|bits| {
                    let files = files(explicit, bits)?;
                    Some(plain_gzip_zstd(&|encoding| files.delegating_bytes(encoding)))
                }),
            ),
            (
                "succinct delegations to one set".into(),
                Box::new(|bits| {
                    let files = files(succinct, bits)?;
                    Some(plain_gzip_zstd(&|encoding| files.delegating_bytes(encoding)))
                }),
            ),
        ];
        for (name, cell) in rows {
            let cells: Vec<String> = BIT_LENGTHS.into_iter().filter_map(cell).collect();
            let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
        }
        out.push('\n');
    }

    fn merkle(&self, out: &mut String) {
        section(out, "Merkle trees: what they cost besides");
        numbers_of_bins(out, "");
        let tree = LAYOUTS.iter().position(|layout| layout.versions == Versions::Merkle).unwrap_or(0);
        let mut row = |name: &str, cell: &dyn Fn(u8) -> Option<String>| {
            let cells: Vec<String> = BIT_LENGTHS.into_iter().filter_map(cell).collect();
            let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
        };
        row("one proof, KB plain / gzip / zstd", &|bits| {
            let files = self.files.get(&(tree, bits))?;
            let all = [Encoding::Plain, Encoding::Gzip, Encoding::Zstd]
                .map(|encoding| format!("{:.2}", files.proof_bytes(encoding) as f64 / 1e3));
            Some(all.join(" / "))
        });
        row("all proofs, MB written a publication", &|bits| {
            Some(format!("{:.1}", self.times.get(&bits)?.all_bytes as f64 / 1e6))
        });
        row("... time to make them, ms", &|bits| Some(format!("{:.0}", self.times.get(&bits)?.all_files_ms)));
        row("tree and root after a change, us", &|bits| {
            Some(format!("{:.1}", self.times.get(&bits)?.change_us))
        });
        row("one proof read and verified, us", &|bits| {
            Some(format!("{:.1}", self.times.get(&bits)?.verify_us))
        });
        out.push('\n');
    }

    fn others(&self, out: &mut String) {
        section(out, "Beside PEP 458's formulas and Mercury");
        text(
            out,
            "Bytes a package, and in percent of an average downloaded package. One package is installed, PEP 458's user away for long enough that the snapshot is another one; ours are away a month, with 16,384 bins.",
        );
        out.push_str("| | returning | % | new | % |\n|---|---|---|---|---|\n");
        let mut row = |name: &str, (returning, new): (u64, u64), download: u64| {
            let percent = |bytes: u64| format!("{:.1}", bytes as f64 / download as f64 * 100.0);
            let _ = writeln!(
                out,
                "| {name} | {} | {} | {} | {} |",
                thousands(returning),
                percent(returning),
                thousands(new),
                percent(new)
            );
        };
        let then = estimate(IN_2019);
        row("PEP 458's estimate for 2019", (then.other_snapshot, then.new_user), IN_2019.download_bytes);
        let (projects, files) = self.index;
        let today = Assumptions { targets: projects + files, download_bytes: DOWNLOAD_BYTES, bins: 16_384 };
        let now = estimate(today);
        row("the same formulas today", (now.other_snapshot, now.new_user), DOWNLOAD_BYTES);
        for (place, layout) in LAYOUTS.iter().enumerate() {
            for encoding in [Encoding::Plain, Encoding::Delta] {
                if encoding == Encoding::Plain && (layout.style, layout.read.len()) != (Style::Explicit, 2) {
                    continue;
                }
                let one = |client| {
                    let spread = self.spread(place, 14, 1, client, encoding);
                    spread.map_or(0, |spread| spread.median.bytes as u64)
                };
                let name = format!("{}, {}", layout.name, encoding.name());
                row(&name, (one(Client::Same(Away::Month)), one(Client::New)), DOWNLOAD_BYTES);
            }
        }
        let (returning, new, part) = MERCURY;
        let of_then = 100.0 / part;
        let _ = writeln!(
            out,
            "| Mercury, published in 2017, a month | {} | {part} | {} | {:.1} |\n",
            thousands(returning),
            thousands(new),
            new as f64 / (returning as f64 * of_then) * 100.0
        );
    }

    fn index_pages(&self, out: &mut String) {
        section(out, "Index pages, counted apart");
        text(
            out,
            "KB of the pages of 50 packages, the same for every layout: median of the samples. They say which files there are, signed or not; an index without TUF sends the same.",
        );
        out.push_str(
            "| encoding | new | hour away | day away | week away | month away |\n|---|---|---|---|---|---|\n",
        );
        for encoding in Encoding::ALL {
            let median = |of: &dyn Fn(&Lengths) -> usize| {
                let sums = self.world.samples.iter().map(|sample| {
                    let pages = sample.iter().filter_map(|package| self.pages.get(&package.project));
                    pages.map(of).sum::<usize>()
                });
                let mut sums: Vec<usize> = sums.collect();
                sums.sort_unstable();
                kilobytes(sums.get(sums.len() / 2).copied().unwrap_or(0))
            };
            let mut cells = vec![median(&|page| page.new_client(encoding))];
            for away in Away::ALL {
                cells.push(median(&|page| page.returning(encoding, away).unwrap_or(0)));
            }
            let _ = writeln!(out, "| {} | {} |", encoding.name(), cells.join(" | "));
        }
        out.push('\n');
    }

    fn compression(&self, out: &mut String) {
        section(out, "Levels of zstd");
        text(out, "16,384 bins: KB and milliseconds, the shortest of three runs.");
        out.push_str("| level | snapshot | bin of pages | snapshot as `dcz`, a day |\n|---|---|---|---|\n");
        for Level { level, snapshot, bin, difference } in &self.levels {
            let cells = [snapshot, bin, difference]
                .map(|Trial { bytes, milliseconds }| format!("{} in {milliseconds:.2}", kilobytes(*bytes)));
            let _ = writeln!(out, "| {level} | {} |", cells.join(" | "));
        }
        out.push('\n');
    }
}

fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "### {title}\n");
}

/// The head of a table with a column for each number of bins.
fn numbers_of_bins(out: &mut String, what: &str) {
    let bins = BIT_LENGTHS.map(|bits| format!("{} bins", thousands(1 << bits)));
    let _ = writeln!(out, "| {what} | {} |\n|---{}|", bins.join(" | "), "|---".repeat(bins.len()));
}

/// A paragraph, in lines of the length that all our text has.
fn text(out: &mut String, text: &str) {
    let mut length = 0;
    for word in text.split_whitespace() {
        if length > 0 && length + 1 + word.chars().count() > 120 {
            out.push('\n');
            length = 0;
        } else if length > 0 {
            out.push(' ');
            length += 1;
        }
        out.push_str(word);
        length += word.chars().count();
    }
    out.push_str("\n\n");
}

fn kilobytes(bytes: usize) -> String {
    let kilobytes = bytes as f64 / 1e3;
    if kilobytes >= 100.0 { format!("{kilobytes:.0}") } else { format!("{kilobytes:.1}") }
}

/// With commas.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

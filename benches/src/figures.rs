//! What was measured, as a table in Markdown.

use std::time::Duration;

/// One measured job.
pub(crate) struct Row {
    job: String,
    unit: &'static str,
    ours: Spread,
    python_tuf: Option<Spread>,
    sigstore_tuf: Option<Spread>,
}

/// Lowest, median and highest of several measurements.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    pub(crate) fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { low: at(0), median: at(figures.len() / 2), high: at(figures.len().saturating_sub(1)) }
    }

    pub(crate) fn median(&self) -> f64 {
        self.median
    }

    pub(crate) fn milliseconds(durations: &[Duration]) -> Self {
        Self::of(durations.iter().map(|duration| duration.as_secs_f64() * 1e3).collect())
    }
}

impl Row {
    pub(crate) fn new(
        job: impl Into<String>,
        unit: &'static str,
        ours: Spread,
        python_tuf: Option<Spread>,
    ) -> Self {
        Self { job: job.into(), unit, ours, python_tuf, sigstore_tuf: None }
    }

    pub(crate) fn with_sigstore_tuf(self, sigstore_tuf: Option<Spread>) -> Self {
        Self { sigstore_tuf, ..self }
    }
}

/// Prints the rows as a Markdown table: medians, with the lowest and highest in brackets.
pub(crate) fn print(rows: &[Row]) {
    println!("| job | unit | Sealdex | python-tuf | ratio | sigstore-tuf | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for Row { job, unit, ours, python_tuf, sigstore_tuf } in rows {
        let text = |spread: &Spread| {
            let digits = if spread.median >= 100.0 { 0 } else { 2 };
            format!("{:.digits$} ({:.digits$} to {:.digits$})", spread.median, spread.low, spread.high)
        };
        let theirs = |peer: &Option<Spread>| match peer {
            Some(peer) => format!("{} | {:.1}", text(peer), peer.median / ours.median),
            None => "- | -".to_owned(),
        };
        println!("| {job} | {unit} | {} | {} | {} |", text(ours), theirs(python_tuf), theirs(sigstore_tuf));
    }
}

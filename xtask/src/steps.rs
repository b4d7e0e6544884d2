//! Steps of a long run, timed; the table at its end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Runs steps one after the other. A failed step does not keep the next from running: one run shows everything.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration, Outcome)>,
}

/// How a step ended.
pub(crate) enum Outcome {
    /// Checked, and in order.
    Passed,
    /// What was checked is in order; this was not checked.
    Partly(String),
    /// Could not be checked, for this reason.
    NotChecked(String),
    /// Not in order.
    Failed,
}

impl Steps {
    /// Runs a step; says at once why, if it fails.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<Outcome>) {
        eprintln!("\n=== {name}");
        let start = Instant::now();
        let outcome = step().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Outcome::Failed
        });
        self.done.push((name, start.elapsed(), outcome));
    }

    /// Prints the table of steps.
    ///
    /// # Errors
    /// When a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n{}", self.table());
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|(_, _, outcome)| matches!(outcome, Outcome::Failed))
            .map(|(name, _, _)| *name)
            .collect();
        if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for (name, duration, outcome) in &self.done {
            let seconds = duration.as_secs_f64();
            let outcome = match outcome {
                Outcome::Passed => "ok".to_owned(),
                Outcome::Partly(rest) => format!("ok, but NOT CHECKED: {rest}"),
                Outcome::NotChecked(reason) => format!("NOT CHECKED: {reason}"),
                Outcome::Failed => "FAILED".to_owned(),
            };
            table.push_str(&format!("{name:<14}{seconds:>8.1} s  {outcome}\n"));
        }
        let total: Duration = self.done.iter().map(|(_, duration, _)| *duration).sum();
        table.push_str(&format!("{:<14}{:>8.1} s", "total", total.as_secs_f64()));
        table
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failed_step_fails_the_run_and_the_next_step_still_runs() {
        let mut steps = Steps::default();
        steps.run("first", || Err(anyhow!("broken")));
        steps.run("second", || Ok(Outcome::Passed));
        let table = steps.table();
        assert!(table.contains("first") && table.contains("FAILED") && table.contains("second"), "{table}");
        assert_eq!(steps.finish().map_err(|error| error.to_string()), Err("failed: first".to_owned()));
    }

    #[test]
    fn what_was_not_checked_is_said_but_fails_nothing() {
        let mut steps = Steps::default();
        steps.run("advisories", || Ok(Outcome::NotChecked("no network".to_owned())));
        steps.run("test", || Ok(Outcome::Partly("a full disk".to_owned())));
        assert!(steps.table().contains("NOT CHECKED: no network"));
        assert!(steps.table().contains("ok, but NOT CHECKED: a full disk"));
        assert!(steps.finish().is_ok());
    }
}

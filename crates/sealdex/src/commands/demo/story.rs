//! How the demo tells its story: one numbered line a step, with its time.

use std::time::Instant;

use indicatif::ProgressBar;

use crate::output::{BAD, FAINT, GOOD, HINT, say, seconds, spinner, styled};

/// Told step by step on standard output; a spinner on standard error while a step takes its time.
pub(super) struct Story {
    began: Instant,
    step: usize,
}

/// A step under way.
pub(super) struct Step {
    number: usize,
    label: &'static str,
    began: Instant,
    spinner: ProgressBar,
}

impl Story {
    pub(super) fn begin() -> Self {
        say(styled(
            HINT,
            "sealdex demo: an index that signs, an attacker who owns its disk, pip on either side",
        ));
        say("");
        Self { began: Instant::now(), step: 0 }
    }

    pub(super) fn step(&mut self, label: &'static str, doing: &str) -> Step {
        self.step += 1;
        Step { number: self.step, label, began: Instant::now(), spinner: spinner(doing) }
    }

    pub(super) fn end(&self) {
        say("");
        let took = seconds(self.began.elapsed());
        say(format!(
            "{} in {took}: same pip, same server, same attack; only one of them noticed.",
            styled(GOOD, "done")
        ));
    }
}

impl Step {
    /// Ends the step with what it did.
    pub(super) fn done(self, text: &str) {
        self.finish(&styled(GOOD, "ok"), text);
    }

    /// Ends a step in which the attacker got through.
    pub(super) fn attacked(self, text: &str) {
        self.finish(&styled(BAD, "!!"), text);
    }

    fn finish(self, mark: &str, text: &str) {
        self.spinner.finish_and_clear();
        let took = styled(FAINT, format!("({})", seconds(self.began.elapsed())));
        say(format!("{:>2} {mark} {:<10} {text} {took}", self.number, self.label));
    }
}

/// A line that belongs to the step before it.
pub(super) fn detail(text: &str) {
    say(format!("      {}{text}", styled(FAINT, "│ ")));
}

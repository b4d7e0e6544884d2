//! How a command fails: what went wrong, what to do about it, and the exit code.

use std::fmt::Display;
use std::process::ExitCode;

use jiff::Timestamp;
use sealdex_client::Refusal;

use crate::output::{BAD, HINT, plain, styled, tell};

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
    kind: Kind,
    told: bool,
}

/// What kind of failure it is; scripts tell them apart by exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something did not work: 1.
    Failed,
    /// The command was used wrongly: 2.
    Usage,
    /// Something offered did not verify: 3.
    Refused,
}

/// `sealdex status` has told what it could, and something is away.
pub(crate) const AWAY: u8 = 4;

impl Failure {
    pub(crate) fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), hint: None, kind, told: false }
    }

    /// A failure to be told in these words.
    pub(crate) fn message(kind: Kind, message: impl Display) -> Self {
        Self::new(kind, anyhow::anyhow!("{message}"))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The user has been told of it already: what is left is the exit code.
    pub(crate) fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// The error in one line.
    pub(crate) fn line(&self) -> String {
        format!("{:#}", self.error)
    }

    /// The failure as something that was refused, for the log and reports.
    pub(crate) fn refusal(&self, when: Timestamp) -> Refusal {
        let hint = self.hint.as_deref().unwrap_or_default();
        match self.error.downcast_ref::<sealdex_client::Error>() {
            Some(error) => {
                let mut refusal = Refusal::of(when, None, None, error);
                refusal.hint = hint.to_owned();
                refusal
            }
            None => Refusal::before_the_run(when, &self.line(), hint),
        }
    }

    /// The error alone, for a command that tells its own story.
    pub(crate) fn into_error(self) -> anyhow::Error {
        self.error
    }

    /// Adds to the hint.
    pub(crate) fn hint_also(mut self, more: &str) -> Self {
        self.hint = Some(self.hint.map_or_else(|| more.to_owned(), |hint| format!("{hint}, {more}")));
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Refused => 3,
        }
    }

    /// Tells it on standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.told {
            tell(format!("{} {}", styled(BAD, "error:"), lines(&self.line())));
            if let Some(hint) = &self.hint {
                tell(format!("{} {}", styled(HINT, "hint:"), lines(hint)));
            }
        }
        ExitCode::from(self.code())
    }
}

/// A text that may quote anything. Further lines, as parsers have them that show a place, are set off: none can pass for one
/// of ours.
fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n  ")
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(Kind::Failed, error)
    }
}

//! `--unsafely-disable-package-verification` (PEP 458): an installer as it is, because its user demands it.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use sealdex_client::{Decision, Policies};

use super::installer::{Ended, installers_code, why_not_begun};
use super::report::{Outcome, Report};
use super::trusted::{policies, refused};
use super::watch::Watch;
use crate::cli::StoreArguments;
use crate::failure::Failure;
use crate::output::{WARNING, styled, tell};

/// A run that nobody verifies.
pub(super) struct UnverifiedRun {
    policies: Policies,
}

impl UnverifiedRun {
    /// Warns, and takes note of it.
    ///
    /// # Errors
    /// A policy forbids it, or is not to be had.
    pub(super) async fn begin(
        watch: &Watch,
        program: &Path,
        arguments: &StoreArguments,
    ) -> Result<Self, Failure> {
        let policies = policies(arguments).await?;
        forbid_unverified(&policies, "--unsafely-disable-package-verification")?;
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        for line in [
            "package verification is disabled for this run, as you demanded:",
            "whatever an index, a mirror or the network hands out is installed as it comes",
        ] {
            tell(format!("{} {line}", styled(WARNING, "warning:")));
        }
        watch.hear(&Decision::unverified(Timestamp::now(), &name));
        Ok(Self { policies })
    }

    /// Writes the report, if one is wanted, and gives the exit code.
    pub(super) fn end(
        &self,
        watch: &Watch,
        report: Option<&Report>,
        outcome: Result<Ended, Failure>,
    ) -> Result<ExitCode, Failure> {
        let exit_code = outcome.as_ref().map_or_else(Failure::code, |ended| installers_code(ended.status));
        if let Some(report) = report {
            let error = why_not_begun(&outcome);
            let (policies, refusals) = (&self.policies, &[][..]);
            let outcome =
                Outcome { exit_code, verified: false, error, repositories: &[], policies, refusals };
            report.write(watch, &outcome)?;
        }
        outcome.map(|_| ExitCode::from(exit_code))
    }
}

/// Refuses what would let anything through unverified, where a policy forbids that.
pub(super) fn forbid_unverified(policies: &Policies, option: &str) -> Result<(), Failure> {
    policies
        .check_unverified(option)
        .map_err(|error| refused(error).hint("leave it out; or ask who wrote that policy"))
}

//! `--unsafely-disable-package-verification` (PEP 458): an installer as it is, because its user demands it.

use std::path::Path;
use std::process::{ExitCode, ExitStatus};

use jiff::Timestamp;
use sealdex_client::{Decision, Policies};

use super::installer::installers_code;
use super::report::{Outcome, Report};
use super::watch::{Remember, Watch};
use crate::cli::PolicyArguments;
use crate::failure::{Failure, Kind};
use crate::output::{WARNING, styled, tell};
use crate::policy;

/// A run that nobody verifies.
pub(super) struct UnverifiedRun {
    watch: Watch,
    report: Option<Report>,
    policies: Policies,
}

impl UnverifiedRun {
    /// Warns, and takes note of it.
    ///
    /// # Errors
    /// A policy forbids it.
    pub(super) fn begin(
        program: &Path,
        report: Option<Report>,
        policy: &PolicyArguments,
    ) -> Result<Self, Failure> {
        let policies = policy::load(policy)?;
        forbid_unverified(&policies, "--unsafely-disable-package-verification")?;
        let watch = Watch::begin(Remember::Count);
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        for line in [
            "package verification is disabled for this run, as you demanded:",
            "whatever an index, a mirror or the network hands out is installed as it comes",
        ] {
            tell(format!("{} {line}", styled(WARNING, "warning:")));
        }
        watch.hear(&Decision::unverified(Timestamp::now(), &name));
        Ok(Self { watch, report, policies })
    }

    /// Writes the report, if one is wanted, and gives the exit code.
    pub(super) fn end(self, status: ExitStatus) -> Result<ExitCode, Failure> {
        let exit_code = installers_code(status);
        if let Some(report) = self.report {
            let (policies, refusals) = (&self.policies, &[][..]);
            let outcome = Outcome { exit_code, error: None, repositories: &[], policies, refusals };
            report.write(&self.watch, &outcome)?;
        }
        Ok(ExitCode::from(exit_code))
    }
}

/// Refuses what would let anything through unverified, where a policy forbids that.
pub(super) fn forbid_unverified(policies: &Policies, option: &str) -> Result<(), Failure> {
    match policies.forbids_unverified() {
        None => Ok(()),
        Some(source) => Err(Failure::message(
            Kind::Refused,
            format!("{option} is forbidden by the policy {source} (forbid-unverified)"),
        )
        .hint("leave it out; or ask who wrote that policy")),
    }
}

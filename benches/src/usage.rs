//! What this process has used.

use std::time::Duration;

use anyhow::Context;

/// Lets the kernel count the peak of memory from now on.
pub(crate) fn forget_peak() -> anyhow::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of memory")
}

pub(crate) fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kibibytes: f64 = peak.split_whitespace().next().context("the kernel names no peak")?.parse()?;
    Ok(kibibytes / 1024.0)
}

/// CPU time of this process so far.
pub(crate) fn cpu() -> anyhow::Result<Duration> {
    Ok(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).try_into()?)
}

//! The jobs of a client, in a process of its own. Prints one JSON object, as `python/tuf_bench.py` does.
//!
//! ```text
//! client URL ROOT TARGET DIRECTORY RUNS    refresh and look up, cold and warm, many times in one process
//! process URL ROOT TARGET DIRECTORY        refresh and look up once: what the whole process takes
//! verify snapshot|bin DIRECTORY RUNS       verify one large file
//! ```

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{sealdex, sigstore_tuf};

/// Milliseconds of a refresh and of the lookup after it.
pub(super) type RefreshAndLookup = (f64, f64);

pub(crate) fn run(client: &str, arguments: &[String]) -> anyhow::Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let refresh = |url: &str, root: &str, target: &str, directory: &str| match client {
        "sealdex" => sealdex::refresh(url, root, target, Path::new(directory)),
        "sigstore-tuf" => sigstore_tuf::refresh(url, root, target, Path::new(directory)),
        _ => bail!("there is no client {client}"),
    };
    let result = match *arguments.as_slice() {
        ["client", url, root, target, directory, runs] => {
            let (mut cold, mut warm) = (Vec::new(), Vec::new());
            for run in 0..runs.parse()? {
                let directory = format!("{directory}/{run}");
                cold.push(refresh(url, root, target, &directory)?);
                warm.push(refresh(url, root, target, &directory)?);
            }
            let part = |all: &[RefreshAndLookup], pick: fn(&RefreshAndLookup) -> f64| -> Value {
                all.iter().map(pick).collect()
            };
            json!({
                "cold_refresh": part(&cold, |run| run.0), "cold_lookup": part(&cold, |run| run.1),
                "warm_refresh": part(&warm, |run| run.0), "warm_lookup": part(&warm, |run| run.1),
            })
        }
        ["process", url, root, target, directory] => {
            refresh(url, root, target, directory)?;
            whole_process()?
        }
        ["verify", job, directory, runs] => {
            let file = |name: &str| std::fs::read(Path::new(directory).join(name));
            let files = Files {
                root: file("root.json")?,
                timestamp: file("timestamp.json")?,
                snapshot: file("snapshot.json")?,
                // Whoever verifies the snapshot alone holds nothing else.
                bin: if job == "bin" { Some((file("targets.json")?, file("bin.json")?)) } else { None },
            };
            let mut milliseconds = Vec::new();
            for _ in 0..runs.parse()? {
                milliseconds.push(match client {
                    "sealdex" => sealdex::verify(&files)?,
                    _ => sigstore_tuf::verify(&files)?,
                });
            }
            let mut result = whole_process()?;
            result["milliseconds"] = milliseconds.into();
            result
        }
        _ => bail!("there is no job {arguments:?}"),
    };
    println!("{result}");
    Ok(())
}

/// What there is to verify.
pub(super) struct Files {
    pub(super) root: Vec<u8>,
    pub(super) timestamp: Vec<u8>,
    pub(super) snapshot: Vec<u8>,
    /// The top-level targets and a bin of theirs; without it, the snapshot is what is timed.
    pub(super) bin: Option<(Vec<u8>, Vec<u8>)>,
}

pub(super) fn milliseconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// CPU time and peak memory of this process so far.
fn whole_process() -> anyhow::Result<Value> {
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = std::time::Duration::try_from(cpu)?;
    let status = std::fs::read_to_string("/proc/self/status").context("peak memory is read from /proc")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("there is no VmHWM")?;
    let kib: f64 = peak.trim().trim_end_matches("kB").trim().parse()?;
    Ok(json!({ "cpu_milliseconds": cpu.as_secs_f64() * 1e3, "peak_mib": kib / 1024.0 }))
}

//! `cargo xtask fuzz`: the targets of the package `fuzz`, see docs/fuzzing.md.
//!
//! Without a sanitizer: the crates here forbid unsafe code, what the targets look for are wrong answers, and any stable
//! compiler builds them so.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use toml::Table;

use crate::command;
use crate::tools;
use crate::workspace::Workspace;

const PACKAGE: &str = "fuzz";
/// Longest input in bytes; committed ones stay far below.
const MAX_INPUT_BYTES: u32 = 8192;
/// One input that takes longer is a finding. Far above what any takes, since the machine may be busy.
const MAX_INPUT_SECONDS: u32 = 20;
/// A process that holds more is a finding; the targets bound what one input may take far more tightly.
const MAX_PROCESS_MEBIBYTES: u32 = 1024;
/// Lines of a target's output that are shown when it has found something.
const SHOWN_LINES: usize = 40;

/// What to fuzz, and for how long.
#[derive(Args)]
#[command(after_help = "\
Findings are written to fuzz/artifacts/<target>/, new inputs to fuzz/working/<target>/, what the
targets print to target/fuzz/logs/. A finding that has been understood goes to
fuzz/regressions/<target>/ under a name of its own.

Examples:
  cargo xtask fuzz                                    every target for a minute
  cargo xtask fuzz --time 3600 --jobs 8               every target for an hour, all at once
  cargo xtask fuzz --target updater --time 600        one target
  cargo xtask fuzz --target updater --input FILE      one input, with all that the target prints
  cargo xtask fuzz --minimise                         take new inputs over into the committed corpus")]
pub(crate) struct Arguments {
    /// Only this target; may be repeated.
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,

    /// Seconds for each target.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    time: u64,

    /// Targets that run at once; by default as many as there are cores.
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,

    /// Run this one input instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["time", "jobs", "minimise"])]
    input: Option<PathBuf>,

    /// Instead of fuzzing, replace the committed corpus by the smallest part of it and of the new inputs that reaches
    /// the same code. No other run may go on meanwhile.
    #[arg(long, conflicts_with = "time")]
    minimise: bool,
}

/// Every target from the committed corpus, as long as a change can wait for it.
pub(crate) const BRIEF: Arguments =
    Arguments { targets: Vec::new(), time: 10, jobs: None, input: None, minimise: false };

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let targets = targets(workspace, &arguments.targets)?;
    let build = Build::of(workspace, &arguments.targets)?;
    if let Some(input) = &arguments.input {
        let [target] = targets.as_slice() else { bail!("name the one --target that the input is for") };
        return command::run(build.command(target).arg(input));
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.unwrap_or(cores).clamp(1, targets.len().max(1));
    let queue = Mutex::new(targets.iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(target) = next(&queue) {
                    let outcome = if arguments.minimise {
                        build.minimise(target)
                    } else {
                        build.fuzz(target, arguments.time)
                    };
                    if let Err(error) = outcome {
                        eprintln!("{target}: {error:#}");
                        failed
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .push(target.as_str());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if failed.is_empty() { Ok(()) } else { bail!("found something: {}", failed.join(", ")) }
}

fn next<'a>(queue: &Mutex<std::slice::Iter<'a, String>>) -> Option<&'a String> {
    queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}

/// The targets of the package, or those that were asked for.
fn targets(workspace: &Workspace, wanted: &[String]) -> Result<Vec<String>> {
    let path = workspace.root.join(PACKAGE).join("Cargo.toml");
    let manifest = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let known = bins(&manifest)?;
    if let Some(unknown) = wanted.iter().find(|target| !known.contains(target)) {
        bail!("there is no fuzz target {unknown}\nhint: there are {}", known.join(", "));
    }
    Ok(if wanted.is_empty() { known } else { wanted.to_vec() })
}

fn bins(manifest: &str) -> Result<Vec<String>> {
    let manifest: Table = manifest.parse().context("the package's Cargo.toml is not TOML")?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array).context("there are no fuzz targets")?;
    let names = bins.iter().filter_map(|bin| bin.get("name")?.as_str());
    Ok(names.map(str::to_owned).collect())
}

/// The targets, built.
struct Build {
    /// Folder of the package.
    package: PathBuf,
    /// Folder of the binaries.
    binaries: PathBuf,
    logs: PathBuf,
}

impl Build {
    /// Builds one target, or all where not one alone is wanted.
    fn of(workspace: &Workspace, wanted: &[String]) -> Result<Self> {
        tools::FUZZ.ensure(workspace)?;
        let (package, output) = (workspace.root.join(PACKAGE), workspace.target.join("fuzz"));
        let host = host()?;
        let mut build = workspace.cargo()?;
        build.args(["fuzz", "build", "--sanitizer", "none", "--codegen-units", "16", "--target", &host]);
        build.arg("--fuzz-dir").arg(&package).arg("--target-dir").arg(&output);
        if let [target] = wanted {
            build.arg(target);
        }
        if let Err(error) = command::run(&mut build) {
            bail!("{error:#}\nhint: the reason is above; libFuzzer needs a C++ compiler");
        }
        let (binaries, logs) = (output.join(host).join("release"), output.join("logs"));
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        Ok(Self { package, binaries, logs })
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(self.binaries.join(target));
        command.arg(format!("-timeout={MAX_INPUT_SECONDS}"));
        command.arg(format!("-rss_limit_mb={MAX_PROCESS_MEBIBYTES}"));
        command.arg(format!("-max_len={MAX_INPUT_BYTES}"));
        command
    }

    /// A folder of the package for this target.
    fn folder(&self, kind: &str, target: &str) -> Result<PathBuf> {
        let folder = self.package.join(kind).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    fn fuzz(&self, target: &str, seconds: u64) -> Result<()> {
        let mut fuzz = self.command(target);
        fuzz.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        // Ends in a slash: libFuzzer takes it for the beginning of a name.
        fuzz.arg(format!("-artifact_prefix={}/", self.folder("artifacts", target)?.display()));
        let dictionary = self.package.join("dictionaries").join(format!("{target}.dict"));
        if dictionary.exists() {
            fuzz.arg(format!("-dict={}", dictionary.display()));
        }
        // New inputs go to the first folder.
        for kind in ["working", "corpus", "seeds", "regressions"] {
            fuzz.arg(self.folder(kind, target)?);
        }
        let start = Instant::now();
        let output = self.logged(target, &mut fuzz)?;
        let executed = after_last(&output, "stat::number_of_executed_units:").unwrap_or("?");
        let coverage = after_last(&output, " cov: ").unwrap_or("?");
        println!(
            "{target:<16} {executed:>10} inputs in {:>5} s, {coverage} edges covered",
            start.elapsed().as_secs()
        );
        Ok(())
    }

    fn minimise(&self, target: &str) -> Result<()> {
        let corpus = self.folder("corpus", target)?;
        let merged = self.logs.with_file_name("merged").join(target);
        if merged.exists() {
            fs::remove_dir_all(&merged).with_context(|| format!("cannot clear {}", merged.display()))?;
        }
        fs::create_dir_all(&merged).with_context(|| format!("cannot create {}", merged.display()))?;
        let mut merge = self.command(target);
        // How often an edge is passed does not count: that would keep thousands of inputs.
        merge.args(["-merge=1", "-use_counters=0"]).arg(&merged).arg(&corpus);
        merge.arg(self.folder("working", target)?);
        self.logged(target, &mut merge)?;
        if Size::of(&merged)?.files == 0 {
            bail!("the merge kept no input at all: the corpus stays as it is");
        }
        let (before, after) = (replace(&corpus, &merged)?, Size::of(&corpus)?);
        println!("{target:<16} {before} before, {after} now");
        Ok(())
    }

    /// Runs a target, gives what it printed, and shows the end of that if it fails.
    fn logged(&self, target: &str, command: &mut Command) -> Result<String> {
        let path = self.logs.join(format!("{target}.log"));
        let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let error = log.try_clone().context("cannot share the log")?;
        let status = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(error)
            .status()
            .with_context(|| format!("cannot start {}", command::show(command)))?;
        let output = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let output = String::from_utf8_lossy(&output).into_owned();
        if status.success() {
            return Ok(output);
        }
        let lines: Vec<&str> = output.lines().collect();
        let shown = lines.split_at(lines.len().saturating_sub(SHOWN_LINES)).1.join("\n");
        bail!("{shown}\n\n{target} failed ({status}); all it printed is in {}", path.display())
    }
}

/// How many files of how many bytes a folder has.
struct Size {
    files: usize,
    bytes: u64,
}

impl Size {
    fn of(folder: &Path) -> Result<Self> {
        let mut size = Self { files: 0, bytes: 0 };
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            size.files += 1;
            size.bytes += entry.and_then(|entry| entry.metadata()).context("cannot read an input")?.len();
        }
        Ok(size)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} inputs of {} bytes", self.files, self.bytes)
    }
}

/// Puts the files of `new` in place of those of `folder`; says what was there.
fn replace(folder: &Path, new: &Path) -> Result<Size> {
    let before = Size::of(folder)?;
    let exchange = || -> std::io::Result<()> {
        fs::remove_dir_all(folder)?;
        fs::create_dir(folder)?;
        for entry in fs::read_dir(new)? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        Ok(())
    };
    exchange().with_context(|| format!("cannot replace the files in {}", folder.display()))?;
    Ok(before)
}

/// The first word after the last occurrence of `mark`.
fn after_last<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.rsplit_once(mark).and_then(|(_, rest)| rest.split_whitespace().next())
}

/// The machine's target triple, which names a folder.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(after_last(&text, "host:").context("rustc does not say what it compiles for")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_binaries_of_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n[[bin]]\nname = \"a\"\n[[bin]]\nname = \"b\"\n";
        assert_eq!(bins(manifest).unwrap(), ["a", "b"]);
        assert!(bins("[package]\nname = \"x\"\n").is_err());
    }

    #[test]
    fn figures_are_read_from_what_libfuzzer_prints() {
        let log = "#1 INITED cov: 58 ft: 59\n#9 DONE   cov: 1509 ft: 5227 corp: 1\n\
            stat::number_of_executed_units: 705360\n";
        assert_eq!(after_last(log, " cov: "), Some("1509"));
        assert_eq!(after_last(log, "stat::number_of_executed_units:"), Some("705360"));
        assert_eq!(after_last(log, "nothing"), None);
    }
}

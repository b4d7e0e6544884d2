//! `cargo xtask scale`: a repository as large as PyPI, from a manifest to the last verified page.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use sealdex_testdatabase::{PostgresServer, Synchronise};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{command, postgresql};

/// How often a running command's memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The kernel counts CPU time in these.
const TICKS_A_SECOND: f64 = 100.0;

/// How large, and where.
#[derive(Args)]
#[command(after_help = "\
Needs about 25 GB for the whole size, and leaves nothing behind unless --keep is given.

Examples:
  cargo xtask scale                           740,000 projects, 18 million files
  cargo xtask scale --projects 20000          a small one, to try it
  cargo xtask scale --layout pep458           every file a target of its own as well
  cargo xtask scale --postgresql              the state in a PostgreSQL of its own
  cargo xtask scale --projects 100000 --bins 4096 --relayout-bins 16384
                                              and then four times as many bins")]
pub(crate) struct Arguments {
    /// Projects; files a project are as on PyPI.
    #[arg(long, default_value_t = 740_000)]
    projects: u32,
    #[command(flatten)]
    place: Place,

    /// Change to this number of bins at the end.
    #[arg(long, value_name = "N")]
    relayout_bins: Option<u32>,
}

/// The repository, and where it is.
#[derive(Args)]
pub(crate) struct Place {
    /// The tree of roles.
    #[arg(long, default_value = "index-only")]
    layout: String,

    /// Number of hashed bins.
    #[arg(long, default_value_t = 16_384)]
    bins: u32,

    /// Keep the state in a PostgreSQL that is started for it, and gone with it.
    #[arg(long, conflicts_with = "keep")]
    postgresql: bool,

    /// Where to work; by default below target/.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Leave the manifest and the repository there.
    #[arg(long)]
    keep: bool,
}

impl Place {
    pub(crate) fn repository(&self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join("repository")
    }

    fn manifest(&self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join("manifest.jsonl")
    }

    fn folder(&self, workspace: &Workspace) -> PathBuf {
        self.directory.clone().unwrap_or_else(|| workspace.target.join("scale"))
    }

    /// Removes what [`build`] made, unless it is to be kept.
    pub(crate) fn clean(&self, workspace: &Workspace) -> Result<()> {
        if !self.keep {
            fs::remove_dir_all(self.repository(workspace)).context("cannot remove the repository")?;
            fs::remove_file(self.manifest(workspace)).context("cannot remove the manifest")?;
        }
        Ok(())
    }
}

/// The database that a repository is in.
pub(crate) enum Database {
    Sqlite,
    Postgres(PostgresServer),
}

impl Database {
    pub(crate) fn of(place: &Place) -> Result<Self> {
        if !place.postgresql {
            return Ok(Self::Sqlite);
        }
        postgresql::ensure()?;
        PostgresServer::start(Synchronise::Yes).map(Self::Postgres).map_err(|reason| anyhow!(reason))
    }

    /// A command that works in it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self::Postgres(server) = self {
            command.env("SEALDEX_DATABASE", server.url());
        }
        command
    }
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let database = Database::of(&arguments.place)?;
    build(workspace, arguments.projects, &arguments.place, &database)?;
    if let Some(bins) = arguments.relayout_bins {
        relayout(workspace, bins, &arguments.place, &database)?;
    }
    arguments.place.clean(workspace)
}

/// Builds the repository, and prints what that takes.
pub(crate) fn build(workspace: &Workspace, projects: u32, place: &Place, database: &Database) -> Result<()> {
    let (folder, manifest) = (place.folder(workspace), place.manifest(workspace));
    let repository = place.repository(workspace);
    if repository.exists() {
        bail!("{} is there already: remove it, or name another --directory", repository.display());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut build = workspace.cargo()?;
    build.args(["build", "--release", "--package", "sealdex", "--package", "sealdex-workload"]);
    command::run(&mut build)?;
    let tool = |name: &str| database.command(&workspace.target.join("release").join(name));

    let projects = projects.to_string();
    let written = measured(
        tool("sealdex-workload").args(["manifest", "--projects", &projects]).arg("--output").arg(&manifest),
    )?;
    let bins = place.bins.to_string();
    let mut init = tool("sealdex");
    init.args(["init", "--dev", "--layout", &place.layout, "--bins", &bins]).arg(&repository);
    let made = measured(&mut init)?;
    let mut import = tool("sealdex");
    import.args(["--format", "json", "import", "--files-url", "https://files.example/", "--repository"]);
    let imported = measured(import.arg(&repository).arg(&manifest))?;
    let summary: Value = serde_json::from_slice(&imported.output).context("import printed no JSON")?;
    if summary["refused"] != 0 || summary["verification"]["fault_count"] != 0 {
        bail!("the import is not whole: {summary}");
    }

    println!("| step | seconds | CPU seconds | peak MiB |\n|---|---|---|---|");
    for (step, cost) in
        [("write the manifest", &written), ("init", &made), ("import, publish, verify", &imported)]
    {
        println!("| {step} | {:.1} | {:.1} | {} |", cost.seconds, cost.cpu_seconds, cost.peak_bytes >> 20);
    }
    for (part, name) in [
        ("read and enter", "import_seconds"),
        ("make pages and sign", "publish_seconds"),
        ("verify", "verify_seconds"),
    ] {
        println!("| ... of which {part} | {:.1} | | |", summary[name].as_f64().unwrap_or_default());
    }
    println!("\n| what | number | bytes |\n|---|---|---|");
    let files = &summary["verification"]["files"];
    println!("| manifest | {files} files | {} |", fs::metadata(&manifest)?.len());
    for (what, number, bytes) in sizes(&repository, database)? {
        println!("| {what} | {number} | {bytes} |");
    }
    Ok(())
}

/// Changes the number of bins, verifies everything again, and prints what that takes.
fn relayout(workspace: &Workspace, bins: u32, place: &Place, database: &Database) -> Result<()> {
    let (sealdex, repository) = (workspace.target.join("release/sealdex"), place.repository(workspace));
    let mut change = database.command(&sealdex);
    change.args(["--format", "json", "layout", "change", "--bins", &bins.to_string(), "--repository"]);
    let changed = measured(change.arg(&repository))?;
    let mut verify = database.command(&sealdex);
    let verified = measured(verify.args(["verify", "--repository"]).arg(&repository))?;
    println!("\n| step | seconds | CPU seconds | peak MiB |\n|---|---|---|---|");
    for (step, cost) in [("change the number of bins", &changed), ("verify again", &verified)] {
        println!("| {step} | {:.1} | {:.1} | {} |", cost.seconds, cost.cpu_seconds, cost.peak_bytes >> 20);
    }
    Ok(())
}

/// What a command took.
struct Cost {
    seconds: f64,
    cpu_seconds: f64,
    peak_bytes: u64,
    output: Vec<u8>,
}

fn measured(command: &mut Command) -> Result<Cost> {
    eprintln!("$ {}", command::show(command));
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start it")?;
    let mut stdout = child.stdout.take().context("it has no standard output")?;
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).map(|_| output)
    });
    let mut cost = Cost { seconds: 0.0, cpu_seconds: 0.0, peak_bytes: 0, output: Vec::new() };
    let status = loop {
        look(&child, &mut cost);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(LOOK);
    };
    cost.seconds = start.elapsed().as_secs_f64();
    cost.output = reader.join().map_err(|_| anyhow::anyhow!("its output was lost"))??;
    if !status.success() {
        bail!("{} failed ({status})", command::show(command));
    }
    Ok(cost)
}

/// Takes down what the kernel knows of a running process, on Linux.
fn look(child: &Child, cost: &mut Cost) {
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    if let Ok(status) = fs::read_to_string(folder.join("status"))
        && let Some(kibibytes) = field(&status, "VmHWM:")
    {
        cost.peak_bytes = cost.peak_bytes.max(kibibytes * 1024);
    }
    if let Ok(stat) = fs::read_to_string(folder.join("stat")) {
        // After the name in parentheses; times of user and system are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: Option<f64> = fields
            .get(11)
            .zip(fields.get(12))
            .and_then(|(user, system)| Some(user.parse::<f64>().ok()? + system.parse::<f64>().ok()?));
        cost.cpu_seconds = cost.cpu_seconds.max(ticks.unwrap_or_default() / TICKS_A_SECOND);
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Numbers and bytes of what lies in a repository, kind by kind.
fn sizes(repository: &Path, database: &Database) -> Result<Vec<(&'static str, u64, u64)>> {
    let mut state = (0, 0);
    if let Database::Postgres(server) = database {
        let size = server.query("SELECT pg_database_size('postgres')").map_err(|reason| anyhow!(reason))?;
        state = (1, size.trim().parse()?);
    }
    for name in ["state.sqlite", "state.sqlite-wal"] {
        if let Ok(file) = fs::metadata(repository.join(name)) {
            state = (state.0 + 1, state.1 + file.len());
        }
    }
    let (mut bins, mut other, mut pages) = ((0, 0), (0, 0), (0, 0));
    for entry in fs::read_dir(repository.join("public/metadata"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = if name.contains(".index-") || name.contains(".files-") { &mut bins } else { &mut other };
        *kind = (kind.0 + 1, kind.1 + entry.metadata()?.len());
    }
    for project in fs::read_dir(repository.join("public/targets/simple"))? {
        for page in fs::read_dir(project?.path())? {
            pages = (pages.0 + 1, pages.1 + page?.metadata()?.len());
        }
    }
    let row = |what, (number, bytes)| (what, number, bytes);
    Ok(vec![
        row("state", state),
        row("bins, two versions", bins),
        row("other metadata", other),
        row("index pages", pages),
    ])
}

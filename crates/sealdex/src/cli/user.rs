//! Arguments of the commands for those who install.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use crate::environment;
use clap::{Args, Subcommand, ValueEnum};
use sealdex_client::Bound;

/// Where trusted repositories are remembered.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArguments {
    /// Directory of the trusted state [default: the user's data directory]
    #[arg(long, value_name = "DIR", env = environment::TRUST_DIR)]
    pub(crate) trust_dir: Option<PathBuf>,
    /// Directory of verified downloads [default: the user's cache directory]
    #[arg(long, value_name = "DIR", env = environment::CACHE_DIR)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Use this trusted repository alone [default: all of them, each for the projects that are bound to it]
    #[arg(long = "from", value_name = "NAME", env = environment::FROM)]
    pub(crate) name: Option<String>,
    /// Do not ask the network: use the last verified state until it expires, and what is kept of its files
    #[arg(long, env = environment::OFFLINE, value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
}

/// What may be installed of what verifies: docs/policy.md.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PolicyArguments {
    /// A further policy, which can only forbid more: a file, or REPOSITORY:TARGET for one that a trusted repository signs;
    /// repeat for more. Besides those that SEALDEX_POLICY names, separated by commas
    // The variable is read with the policies: an option would take its place, and with it what it forbids.
    #[arg(long = "policy", value_name = "POLICY", value_delimiter = ',')]
    pub(crate) policies: Vec<PathBuf>,
}

/// What is told of a run, and whether it is verified at all.
#[derive(Clone, Debug, Args)]
pub(crate) struct OversightArguments {
    /// Write every file handed out, who signed it, and what was refused as JSON (docs/report.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Verify nothing: installs whatever the network hands out. Warns each time; a policy can forbid it
    // From the command line alone: nobody is to have it unseen (PEP 458).
    #[arg(long)]
    pub(crate) unsafely_disable_package_verification: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show each rule in force and where it comes from
    Show(StoreArguments),
    /// Show whose keys sign for a project now, and the lines of a policy that pin them
    Publisher(PolicyPublisherArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sealdex policy publisher requests
  sealdex policy publisher --format json requests

A key is shown as the SHA-256 of itself, which is its key id in TUF. That it signs now does not say
whose it is: ask the project's developers, over another channel. See docs/policy.md.")]
pub(crate) struct PolicyPublisherArguments {
    /// The project
    pub(crate) project: String,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// Every decision: what was handed out as well
    #[arg(long)]
    pub(crate) all: bool,
    /// How many to show, the latest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) lines: usize,
}

/// How servers are reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConnectionArguments {
    /// PEM file with certificate authorities to trust beside this machine's, for servers of your own
    #[arg(long, value_name = "FILE", env = environment::CA_FILE)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What an update may cost: docs/limits.md.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LimitArguments {
    /// Set a limit, such as `update_seconds=1200`; repeat for more, or set SEALDEX_LIMITS, separated by commas
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub(crate) limits: Vec<Assignment>,
    /// File of settings [default: ~/.config/sealdex/client.toml]
    #[arg(long, value_name = "FILE", env = environment::CONFIG)]
    pub(crate) config: Option<PathBuf>,
}

/// `NAME=VALUE`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assignment {
    pub(crate) bound: Bound,
    pub(crate) value: u64,
}

#[derive(Debug, Args)]
pub(crate) struct TrustArguments {
    #[command(subcommand)]
    pub(crate) command: TrustCommand,
    /// Directory of the trusted state [default: the user's data directory]
    #[arg(long, value_name = "DIR", env = environment::TRUST_DIR, global = true)]
    pub(crate) trust_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Trust a repository from now on, by its root file or that file's fingerprint
    Add {
        /// What to call it here
        name: String,
        /// Its base URL
        url: String,
        #[command(flatten)]
        initial: InitialTrustArguments,
        /// An index that it stands for in `sealdex run`: the URL under which that has its pages; repeat for more
        #[arg(long, value_name = "URL")]
        stands_for: Vec<String>,
        /// Projects that are taken from it alone: a name, a beginning such as `acme-*`, or `*` for all that are bound to
        /// no other; repeat for more
        #[arg(long, value_name = "PATTERN")]
        projects: Vec<String>,
        #[command(flatten)]
        connection: ConnectionArguments,
        #[command(flatten)]
        limits: LimitArguments,
    },
    /// List the trusted repositories
    List,
    /// Say which indexes a repository stands for in `sealdex run`, in place of what was said before
    StandsFor {
        /// Its name here
        name: String,
        /// The URLs under which the indexes have their pages, such as `https://index.example/simple/`; none for none
        #[arg(value_name = "URL")]
        indexes: Vec<String>,
    },
    /// Take projects from one repository alone, never from another, whether that one has them or not
    #[command(after_help = BIND)]
    Bind {
        /// Its name here
        name: String,
        /// Projects: a name, a beginning such as `acme-*`, or `*` for all that are bound to no other
        #[arg(value_name = "PATTERN", required = true)]
        projects: Vec<String>,
    },
    /// Take bindings of projects back
    Unbind {
        /// The patterns, as `sealdex trust list` shows them
        #[arg(value_name = "PATTERN", required = true)]
        projects: Vec<String>,
    },
    /// Trust a repository no longer; what is bound to it stays bound, and cannot be had until it is bound anew
    Remove {
        /// Its name here
        name: String,
    },
}

const BIND: &str = "\
Examples:
  sealdex trust bind company 'acme-*' billing      these names are the company's, wherever else they exist
  sealdex trust bind public '*'                    all other names

The pattern that says most counts: a name more than a beginning, a longer beginning more than a \
shorter one. See docs/index-mode.md.";

/// Initial trust is explicit (TUF spec 5.2): there is no trust on first use.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct InitialTrustArguments {
    /// The repository's root.json, from a source you trust
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
    /// SHA-256 of the repository's root.json, from a source you trust; the file itself is then fetched
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sealdex pip install requests
  sealdex pip --from company install -r requirements.txt
  sealdex pip --python .venv/bin/python install six

Your own pip runs, unmodified. It is pointed at a proxy of this run alone that hands out only what \
verifies; every other host is refused. Downloads made without verification are not reused: pip \
gets a cache of its own.")]
pub(crate) struct InstallerArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// The Python whose pip is run [default: python3, in the active environment]
    #[arg(long, value_name = "PATH", env = environment::PYTHON)]
    pub(crate) python: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) oversight: OversightArguments,
    /// What pip is to do: everything from the first word on goes to pip
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PIP ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sealdex run -- uv sync --frozen
  sealdex run --for https://index.example/simple/ -- poetry install
  sealdex run --allow-host api.example -- tox

The command and all that it starts reach the network through a proxy of this run alone. It answers \
for the indexes that the repository stands for, at their own URLs, with what verifies; so lock files \
stay as they are. Every other host is refused, unless --allow-host lets it through. Nothing is \
changed but the environment of the command, and its tools get caches of their own.
What it cannot see: processes that drop their environment, and programs that do not use HTTP. \
See docs/run.md.")]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) interposition: InterpositionArguments,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sealdex uv sync --frozen
  sealdex uv pip install requests
  sealdex uv --for https://index.example/simple/ lock

The uv on PATH runs, unmodified, as with `sealdex run`: it keeps its index, for which a proxy of this \
run alone answers with what verifies, so uv.lock stays as it is; every other host is refused. uv gets \
a cache of its own. To let it download a Python, let the host of that through. See docs/run.md.")]
pub(crate) struct UvArguments {
    #[command(flatten)]
    pub(crate) interposition: InterpositionArguments,
    /// What uv is to do: everything from the first word on goes to uv
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "UV ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

/// For whom a run's proxy answers.
#[derive(Debug, Args)]
pub(crate) struct InterpositionArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// An index that the repository stands for: the URL under which that has its pages; repeat for more. Besides the
    /// repository's own, and those that `sealdex trust` remembers. Of several repositories, it is for the one that has
    /// all projects that are bound to none
    #[arg(long = "for", value_name = "URL", env = environment::FOR, value_delimiter = ',')]
    pub(crate) indexes: Vec<String>,
    /// A host to let through, unverified: HOST or HOST:PORT; repeat for more
    #[arg(long = "allow-host", value_name = "HOST", env = environment::ALLOW_HOST, value_delimiter = ',')]
    pub(crate) allowed: Vec<String>,
    #[command(flatten)]
    pub(crate) oversight: OversightArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ChildArguments {
    /// The process to end with
    pub(crate) parent: u32,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ProxyArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Loopback address to listen at; port 0 chooses one
    #[arg(short, long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3141", env = environment::PROXY_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Seconds after which the repository is asked for a newer snapshot
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = environment::REFRESH_AFTER)]
    pub(crate) refresh_after: u64,
    /// End after so many seconds without a connection, where a service manager starts the proxy again when it is needed
    #[arg(long, value_name = "SECONDS")]
    pub(crate) exit_when_idle: Option<u64>,
    /// The socket that a service manager has handed over.
    #[arg(skip)]
    pub(crate) inherited: Option<TcpListener>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sealdex setup --dry-run                           show what would be written
  sealdex setup                                     pip and uv of this user, from now on, verified
  sealdex setup --undo                              as it was before
  sealdex setup --ci github                         lines for a job; nothing is written

Written are a socket and a service for systemd (the proxy is started when it is first asked, and ends \
when it is idle), and the lines in pip.conf and uv.toml that make it their index. Projects and command \
lines can name other indexes all the same: `sealdex run` closes these ways too. See docs/install.md.")]
pub(crate) struct SetupArguments {
    /// Directory of the trusted state [default: the user's data directory]
    #[arg(long, value_name = "DIR", env = environment::TRUST_DIR)]
    pub(crate) trust_dir: Option<PathBuf>,
    /// Use this trusted repository alone [default: all of them, each for the projects that are bound to it]
    #[arg(long = "from", value_name = "NAME", env = environment::FROM)]
    pub(crate) name: Option<String>,
    /// Loopback address and port at which the proxy is to be the index
    #[arg(short, long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3141", env = environment::PROXY_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Print the lines for a CI job; write nothing
    #[arg(long, value_enum, value_name = "SERVICE", conflicts_with_all = ["dry_run", "force", "undo"])]
    pub(crate) ci: Option<CiService>,
    /// Show what would change; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace another index in pip.conf or uv.toml; `--undo` brings it back
    #[arg(long, conflicts_with = "undo")]
    pub(crate) force: bool,
    /// Take away what an earlier setup wrote
    #[arg(long)]
    pub(crate) undo: bool,
}

/// Where a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiService {
    /// GitHub Actions: a step
    Github,
    /// GitLab CI: `before_script`
    Gitlab,
    /// Any shell
    Generic,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// The target's path in the repository, such as `simple/six/index.json`
    pub(crate) target: String,
    /// Where to write it [default: its file name, in this directory]; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Leave everything running at the end, and print commands to try
    #[arg(long)]
    pub(crate) keep: bool,
    /// Do not download anything: build small packages on this machine
    #[arg(long)]
    pub(crate) offline: bool,
    /// The Python whose pip is used
    #[arg(long, value_name = "PATH", default_value = "python3", env = environment::PYTHON)]
    pub(crate) python: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Every file is named after its hash, and verified again whenever it is read. All of this can be done \
beside running commands: what is removed is fetched again. The size is the limit max_cache_bytes \
(docs/limits.md).")]
pub(crate) struct CacheArguments {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
    /// Directory of verified downloads [default: the user's cache directory]
    #[arg(long, value_name = "DIR", env = environment::CACHE_DIR, global = true)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Set a limit, such as `max_cache_bytes=1000000000`, or set SEALDEX_LIMITS
    #[arg(long = "limit", value_name = "NAME=VALUE", global = true)]
    pub(crate) limits: Vec<Assignment>,
    /// File of settings [default: ~/.config/sealdex/client.toml]
    #[arg(long, value_name = "FILE", env = environment::CONFIG, global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print where the cache is
    Path,
    /// Show what the cache holds, and the caches that installers have there
    Show,
    /// Remove the files used longest ago beyond the limit, what killed processes left, and installers' caches that no run
    /// has used for 30 days
    Prune {
        /// Leave no more bytes than this [default: the limit max_cache_bytes]
        #[arg(long, value_name = "BYTES")]
        max_bytes: Option<u64>,
    },
    /// Compute the hash of every file, and remove those that are not what their name says
    Verify,
    /// Remove all verified files
    Clear {
        /// And the caches of pip, uv and others behind sealdex; end those first
        #[arg(long)]
        installers: bool,
    },
}

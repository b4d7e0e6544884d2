//! The command line: every command, flag and environment variable.

mod operator;
mod user;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::environment;
use clap::builder::styling::AnsiColor;
use clap::builder::{Resettable, Styles};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub(crate) use operator::{
    AddArguments, BinStyleChoice, CollectArguments, ConfigArguments, ConfigCommand, ConfigShowArguments,
    ExportArguments, ImportArguments, InitArguments, LayoutArguments, LayoutChangeArguments, LayoutChoice,
    LayoutCommand, OnlineKeyArguments, RemoveArguments, RepositoryArguments, SchemeChoice, ServeArguments,
    StatusArguments, TokenArguments, TokenCommand, YankArguments,
};
pub(crate) use user::{
    Assignment, CacheArguments, CacheCommand, ChildArguments, CiService, ConnectionArguments, DemoArguments,
    FetchArguments, InstallerArguments, InterpositionArguments, LimitArguments, LogArguments,
    PolicyArguments, PolicyCommand, PolicyPublisherArguments, ProxyArguments, RunArguments, SetupArguments,
    StoreArguments, TrustArguments, TrustCommand, UvArguments,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Signs a Python package index with TUF, serves it, and lets unmodified installers verify what they install.
#[derive(Debug, Parser)]
#[command(name = "sealdex", version, styles = STYLES, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value_t, env = environment::FORMAT, help_heading = GLOBAL)]
    pub(crate) format: Format,
    /// Say more on standard error; twice for everything (or set SEALDEX_LOG=debug)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub(crate) verbose: u8,
    /// How the log is written to standard error
    #[arg(long, global = true, value_enum, default_value_t, env = environment::LOG_FORMAT, help_heading = GLOBAL)]
    pub(crate) log_format: LogFormat,
}

impl Cli {
    /// Reads these words, and the variables that stand in for options: each that has something in it.
    pub(crate) fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = without_empty_variables(Self::command());
        let mut matches = command.try_get_matches_from_mut(words)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let read = |argument: clap::Arg| match argument.get_env() {
        Some(name) if environment::value(name).is_none() && std::env::var_os(name).is_some() => {
            argument.env(Resettable::Reset)
        }
        _ => argument,
    };
    command.mut_args(read).mut_subcommands(without_empty_variables)
}

/// Where help lists the options that every command has.
const GLOBAL: &str = "Global options";

const EXAMPLES: &str = "\
Examples:
  sealdex demo                                      see it work, on this machine, in under a minute
  sealdex init --dev my-index                       a repository to try things with
  sealdex add --repository my-index dist/*.whl      seal distributions
  sealdex serve --repository my-index               serve them, and take uploads
  sealdex trust add mine URL --root root.json       decide whom you trust
  sealdex pip install six                           install, verified
  sealdex uv sync                                   the same with uv, lock file as it is
  sealdex run -- poetry install                     and with any other tool

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused: what was offered did not verify, \
4 away: `sealdex status` could not reach the database or what is public.
`sealdex pip`, `uv` and `run` pass the exit code of what they run on; 3 when that succeeded though \
something was refused.";

const DOCTOR: &str = "\
Each installer on PATH is run twice as `sealdex run` does it, in a temporary folder: it must get what \
a small repository on this machine has signed, and be refused what comes from another index. Nothing \
is fetched, and nothing stays. `alone` says which indexes it asks when it runs by itself in this \
folder. Exit code 0: all are protected in a run; 1: something is not, or could not be tried.";

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: tables and sentences, coloured on a terminal
    #[default]
    Human,
    /// For scripts: one JSON document
    Json,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole story on this machine: seal, serve, install, attack, refuse
    Demo(DemoArguments),
    /// Make a repository: keys, roles and the first signatures
    Init(InitArguments),
    /// Seal distributions (or, with the layout `tree`, any files) and publish them
    Add(AddArguments),
    /// Seal a whole index at once: a manifest, a mirror, or a directory of distributions
    Import(ImportArguments),
    /// Remove what no client can want any more: earlier versions, removed files
    Collect(CollectArguments),
    /// Check everything that is served, as a client would: signatures, pages, files
    Verify(RepositoryArguments),
    /// Show or change how a repository is divided into roles: bins, layout
    Layout(LayoutArguments),
    /// Take a file out of the index; its name is not used again
    Remove(RemoveArguments),
    /// Mark a release as not to be chosen by default (PEP 592), or take that back
    Yank(YankArguments),
    /// Serve a repository: metadata, index pages, files, uploads
    Serve(ServeArguments),
    /// Write what is public to a folder for any web server, with packed forms beside it
    Export(ExportArguments),
    /// Show each role, what is pending, who publishes, and what is away
    Status(StatusArguments),
    /// Manage the tokens that allow uploads
    Token(TokenArguments),
    /// Manage the repositories this user trusts
    Trust(TrustArguments),
    /// Run your own pip, with everything it installs verified
    Pip(InstallerArguments),
    /// Run your own uv, with everything it installs verified and its lock file as it is
    Uv(UvArguments),
    /// Run any command (uv, poetry, pdm, pip, tox ...), with everything it installs verified
    Run(RunArguments),
    /// What `run` starts: the command, which ends with it
    #[command(hide = true, name = "run-child")]
    Child(ChildArguments),
    /// Run the verifying proxy alone, for any installer
    Proxy(ProxyArguments),
    /// Lead this user's pip and uv, or a CI job's, to a verifying proxy for good
    Setup(SetupArguments),
    /// Say which installers are protected, found out by trying each: pip, uv, poetry, pdm, pipenv
    #[command(after_help = DOCTOR)]
    Doctor,
    /// Show what was refused lately, and with --all what was handed out
    Log(LogArguments),
    /// Show what may be installed of what verifies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Fetch one target of any trusted repository, verified
    Fetch(FetchArguments),
    /// Show, prune, verify or clear the cache of verified files
    Cache(CacheArguments),
    /// Show settings, their values and where each comes from
    Config(ConfigArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, and the completions of each shell, to where they are looked for below a folder
    Man {
        /// The folder, such as ~/.local/share
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

//! Arguments of the commands that run a repository.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::user::LimitArguments;
use crate::environment;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

/// Which repository an operator's command is about.
#[derive(Clone, Debug, Args)]
pub(crate) struct RepositoryArguments {
    /// The repository's directory
    #[arg(short, long, value_name = "DIR", env = environment::REPOSITORY, default_value = ".")]
    pub(crate) repository: PathBuf,
}

/// How the online key is opened.
#[derive(Clone, Debug, Args)]
pub(crate) struct OnlineKeyArguments {
    /// File with the online key's passphrase; without it SEALDEX_ONLINE_PASSPHRASE is used, else you are asked
    #[arg(long, value_name = "FILE", env = environment::ONLINE_PASSPHRASE_FILE)]
    pub(crate) online_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Where to make the repository
    #[arg(value_name = "DIR", default_value = ".", env = environment::REPOSITORY)]
    pub(crate) directory: PathBuf,
    /// Development keys: one a role, not encrypted, nothing asked; marked as such everywhere
    #[arg(long, conflicts_with_all = ["root_keys", "root_threshold", "targets_keys", "targets_threshold"])]
    pub(crate) dev: bool,
    /// The tree of roles: who signs what
    #[arg(long, value_enum, default_value_t)]
    pub(crate) layout: LayoutChoice,
    /// Number of hashed bins, a power of two: about one for every 50 projects; can be changed later
    #[arg(long, default_value_t = 256, value_parser = parse_bins)]
    pub(crate) bins: u64,
    /// How bins are delegated to
    #[arg(long, value_enum, default_value_t)]
    pub(crate) bin_style: BinStyleChoice,
    /// Keep the state in this PostgreSQL database, postgresql://USER@HOST:PORT/NAME, and not in the directory;
    /// passwords come from PGPASSWORD, PGPASSFILE or SEALDEX_DATABASE
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Folder for the offline keys, to be carried away; made if it is not there [default: DIR-offline-keys]
    #[arg(long, value_name = "DIR")]
    pub(crate) offline_keys: Option<PathBuf>,
    /// Root keys to make, one for each key holder
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) root_keys: u8,
    /// Root keys that must sign
    #[arg(long, value_name = "T", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) root_threshold: u8,
    /// Targets keys to make
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) targets_keys: u8,
    /// Targets keys that must sign
    #[arg(long, value_name = "T", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) targets_threshold: u8,
    /// Signature scheme of the offline keys
    #[arg(long, value_enum, default_value_t)]
    pub(crate) scheme: SchemeChoice,
    /// Signature scheme of the online key
    #[arg(long, value_enum, default_value_t = SchemeChoice::EcdsaP256)]
    pub(crate) online_scheme: SchemeChoice,
    /// Bucket of an S3-compatible object store for everything public, in place of DIR/public; credentials come from the
    /// environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role)
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// URL of the object store [default: the cloud's own]
    #[arg(long, value_name = "URL", requires = "bucket")]
    pub(crate) bucket_endpoint: Option<String>,
    /// Region of the bucket [default: us-east-1]
    #[arg(long, value_name = "REGION", requires = "bucket")]
    pub(crate) bucket_region: Option<String>,
    /// What the names of all objects begin with [default: nothing]
    #[arg(long, value_name = "PREFIX", requires = "bucket")]
    pub(crate) bucket_prefix: Option<String>,
    /// File with the passphrase for the offline keys; without it SEALDEX_OFFLINE_PASSPHRASE is used, else you are asked
    #[arg(long, value_name = "FILE", env = environment::OFFLINE_PASSPHRASE_FILE)]
    pub(crate) offline_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) online: OnlineKeyArguments,
}

fn parse_bins(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(bins) if bins.is_power_of_two() && (2..=65_536).contains(&bins) => Ok(bins),
        _ => Err("a power of two from 2 to 65536 is needed, such as 256 or 16384".to_owned()),
    }
}

/// The role trees to choose from.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LayoutChoice {
    /// Index pages in hashed bins; pages bind the files by their hashes
    #[default]
    IndexOnly,
    /// PEP 458: files too, so that any TUF client fetches them by name; twice the metadata
    Pep458,
    /// Any tree of files, not only Python's
    Tree,
}

/// How bins are delegated to.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum BinStyleChoice {
    /// TAP 15: a few bytes, however many bins
    #[default]
    Succinct,
    /// path_hash_prefixes, as PEP 458 wrote it: for clients without TAP 15
    Explicit,
}

/// Signature schemes to choose from.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum SchemeChoice {
    /// Ed25519: small; reads what it signs twice
    #[default]
    Ed25519,
    /// ECDSA on P-256: the fastest for large snapshots
    EcdsaP256,
    /// ECDSA on P-384
    EcdsaP384,
    /// RSA-PSS with 3,072 bits
    Rsa,
    /// ML-DSA-44: post-quantum; signatures of 2 KB
    #[value(name = "ml-dsa-44")]
    MlDsa44,
    /// ML-DSA-65: post-quantum; signatures of 3 KB
    #[value(name = "ml-dsa-65")]
    MlDsa65,
    /// ML-DSA-87: post-quantum; signatures of 5 KB
    #[value(name = "ml-dsa-87")]
    MlDsa87,
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// Distributions (wheels, sdists) or directories of them; with the layout `tree`, files or directories
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// With the layout `tree`: the target path of the one file given
    #[arg(long = "as", value_name = "TARGET")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
    #[command(flatten)]
    pub(crate) online: OnlineKeyArguments,
}

#[derive(Debug, Args)]
#[command(after_help = COLLECT_NOTES)]
pub(crate) struct CollectArguments {
    /// Hours for which what was superseded is kept
    #[arg(long, value_name = "HOURS", default_value_t = 7 * 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) grace_hours: u32,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
}

const COLLECT_NOTES: &str = "\
Each publication writes new versions and leaves the old ones behind. Clients in the middle of an update still fetch \
those, and differences are made from what a returning client has: who was away for longer than the hours of grace fetches \
whole files. Roots are never removed. Safe beside `sealdex serve`; run it from cron or a timer, once a day.";

#[derive(Debug, Args)]
#[command(after_help = IMPORT_NOTES)]
pub(crate) struct ImportArguments {
    /// A manifest, `-` for standard input, a mirror's directory, or a directory of distributions
    #[arg(value_name = "SOURCE", required_unless_present = "abandon")]
    pub(crate) source: Option<PathBuf>,
    /// Where the files of a manifest without URLs are kept: URL/PROJECT/FILENAME
    #[arg(long, value_name = "URL")]
    pub(crate) files_url: Option<String>,
    /// Stop at the first file that is refused, and publish nothing
    #[arg(long)]
    pub(crate) strict: bool,
    /// Give up the import that was interrupted: drop what it entered, but for files that are public already
    #[arg(long, conflicts_with_all = ["source", "files_url", "strict"])]
    pub(crate) abandon: bool,
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
    #[command(flatten)]
    pub(crate) online: OnlineKeyArguments,
}

const IMPORT_NOTES: &str = r#"A manifest has one JSON object a line: the members of a file on an index page (PEP 691), and `name`.
  {"name": "six", "filename": "six-1.16.0.tar.gz", "size": 34041, "hashes": {"sha256": "1e61..."},
   "upload-time": "2021-05-05T14:18:17Z", "url": "https://...", "requires-python": ">=2.7", "yanked": false,
   "core-metadata": {"sha256": "..."}}
The last four may be absent. Only what it says is signed: the files stay where they are.

A mirror is laid out as bandersnatch does, with JSON pages. Its files, and those of a directory, are copied.

Nothing is visible before everything is there; then it is published as one snapshot and verified. An import that was
interrupted goes on where it was: run the same command again, or give it up with --abandon. Files that are there
already stay as they are.
What is refused is listed; the rest is imported, and the exit code is 1."#;

#[derive(Debug, Args)]
pub(crate) struct LayoutArguments {
    #[command(subcommand)]
    pub(crate) command: LayoutCommand,
    // Not `RepositoryArguments`: this one may also stand behind the subcommand.
    /// The repository's directory
    #[arg(short, long, value_name = "DIR", env = environment::REPOSITORY, default_value = ".", global = true)]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LayoutCommand {
    /// Show the layout, and the one that waits to be published
    Show,
    /// Change the number of bins, how they are delegated to, or the whole tree; needs the offline targets keys
    Change(LayoutChangeArguments),
    /// Abandon a change that waits to be published
    Abandon,
}

#[derive(Debug, Args)]
#[command(
    after_help = LAYOUT_NOTES,
    group(ArgGroup::new("what").required(true).multiple(true).args(["bins", "layout", "bin_style", "layout_file"]))
)]
pub(crate) struct LayoutChangeArguments {
    /// Number of hashed bins, a power of two
    #[arg(long, value_parser = parse_bins)]
    pub(crate) bins: Option<u64>,
    /// The tree of roles
    #[arg(long, value_enum)]
    pub(crate) layout: Option<LayoutChoice>,
    /// How bins are delegated to
    #[arg(long, value_enum)]
    pub(crate) bin_style: Option<BinStyleChoice>,
    /// A tree of your own, in TOML as `layout show` writes it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bins", "layout", "bin_style"])]
    pub(crate) layout_file: Option<PathBuf>,
    /// Say what would change, and change nothing; needs no key
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Folder with the offline keys: its files targets-*.pem [default: DIR-offline-keys]
    #[arg(long, value_name = "DIR")]
    pub(crate) offline_keys: Option<PathBuf>,
    /// A targets key instead; repeat for as many as must sign
    #[arg(long = "targets-key", value_name = "FILE", conflicts_with = "offline_keys")]
    pub(crate) targets_keys: Vec<PathBuf>,
    /// File with the passphrase of the offline keys; without it SEALDEX_OFFLINE_PASSPHRASE is used, else you are asked
    #[arg(long, value_name = "FILE", env = environment::OFFLINE_PASSPHRASE_FILE)]
    pub(crate) offline_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) online: OnlineKeyArguments,
}

const LAYOUT_NOTES: &str = "\
Works beside `sealdex serve`, which notices by itself and does the publishing. Every target moves \
to its new role in one snapshot: clients see all of it or nothing, and fetch the new roles as they \
need them. Uploads are taken in meanwhile, and published after it. Until it is published, `layout \
abandon` takes the change back; interrupted, the same command goes on with it.

Examples:
  sealdex layout change --bins 16384 --dry-run
  sealdex layout change --bins 16384 --offline-keys /media/stick
  sealdex layout change --layout index-only";

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// File names of distributions (six-1.16.0.tar.gz); with the layout `tree`, target paths
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
    #[command(flatten)]
    pub(crate) online: OnlineKeyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct YankArguments {
    /// The project
    pub(crate) project: String,
    /// The release: every file of this version
    pub(crate) version: String,
    /// Why, for those who look
    #[arg(long, conflicts_with = "undo")]
    pub(crate) reason: Option<String>,
    /// Offer the release again
    #[arg(long)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
    #[command(flatten)]
    pub(crate) online: OnlineKeyArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
    /// Address to listen at [default: 127.0.0.1:8080, or the repository's settings]
    #[arg(short, long, value_name = "ADDRESS:PORT", env = environment::LISTEN)]
    pub(crate) listen: Option<SocketAddr>,
    /// Serve only: another process signs and publishes
    #[arg(long)]
    pub(crate) no_writer: bool,
    #[command(flatten)]
    pub(crate) online: OnlineKeyArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sealdex export --repository my-index /srv/www/index
  sealdex export my-export && rsync -a --exclude timestamp.json my-export/ web:/srv/www/index/ \\
    && rsync -a my-export/metadata/timestamp.json web:/srv/www/index/metadata/

Run it again after each publication: only what is new is written, the timestamp last. With nginx,
the packed forms are sent, and all but the timestamp is kept for ever:
  root /srv/www;
  location /index/ { gzip_static on; expires max; }     # and, with its module: zstd_static on;
  location = /index/metadata/timestamp.json { expires -1; }

Clients trust it by the same root: sealdex trust add NAME https://HOST/index/ --root root.json")]
pub(crate) struct ExportArguments {
    /// Folder to write to; made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) destination: PathBuf,
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
}

#[derive(Debug, Args)]
#[command(after_help = STATUS_NOTES)]
pub(crate) struct StatusArguments {
    /// Count projects, files and targets too: takes seconds for millions of files
    #[arg(long)]
    pub(crate) count: bool,
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
}

const STATUS_NOTES: &str = "\
Where the database or what is public (a bucket, or the folder) is away, it says so, tells what is \
known without, and the exit code is 4. Publishing pauses meanwhile: nothing is lost, and it goes on \
by itself.";

#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
    // Not `RepositoryArguments`: this one may also stand behind the subcommand.
    /// The repository's directory
    #[arg(short, long, value_name = "DIR", env = environment::REPOSITORY, default_value = ".", global = true)]
    pub(crate) repository: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; its secret is shown once
    Create {
        /// A project it may upload to; repeat for more [default: every project]
        #[arg(long = "project", value_name = "NAME")]
        projects: Vec<String>,
        /// Days until it expires; 0 for never
        #[arg(long, default_value_t = 365, value_name = "DAYS")]
        days: u32,
    },
    /// List the tokens, without their secrets
    List,
    /// Revoke a token
    Revoke {
        /// Its identifier, as `list` shows it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each setting: its value and where it comes from
    Show(ConfigShowArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArguments {
    #[command(flatten)]
    pub(crate) repository: RepositoryArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

//! Writes a small signed repository that any static web server can serve.
//!
//! ```text
//! repository DIRECTORY [FILE]...
//!
//! DIRECTORY/keys/      the private keys. Not to be served, and not encrypted: it is an example
//! DIRECTORY/root.json  the root that clients are given with their software
//! DIRECTORY/public/    metadata/ and targets/, to be served
//! ```
//!
//! Each FILE becomes a target under its own name. The first run makes the keys and version 1 of everything; each later
//! one publishes the next version. Targets are listed in four hashed bins (TAP 15), so that metadata stays small where
//! targets are many.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its user")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp as Time};
use sealdex_tuf::json::Object;
use sealdex_tuf::metadata::{
    Common, DelegatedRoles, Delegations, MetaFile, Metadata, RoleKeys, Root, Snapshot, SuccinctRoles,
    TargetFile, Targets, Timestamp, Unverified,
};
use sealdex_tuf::{KeyPair, RoleName, Scheme, Signer, TargetPath, Version, sign};

/// How long metadata is good for. What offline keys sign lasts; what is signed online anew in each run need not.
const OFFLINE_DAYS: i64 = 365;
const ONLINE_DAYS: i64 = 7;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(directory) = arguments.next() else {
        eprintln!("usage: repository DIRECTORY [FILE]...");
        return ExitCode::from(2);
    };
    match run(&directory, &arguments.collect::<Vec<_>>()) {
        Ok(version) => {
            println!("published: version {version} in {}", directory.join("public").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &Path, files: &[PathBuf]) -> Result<Version> {
    for made in ["keys", "public/metadata", "public/targets"] {
        fs::create_dir_all(directory.join(made))
            .with_context(|| format!("{} cannot be made", directory.display()))?;
    }
    // One publisher at a time: two could use one version number for two contents.
    let lock = File::create(directory.join("lock")).context("the lock file cannot be made")?;
    lock.lock().context("the repository cannot be locked")?;

    let repository = Repository {
        public: directory.join("public"),
        root: key(directory, "root")?,
        targets: key(directory, "targets")?,
        online: key(directory, "online")?,
        now: Time::now(),
    };
    if !repository.metadata("timestamp.json").exists() {
        let root = repository.first_root()?;
        write(&directory.join("root.json"), &root)?;
    }
    repository.publish(files)
}

struct Repository {
    public: PathBuf,
    /// Belongs on a machine without a network, or on several: it is the one whose loss clients cannot recover from.
    root: KeyPair,
    /// Signs the delegation to the bins alone, so it can be offline too.
    targets: KeyPair,
    /// Signs bins, snapshot and timestamp. Whoever has it can lie about targets until `targets` takes it away.
    online: KeyPair,
    now: Time,
}

impl Repository {
    /// Version 1 of `root`, which names everybody's keys.
    fn first_root(&self) -> Result<Vec<u8>> {
        let root = Root {
            common: self.common(Version::ONE, OFFLINE_DAYS)?,
            consistent_snapshot: true,
            keys: [&self.root, &self.targets, &self.online]
                .map(|pair| (pair.key().id(), pair.key().clone()))
                .into(),
            root: only(&self.root),
            targets: only(&self.targets),
            snapshot: only(&self.online),
            timestamp: only(&self.online),
            other_roles: Object::new(),
        };
        let bytes = sign::sign(&root, &[&self.root])?;
        write(&self.metadata("1.root.json"), &bytes)?;
        Ok(bytes)
    }

    /// Publishes the next version. What refers comes after what it refers to, and the timestamp last: a client sees all
    /// of the old version or all of the new one (6.2).
    fn publish(&self, files: &[PathBuf]) -> Result<Version> {
        let bins = SuccinctRoles::new(only(&self.online), 2, "bin")?;
        let before = self.latest()?;
        let version = next(before.as_ref().map(|(timestamp, _)| timestamp.common.version))?;
        let mut listed = before.map(|(_, snapshot)| snapshot.meta).unwrap_or_default();

        if !listed.contains_key("targets") {
            let mut targets = Targets::new(self.common(Version::ONE, OFFLINE_DAYS)?);
            targets.delegations =
                Some(Delegations::new([self.online.key().clone()], DelegatedRoles::Succinct(bins.clone())));
            self.write_listed(&mut listed, RoleName::targets(), &targets, &self.targets)?;
        }

        let mut added: BTreeMap<RoleName, Vec<(TargetPath, TargetFile)>> = BTreeMap::new();
        for file in files {
            let (path, target) = self.add_target(file)?;
            added.entry(bins.role_for(&path)).or_default().push((path, target));
        }
        for bin in bins.role_names() {
            let old = listed.get(&bin).map(|meta| self.read::<Targets>(&bin, meta.version)).transpose()?;
            let added = added.remove(&bin).unwrap_or_default();
            // What does not change is signed again in time only.
            let renewal = self.in_days(ONLINE_DAYS / 2)?;
            if added.is_empty() && old.as_ref().is_some_and(|old| old.common.expires > renewal) {
                continue;
            }
            let version = next(old.as_ref().map(|targets| targets.common.version))?;
            let mut targets = Targets::new(self.common(version, ONLINE_DAYS)?);
            targets.targets = old.map(|targets| targets.targets).unwrap_or_default();
            targets.targets.extend(added);
            self.write_listed(&mut listed, bin, &targets, &self.online)?;
        }

        let snapshot = Snapshot { common: self.common(version, ONLINE_DAYS)?, meta: listed };
        let bytes = sign::sign(&snapshot, &[&self.online])?;
        write(&self.metadata(&RoleName::snapshot().versioned_file_name(version)), &bytes)?;
        let timestamp = Timestamp {
            common: self.common(version, ONLINE_DAYS)?,
            snapshot: MetaFile::of_bytes(version, &bytes),
        };
        write(&self.metadata("timestamp.json"), &sign::sign(&timestamp, &[&self.online])?)?;
        Ok(version)
    }

    /// The latest timestamp and its snapshot; `None` before the first version.
    ///
    /// These are our own files, so their signatures are not looked at. Whoever publishes from a place that others can
    /// write to reads through an [`sealdex_tuf::Updater`] instead.
    fn latest(&self) -> Result<Option<(Timestamp, Snapshot)>> {
        let path = self.metadata("timestamp.json");
        if !path.exists() {
            return Ok(None);
        }
        let timestamp: Timestamp = parse(&path)?;
        let snapshot = self.read(&RoleName::snapshot(), timestamp.snapshot.version)?;
        Ok(Some((timestamp, snapshot)))
    }

    fn read<M: Metadata + Clone>(&self, role: &RoleName, version: Version) -> Result<M> {
        parse(&self.metadata(&role.versioned_file_name(version)))
    }

    /// Signs and writes a targets role, and lists it with length and hash: no other version, and no other role's
    /// metadata, can be served in its place.
    fn write_listed(
        &self,
        listed: &mut BTreeMap<RoleName, MetaFile>,
        role: RoleName,
        targets: &Targets,
        key: &KeyPair,
    ) -> Result<()> {
        let version = targets.common.version;
        let bytes = sign::sign(targets, &[key])?;
        write(&self.metadata(&role.versioned_file_name(version)), &bytes)?;
        listed.insert(role, MetaFile::of_bytes(version, &bytes));
        Ok(())
    }

    /// Copies a file to where clients ask for it, with its hash in the name: an older version of it stays (6.2).
    fn add_target(&self, file: &Path) -> Result<(TargetPath, TargetFile)> {
        let name = file.file_name().and_then(|name| name.to_str());
        let path = TargetPath::parse(name.with_context(|| format!("{} has no name", file.display()))?)?;
        // A web server decodes the path it is asked for; names that need no encoding leave nothing to decode.
        ensure!(path.url_path(None) == path.as_str(), "{path} has other characters than A-Z a-z 0-9 - . _ ~");
        let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let target = TargetFile::of_bytes(&bytes);
        let served = path.url_path(target.hashes.file_name_digest());
        write(&self.public.join("targets").join(served), &bytes)?;
        Ok((path, target))
    }

    fn common(&self, version: Version, days: i64) -> Result<Common> {
        Ok(Common::new(version, self.in_days(days)?))
    }

    fn in_days(&self, days: i64) -> Result<Time> {
        Ok(self.now.checked_add(SignedDuration::from_hours(24 * days))?)
    }

    fn metadata(&self, file: &str) -> PathBuf {
        self.public.join("metadata").join(file)
    }
}

/// One key, and one signature needed. For `root`, three of five people is a better choice.
fn only(pair: &KeyPair) -> RoleKeys {
    RoleKeys::new(vec![pair.key().id()], 1)
}

fn next(version: Option<Version>) -> Result<Version> {
    match version {
        None => Ok(Version::ONE),
        Some(version) => version.next().context("there is no version after the last one"),
    }
}

/// The private key of that name; made if there is none.
fn key(directory: &Path, name: &str) -> Result<KeyPair> {
    let path = directory.join("keys").join(format!("{name}.pkcs8"));
    if path.exists() {
        let bytes = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        return Ok(KeyPair::from_pkcs8(&Scheme::Ed25519, &bytes)?);
    }
    let pair = KeyPair::generate(&Scheme::Ed25519)?;
    // Temporary files are their user's alone, and keep that when they get their name.
    let mut file = tempfile::NamedTempFile::new_in(directory.join("keys"))?;
    file.write_all(pair.pkcs8())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(pair)
}

fn parse<M: Metadata + Clone>(path: &Path) -> Result<M> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let parsed = Unverified::<M>::parse(&bytes).with_context(|| format!("{}", path.display()))?;
    Ok(parsed.unverified_metadata().clone())
}

/// Writes a file that a web server may read, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_added_extension("partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

//! Metadata alone, in memory and then in files, as python-tuf makes it: no pages, no database, nothing synchronised.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use jiff::{SignedDuration, Timestamp as Time};
use sealdex_repository::DEFAULT_ONLINE_SCHEME;
use sealdex_tuf::digest::Hashes;
use sealdex_tuf::metadata::{
    Common, MetaFile, Metadata, RoleKeys, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp,
};
use sealdex_tuf::sign::sign;
use sealdex_tuf::{KeyPair, RoleName, Signer, TargetPath, Version};
use serde_json::{Value, json};

use crate::usage::{cpu, peak_mib};

/// Targets roles in memory, and the key that signs all of them.
pub(crate) struct Signing {
    key: KeyPair,
    roles: BTreeMap<RoleName, Targets>,
    snapshot: Snapshot,
    timestamp: Timestamp,
}

impl Signing {
    /// The empty bins of these sets.
    pub(crate) fn of(names: &[&str], bit_length: u8) -> anyhow::Result<(Self, Vec<SuccinctRoles>)> {
        let key = KeyPair::generate(&DEFAULT_ONLINE_SCHEME)?;
        let sets = names.iter().map(|&name| {
            let keys = RoleKeys::new(vec![key.key().id()], 1);
            Ok(SuccinctRoles::new(keys, bit_length, name)?)
        });
        let sets = sets.collect::<anyhow::Result<Vec<_>>>()?;
        let common = Common::new(Version::ONE, Time::now() + SignedDuration::from_hours(24));
        let names = sets.iter().flat_map(SuccinctRoles::role_names);
        let roles: BTreeMap<_, _> = names.map(|name| (name, Targets::new(common.clone()))).collect();
        let meta = roles.keys().map(|name| (name.clone(), MetaFile::of_version(Version::ONE))).collect();
        let snapshot = Snapshot { common: common.clone(), meta };
        let timestamp = Timestamp { common, snapshot: MetaFile::of_version(Version::ONE) };
        Ok((Self { key, roles, snapshot, timestamp }, sets))
    }

    fn add(&mut self, set: &SuccinctRoles, path: String) -> anyhow::Result<RoleName> {
        let file = TargetFile::new(1_000_000, Hashes::sha256_of(path.as_bytes()));
        let path = TargetPath::parse(path)?;
        let name = set.role_for(&path);
        self.roles.entry(name.clone()).and_modify(|role| drop(role.targets.insert(path, file)));
        Ok(name)
    }

    fn write<M: Metadata>(&self, metadata: &M, path: &Path) -> anyhow::Result<()> {
        Ok(std::fs::write(path, sign(metadata, &[&self.key])?)?)
    }

    /// The bins, the snapshot and the timestamp, each of its version.
    fn write_all(&self, directory: &Path) -> anyhow::Result<()> {
        for (name, role) in &self.roles {
            self.write(role, &directory.join(name.versioned_file_name(role.common.version)))?;
        }
        self.write_top(directory)
    }

    fn write_top(&self, directory: &Path) -> anyhow::Result<()> {
        let name = RoleName::snapshot().versioned_file_name(self.snapshot.common.version);
        self.write(&self.snapshot, &directory.join(name))?;
        self.write(&self.timestamp, &directory.join(RoleName::timestamp().file_name()))
    }
}

/// What this program is called with to sign in a process of its own, whose memory nothing else has used.
pub(crate) const CHILD: &str = "first";

/// Has a process of this program sign every page and file of so many projects. What it used: python-tuf's figures.
pub(crate) fn run(job: &[&str]) -> anyhow::Result<Value> {
    let output =
        Command::new(std::env::current_exe()?).arg(CHILD).args(job).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "signing for the first time: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The process that does so: BIT_LENGTH PROJECTS FILES DIRECTORY.
pub(crate) fn run_child(job: &[String]) -> anyhow::Result<()> {
    let [bit_length, projects, files, directory] = job else { bail!("BIT_LENGTH PROJECTS FILES DIRECTORY") };
    let (start, used) = (Instant::now(), cpu()?);
    first(bit_length.parse()?, projects.parse()?, files.parse()?, Path::new(directory))?;
    let (seconds, used) = (start.elapsed().as_secs_f64(), (cpu()? - used).as_secs_f64());
    println!("{}", json!({ "seconds": seconds, "cpu_seconds": used, "peak_mib": peak_mib()? }));
    Ok(())
}

/// Signs every page and file of so many projects for the first time.
fn first(bit_length: u8, projects: usize, files: usize, directory: &Path) -> anyhow::Result<()> {
    let (mut signing, sets) = Signing::of(&["index", "files"], bit_length)?;
    for project in 0..projects {
        signing.add(&sets[0], format!("simple/project{project}/index.json"))?;
        for version in 0..files {
            let file = format!("project{project}-{version}.0-py3-none-any.whl");
            signing.add(&sets[1], format!("files/project{project}/{file}"))?;
        }
    }
    signing.write_all(directory)
}

/// Adds one target: its bin, the snapshot and the timestamp, signed and written. What each time took.
pub(crate) fn add(bit_length: u8, runs: usize, directory: &Path) -> anyhow::Result<Vec<Duration>> {
    let (mut signing, sets) = Signing::of(&["index"], bit_length)?;
    let next = |version: &mut Version| {
        version.next().map(|next| *version = next).ok_or(anyhow::anyhow!("no next version"))
    };
    let mut took = Vec::new();
    for run in 0..runs {
        let start = Instant::now();
        let name = signing.add(&sets[0], format!("simple/project-{run}/index.json"))?;
        let Some(role) = signing.roles.get_mut(&name) else { continue };
        next(&mut role.common.version)?;
        let version = role.common.version;
        signing.write(&signing.roles[&name], &directory.join(name.versioned_file_name(version)))?;
        signing.snapshot.meta.insert(name, MetaFile::of_version(version));
        next(&mut signing.snapshot.common.version)?;
        signing.timestamp.snapshot = MetaFile::of_version(signing.snapshot.common.version);
        next(&mut signing.timestamp.common.version)?;
        signing.write_top(directory)?;
        took.push(start.elapsed());
    }
    Ok(took)
}

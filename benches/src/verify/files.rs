//! Verifying one large metadata file: parse, canonical form, signature, the checks of the workflow. No network, no disk.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use sealdex_tuf::metadata::{
    Common, DelegatedRole, DelegatedRoles, Delegations, MetaFile, Metadata, PathHashPrefix, PathSet,
    RoleKeys, Root, Snapshot, TargetFile, Targets, Timestamp,
};
use sealdex_tuf::{KeyPair, RoleName, Scheme, Signer as _, TargetPath, Version, sign};

use super::{PROCESSES, Peer, rows};
use crate::figures::Row;

/// The bin whose targets are verified.
pub(super) const BIN: &str = "index-0007";
const BINS: usize = 16_384;
const TARGETS: usize = 1_000;
const RUNS: &str = "30";

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let place = tempfile::tempdir()?;
    write(place.path())?;
    let directory = place.path().to_str().context("the path is not Unicode")?;
    let mut all = Vec::new();
    for (job, title) in
        [("snapshot", format!("snapshot of {BINS} entries")), ("bin", format!("bin of {TARGETS} targets"))]
    {
        all.extend(rows(&Peer::ALL, &title, &[("milliseconds", "verify", "ms")], |peer| {
            Ok(vec![peer.run(&["verify", job, directory, RUNS])?])
        })?);
        all.extend(rows(
            &Peer::ALL,
            &title,
            &[("peak_mib", "peak memory of a process, verify", "MiB")],
            |peer| (0..PROCESSES).map(|_| peer.run(&["verify", job, directory, "1"])).collect(),
        )?);
    }
    Ok(all)
}

/// Writes `root.json`, `timestamp.json`, `snapshot.json`, `targets.json` with explicit bins, and `bin.json`.
fn write(directory: &Path) -> anyhow::Result<()> {
    let key = KeyPair::generate(&Scheme::Ed25519)?;
    let id = key.key().id();
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let common = || Common::new(Version::ONE, expires);
    let keys = || RoleKeys::new(vec![id.clone()], 1);
    let root = Root {
        common: common(),
        consistent_snapshot: true,
        keys: BTreeMap::from([(id.clone(), key.key().clone())]),
        root: keys(),
        timestamp: keys(),
        snapshot: keys(),
        targets: keys(),
        other_roles: sealdex_tuf::json::Object::new(),
    };
    let mut bin = Targets::new(common());
    for number in 0..TARGETS {
        let path = format!("packages/{number:04x}/project_name_{number}-1.2.3-py3-none-any.whl");
        bin.targets.insert(TargetPath::parse(path)?, TargetFile::of_bytes(&number.to_le_bytes()));
    }
    let names: Vec<RoleName> =
        (0..BINS).map(|bin| RoleName::parse(format!("index-{bin:04x}"))).collect::<Result<_, _>>()?;
    let mut roles = Vec::new();
    for (number, name) in names.iter().enumerate() {
        // 16,384 bins of four hexadecimal digits: four prefixes each.
        let prefixes = (0..4).map(|digit| PathHashPrefix::parse(&format!("{:04x}", 4 * number + digit)));
        let paths = PathSet::HashPrefixes(prefixes.collect::<Result<_, _>>()?);
        roles.push(DelegatedRole { name: name.clone(), keys: keys(), paths, terminating: false });
    }
    let mut targets = Targets::new(common());
    targets.delegations = Some(Delegations::new([key.key().clone()], DelegatedRoles::Listed(roles)));
    let mut meta: BTreeMap<_, _> =
        names.into_iter().map(|name| (name, MetaFile::of_version(Version::ONE))).collect();
    meta.insert(RoleName::targets(), MetaFile::of_version(Version::ONE));

    let snapshot = sign::sign(&Snapshot { common: common(), meta }, &[&key])?;
    let timestamp = Timestamp { common: common(), snapshot: MetaFile::of_bytes(Version::ONE, &snapshot) };
    std::fs::write(directory.join("snapshot.json"), snapshot)?;
    write_signed(directory, "root.json", &root, &key)?;
    write_signed(directory, "timestamp.json", &timestamp, &key)?;
    write_signed(directory, "targets.json", &targets, &key)?;
    write_signed(directory, "bin.json", &bin, &key)
}

fn write_signed<M: Metadata>(
    directory: &Path,
    name: &str,
    metadata: &M,
    key: &KeyPair,
) -> anyhow::Result<()> {
    Ok(std::fs::write(directory.join(name), sign::sign(metadata, &[key])?)?)
}
